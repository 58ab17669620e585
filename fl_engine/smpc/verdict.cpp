// The steps of the verdict rules, numbered as in section 7.
#include "fl_engine/smpc/verdict.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

#include "fl_engine/smpc/agreement.hpp"

namespace consilium::smpc {
namespace {

constexpr std::int64_t kUnitClip = 4096;
constexpr std::int64_t kMaxGain = 16384;
constexpr std::int64_t kLooThreshold = 16384;
constexpr std::int64_t kFaintReference = 328;   // 0.01
constexpr std::int64_t kClearReference = 3277;  // 0.1
constexpr std::int64_t kLooThresholdWithReference = 9830;
// Centred field elements lie within 2^60; what every bound of this file is computed from.
constexpr std::int64_t kValueLimit = std::int64_t{1} << 60;
// 16 increments of at most 2^56 each, and rounding.
constexpr std::int64_t kHistoryLimit = std::int64_t{1} << 61;

Int128 shift_down(Int128 value, unsigned bits) {
    return value >> bits;
}  // floor of value / 2^bits

std::int64_t lower_median(std::vector<std::int64_t> values) {
    CHECK(!values.empty());
    std::sort(values.begin(), values.end());
    return values[(values.size() - 1) / 2];
}

std::int64_t clip_weight(std::int64_t norm, std::int64_t median) {
    if (norm <= median) return kUnitClip;
    const Uint128 ratio = (static_cast<Uint128>(median) << 24) / static_cast<Uint128>(norm);
    return static_cast<std::int64_t>(isqrt(ratio));
}

std::vector<std::int64_t> at_least_one(std::span<const std::int64_t> norms) {
    std::vector<std::int64_t> result;
    for (const std::int64_t norm : norms) result.push_back(std::max<std::int64_t>(norm, 1));
    return result;
}

std::int64_t median_norm(std::span<const std::int64_t> norms, std::int64_t blur_bound) {
    return std::max({lower_median({norms.begin(), norms.end()}), blur_bound, std::int64_t{1}});
}

std::int64_t omega_of(std::int64_t clip) {
    return std::max<std::int64_t>(1, clip / 16);
}

std::int64_t moving_average(const std::optional<std::int64_t>& old, std::int64_t value) {
    if (!old) return value;
    return *old + static_cast<std::int64_t>(shift_down(3 * static_cast<Int128>(value - *old), 4));
}

bool is_in(const std::vector<std::size_t>& clients, std::size_t client) {
    return std::find(clients.begin(), clients.end(), client) != clients.end();
}

bool is_within(std::span<const std::int64_t> values) {
    return std::all_of(values.begin(), values.end(), [](std::int64_t value) {
        return value >= -kValueLimit && value <= kValueLimit;
    });
}

// One judgement; positions 0..m-1 are those of VerdictInput::clients.
class Judge {
  public:
    Judge(const VerdictInput& input, VerdictHistory& history)
        : input_(input),
          history_(history),
          m_(input.clients.size()),
          norms_(at_least_one(input.norms)),
          codes_(m_, VerdictCode::kOk),
          rank_keys_(m_, 0),
          cosines_(m_),
          recent_(m_),
          rejected_(m_, false),
          weights_(m_, 0) {}

    // Entry 1.
    Verdict run() {
        clip_norms();
        flag_null();
        if (input_.reference) {
            average_reference();
            flag_reference();
        }
        if (input_.mode == StatMode::kPairwise) {
            update_products();
            if (!input_.reference) {
                flag_agree(find_apart(cosines_, unflagged(), input_.c_max));
            }
        } else {
            flag_leave_one_out();
        }
        cap_rejections();
        set_weights();
        if (input_.reference) apply_reference();
        limit_weights();
        return finish();
    }

    // Entry 2.
    Verdict run_with_majority() {
        if (input_.mode != StatMode::kPairwise) return run();
        clip_norms();
        flag_null();
        if (input_.reference) average_reference();
        update_recent();
        if (has_direction()) {
            update_products();
        } else {
            cosines_ = cosines_of(history_.products);
        }
        if (input_.reference && !does_majority_agree(cosines_)) {
            flag_reference();
        } else {
            flag_agree(find_unsupported(cosines_));
            if (does_majority_agree(recent_)) flag_turned();
        }
        cap_rejections();
        set_weights();
        if (input_.reference) lean_on_reference();
        limit_weights();
        return finish();
    }

