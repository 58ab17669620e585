// What the laboratory writes: rows as JSON, tables as Markdown, a plot per setting as SVG.
#pragma once
#include <filesystem>
#include <string>

#include "tests/lab/grid.hpp"

namespace consilium::lab {

// {"command", "first_seed", "seeds", "complete", "rows": [...]}; two-space indented.
[[nodiscard]] std::string format_json(const GridResult& result, const GridOptions& options,
                                      const std::string& command);
// Per setting a summary (worst balanced accuracy, backdoors, rejections) and a table of attacks.
[[nodiscard]] std::string format_markdown(const GridResult& result, const GridOptions& options);
// Five panels (balanced accuracy, AUC, attack success, rejections), a line per attack, a mark per
// rule, of the rows of one setting.
[[nodiscard]] std::string format_plot(std::span<const Row> rows);

// `file`, and beside it the same name with .md and with -1.svg, -2.svg ... in place of .json. Each
// is written beside and renamed, so that an interruption leaves the old one.
[[nodiscard]] Result<void> write_report(const std::filesystem::path& file, const GridResult& result,
                                        const GridOptions& options, const std::string& command);

}  // namespace consilium::lab
