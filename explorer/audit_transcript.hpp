// What members and clients posted, gathered from verified blocks: the evidence an audit starts
// from.
//
// A transcript holds the shares of one attempt of a round, or of one mask batch, next to what the
// chain claims to follow from them: events, and records as they stood when it was over. Shares come
// from transactions, never from the state, so nothing of the contracts' bookkeeping is believed.
// Plain values: no I/O, no clock.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "contracts/schema/dispute_records.hpp"
#include "contracts/schema/events.hpp"
#include "contracts/schema/privacy.hpp"
#include "explorer/chain_verifier.hpp"
#include "fl_engine/smpc/verdict.hpp"

namespace consilium::explorer {

// One accepted message of a member. Which of `values`, `blob` and `digest` it has follows from its
// action.
struct Post {
    Height height;
    Digest transaction;
    std::uint16_t member{};
    std::vector<std::uint64_t> values;
    schema::BlobName blob;  // AGG, PREP_W
    Digest digest;          // AGG_OK
    bool is_late{};         // after the opening
};
struct Posts {
    std::vector<Post> all;         // in the order of the chain
    std::optional<Height> opened;  // the chain says so
    schema::MemberSet excluded{};  // X at that time
};

// PREP_REVEAL of a member.
struct RevealPost {
    Height height;
    Digest transaction;
    std::uint16_t member{};
    std::vector<schema::KeyBytes> masks;  // of the first asked slot, then of the second
    std::vector<schema::KeyBytes> prep;
};
// EXCLUDE as the chain claims it.
struct ExclusionClaim {
    Height height;
    schema::ExclusionRecord record;
};
// EPOCH_HALTED as the chain claims it.
struct HaltClaim {
    Height height;
    schema::MemberSet excluded{};
};

using BlobContents = std::map<Digest, std::shared_ptr<const Bytes>>;

struct Committees {
    std::vector<PublicKey> members;  // member k is members[k-1]
    std::vector<PublicKey> clients;  // slot i is clients[i-1]
};

// An account of privacy: task 0 for all tasks together.
struct PrivacyAccountName {
    std::uint32_t task{};
    std::uint32_t organisation{};
    friend auto operator<=>(const PrivacyAccountName&, const PrivacyAccountName&) = default;
};

struct AttemptTranscript {
    schema::RoundLabel label;
    schema::RoundTerms terms;
    Committees parties;
    std::vector<std::uint32_t> organisations;  // of the clients when the attempt opened
    Height opened;
    Height last;  // the newest block that concerns it
    schema::SlotSet submitted{};
    schema::SlotSet ranged{};
    // Counted from REF when submissions closed, with the validators before and after that block: a
    // change of the validators may fall on either side.
    std::vector<std::optional<schema::AgreedReference>> counted_references;
    Posts range_coin;
    Posts test_coin;
    Posts stat1;
    Posts stat2;
    Posts aggregate;
    Posts aggregate_ok;

    // Claims.
    std::optional<schema::SubmissionsClosed> submissions_closed;
    std::optional<schema::AgreedReference> reference;
    std::optional<schema::RangesClosed> ranges_closed;
    std::optional<Digest> range_seed;
    std::optional<Digest> test_seed;
    std::optional<schema::Statistics> statistics;
    std::optional<schema::VerdictRecord> verdict;
    std::optional<schema::RoundResult> result;
    std::optional<schema::RoundEnded> ended;  // ABORTED, CANCELLED
    std::optional<Height> halted;             // its MPC epoch, while the attempt ran
    std::vector<schema::FaultProved> faults;
    std::vector<schema::PrivacySpent> privacy_spent;
    // Records when it was over.
    std::optional<schema::RoundRecord> record;
    std::optional<schema::VerdictRecord> verdict_record;
    std::optional<smpc::VerdictHistory> history;
    std::optional<schema::ModelRecord> model;
    std::map<PrivacyAccountName, schema::PrivacyRecord> privacy;  // of the clients' hospitals
    std::uint64_t clip_min{};                                     // of the task
    std::uint64_t clip_max{};
    BlobContents blobs;  // shares of the aggregate and the round's model, as far as they are here
};

struct BatchTranscript {
    schema::BatchLabel label;
    std::uint64_t dimension{};
    Committees parties;
    Height opened;
    Height last;
    Posts shares;  // PREP_SHARE; "opened" is the end of POSTING
    Posts coin;    // chi
    Posts weights;
    Posts checks;
    std::vector<RevealPost> reveals;
    // Of the epoch until this batch was over: when each member of X came into it.
    std::map<std::uint16_t, Height> excluded_since;