  private:
    [[nodiscard]] std::size_t slot(std::size_t i) const { return input_.clients[i] - 1; }
    [[nodiscard]] std::size_t pair(std::size_t i, std::size_t j) const {
        return slot(i) * history_.clients() + slot(j);
    }
    // Of V1, from a matrix of the history.
    [[nodiscard]] CosineMatrix cosines_of(std::span<const std::int64_t> kept) const {
        std::vector<std::int64_t> products;
        for (std::size_t i = 0; i < m_; ++i) {
            for (std::size_t j = 0; j < m_; ++j) products.push_back(kept[pair(i, j)]);
        }
        return CosineMatrix::of_products(products, m_);
    }
    [[nodiscard]] std::vector<std::size_t> everybody() const {
        std::vector<std::size_t> all(m_);
        std::iota(all.begin(), all.end(), std::size_t{0});
        return all;
    }
    [[nodiscard]] std::size_t attackers() const { return std::max(1U, input_.c_max); }
    [[nodiscard]] std::vector<std::size_t> unflagged() const {
        std::vector<std::size_t> result;
        for (std::size_t i = 0; i < m_; ++i) {
            if (codes_[i] == VerdictCode::kOk) result.push_back(i);
        }
        return result;
    }
    void flag(std::size_t i, VerdictCode code, std::int64_t rank_key) {
        codes_[i] = code;
        rank_keys_[i] = rank_key;
    }

    // Step 1.
    void clip_norms() {
        median_ = median_norm(norms_, input_.blur_bound);
        for (const std::int64_t norm : norms_) clips_.push_back(clip_weight(norm, median_));
    }

    // Step 2.
    void flag_null() {
        for (std::size_t i = 0; i < m_; ++i) {
            if (32 * static_cast<Int128>(norms_[i]) < median_) flag(i, VerdictCode::kNull, 0);
        }
    }

    // Step 3, HR.
    void average_reference() {
        const auto squared =
            static_cast<Uint128>(std::max<std::int64_t>(input_.reference->squared_norm, 1));
        for (std::size_t i = 0; i < m_; ++i) {
            const std::int64_t value = cosine_q15(input_.reference->products[i],
                                                  static_cast<Uint128>(norms_[i]) * squared);
            auto& average = history_.reference[slot(i)];
            average = moving_average(average, value);
        }
    }
    // Step 3, the flag.
    void flag_reference() {
        for (const std::size_t i : unflagged()) {
            const std::int64_t average = *history_.reference[slot(i)];
            if (average <= 0) flag(i, VerdictCode::kRef, average);
        }
    }

    // Step 4, the discounted Gram matrix and the cosines from it.
    void update_products() {
        const std::int64_t gain = std::clamp<std::int64_t>(input_.gain, 1, kMaxGain);
        for (std::size_t i = 0; i < m_; ++i) {
            for (std::size_t j = 0; j < m_; ++j) {
                std::int64_t& entry = history_.products[pair(i, j)];
                const Int128 moved =
                    entry + shift_down(clipped(i, j), 18) * gain - shift_down(entry, 4);
                entry = static_cast<std::int64_t>(moved);
                CHECK(entry >= -kHistoryLimit && entry <= kHistoryLimit);
            }
        }
        cosines_ = cosines_of(history_.products);
    }
    // Step 4, G'_ij.
    [[nodiscard]] Int128 clipped(std::size_t i, std::size_t j) const {
        const Int128 gram = i == j ? norms_[i] : input_.statistics[i * m_ + j];
        return shift_down(gram * clips_[i] * clips_[j], 24);
    }

