// The way of a transaction into the mempool: from this node's API, or relayed by a peer.
//
// Cheap checks first, then the signature, once and elsewhere (Env::check_later), then the pool.
// What came from our own API is relayed to all, and again while it waits. Answers to the API go
// through Env::on_submission.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "node/driver/blob_pool.hpp"
#include "node/driver/chain.hpp"
#include "node/driver/driver.hpp"
#include "node/driver/mempool.hpp"

namespace consilium::driver {

class TransactionEntry {
  public:
    struct Parts {
        Chain& chain;
        Mempool& mempool;
        BlobPool& blobs;
        Env& env;
    };
    explicit TransactionEntry(Parts parts);

    void submit(const SubmitTransaction& submission, std::uint64_t now_ms);
    void submit(const SubmitBlob& submission, std::uint64_t now_ms);
    void on_relay(const PublicKey& from, const TransactionRelay& relay, std::uint64_t now_ms);
    void on_checked(const SignaturesChecked& answer, std::uint64_t now_ms);
    // After a block: takes what was relayed before our state named its blob, or drops it.
    void retry_early(std::uint64_t now_ms);

    // Sends what was accepted from our own API since the last call.
    void flush_relay();
    // Relays the oldest waiting transactions once more to everybody.
    void resend(std::uint64_t now_ms, std::uint64_t age_ms);

    // Kind and length of a blob that a waiting transaction or this account's pledge names.
    [[nodiscard]] std::optional<WantedBlob> find_wanted(const Digest& hash,
                                                        const PublicKey& account) const;

  private:
    struct Pending {
        Candidate candidate;
        std::optional<Ticket> submission;  // absent: relayed by `from`
        PublicKey from;
        std::shared_ptr<const std::vector<Bytes>> blobs;
        bool was_early = false;
    };

    // Checks without the signature; nullopt when it goes on to the signature check.
    [[nodiscard]] std::optional<SubmissionResult> screen(const Pending& pending) const;
    [[nodiscard]] Candidate make_candidate(Transaction transaction, std::size_t size_bytes) const;
    void accept(Pending pending, std::uint64_t now_ms);
    void keep_early(Pending pending);
    void refuse(const Pending& pending, const SubmissionResult& result);
    void start_check(std::vector<Pending> pending);

    Parts parts_;
    std::map<Ticket, std::vector<Pending>> checking_;
    std::set<Digest> checking_ids_;
    // Verified, of the time until the next block: a peer may have committed one that we have not.
    std::map<Digest, Pending> early_;
    std::size_t early_bytes_ = 0;
    Ticket next_ticket_ = 1;
    std::vector<Transaction> to_relay_;
    std::size_t to_relay_bytes_ = 0;
};

}  // namespace consilium::driver