    // Claims.
    std::vector<schema::BatchState> states;  // after POSTING
    std::optional<schema::BatchDisputed> dispute;
    std::vector<ExclusionClaim> exclusions;  // by this batch's dispute
    std::optional<Height> halted;            // its epoch, while the batch was not over
    std::optional<Digest> seed;
    std::vector<std::uint64_t> delta;  // of the record when POSTING ended
    std::vector<schema::FaultProved> faults;
    // Records when it was over.
    std::optional<schema::DisputeRecord> dispute_record;
    std::map<std::uint16_t, schema::ExclusionRecord> exclusion_records;  // by member, of its own
    BlobContents blobs;                                                  // PREP_W

    [[nodiscard]] bool has_burned() const {
        return !states.empty() && states.back() == schema::BatchState::kBurned;
    }
};

// An MPC epoch: who was proven a liar, and whether more were than tolerated.
struct EpochTranscript {
    std::uint64_t mpc_epoch{};
    std::size_t members{};
    Height last;  // of the newest exclusion, halt or end
    std::vector<ExclusionClaim> exclusions;
    std::optional<HaltClaim> halted;
    std::optional<schema::EpochRecord> record;  // when it was over
};

// Feed it every block from 1 on, in order.
class TranscriptCollector {
  public:
    // `before`: the state before the block.
    void add(const VerifiedBlock& block, const StateTree& before);
    // What is over since the last call, in the order of the chain.
    [[nodiscard]] std::vector<AttemptTranscript> take_attempts();
    [[nodiscard]] std::vector<BatchTranscript> take_batches();
    // After the batches of the same call: all batches of a taken epoch were taken before.
    [[nodiscard]] std::vector<EpochTranscript> take_epochs();
    // The chain ends with this state: what is still open counts as it stands.
    void finish(const StateTree& state);

  private:
    struct Seen {
        Height height;
        Digest transaction;
    };
    void add_transaction(const Transaction& transaction, const Seen& seen);
    void add_submission(const Transaction& transaction, const Seen& seen);
    void add_share(const Transaction& transaction, const Seen& seen);
    void add_coin_share(const Transaction& transaction, const Seen& seen);
    void add_batch_share(const Transaction& transaction, const Seen& seen);
    void add_reference(const Transaction& transaction);
    void add_reveal(const Transaction& transaction, const Seen& seen);
    void add_event(const Event& event, const VerifiedBlock& block, const StateTree& before);
    void add_round_event(const Event& event, Height height, const StateTree& state);
    void add_submission_event(const Event& event, const VerifiedBlock& block,
                              const StateTree& before);
    void add_opening_event(const Event& event, Height height);
    void add_preparation_event(const Event& event, Height height, const StateTree& state);
    void add_epoch_event(const Event& event, Height height);
    void change_batch(const schema::BatchStateChanged& change, Height height,
                      const StateTree& state);
    void end_batch(BatchTranscript&& batch, const StateTree& state);
    void end_epoch(std::uint64_t mpc_epoch, const StateTree& state);
    void note_halt(const schema::EpochHalted& halted, Height height);
    void note_seed(const schema::SeedOpened& opened, Height height);
    void note_phase(const schema::PhaseChanged& change, Height height);
    void open(Posts& posts, std::uint64_t mpc_epoch, Height height);
    void end_attempt(const StateTree& state);
    void end_block(const StateTree& state);
    [[nodiscard]] AttemptTranscript* attempt(const schema::RoundLabel& label);
    [[nodiscard]] BatchTranscript* batch(const schema::BatchLabel& label);
    [[nodiscard]] std::vector<std::optional<schema::AgreedReference>> count_references(
        std::uint64_t round, const std::vector<const StateTree*>& states) const;

    struct EpochParties {
        Committees parties;
        schema::MemberSet excluded{};
        std::map<std::uint16_t, Height> excluded_since;
    };
    std::map<std::uint64_t, EpochParties> epochs_;
    std::map<std::uint64_t, EpochTranscript> open_epochs_;
    std::optional<AttemptTranscript> attempt_;
    bool is_attempt_over_ = false;
    std::map<std::pair<std::uint64_t, std::uint64_t>, BatchTranscript> batches_;
    std::map<PublicKey, schema::AgreedReference> references_;  // of references_round_
    std::uint64_t references_round_ = 0;
    std::vector<AttemptTranscript> ended_attempts_;
    std::vector<BatchTranscript> ended_batches_;
    std::vector<EpochTranscript> ended_epochs_;
    std::vector<std::uint64_t> ended_now_;  // epochs that end with this block
};

}  // namespace consilium::explorer
