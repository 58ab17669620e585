// State records of the MPC: epochs, key setup, mask batches, rounds, verdicts.
//
// A set of members is a 16-bit word (bit k-1 for member k), a set of slots a 64-bit word (bit i-1
// for slot i). What a validator or a trainer must know of a round stands in RoundRecord.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/limits.hpp"
#include "contracts/schema/task.hpp"
#include "core/codec.hpp"

namespace consilium::schema {

using MemberSet = std::uint16_t;
using SlotSet = std::uint64_t;

[[nodiscard]] constexpr MemberSet member_bit(std::uint32_t member) {
    return static_cast<MemberSet>(1U << (member - 1));
}
[[nodiscard]] constexpr SlotSet slot_bit(std::uint32_t slot) {
    return SlotSet{1} << (slot - 1);
}

// mpc
struct MpcRecord {
    std::uint64_t next_epoch = 1;
    std::optional<std::uint64_t> current;  // SETUP or ACTIVE
    bool is_renewal_due{};                 // the council asked for a new epoch
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("next_epoch", self.next_epoch);
        visit("current", self.current);
        visit("is_renewal_due", self.is_renewal_due);
    }
    friend bool operator==(const MpcRecord&, const MpcRecord&) = default;
};

enum class EpochPhase : std::uint8_t {
    kEphemeralKeys = 1,  // EPK of members and clients
    kCommitments = 2,    // KEY_COMMIT, KEY_ACK
    kActive = 3,         // CLIENT_KEYS, batches, rounds
    kEnded = 4,
};
[[nodiscard]] constexpr bool is_known(EpochPhase phase) {
    return phase >= EpochPhase::kEphemeralKeys && phase <= EpochPhase::kEnded;
}
[[nodiscard]] std::string_view to_string(EpochPhase phase);

// epoch/<mpc_epoch>
struct EpochRecord {
    std::uint64_t mpc_epoch{};
    EpochPhase phase = EpochPhase::kEphemeralKeys;
    Height phase_height;  // at which the phase began
    TimeMs phase_time;
    std::vector<PublicKey> members;  // validator keys; member k is members[k-1]
    std::vector<PublicKey> clients;  // trainer keys; slot i is clients[i-1]
    MemberSet members_with_key{};    // EPK posted
    SlotSet clients_with_key{};
    std::optional<Height> ready;               // every subset has t+1 acknowledgements
    std::vector<MemberSet> bundles;            // per slot: members whose CLIENT_KEYS is stored
    std::optional<std::uint64_t> first_round;  // r0 of the round key ratchet
    std::uint32_t rounds_opened{};
    std::uint64_t next_batch{};
    std::vector<std::uint64_t> live_batches;  // not CONSUMED, VOID or BURNED; ascending
    MemberSet excluded{};                     // X: proven liars of the preparation
    bool is_halted{};                         // more than t of them: nothing is opened any more
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("phase", self.phase);
        visit("phase_height", self.phase_height);
        visit("phase_time", self.phase_time);
        visit("members", self.members, Limit{kMaxCommittee});
        visit("clients", self.clients, Limit{kMaxClients});
        visit("members_with_key", self.members_with_key);
        visit("clients_with_key", self.clients_with_key);
        visit("ready", self.ready);
        visit("bundles", self.bundles, Limit{kMaxClients});
        visit("first_round", self.first_round);
        visit("rounds_opened", self.rounds_opened);
        visit("next_batch", self.next_batch);
        visit("live_batches", self.live_batches, Limit{kMaxLiveBatches});
        visit("excluded", self.excluded);
        visit("is_halted", self.is_halted);
    }
    // Index k of a validator, slot i of a trainer; nullopt for others.
    [[nodiscard]] std::optional<std::uint16_t> find_member(const PublicKey& key) const;
    [[nodiscard]] std::optional<std::uint16_t> find_slot(const PublicKey& key) const;
    [[nodiscard]] bool is_excluded(std::uint16_t member) const {
        return (excluded & member_bit(member)) != 0;
    }
    friend bool operator==(const EpochRecord&, const EpochRecord&) = default;
};

// ephemeral/<mpc_epoch>/<account>
struct EphemeralKeyRecord {
    std::array<std::uint8_t, 32> key{};
    Height height;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("key", self.key);
        visit("height", self.height);
    }
    friend bool operator==(const EphemeralKeyRecord&, const EphemeralKeyRecord&) = default;
};