    // Step 4 of entry 2, the recent directions.
    void update_recent() {
        history_.recent.resize(history_.products.size(), 0);
        for (std::size_t i = 0; i < m_; ++i) {
            for (std::size_t j = 0; j < m_; ++j) {
                std::int64_t& entry = history_.recent[pair(i, j)];
                const Int128 moved = entry + shift_down(clipped(i, j), 4) - shift_down(entry, 2);
                entry = static_cast<std::int64_t>(moved);
                CHECK(entry >= -kHistoryLimit && entry <= kHistoryLimit);
            }
        }
        recent_ = cosines_of(history_.recent);
    }
    // Whether HG may move: once a majority agreed, rounds in which it does not are noise around
    // the optimum and would wash out who was against it. Everybody must have its share of HG.
    [[nodiscard]] bool has_direction() const {
        std::vector<std::int64_t> lengths;
        for (std::size_t i = 0; i < m_; ++i) lengths.push_back(history_.products[pair(i, i)]);
        const Int128 shortest = *std::min_element(lengths.begin(), lengths.end());
        if (8 * std::max<Int128>(shortest, 0) < std::max<Int128>(lower_median(lengths), 1)) {
            return true;
        }
        const std::vector<std::size_t> all = everybody();
        const CosineMatrix before = cosines_of(history_.products);
        if (!can_agree(before, all, attackers())) return true;
        if (can_agree(recent_, all, attackers())) return true;
        // Honest clients that were apart before take nobody's place, as long as more than half
        // agree.
        const std::vector<std::size_t> apart = find_apart(before, all, input_.c_max).clients;
        std::vector<std::size_t> rest = all;
        for (const std::size_t i : apart) std::erase(rest, i);
        const std::size_t minority = (m_ - 1) / 2 - apart.size();
        return can_agree(recent_, rest, std::min(attackers(), minority));
    }
    // Whether all but c_max clients are left, and agree, when those apart and the flagged are out.
    [[nodiscard]] bool does_majority_agree(const CosineMatrix& cosines) const {
        std::vector<std::size_t> rest = unflagged();
        for (const std::size_t i : find_apart(cosines, rest, input_.c_max).clients) {
            std::erase(rest, i);
        }
        const std::size_t gone = m_ - rest.size();
        return gone <= attackers() && can_agree(cosines, rest, attackers() - gone);
    }

    // Step 4, AGREE: each client needs c_max similar others.
    void flag_agree(const Apart& apart) {
        for (const std::size_t i : apart.clients) {
            flag(i, VerdictCode::kAgree, -apart.far[i]);
        }
    }
    // Those of entry 2: nobody who clearly follows the reference, as well as the middle one of
    // those that stay.
    [[nodiscard]] Apart find_unsupported(const CosineMatrix& cosines) const {
        Apart apart = find_apart(cosines, unflagged(), input_.c_max);
        if (input_.reference && !apart.clients.empty()) {
            std::vector<std::int64_t> kept;
            for (const std::size_t i : unflagged()) {
                if (!is_in(apart.clients, i)) kept.push_back(*history_.reference[slot(i)]);
            }
            const std::int64_t middle = std::max(lower_median(kept), kClearReference);
            std::erase_if(apart.clients,
                          [&](std::size_t i) { return *history_.reference[slot(i)] >= middle; });
        }
        return apart;
    }
    // Who now goes against the others, though it did not in HG: c_max with those flagged before.
    void flag_turned() {
        Apart apart = find_unsupported(recent_);
        std::erase_if(apart.clients, [&](std::size_t i) { return apart.far[i] < kUnitQ15; });
        const std::size_t flagged = m_ - unflagged().size();
        const std::size_t free = attackers() - std::min(attackers(), flagged);
        apart.clients.resize(std::min(apart.clients.size(), free));
        flag_agree(apart);
    }

