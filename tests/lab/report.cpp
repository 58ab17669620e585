// Implements the JSON and Markdown reports.
#include "tests/lab/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

namespace consilium::lab {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

double rounded(double value) {
    return std::round(value * 1e4) / 1e4;
}

Json rounded(const std::optional<double>& value) {
    return value ? Json(rounded(*value)) : Json(nullptr);
}

Json json_of(const Row& row) {
    return {{"dataset", row.setting.dataset},
            {"model", row.setting.model},
            {"split", row.setting.split},
            {"sites", row.setting.sites},
            {"attackers", row.setting.attackers},
            {"attack", fl::to_string(row.attack)},
            {"rule", to_string(row.rule)},
            {"auc", rounded(row.auc)},
            {"balanced_accuracy", rounded(row.balanced_accuracy)},
            {"attack_success", rounded(row.attack_success)},
            {"poisoned_rejected_rate", rounded(row.poisoned_rejected_rate)},
            {"honest_rejected_rate", rounded(row.honest_rejected_rate)},
            {"baseline_auc", rounded(row.baseline_auc)},
            {"undefended_auc", rounded(row.undefended_auc)},
            {"baseline_balanced_accuracy", rounded(row.baseline_balanced_accuracy)},
            {"balanced_accuracy_deviation", rounded(row.balanced_accuracy_deviation)},
            {"trials", row.trials},
            {"cancelled_rounds", row.cancelled_rounds},
            {"trigger_excess", rounded(row.trigger_excess)},
            {"trigger_alarm_rate", rounded(row.trigger_alarm_rate)}};
}

// ".93", "1.00"
std::string two_digits(double value) {
    std::array<char, 32> text{};
    const int length = std::snprintf(text.data(), text.size(), "%.2f", value);
    std::string out(text.data(), static_cast<std::size_t>(length));
    return out.starts_with("0.") ? out.substr(1) : out;
}

std::string two_digits(const std::optional<double>& value) {
    return value ? two_digits(*value) : "-";
}

std::string mean_of(const std::vector<double>& values) {
    if (values.empty()) return "-";
    double sum = 0;
    for (const double value : values) sum += value;
    return two_digits(sum / static_cast<double>(values.size()));
}

struct Summary {
    double worst = 1;
    std::string worst_attack = "-";
    std::optional<double> backdoor;  // the most successful one that does not hide
    std::optional<double> hidden_backdoor;
    std::vector<double> loud_rejected;
    std::vector<double> all_rejected;
    std::optional<double> honest_rejected_clean;
    std::vector<double> honest_rejected;
};

Summary summarise(std::span<const Row> rows, RuleKind rule) {
    Summary out;
    for (const Row& row : rows) {
        if (row.rule != rule) continue;
        if (row.balanced_accuracy < out.worst) {
            out.worst = row.balanced_accuracy;
            out.worst_attack = fl::to_string(row.attack);
        }
        if (row.attack == fl::Collusion::kBackdoorBlended) {
            out.hidden_backdoor = row.attack_success;
        } else if (fl::is_backdoor(row.attack)) {
            out.backdoor = std::max(out.backdoor.value_or(0), row.attack_success);
        }
        if (row.attack == fl::Collusion::kNone) {
            out.honest_rejected_clean = row.honest_rejected_rate;
            continue;
        }
        if (row.honest_rejected_rate) out.honest_rejected.push_back(*row.honest_rejected_rate);
        if (!row.poisoned_rejected_rate) continue;
        out.all_rejected.push_back(*row.poisoned_rejected_rate);
        if (fl::is_loud(row.attack)) out.loud_rejected.push_back(*row.poisoned_rejected_rate);
    }
    return out;
}

std::string format_summary(std::span<const Row> rows, std::span<const RuleKind> rules) {
    std::string out =
        "| rule | worst balanced accuracy (attack) | backdoor success | blended backdoor | loud "
        "rejected | all attacks rejected | honest rejected, clean | honest rejected, attacked |\n"
        "|---|---|---|---|---|---|---|---|\n";
    for (const RuleKind rule : rules) {
        const Summary summary = summarise(rows, rule);
        out += "| " + std::string(to_string(rule)) + " | " + two_digits(summary.worst) + " (" +
               summary.worst_attack + ") | " + two_digits(summary.backdoor) + " | " +
               two_digits(summary.hidden_backdoor) + " | " + mean_of(summary.loud_rejected) +
               " | " + mean_of(summary.all_rejected) + " | " +
               two_digits(summary.honest_rejected_clean) + " | " +
               mean_of(summary.honest_rejected) + " |\n";
    }
    return out;
}

std::string format_cell(const Row& row) {
    return two_digits(row.auc) + " / " + two_digits(row.balanced_accuracy) + " / " +
           two_digits(row.attack_success) + " / " + two_digits(row.poisoned_rejected_rate) + " / " +
           two_digits(row.honest_rejected_rate);
}

std::string format_attacks(std::span<const Row> rows, const GridOptions& options) {
    std::string out = "| attack |";
    std::string line = "|---|";
    for (const RuleKind rule : options.rules) {
        out += " " + std::string(to_string(rule)) + " |";
        line += "---|";
    }
    out += "\n" + line + "\n";
    for (const fl::Collusion attack : options.attacks) {
        out += "| " + std::string(fl::to_string(attack)) + " |";
        for (const RuleKind rule : options.rules) {
            const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& candidate) {
                return candidate.attack == attack && candidate.rule == rule;
            });
            out += row == rows.end() ? " - |" : " " + format_cell(*row) + " |";
        }
        out += "\n";
    }
    return out;
}