// epoch_void/<mpc_epoch>: members that say so (verification/void_epoch); kept for ever.
struct EpochVoidRecord {
    MemberSet members{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("members", self.members);
    }
    friend bool operator==(const EpochVoidRecord&, const EpochVoidRecord&) = default;
};

struct SubsetSetup {
    MemberSet subset{};
    std::uint32_t turn{};
    std::uint16_t leader{};  // member index, of this turn
    Height since;            // the turn began
    TimeMs since_time;
    std::optional<Digest> commitment;
    std::optional<BlobName> ciphertexts;  // of the leader's KEY_COMMIT
    MemberSet acknowledged{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("subset", self.subset);
        visit("turn", self.turn);
        visit("leader", self.leader);
        visit("since", self.since);
        visit("since_time", self.since_time);
        visit("commitment", self.commitment);
        visit("ciphertexts", self.ciphertexts);
        visit("acknowledged", self.acknowledged);
    }
    friend bool operator==(const SubsetSetup&, const SubsetSetup&) = default;
};
// setup/<mpc_epoch>: one entry per subset, in the order of ranks.
struct SetupRecord {
    std::vector<SubsetSetup> subsets;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("subsets", self.subsets, Limit{kMaxSubsets});
    }
    friend bool operator==(const SetupRecord&, const SetupRecord&) = default;
};

// bundle/<mpc_epoch>/<member>/<slot>
struct BundleRecord {
    BlobName ciphertexts;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("ciphertexts", self.ciphertexts);
    }
    friend bool operator==(const BundleRecord&, const BundleRecord&) = default;
};

enum class BatchState : std::uint8_t {
    kPosting = 1,
    kCertified = 2,
    kAssigned = 3,
    kConsumed = 4,
    kVoid = 5,
    kSacrifice = 6,  // a member is missing: the products are checked with a random combination
    kDisputed = 7,   // somebody lied: the keys are being revealed
    kBurned = 8,     // revealed, the liars are named
};
[[nodiscard]] constexpr bool is_known(BatchState state) {
    return state >= BatchState::kPosting && state <= BatchState::kBurned;
}
[[nodiscard]] std::string_view to_string(BatchState state);

// batch/<mpc_epoch>/<batch>
struct BatchRecord {
    BatchLabel label;
    std::uint64_t dimension{};
    BatchState state = BatchState::kPosting;
    Height opened;
    TimeMs opened_time;
    MemberSet posters{};
    std::optional<Height> certified;
    MemberSet delta_posters{};  // P: whose shares count, fixed when POSTING ends
    std::vector<std::uint64_t>
        delta;                   // opened values in item order, from SACRIFICE or CERTIFIED on
    MemberSet weight_posters{};  // PREP_W, in SACRIFICE
    std::vector<std::uint16_t> weight_base;  // members whose PREP_W define w, once it is open
    MemberSet check_posters{};               // PREP_CHK
    std::optional<std::uint64_t> round;      // it was assigned to
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("dimension", self.dimension);
        visit("state", self.state);
        visit("opened", self.opened);
        visit("opened_time", self.opened_time);
        visit("posters", self.posters);
        visit("certified", self.certified);
        visit("delta_posters", self.delta_posters);
        visit("delta", self.delta, Limit{kMaxShareWords});
        visit("weight_posters", self.weight_posters);
        visit("weight_base", self.weight_base, Limit{kMaxCommittee});
        visit("check_posters", self.check_posters);
        visit("round", self.round);
    }
    // Not everybody prepared it: the products were checked by a random combination.
    [[nodiscard]] bool was_sacrificed() const { return !weight_base.empty(); }
    friend bool operator==(const BatchRecord&, const BatchRecord&) = default;
};

// prep_share/ and prep_check/<mpc_epoch>/<batch>/<member>, stat1/<round>/<member>,
// stat2/<round>/<member>: kept while they can still be compared with the opened polynomial.
struct ShareRecord {
    std::vector<std::uint64_t> values;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("values", self.values, Limit{kMaxShareWords});
    }
    friend bool operator==(const ShareRecord&, const ShareRecord&) = default;
};

