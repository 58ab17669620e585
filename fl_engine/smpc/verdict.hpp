// The verdict rules, entries of the rule table (section 7): integers only, ties to the smaller id.
//
// verdict_model.py is the exact oracle of entry 1, tests/smpc/majority_model.py of entry 2. A rule
// is a pure function of its inputs and the history; it updates the history in place, so a contract
// passes a copy and keeps it only with the VERDICT event. Opened values may be anything a field
// element can hold: no input makes arithmetic overflow.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/codec.hpp"
#include "fl_engine/smpc/aggregate.hpp"

namespace consilium::smpc {

// Stable numbers: they stand in events and receipts.
enum class VerdictCode : std::uint8_t {
    kOk = 0,
    kNoSubmit = 1,
    kNoRange = 2,
    kRangeFail = 3,
    kNormFail = 4,
    kNull = 5,   // zero update
    kRef = 6,    // points away from the reference
    kAgree = 7,  // too few others agree (PAIRWISE)
    kLoo = 8,    // points away from the rest (SUM)
};
[[nodiscard]] constexpr bool is_known(VerdictCode code) {
    return code <= VerdictCode::kLoo;
}
// "OK", "NO_SUBMIT", ...
[[nodiscard]] const char* to_string(VerdictCode code);

// Kept per task and epoch, one entry per client slot; empty at the start of every epoch.
struct VerdictHistory {
    std::optional<std::uint64_t> first_clip_norm;        // C_first
    std::vector<std::int64_t> products;                  // HG, M rows of M, symmetric
    std::vector<std::optional<std::int64_t>> reference;  // HR
    std::vector<std::optional<std::int64_t>> leave_out;  // HL
    std::vector<std::int64_t> recent;  // HF, like HG; empty until entry 2 of the table judges

    [[nodiscard]] static VerdictHistory make(std::uint32_t clients);
    [[nodiscard]] std::uint32_t clients() const {
        return static_cast<std::uint32_t>(reference.size());
    }
    // Whether the vectors agree on M and hold what a rule can write; to be tested after decoding.
    [[nodiscard]] bool is_well_formed() const;

    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("first_clip_norm", self.first_clip_norm);
        visit("products", self.products, Limit{std::size_t{kMaxClients} * kMaxClients});
        visit("reference", self.reference, Limit{kMaxClients});
        visit("leave_out", self.leave_out, Limit{kMaxClients});
        visit("recent", self.recent, Limit{std::size_t{kMaxClients} * kMaxClients});
    }
    friend bool operator==(const VerdictHistory&, const VerdictHistory&) = default;
};

struct VerdictReference {
    std::vector<std::int64_t> products;  // blurred <u_i, g>, per client of V1
    std::int64_t squared_norm{};         // ||g||^2 of the agreed pair
};

struct VerdictInput {
    StatMode mode{};
    std::uint32_t c_max{};
    std::int64_t blur_bound{};             // beta
    std::int64_t gain = 4096;              // agree_gain(); clamped to 1..16384
    std::vector<ClientIndex> clients;      // V1, ascending
    std::vector<std::int64_t> norms;       // cen(gamma_ii), per client of V1
    std::vector<std::int64_t> statistics;  // read_stat2(): m*m products, or m sums
    std::optional<VerdictReference> reference;
    std::vector<std::uint32_t> data_weights;  // dw_i, per client of V1, 1..16
};

struct ClientVerdict {
    ClientIndex client{};
    VerdictCode code{};       // the flag; a suspect keeps the code it was flagged with
    bool is_suspect = false;  // flagged but accepted, at an eighth of its weight
    std::uint32_t weight{};   // before the division by the common divisor; 0 outside Acc
    [[nodiscard]] bool is_accepted() const { return code == VerdictCode::kOk || is_suspect; }
};

struct Verdict {
    std::vector<ClientVerdict> clients;  // as in VerdictInput::clients
    ReducedWeights reduced;              // same order, zeros kept
    bool is_cancelled = false;           // fewer than m_min clients of weight above zero (R8)
};

// kMismatch when lengths disagree or clients are not ascending slots of the history.
// Entry 1 of the table.
[[nodiscard]] Result<Verdict> judge(const VerdictInput& input, VerdictHistory& history);
// Entry 2: a majority that agrees decides, otherwise the reference; rounds without a direction
// leave the long history alone, a short one finds who turned. SUM is judged as by entry 1.
[[nodiscard]] Result<Verdict> judge_with_majority(const VerdictInput& input,
                                                  VerdictHistory& history);

// omega_i of step 5, public once STAT1 is open: max(1, floor(clip_i / 16)).
[[nodiscard]] std::vector<std::uint32_t> clip_weights(std::span<const std::int64_t> norms,
                                                      std::int64_t blur_bound);
// clamp(floor(4096 C_r^2 / C_first^2), 1, 16384); 4096 while C_first is unset.
[[nodiscard]] std::int64_t agree_gain(const VerdictHistory& history, std::uint64_t clip_norm);
// Makes C_r of the first round with a verdict C_first; call it with every VERDICT event.
void note_clip_norm(VerdictHistory& history, std::uint64_t clip_norm);

struct ClipNormRule {
    std::uint64_t current{};  // C_r
    std::uint64_t scale{};    // encoding_scale(nu, d)
    std::uint64_t lowest{};   // governance bounds
    std::uint64_t highest{};
};
// C_next of step 1: twice the median norm over V1, in the units of C_r.
[[nodiscard]] std::uint64_t next_clip_norm(std::span<const std::int64_t> norms,
                                           std::int64_t blur_bound, const ClipNormRule& rule);

}  // namespace consilium::smpc
