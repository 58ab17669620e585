// Implements the rules; products of integer updates are exact in doubles, below 2^53.
#include "tests/lab/rules.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include <Eigen/Core>

#include "contracts/verification/rules.hpp"
#include "core/check.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::lab {
namespace {

struct Entry {
    RuleKind rule;
    std::string_view name;
    std::string_view description;
};

constexpr std::array kEntries = {
    Entry{RuleKind::kFedAvg, "fedavg", "clipped to C_r, equal weights: undefended"},
    Entry{RuleKind::kNormClip, "norm-clip", "clipped to the median norm"},
    Entry{RuleKind::kMultiKrum, "multi-krum", "told the number of attackers"},
    Entry{RuleKind::kOurs, "ours", "the contract's verdict rule (entry 2) without a reference"},
    Entry{RuleKind::kOursRef, "ours-ref", "the same with a reference of 64 records"},
    Entry{RuleKind::kFirst, "rule-1", "entry 1 of the rule table without a reference"},
    Entry{RuleKind::kFirstRef, "rule-1-ref", "the same with a reference of 64 records"},
    Entry{RuleKind::kOracle, "oracle", "the attackers simply absent"},
};

constexpr std::array kOrder = [] {
    std::array<RuleKind, kEntries.size()> order{};
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = kEntries[i].rule;
    return order;
}();

Decision equal_weights(std::size_t sites) {
    Decision out;
    out.weights.assign(sites, 1);
    out.rejected.assign(sites, false);
    return out;
}

std::vector<std::int64_t> norms_of(std::span<const std::int64_t> gram, std::size_t sites) {
    std::vector<std::int64_t> norms(sites);
    for (std::size_t i = 0; i < sites; ++i) norms[i] = gram[i * sites + i];
    return norms;
}

Decision clip_to_median(std::span<const std::int64_t> norms) {
    Decision out = equal_weights(norms.size());
    const std::vector<std::uint32_t> weights = smpc::clip_weights(norms, 0);
    out.weights.assign(weights.begin(), weights.end());
    return out;
}

// Blanchard et al., 2017: the score of an update is the sum of squared distances to its
// m - f - 2 nearest others; the m - f best are averaged.
Decision multi_krum(std::span<const std::int64_t> gram, std::size_t sites, std::size_t attackers) {
    const std::size_t near =
        sites > attackers + 3 ? sites - attackers - 2 : 1;  // at least one neighbour
    std::vector<std::pair<std::int64_t, std::size_t>> scores;
    for (std::size_t i = 0; i < sites; ++i) {
        std::vector<std::int64_t> distances;
        for (std::size_t j = 0; j < sites; ++j) {
            if (j == i) continue;
            distances.push_back(gram[i * sites + i] + gram[j * sites + j] -
                                2 * gram[i * sites + j]);
        }
        std::sort(distances.begin(), distances.end());
        scores.emplace_back(
            std::accumulate(distances.begin(),
                            distances.begin() + static_cast<std::ptrdiff_t>(near), std::int64_t{0}),
            i);
    }
    std::sort(scores.begin(), scores.end());
    Decision out;
    out.weights.assign(sites, 0);
    out.rejected.assign(sites, true);
    for (std::size_t rank = 0; rank < sites - attackers; ++rank) {
        out.weights[scores[rank].second] = 1;
        out.rejected[scores[rank].second] = false;
    }
    return out;
}

std::int64_t product(const fl::IntegerUpdate& a, const fl::IntegerUpdate& b) {
    std::int64_t sum = 0;  // at most B^2 = 2^46 in magnitude, as every partial sum
    for (std::size_t x = 0; x < a.size(); ++x) sum += a[x] * b[x];
    return sum;
}

constexpr Height kAnyHeight{~std::uint64_t{0}};
constexpr std::uint16_t kFirstEntry = 1;
constexpr std::uint16_t kNewestEntry = 2;

}  // namespace

bool takes_reference(RuleKind rule) {
    return rule == RuleKind::kOursRef || rule == RuleKind::kFirstRef;
}