// coin/<kind>/<mpc_epoch>/<batch or round>/<attempt>, from the first share until the batch or the
// attempt is over; coin_share/.../<member> is the ShareRecord of each poster.
struct CoinRecord {
    MemberSet posters{};
    std::vector<std::uint16_t> base;  // members whose shares define the polynomial, once open
    std::optional<Digest> seed;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("posters", self.posters);
        visit("base", self.base, Limit{kMaxCommittee});
        visit("seed", self.seed);
    }
    friend bool operator==(const CoinRecord&, const CoinRecord&) = default;
};

// pledge/<mpc_epoch>/<batch>/<slot>: write-once, kept for ever.
struct PledgeRecord {
    BlobName update;
    std::uint64_t round{};
    std::uint32_t attempt{};
    Height height;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("update", self.update);
        visit("round", self.round);
        visit("attempt", self.attempt);
        visit("height", self.height);
    }
    friend bool operator==(const PledgeRecord&, const PledgeRecord&) = default;
};

// range/<mpc_epoch>/<batch>/<slot>: write-once, kept for ever like the pledge.
struct RangeRecord {
    BlobName proof;
    Height height;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("proof", self.proof);
        visit("height", self.height);
    }
    friend bool operator==(const RangeRecord&, const RangeRecord&) = default;
};

// rounds
struct RoundsRecord {
    std::uint64_t next_round = 1;
    std::optional<std::uint64_t> current;  // not in RESULT or CANCELLED; may wait in ABORTED
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("next_round", self.next_round);
        visit("current", self.current);
    }
    friend bool operator==(const RoundsRecord&, const RoundsRecord&) = default;
};

enum class Phase : std::uint8_t {
    kSubmitting = 1,
    kStat1 = 2,
    kStat2 = 3,
    kAggregate = 4,
    kResult = 5,
    kAborted = 6,  // nothing was opened; the next attempt follows
    kCancelled = 7,
    kCoinRange = 8,  // the seed of the projections is opened; not with up to 128 parameters
    kRanging = 9,    // clients prove their ranges
    kCoinTest = 10,  // the seed of the test is opened; from its beginning on no ABORT
};
[[nodiscard]] constexpr bool is_known(Phase phase) {
    return phase >= Phase::kSubmitting && phase <= Phase::kCoinTest;
}
// The place of a phase in the course of a round; numbers are in the order in which they came to be.
// Ends (RESULT, ABORTED, CANCELLED) lie behind every phase with work.
[[nodiscard]] int phase_order(Phase phase);
[[nodiscard]] std::string_view to_string(Phase phase);

enum class EndReason : std::uint8_t {
    kNone = 0,
    kTooFewSubmitted = 1,     // aborted
    kCouncil = 2,             // aborted or cancelled
    kTooFewPassed = 3,        // cancelled: fewer than n_need passed the range and norm tests
    kTooFewWeighted = 4,      // cancelled: a sum of so few would nearly be one update
    kOverflow = 5,            // cancelled: the model would leave its range
    kTooManyAttempts = 6,     // cancelled
    kTaskClosed = 7,          // cancelled
    kTooFewRanged = 8,        // aborted: fewer than n_need proofs of ranges
    kNoReference = 9,         // aborted: one is required, and no quorum computed the same
    kEpochHalted = 10,        // cancelled: more than t members are proven liars
    kMembershipChanged = 11,  // aborted: the next attempt has another committee
    kChainSetBack = 12,       // cancelled: t + 1 members have answered a later state
};
[[nodiscard]] constexpr bool is_known(EndReason reason) {
    return reason <= EndReason::kChainSetBack;
}
[[nodiscard]] std::string_view to_string(EndReason reason);

// Outcome of one client in one round; numbers as in the verdict rule.
enum class ClientCode : std::uint8_t {
    kOk = 0,
    kNoSubmit = 1,
    kNoRange = 2,
    kRangeFail = 3,
    kNormFail = 4,
    kNull = 5,
    kRef = 6,
    kAgree = 7,
    kLoo = 8,
};
[[nodiscard]] constexpr bool is_known(ClientCode code) {
    return code <= ClientCode::kLoo;
}
[[nodiscard]] std::string_view to_string(ClientCode code);  // "OK", "NO_SUBMIT", ...