    // Step 5.
    void flag_leave_one_out() {
        std::vector<Int128> totals;
        Int128 total = 0;
        for (std::size_t i = 0; i < m_; ++i) {
            const Int128 omega = omega_of(clips_[i]);
            totals.push_back(input_.statistics[i] + omega * norms_[i]);
            total += omega * totals[i];
        }
        for (std::size_t i = 0; i < m_; ++i) {
            const Int128 omega = omega_of(clips_[i]);
            const Int128 rest = std::max<Int128>(
                1, shift_down(total - 2 * omega * totals[i] + omega * omega * norms_[i], 32));
            const std::int64_t value =
                cosine_q15(static_cast<std::int64_t>(shift_down(input_.statistics[i], 16)),
                           static_cast<Uint128>(norms_[i]) * static_cast<Uint128>(rest));
            auto& average = history_.leave_out[slot(i)];
            average = moving_average(average, value);
        }
        const std::int64_t threshold =
            input_.reference ? kLooThresholdWithReference : kLooThreshold;
        const auto value_of = [this](std::size_t i) { return *history_.leave_out[slot(i)]; };
        std::vector<std::size_t> candidates = unflagged();
        std::stable_sort(candidates.begin(), candidates.end(),
                         [&](std::size_t a, std::size_t b) { return value_of(a) < value_of(b); });
        candidates.resize(std::min<std::size_t>(candidates.size(), input_.c_max));
        for (const std::size_t i : candidates) {
            if (value_of(i) < -threshold) flag(i, VerdictCode::kLoo, value_of(i));
        }
    }

    // Step 6: REF first, then AGREE or LOO, then NULL; the first m - m_min are rejected.
    void cap_rejections() {
        const auto class_of = [this](std::size_t i) {
            return codes_[i] == VerdictCode::kRef ? 0 : codes_[i] == VerdictCode::kNull ? 2 : 1;
        };
        std::vector<std::size_t> flagged;
        for (std::size_t i = 0; i < m_; ++i) {
            if (codes_[i] != VerdictCode::kOk) flagged.push_back(i);
        }
        std::sort(flagged.begin(), flagged.end(), [&](std::size_t a, std::size_t b) {
            return std::tuple(class_of(a), rank_keys_[a], a) <
                   std::tuple(class_of(b), rank_keys_[b], b);
        });
        const std::size_t kept = min_accepted(input_.c_max);
        const std::size_t limit = m_ > kept ? m_ - kept : 0;
        for (std::size_t x = 0; x < std::min(limit, flagged.size()); ++x) {
            rejected_[flagged[x]] = true;
        }
        for (std::size_t i = 0; i < m_; ++i) {
            if (!rejected_[i]) accepted_.push_back(i);
        }
    }
    [[nodiscard]] bool is_suspect(std::size_t i) const {
        return codes_[i] != VerdictCode::kOk && !rejected_[i];
    }

    // Step 7, votes: an accepted client without enough similar others loses weight.
    void apply_votes() {
        const std::size_t count = accepted_.size();
        const std::size_t gone = m_ - count;
        const std::size_t spared = input_.c_max > gone ? input_.c_max - gone : 0;
        const std::size_t votes_each = count > spared + 1 ? count - spared : 1;
        std::vector<std::int64_t> votes(m_, 0);
        for (const std::size_t i : accepted_) {
            std::vector<std::size_t> order = accepted_;
            const auto closeness = [&](std::size_t j) {
                return j == i ? std::numeric_limits<std::int64_t>::max() : cosines_.at(i, j);
            };
            std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
                return closeness(a) > closeness(b);
            });
            for (std::size_t x = 0; x < votes_each; ++x) ++votes[order[x]];
        }
        for (const std::size_t i : accepted_) {
            weights_[i] = weights_[i] * votes[i] / static_cast<std::int64_t>(count);
        }
    }

    void apply_reference() {
        std::int64_t largest = 1;
        for (const std::size_t i : accepted_) {
            largest = std::max(largest, *history_.reference[slot(i)]);
        }
        for (const std::size_t i : accepted_) {
            if (is_suspect(i)) continue;
            const std::int64_t value = std::max<std::int64_t>(0, *history_.reference[slot(i)]);
            weights_[i] = weights_[i] * value / largest;
        }
    }

    // Of entry 2: who does not follow the reference keeps a trace of weight, so that no round is
    // cancelled for it; where hardly anybody does, it does not count.
    void lean_on_reference() {
        std::int64_t largest = 0;
        for (const std::size_t i : accepted_) {
            largest = std::max(largest, *history_.reference[slot(i)]);
        }
        if (largest < kFaintReference) return;
        for (const std::size_t i : accepted_) {
            if (is_suspect(i)) continue;
            const std::int64_t value = std::max(largest / 512, *history_.reference[slot(i)]);
            weights_[i] =
                std::max(std::min<std::int64_t>(weights_[i], 1), weights_[i] * value / largest);
        }
    }

