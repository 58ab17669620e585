// Implements the stratified hold-out, the even deal and the Dirichlet deal.
#include "fl_engine/data/split.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/check.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::fl {
namespace {

// Row numbers by class, each in shuffled order.
std::array<RowList, 2> shuffled_classes(std::span<const std::uint8_t> labels,
                                        RandomStream& random) {
    std::array<RowList, 2> classes;
    for (std::size_t row = 0; row < labels.size(); ++row) {
        CHECK(labels[row] <= 1);
        classes[labels[row]].push_back(row);
    }
    for (RowList& rows : classes) random.shuffle(rows);
    return classes;
}

std::size_t held_count(std::size_t count, double fraction) {
    auto held = static_cast<std::size_t>(std::llround(static_cast<double>(count) * fraction));
    held = std::min(held, count);
    if (fraction > 0 && fraction < 1 && count >= 2) {
        held = std::clamp(held, std::size_t{1}, count - 1);
    }
    return held;
}

// Rows go round the table; the second class starts where the first stopped, which keeps the
// sizes within one row of each other as well.
std::vector<RowList> deal_evenly(const std::array<RowList, 2>& classes, std::size_t hospitals) {
    std::vector<RowList> dealt(hospitals);
    std::size_t turn = 0;
    for (const RowList& rows : classes) {
        for (const std::size_t row : rows) dealt[turn++ % hospitals].push_back(row);
    }
    return dealt;
}

// How many of `count` rows each hospital gets: cut points of the cumulated shares.
std::vector<std::size_t> cut_by_shares(std::size_t count, std::span<const double> shares) {
    const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
    std::vector<std::size_t> sizes(shares.size());
    double cumulated = 0;
    std::size_t given = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        cumulated += shares[i];
        // A tiny alpha can underflow every share; then all falls to the last hospital.
        const double part = total > 0 ? cumulated / total : 0;
        std::size_t until = count;
        if (i + 1 < shares.size()) {
            until = static_cast<std::size_t>(std::floor(part * static_cast<double>(count)));
        }
        until = std::clamp(until, given, count);
        sizes[i] = until - given;
        given = until;
    }
    return sizes;
}

std::vector<RowList> deal_by_dirichlet(const std::array<RowList, 2>& classes, std::size_t hospitals,
                                       double alpha, RandomStream& random) {
    std::vector<RowList> dealt(hospitals);
    for (const RowList& rows : classes) {
        std::vector<double> shares(hospitals);
        for (double& share : shares) share = random.gamma(alpha);
        const std::vector<std::size_t> sizes = cut_by_shares(rows.size(), shares);
        auto next = rows.begin();
        for (std::size_t i = 0; i < hospitals; ++i) {
            const auto end = next + static_cast<std::ptrdiff_t>(sizes[i]);
            dealt[i].insert(dealt[i].end(), next, end);
            next = end;
        }
    }
    return dealt;
}

std::size_t smallest(const std::vector<RowList>& dealt) {
    std::size_t size = dealt.front().size();
    for (const RowList& rows : dealt) size = std::min(size, rows.size());
    return size;
}

}  // namespace

HoldOut split_stratified(std::span<const std::uint8_t> labels, double fraction,
                         std::uint64_t seed) {
    CHECK(fraction >= 0 && fraction <= 1);
    RandomStream random(derive_seed("hold-out", {seed}));
    HoldOut out;
    for (const RowList& rows : shuffled_classes(labels, random)) {
        const auto cut =
            rows.begin() + static_cast<std::ptrdiff_t>(held_count(rows.size(), fraction));
        out.held.insert(out.held.end(), rows.begin(), cut);
        out.kept.insert(out.kept.end(), cut, rows.end());
    }
    std::sort(out.held.begin(), out.held.end());
    std::sort(out.kept.begin(), out.kept.end());
    return out;
}

Result<DealSpec> parse_deal_spec(std::string_view text) {
    constexpr std::string_view kPrefix = "dirichlet:";
    if (text == "iid") return DealSpec{};
    if (text.starts_with(kPrefix)) {
        const std::optional<double> alpha = parse_number(text.substr(kPrefix.size()));
        if (alpha && *alpha >= 0.01 && *alpha <= 1000) return DealSpec{*alpha};
    }
    return make_error(ErrorCode::kMalformed,
                      "split " + quote(text) +
                          " is not known; write iid, or dirichlet:ALPHA with ALPHA from 0.01 "
                          "(very uneven) to 1000 (even)");
}

std::string format_deal_spec(const DealSpec& deal) {
    return deal.is_iid() ? "iid" : "dirichlet:" + format_number(deal.dirichlet_alpha);
}

Result<std::vector<RowList>> deal_rows(std::span<const std::uint8_t> labels, std::size_t hospitals,
                                       const DealSpec& deal, std::uint64_t seed) {
    if (hospitals == 0 || hospitals > kMaxHospitals) {
        return make_error(ErrorCode::kRefused, "rows can be dealt to 1 to " +
                                                   std::to_string(kMaxHospitals) +
                                                   " hospitals, not " + std::to_string(hospitals));
    }
    if (labels.size() < hospitals * kMinRowsPerHospital) {
        return make_error(ErrorCode::kRefused,
                          std::to_string(labels.size()) + " rows are too few for " +
                              std::to_string(hospitals) + " hospitals of at least " +
                              std::to_string(kMinRowsPerHospital) + " each");
    }
    constexpr int kMaxDraws = 1'000;
    RandomStream random(derive_seed("deal", {seed}));
    for (int draw = 0; draw < kMaxDraws; ++draw) {
        const std::array<RowList, 2> classes = shuffled_classes(labels, random);
        std::vector<RowList> dealt =
            deal.is_iid() ? deal_evenly(classes, hospitals)
                          : deal_by_dirichlet(classes, hospitals, deal.dirichlet_alpha, random);
        if (smallest(dealt) < kMinRowsPerHospital) continue;
        for (RowList& rows : dealt) std::sort(rows.begin(), rows.end());
        return dealt;
    }
    return make_error(ErrorCode::kRefused, "no deal " + format_deal_spec(deal) +
                                               " in 1000 draws gave every hospital " +
                                               std::to_string(kMinRowsPerHospital) +
                                               " rows; take a larger alpha or fewer hospitals");
}

}  // namespace consilium::fl