// What ROUND_OPEN fixes for every attempt.
struct RoundTerms {
    std::uint32_t task{};
    std::uint32_t task_round{};  // 1..spec.rounds
    std::uint32_t model_version{};
    BlobName model;
    std::uint64_t dimension{};  // d
    std::uint8_t nu{};
    std::uint8_t blur_bits{};   // hb
    std::uint64_t clip_norm{};  // C_r, Q32
    Mode mode = Mode::kPairwise;
    std::uint16_t rule{};
    std::uint16_t malicious_max{};            // c_max
    std::vector<std::uint16_t> data_weights;  // dw_i per slot
    RoundWindows windows;
    std::optional<Digest> reference_set;  // of the task when the round opened
    bool is_reference_required{};
    std::optional<PrivacyTerms> privacy;  // noise that every trainer adds
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("task_round", self.task_round);
        visit("model_version", self.model_version);
        visit("model", self.model);
        visit("dimension", self.dimension);
        visit("nu", self.nu);
        visit("blur_bits", self.blur_bits);
        visit("clip_norm", self.clip_norm);
        visit("mode", self.mode);
        visit("rule", self.rule);
        visit("malicious_max", self.malicious_max);
        visit("data_weights", self.data_weights, Limit{kMaxClients});
        visit("windows", self.windows);
        visit("reference_set", self.reference_set);
        visit("is_reference_required", self.is_reference_required);
        visit("privacy", self.privacy);
    }
    friend bool operator==(const RoundTerms&, const RoundTerms&) = default;
};

// The reference update g of a round: what q of the chain's validators computed alike.
struct AgreedReference {
    Digest sha256;  // of the d int64 little-endian
    std::uint64_t squared_norm{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("sha256", self.sha256);
        visit("squared_norm", self.squared_norm);
    }
    friend auto operator<=>(const AgreedReference&, const AgreedReference&) = default;
};
// reference/<round>/<validator>: one validator's REF, for all attempts of the round.
using ReferenceRecord = AgreedReference;

// round/<round>: the current or last attempt.
struct RoundRecord {
    RoundLabel label;
    RoundTerms terms;
    Phase phase = Phase::kSubmitting;
    EndReason reason = EndReason::kNone;
    Height opened;
    TimeMs opened_time;
    Height phase_height;  // at which `phase` began; for kSubmitting the opening
    TimeMs phase_time;
    std::optional<Height> pledges_closed;  // h_pl
    TimeMs pledges_closed_time;
    std::optional<Height> submissions_closed;  // h_sub
    std::optional<Height> ranges_closed;       // h_rng: from here on no ABORT
    SlotSet pledged{};
    SlotSet submitted{};                       // U once submissions are closed
    std::optional<AgreedReference> reference;  // fixed with U; absent: the attempt has none
    std::optional<Digest> range_seed;          // seed_R, once opened
    SlotSet ranged{};                          // V0 once ranges are closed
    std::optional<Digest> test_seed;           // seed_T, once opened
    MemberSet stat1_posters{};
    std::vector<std::uint16_t> stat1_base;         // members whose vectors define the polynomial
    SlotSet in_range{};                            // of V0, whose proof holds
    SlotSet passed{};                              // V1: in range and of an allowed norm
    std::vector<std::int64_t> norms;               // blurred, per slot of V0 ascending
    std::vector<std::int64_t> reference_products;  // blurred <u_i, g>, like norms; empty without g
    std::vector<std::uint32_t> clip_weights;       // omega, per slot of V1 ascending
    MemberSet stat2_posters{};
    std::vector<std::uint16_t> stat2_base;
    SlotSet accepted{};                          // Acc
    std::vector<std::uint32_t> reduced_weights;  // per slot of V1 ascending, zeros kept
    std::optional<std::uint8_t> dither_bits;     // none: the sum is plain
    std::uint64_t weight_sum{};
    bool is_aggregate_fallback{};  // all members post AGG
    MemberSet aggregate_posters{};
    MemberSet aggregate_oks{};
    std::optional<Digest> aggregate;             // of the result
    std::optional<std::uint32_t> model_version;  // registered by the result
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("terms", self.terms);
        visit("phase", self.phase);
        visit("reason", self.reason);
        visit("opened", self.opened);
        visit("opened_time", self.opened_time);
        visit("phase_height", self.phase_height);
        visit("phase_time", self.phase_time);
        visit("pledges_closed", self.pledges_closed);
        visit("pledges_closed_time", self.pledges_closed_time);
        visit("submissions_closed", self.submissions_closed);
        visit("ranges_closed", self.ranges_closed);
        visit("pledged", self.pledged);
        visit("submitted", self.submitted);
        visit("reference", self.reference);
        visit("range_seed", self.range_seed);
        visit("ranged", self.ranged);
        visit("test_seed", self.test_seed);
        visit("stat1_posters", self.stat1_posters);
        visit("stat1_base", self.stat1_base, Limit{kMaxCommittee});
        visit("in_range", self.in_range);
        visit("passed", self.passed);
        visit("norms", self.norms, Limit{kMaxClients});
        visit("reference_products", self.reference_products, Limit{kMaxClients});
        visit("clip_weights", self.clip_weights, Limit{kMaxClients});
        visit("stat2_posters", self.stat2_posters);
        visit("stat2_base", self.stat2_base, Limit{kMaxCommittee});
        visit("accepted", self.accepted);
        visit("reduced_weights", self.reduced_weights, Limit{kMaxClients});
        visit("dither_bits", self.dither_bits);
        visit("weight_sum", self.weight_sum);
        visit("is_aggregate_fallback", self.is_aggregate_fallback);
        visit("aggregate_posters", self.aggregate_posters);
        visit("aggregate_oks", self.aggregate_oks);
        visit("aggregate", self.aggregate);
        visit("model_version", self.model_version);
    }
    friend bool operator==(const RoundRecord&, const RoundRecord&) = default;
};