// "3", or "2 to 3" after an interruption.
std::string format_trials(std::span<const Row> rows) {
    const auto [least, most] = std::minmax_element(
        rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.trials < b.trials; });
    const std::string first = std::to_string(least->trials);
    return least->trials == most->trials ? first : first + " to " + std::to_string(most->trials);
}

std::vector<Row> rows_of(const GridResult& result, const Setting& setting) {
    std::vector<Row> rows;
    std::copy_if(result.rows.begin(), result.rows.end(), std::back_inserter(rows),
                 [&](const Row& row) { return row.setting == setting; });
    return rows;
}

Result<void> write_file(const fs::path& file, const std::string& content) {
    const fs::path part = file.string() + ".part";
    {
        std::ofstream stream(part, std::ios::binary);
        stream << content;
        stream.flush();
        if (!stream) {
            return make_error(ErrorCode::kInternal,
                              part.string() + ": cannot be written; does its folder exist?");
        }
    }
    std::error_code error;
    fs::rename(part, file, error);
    if (error) return make_error(ErrorCode::kInternal, file.string() + ": " + error.message());
    return {};
}

}  // namespace

std::string format_json(const GridResult& result, const GridOptions& options,
                        const std::string& command) {
    Json rows = Json::array();
    for (const Row& row : result.rows) rows.push_back(json_of(row));
    const Json report = {{"command", command},
                         {"first_seed", options.first_seed},
                         {"seeds", options.seeds},
                         {"complete", result.is_complete},
                         {"rows", std::move(rows)}};
    return report.dump(2) + "\n";
}

std::string format_markdown(const GridResult& result, const GridOptions& options) {
    std::string out;
    for (const Setting& setting : options.settings) {
        const std::vector<Row> rows = rows_of(result, setting);
        if (rows.empty()) continue;
        out += "### " + to_string(setting) + "\n\n" + "Seeds " +
               std::to_string(options.first_seed) + " to " +
               std::to_string(options.first_seed + options.seeds - 1) + ", " + format_trials(rows) +
               " trials a cell; attackers absent: AUC " + two_digits(rows.front().baseline_auc) +
               ", balanced accuracy " + two_digits(rows.front().baseline_balanced_accuracy) +
               ".\n\n" + format_summary(rows, options.rules) +
               "\nAUC / balanced accuracy / attack success / poisoned rejected / honest rejected:"
               "\n\n" +
               format_attacks(rows, options) + "\n";
    }
    return out;
}

Result<void> write_report(const fs::path& file, const GridResult& result,
                          const GridOptions& options, const std::string& command) {
    if (auto status = write_file(file, format_json(result, options, command)); !status) {
        return status;
    }
    fs::path markdown = file;
    markdown.replace_extension(".md");
    if (auto status = write_file(markdown, format_markdown(result, options)); !status) {
        return status;
    }
    std::size_t number = 0;
    for (const Setting& setting : options.settings) {
        const std::vector<Row> rows = rows_of(result, setting);
        ++number;
        if (rows.empty()) continue;
        fs::path plot = file;
        plot.replace_filename(file.stem().string() + "-" + std::to_string(number) + ".svg");
        if (auto status = write_file(plot, format_plot(rows)); !status) return status;
    }
    return {};
}

}  // namespace consilium::lab