    // Step 7.
    void set_weights() {
        std::vector<std::int64_t> accepted_norms;
        for (const std::size_t i : accepted_) accepted_norms.push_back(norms_[i]);
        const std::int64_t median = median_norm(accepted_norms, input_.blur_bound);
        for (const std::size_t i : accepted_) {
            weights_[i] = clip_weight(norms_[i], median);
            if (is_suspect(i)) weights_[i] /= 8;
        }
        if (input_.mode == StatMode::kPairwise) apply_votes();
    }
    void limit_weights() {
        for (std::size_t i = 0; i < m_; ++i) weights_[i] *= input_.data_weights[i];
        // No sum may be nearly one update.
        const auto top = std::max_element(weights_.begin(), weights_.end());
        const std::int64_t others =
            std::accumulate(weights_.begin(), weights_.end(), std::int64_t{0}) - *top;
        *top = std::min(*top, others);
    }

    Verdict finish() {
        Verdict verdict;
        std::vector<std::uint32_t> weights;
        std::size_t positive = 0;
        for (std::size_t i = 0; i < m_; ++i) {
            weights.push_back(static_cast<std::uint32_t>(weights_[i]));
            if (weights_[i] > 0) ++positive;
            verdict.clients.push_back(
                {input_.clients[i], codes_[i], is_suspect(i), weights.back()});
        }
        verdict.reduced = reduce_weights(weights);
        verdict.is_cancelled = positive < min_accepted(input_.c_max);
        return verdict;
    }

    const VerdictInput& input_;
    VerdictHistory& history_;
    std::size_t m_;
    std::vector<std::int64_t> norms_;
    std::int64_t median_ = 1;
    std::vector<std::int64_t> clips_;
    std::vector<VerdictCode> codes_;
    std::vector<std::int64_t> rank_keys_;  // order among flags of one class, smallest first
    CosineMatrix cosines_;                 // from HG
    CosineMatrix recent_;                  // from HF
    std::vector<bool> rejected_;
    std::vector<std::size_t> accepted_;
    std::vector<std::int64_t> weights_;
};

Result<void> validate_input(const VerdictInput& input, const VerdictHistory& history) {
    const std::size_t m = input.clients.size();
    const std::size_t statistics = input.mode == StatMode::kPairwise ? m * m : m;
    if (m == 0 || m > kMaxClients || input.norms.size() != m ||
        input.statistics.size() != statistics || input.data_weights.size() != m ||
        (input.reference && input.reference->products.size() != m)) {
        return make_error(ErrorCode::kMismatch, "verdict inputs differ in length");
    }
    if (!history.is_well_formed()) return make_error(ErrorCode::kMismatch, "verdict history");
    for (std::size_t i = 0; i < m; ++i) {
        const bool is_ascending = i == 0 || input.clients[i - 1] < input.clients[i];
        if (!is_ascending || input.clients[i] < 1 || input.clients[i] > history.clients()) {
            return make_error(ErrorCode::kMismatch, "clients are not ascending slots");
        }
        if (input.data_weights[i] < 1 || input.data_weights[i] > kMaxDataWeight) {
            return make_error(ErrorCode::kLimitExceeded, "data weight outside 1..16");
        }
    }
    const bool has_reference = input.reference.has_value();
    if (!is_within(input.norms) || !is_within(input.statistics) ||
        (has_reference && !is_within(input.reference->products)) ||
        (has_reference && input.reference->squared_norm > kValueLimit) || input.blur_bound < 0 ||
        input.blur_bound > kValueLimit || input.c_max > kMaxClients) {
        return make_error(ErrorCode::kLimitExceeded, "a value beyond a centred field element");
    }
    return {};
}

}  // namespace

