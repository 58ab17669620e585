// Deals rows to hospitals and to test sets, by seed.
//
// Every function returns row numbers; together they hold each row exactly once.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace consilium::fl {

using RowList = std::vector<std::size_t>;

struct HoldOut {
    RowList kept;  // ascending
    RowList held;  // ascending
};

// Holds out round(fraction x count) rows of each class; 0 <= fraction <= 1. A class with at least
// two rows keeps at least one on either side when 0 < fraction < 1.
[[nodiscard]] HoldOut split_stratified(std::span<const std::uint8_t> labels, double fraction,
                                       std::uint64_t seed);

// How the rows of one table are dealt to hospitals: "iid" or "dirichlet:ALPHA".
struct DealSpec {
    double dirichlet_alpha = 0;  // 0: independent and identically distributed

    [[nodiscard]] bool is_iid() const { return dirichlet_alpha == 0; }
};
[[nodiscard]] Result<DealSpec> parse_deal_spec(std::string_view text);
[[nodiscard]] std::string format_deal_spec(const DealSpec& deal);

inline constexpr std::size_t kMaxHospitals = 64;  // client slots of one epoch
inline constexpr std::size_t kMinRowsPerHospital = 10;

// IID: equal sizes within one row, equal class shares within one row. Dirichlet: for each class
// the shares of the hospitals are one Dirichlet(alpha) draw (Hsu et al., 2019), drawn again until
// each hospital has kMinRowsPerHospital rows; kRefused when 1,000 draws do not give that.
[[nodiscard]] Result<std::vector<RowList>> deal_rows(std::span<const std::uint8_t> labels,
                                                     std::size_t hospitals, const DealSpec& deal,
                                                     std::uint64_t seed);

}  // namespace consilium::fl
