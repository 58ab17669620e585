// The aggregation rules under test: from encoded updates to weights and rejections.
//
// "ours" and "rule-1" are the contract's rules themselves, on integer norms and products with the
// blur of the committee. The others are what it is measured against.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/smpc/verdict.hpp"

namespace consilium::lab {

enum class RuleKind {
    kFedAvg,     // clipped to C_r, equal weights: no defence
    kNormClip,   // clipped to the median norm
    kMultiKrum,  // told the number of attackers: the m - f updates with the closest neighbours
    kOurs,       // the newest entry of the rule table, without a reference
    kOursRef,    // with the reference update
    kFirst,      // entry 1, likewise
    kFirstRef,
    kOracle,  // averages the honest ones: the attackers simply absent
};
[[nodiscard]] std::span<const RuleKind> all_rules();
[[nodiscard]] std::string_view to_string(RuleKind rule);
[[nodiscard]] std::string_view describe(RuleKind rule);
[[nodiscard]] Result<RuleKind> parse_rule(std::string_view name);
// Whether a rule is given the reference update.
[[nodiscard]] bool takes_reference(RuleKind rule);
// Its entry of the rule table; 0 for those that are not the contract's.
[[nodiscard]] std::uint16_t rule_entry(RuleKind rule);

struct RuleOptions {
    RuleKind kind{};
    std::uint32_t sites = 0;
    std::uint32_t attackers = 0;  // c_max, and the told f
    std::uint32_t validators = 4;
    std::size_t dimension = 0;
    std::uint64_t seed = 0;  // of the blur
};

struct RuleInput {
    fl::EncodingParameters encoding;
    std::span<const fl::IntegerUpdate> updates;  // one per site
    const fl::IntegerUpdate* reference = nullptr;
};

struct Decision {
    std::vector<std::uint64_t> weights;  // one per site, 0 leaves it out
    std::vector<bool> rejected;          // one per site
    std::uint64_t next_clip = 0;         // C of the next round
    bool is_cancelled = false;           // no aggregate in this round
};

// PAIRWISE or SUM, as the policy of the protocol asks for that dimension.
[[nodiscard]] smpc::StatMode mode_for(std::size_t dimension, std::uint32_t c_max);
// Exact products of all pairs, m x m.
[[nodiscard]] std::vector<std::int64_t> gram_matrix(std::span<const fl::IntegerUpdate> updates);

// Judges opened values by that entry of the rule table under the history, which moves on unless the
// round is cancelled.
struct OpenedValues {
    smpc::StatMode mode{};
    std::uint32_t c_max = 1;
    std::int64_t blur_bound = 0;
    std::vector<std::int64_t> norms;
    std::vector<std::int64_t> statistics;  // m x m products or m sums
    std::optional<smpc::VerdictReference> reference;
};
[[nodiscard]] Result<smpc::Verdict> judge_opened(std::uint16_t entry, const OpenedValues& opened,
                                                 std::uint64_t clip, smpc::VerdictHistory& history);

// A rule with its memory over the rounds of one training. A copy can be asked what it would do.
class Rule {
  public:
    explicit Rule(const RuleOptions& options);
    [[nodiscard]] Result<Decision> decide(const RuleInput& input);
    // What an attacker can do: everything but foresee the blur.
    void draw_other_blur(std::uint64_t seed) { blur_ = fl::RandomStream(seed); }

  private:
    [[nodiscard]] std::int64_t blur(std::uint32_t extra_bits);
    [[nodiscard]] Result<Decision> judge(const RuleInput& input);
    [[nodiscard]] OpenedValues open(const RuleInput& input);

    RuleOptions options_;
    std::uint32_t blur_terms_ = 0;  // C
    std::uint32_t blur_bits_ = 0;   // hb
    smpc::VerdictHistory history_;
    fl::RandomStream blur_;
};

}  // namespace consilium::lab