// aggregate/<round>/<member> and aggregate_ok/<round>/<member>
struct AggregateShareRecord {
    BlobName share;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("share", self.share);
    }
    friend bool operator==(const AggregateShareRecord&, const AggregateShareRecord&) = default;
};
struct AggregateOkRecord {
    Digest sha256;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("sha256", self.sha256);
    }
    friend bool operator==(const AggregateOkRecord&, const AggregateOkRecord&) = default;
};

struct ClientOutcome {
    std::uint16_t slot{};
    ClientCode code = ClientCode::kOk;
    bool is_suspect{};  // flagged with `code`, yet accepted at an eighth of its weight
    std::uint32_t weight{};
    std::uint32_t reduced_weight{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("slot", self.slot);
        visit("code", self.code);
        visit("is_suspect", self.is_suspect);
        visit("weight", self.weight);
        visit("reduced_weight", self.reduced_weight);
    }
    friend bool operator==(const ClientOutcome&, const ClientOutcome&) = default;
};
// verdict/<round>: kept for ever, also the payload of the VERDICT event.
struct VerdictRecord {
    RoundLabel label;
    std::vector<ClientOutcome> clients;  // every slot of the epoch, ascending
    std::optional<std::uint8_t> dither_bits;
    std::uint64_t weight_sum{};  // of the reduced weights
    std::uint64_t clip_next{};   // C_next, Q32
    bool is_cancelled{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("clients", self.clients, Limit{kMaxClients});
        visit("dither_bits", self.dither_bits);
        visit("weight_sum", self.weight_sum);
        visit("clip_next", self.clip_next);
        visit("is_cancelled", self.is_cancelled);
    }
    friend bool operator==(const VerdictRecord&, const VerdictRecord&) = default;
};

// history/<task>/<mpc_epoch>: same encoding as the verdict rule's history.
struct HistoryRecord {
    std::optional<std::uint64_t> first_clip_norm;
    std::vector<std::int64_t> products;
    std::vector<std::optional<std::int64_t>> reference;
    std::vector<std::optional<std::int64_t>> leave_out;
    std::vector<std::int64_t> recent;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("first_clip_norm", self.first_clip_norm);
        visit("products", self.products, Limit{kMaxClients * kMaxClients});
        visit("reference", self.reference, Limit{kMaxClients});
        visit("leave_out", self.leave_out, Limit{kMaxClients});
        visit("recent", self.recent, Limit{kMaxClients * kMaxClients});
    }
    friend bool operator==(const HistoryRecord&, const HistoryRecord&) = default;
};

}  // namespace consilium::schema