const char* to_string(VerdictCode code) {
    switch (code) {
        case VerdictCode::kOk:
            return "OK";
        case VerdictCode::kNoSubmit:
            return "NO_SUBMIT";
        case VerdictCode::kNoRange:
            return "NO_RANGE";
        case VerdictCode::kRangeFail:
            return "RANGE_FAIL";
        case VerdictCode::kNormFail:
            return "NORM_FAIL";
        case VerdictCode::kNull:
            return "NULL";
        case VerdictCode::kRef:
            return "REF";
        case VerdictCode::kAgree:
            return "AGREE";
        case VerdictCode::kLoo:
            return "LOO";
    }
    UNREACHABLE();
}

VerdictHistory VerdictHistory::make(std::uint32_t clients) {
    CHECK(clients >= 1 && clients <= kMaxClients);
    VerdictHistory history;
    history.products.resize(std::size_t{clients} * clients, 0);
    history.reference.resize(clients);
    history.leave_out.resize(clients);
    return history;
}

bool VerdictHistory::is_well_formed() const {
    const std::size_t m = reference.size();
    const auto is_cosine = [](const std::optional<std::int64_t>& value) {
        return !value || (*value >= -kUnitQ15 && *value <= kUnitQ15);
    };
    const auto is_bounded = [](const std::vector<std::int64_t>& values) {
        return std::all_of(values.begin(), values.end(), [](std::int64_t value) {
            return value >= -kHistoryLimit && value <= kHistoryLimit;
        });
    };
    return m >= 1 && m <= kMaxClients && leave_out.size() == m && products.size() == m * m &&
           (recent.empty() || recent.size() == m * m) && is_bounded(products) &&
           is_bounded(recent) && std::all_of(reference.begin(), reference.end(), is_cosine) &&
           std::all_of(leave_out.begin(), leave_out.end(), is_cosine) &&
           first_clip_norm.value_or(1) >= 1 && first_clip_norm.value_or(1) < kClipNormLimit;
}

Result<Verdict> judge(const VerdictInput& input, VerdictHistory& history) {
    if (auto valid = validate_input(input, history); !valid) {
        return tl::unexpected(valid.error());
    }
    return Judge(input, history).run();
}

Result<Verdict> judge_with_majority(const VerdictInput& input, VerdictHistory& history) {
    if (auto valid = validate_input(input, history); !valid) {
        return tl::unexpected(valid.error());
    }
    return Judge(input, history).run_with_majority();
}

std::vector<std::uint32_t> clip_weights(std::span<const std::int64_t> norms,
                                        std::int64_t blur_bound) {
    const std::vector<std::int64_t> positive = at_least_one(norms);
    const std::int64_t median = median_norm(positive, blur_bound);
    std::vector<std::uint32_t> weights;
    for (const std::int64_t norm : positive) {
        weights.push_back(static_cast<std::uint32_t>(omega_of(clip_weight(norm, median))));
    }
    return weights;
}

std::int64_t agree_gain(const VerdictHistory& history, std::uint64_t clip_norm) {
    if (!history.first_clip_norm) return kUnitClip;
    CHECK(clip_norm < kClipNormLimit);
    const Uint128 present = clip_norm;
    const Uint128 first = *history.first_clip_norm;
    const Uint128 gain = 4096 * present * present / (first * first);
    return gain > static_cast<Uint128>(kMaxGain)
               ? kMaxGain
               : std::max<std::int64_t>(1, static_cast<std::int64_t>(gain));
}

void note_clip_norm(VerdictHistory& history, std::uint64_t clip_norm) {
    if (!history.first_clip_norm) history.first_clip_norm = clip_norm;
}

std::uint64_t next_clip_norm(std::span<const std::int64_t> norms, std::int64_t blur_bound,
                             const ClipNormRule& rule) {
    CHECK(rule.scale >= 1);
    CHECK(rule.lowest <= rule.highest);
    const std::int64_t median = median_norm(at_least_one(norms), blur_bound);
    const Uint128 doubled = isqrt(4 * static_cast<Uint128>(median));
    const Uint128 next = doubled * rule.current / rule.scale;
    if (next > rule.highest) return rule.highest;
    return std::max(rule.lowest, static_cast<std::uint64_t>(next));
}

}  // namespace consilium::smpc
