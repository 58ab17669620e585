// Proposals of the height being agreed on: collecting their bodies, executing and judging them,
// and assembling our own.
//
// A proposal is judged valid only when every body and blob is here, every signature verifies and
// executing it gives exactly its header. What was executed is kept, so that committing it does not
// execute it again. Answers are handed out by progress() as inputs for the replica; requests for
// what is missing go to the holders in turn, through Env.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "consensus/input.hpp"
#include "consensus/output.hpp"
#include "node/driver/blob_pool.hpp"
#include "node/driver/chain.hpp"
#include "node/driver/mempool.hpp"

namespace consilium::driver {

class ProposalDesk {
  public:
    struct Parts {
        Chain& chain;
        Mempool& mempool;
        BlobPool& blobs;
        Env& env;
        PublicKey own_key;
    };
    explicit ProposalDesk(Parts parts);

    // The requests of consensus. Answers come from progress().
    void validate(const consensus::ValidateBlock& request);
    void propose(const consensus::RequestProposal& request);
    void fetch(const consensus::FetchBody& request);

    void on_ids(ProposalIds answer);
    void on_transactions(TransactionResponse answer);
    void on_request(const PublicKey& from, const ProposalIdsRequest& request) const;
    void on_request(const PublicKey& from, const TransactionRequest& request) const;

    // Does what can be done now; the events are for the replica, in this order.
    [[nodiscard]] std::vector<consensus::Event> progress(Now now);
    // When progress() is due again although nothing arrives.
    [[nodiscard]] std::optional<std::uint64_t> next_wake() const;

    // The body to be written with the first vote for it; nullopt when it was written before.
    [[nodiscard]] std::optional<Block> take_unsaved_body(const Digest& digest);
    // Bodies that were written in an earlier life.
    void restore(std::vector<Block> bodies);
    // The executed block that was decided; executes it if only its body is known.
    [[nodiscard]] ExecutionResult<ExecutedBlock> take_decided(const BlockHeader& header);
    // A new height begins; `decided` may still be asked for by slower replicas.
    void advance(Block decided);

    [[nodiscard]] std::uint64_t refused() const { return refused_; }

  private:
    struct Validation {
        View view;
        bool is_first{};
        std::optional<consensus::Verdict> answered;
    };
    struct Proposal {
        BlockHeader header;
        std::optional<std::vector<Digest>> ids;
        std::map<Digest, Transaction> bodies;  // signatures verified
        std::vector<PublicKey> holders;
        std::size_t asked = 0;          // holders asked so far, in turn
        std::uint64_t asked_at_ms = 0;  // 0: not yet
        std::optional<ExecutedBlock> executed;
        bool is_invalid = false;
        bool is_saved = false;  // its body is in the journal, or need not be
        std::optional<Validation> validation;
        std::optional<View> proposal_view;  // to be proposed again by us
        std::uint64_t order = 0;            // of arrival
    };
    using Proposals = std::map<Digest, Proposal>;

    Proposal& open(const BlockHeader& header, const std::vector<ReplicaId>& holders);
    void evict();
    [[nodiscard]] bool collect(Proposal& proposal, Now now);
    [[nodiscard]] bool has_blobs(Proposal& proposal, Now now);
    void execute(const Digest& digest, Proposal& proposal, Now now);
    void ask_holders(const Digest& digest, Proposal& proposal, Now now);
    void judge(const Digest& digest, Proposal& proposal, Now now,
               std::vector<consensus::Event>& answers);
    [[nodiscard]] std::optional<consensus::Event> assemble(View view, Now now);
    [[nodiscard]] const Transaction* find_body(const Digest& id) const;
    [[nodiscard]] std::vector<Digest> missing_of(const Proposal& proposal) const;
    void wake_by(std::uint64_t monotonic_ms);
    void refuse(Proposal& proposal, const Error& error);

    Parts parts_;
    Proposals proposals_;
    std::optional<View> own_view_;  // asked to assemble a block in this view
    std::optional<Block> last_decided_;
    std::map<Digest, std::size_t> last_decided_places_;  // of its transactions, by id
    std::optional<std::uint64_t> wake_ms_;
    std::uint64_t next_order_ = 0;
    std::uint64_t refused_ = 0;
};

}  // namespace consilium::driver