std::uint16_t rule_entry(RuleKind rule) {
    switch (rule) {
        case RuleKind::kOurs:
        case RuleKind::kOursRef:
            return kNewestEntry;
        case RuleKind::kFirst:
        case RuleKind::kFirstRef:
            return kFirstEntry;
        default:
            return 0;
    }
}

std::span<const RuleKind> all_rules() {
    return kOrder;
}

std::string_view to_string(RuleKind rule) {
    return kEntries[static_cast<std::size_t>(rule)].name;
}

std::string_view describe(RuleKind rule) {
    return kEntries[static_cast<std::size_t>(rule)].description;
}

Result<RuleKind> parse_rule(std::string_view name) {
    std::string known;
    for (const Entry& entry : kEntries) {
        if (entry.name == name) return entry.rule;
        known += (known.empty() ? "" : ", ") + std::string(entry.name);
    }
    return make_error(ErrorCode::kMalformed,
                      "rule " + fl::quote(name) + " is not known; write all, or some of " + known);
}

smpc::StatMode mode_for(std::size_t dimension, std::uint32_t c_max) {
    return dimension >= 16 * (std::size_t{c_max} + 1) ? smpc::StatMode::kPairwise
                                                      : smpc::StatMode::kSum;
}

std::vector<std::int64_t> gram_matrix(std::span<const fl::IntegerUpdate> updates) {
    using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const auto count = static_cast<Eigen::Index>(updates.size());
    Matrix rows(count, static_cast<Eigen::Index>(updates.front().size()));
    for (Eigen::Index i = 0; i < count; ++i) {
        const fl::IntegerUpdate& update = updates[static_cast<std::size_t>(i)];
        CHECK(update.size() == updates.front().size());
        for (Eigen::Index x = 0; x < rows.cols(); ++x) {
            rows(i, x) = static_cast<double>(update[static_cast<std::size_t>(x)]);
        }
    }
    const Matrix gram = rows * rows.transpose();
    std::vector<std::int64_t> out;
    out.reserve(updates.size() * updates.size());
    for (Eigen::Index i = 0; i < count; ++i) {
        for (Eigen::Index j = 0; j < count; ++j) {
            out.push_back(static_cast<std::int64_t>(gram(i, j)));
        }
    }
    return out;
}

Result<smpc::Verdict> judge_opened(std::uint16_t entry, const OpenedValues& opened,
                                   std::uint64_t clip, smpc::VerdictHistory& history) {
    const auto* rule = contracts::verification::find_rule(entry, kAnyHeight);
    CHECK(rule != nullptr);
    smpc::VerdictInput input;
    input.mode = opened.mode;
    input.c_max = opened.c_max;
    input.blur_bound = opened.blur_bound;
    input.gain = smpc::agree_gain(history, clip);
    for (std::size_t i = 0; i < opened.norms.size(); ++i) {
        input.clients.push_back(static_cast<smpc::ClientIndex>(i + 1));
    }
    input.norms = opened.norms;
    input.statistics = opened.statistics;
    input.reference = opened.reference;
    input.data_weights.assign(opened.norms.size(), 1);
    smpc::VerdictHistory next = history;
    Result<smpc::Verdict> verdict = rule->judge(input, next);
    if (!verdict || verdict->is_cancelled) return verdict;
    smpc::note_clip_norm(next, clip);
    history = std::move(next);
    return verdict;
}

Rule::Rule(const RuleOptions& options)
    : options_(options),
      history_(smpc::VerdictHistory::make(std::max<std::uint32_t>(options.sites, 1))),
      blur_(fl::derive_seed("blur", {options.seed})) {
    const auto committee = smpc::Committee::make(options.validators);
    CHECK(committee.has_value());
    blur_terms_ = committee->subset_count();
    blur_bits_ = smpc::default_blur_bits(*committee, smpc::kDefaultNormBits);
}

// The sum of C uniform values of [-2^hb, 2^hb).
std::int64_t Rule::blur(std::uint32_t extra_bits) {
    const std::uint32_t bits = blur_bits_ + extra_bits;
    std::int64_t sum = 0;
    for (std::uint32_t term = 0; term < blur_terms_; ++term) {
        sum += static_cast<std::int64_t>(blur_.next() >> (63 - bits)) - (std::int64_t{1} << bits);
    }
    return sum;
}

OpenedValues Rule::open(const RuleInput& input) {
    const std::size_t sites = input.updates.size();
    OpenedValues opened;
    opened.mode = mode_for(options_.dimension, std::max(1U, options_.attackers));
    opened.c_max = std::max(1U, options_.attackers);
    opened.blur_bound = static_cast<std::int64_t>(blur_terms_) << blur_bits_;
    const std::vector<std::int64_t> gram = gram_matrix(input.updates);
    for (const std::int64_t norm : norms_of(gram, sites)) opened.norms.push_back(norm + blur(0));
    if (input.reference != nullptr && takes_reference(options_.kind)) {
        smpc::VerdictReference reference;
        for (const fl::IntegerUpdate& update : input.updates) {
            reference.products.push_back(product(update, *input.reference) + blur(0));
        }
        reference.squared_norm = product(*input.reference, *input.reference);
        opened.reference = std::move(reference);
    }
    if (opened.mode == smpc::StatMode::kSum) {
        const auto weights = smpc::clip_weights(opened.norms, opened.blur_bound);
        for (std::size_t i = 0; i < sites; ++i) {
            std::int64_t sum = blur(8);  // the weights go up to 2^8
            for (std::size_t j = 0; j < sites; ++j) {
                if (j != i) sum += weights[j] * gram[i * sites + j];
            }
            opened.statistics.push_back(sum);
        }
        return opened;
    }
    opened.statistics = gram;
    for (std::size_t i = 0; i < sites; ++i) {
        opened.statistics[i * sites + i] = opened.norms[i];
        for (std::size_t j = i + 1; j < sites; ++j) {
            opened.statistics[i * sites + j] += blur(0);
            opened.statistics[j * sites + i] = opened.statistics[i * sites + j];
        }
    }
    return opened;
}

Result<Decision> Rule::judge(const RuleInput& input) {
    const OpenedValues opened = open(input);
    const auto verdict =
        judge_opened(rule_entry(options_.kind), opened, input.encoding.clip, history_);
    if (!verdict) return tl::unexpected(verdict.error());
    Decision out;
    for (std::size_t i = 0; i < verdict->clients.size(); ++i) {
        out.weights.push_back(verdict->reduced.weights[i]);
        out.rejected.push_back(!verdict->clients[i].is_accepted());
    }
    out.is_cancelled = verdict->is_cancelled;
    out.next_clip =
        out.is_cancelled
            ? input.encoding.clip
            : smpc::next_clip_norm(
                  opened.norms, opened.blur_bound,
                  {.current = input.encoding.clip,
                   .scale = smpc::encoding_scale(input.encoding.norm_bits, options_.dimension),
                   .lowest = 1,
                   .highest = fl::kMaxClip - 1});
    return out;
}

Result<Decision> Rule::decide(const RuleInput& input) {
    if (rule_entry(options_.kind) != 0) return judge(input);
    const std::size_t sites = input.updates.size();
    const std::vector<std::int64_t> gram = gram_matrix(input.updates);
    const std::vector<std::int64_t> norms = norms_of(gram, sites);
    Decision out = options_.kind == RuleKind::kNormClip ? clip_to_median(norms)
                   : options_.kind == RuleKind::kMultiKrum
                       ? multi_krum(gram, sites, options_.attackers)
                       : equal_weights(sites);
    std::vector<Uint128> squares;
    for (const std::int64_t norm : norms) squares.push_back(static_cast<Uint128>(norm));
    out.next_clip = fl::next_clip(squares, options_.dimension, input.encoding, {});
    return out;
}

}  // namespace consilium::lab
