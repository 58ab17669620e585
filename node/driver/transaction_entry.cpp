// Screening, signature checks and relay of transactions.
#include "node/driver/transaction_entry.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "contracts/executor.hpp"
#include "contracts/schema/table.hpp"

namespace consilium::driver {
namespace {

constexpr std::size_t kResendTransactions = 64;

[[nodiscard]] SubmissionResult refusal(Ticket ticket, ErrorCode code, std::string why) {
    return {ticket, SubmissionStatus::kRefused, Error{code, std::move(why)}};
}

}  // namespace

TransactionEntry::TransactionEntry(Parts parts) : parts_(parts) {}

Candidate TransactionEntry::make_candidate(Transaction transaction, std::size_t size_bytes) const {
    Candidate candidate;
    candidate.id = transaction_id(transaction);
    candidate.size_bytes = size_bytes;
    candidate.cost = schema::transaction_cost(transaction);
    if (const auto blob = schema::blob_reference(transaction)) {
        candidate.blobs.push_back({blob->sha256, blob->length});
    }
    const auto nonce = parts_.chain.account_nonce(transaction.sender);
    candidate.account_nonce = nonce.next;
    candidate.is_known_account = nonce.is_known;
    candidate.transaction = std::move(transaction);
    return candidate;
}

std::optional<SubmissionResult> TransactionEntry::screen(const Pending& pending) const {
    const Candidate& candidate = pending.candidate;
    const Ticket ticket = pending.submission.value_or(0);
    if (parts_.mempool.find(candidate.id) != nullptr || checking_ids_.contains(candidate.id) ||
        early_.contains(candidate.id)) {
        return SubmissionResult{ticket, SubmissionStatus::kDuplicate, {}};
    }
    if (candidate.transaction.nonce < candidate.account_nonce) {
        const auto place = parts_.env.storage().find_transaction(candidate.id);
        if (place && *place) return SubmissionResult{ticket, SubmissionStatus::kDuplicate, {}};
    }
    if (const auto refused = parts_.chain.refuses(candidate.transaction)) {
        return refusal(ticket, refused->code, refused->context);
    }
    if (auto admitted = parts_.mempool.admits(candidate, parts_.chain.height()); !admitted) {
        return refusal(ticket, admitted.error().code, admitted.error().context);
    }
    if (checking_ids_.size() >= limits::kMaxPendingChecks) {
        return refusal(ticket, ErrorCode::kUnavailable, "too many signatures are being checked");
    }
    return std::nullopt;
}

void TransactionEntry::refuse(const Pending& pending, const SubmissionResult& result) {
    if (pending.submission) parts_.env.on_submission(result);
}

void TransactionEntry::start_check(std::vector<Pending> pending) {
    if (pending.empty()) return;
    std::vector<SignatureCheck> checks;
    for (const Pending& one : pending) {
        checks.push_back(signature_check(one.candidate.transaction));
        checking_ids_.insert(one.candidate.id);
    }
    const Ticket ticket = next_ticket_++;
    checking_.emplace(ticket, std::move(pending));
    parts_.env.check_later(ticket, std::move(checks));
}

void TransactionEntry::submit(const SubmitTransaction& submission, std::uint64_t /*now_ms*/) {
    auto transaction = decode_transaction(submission.transaction);
    if (!transaction) {
        parts_.env.on_submission(
            refusal(submission.ticket, transaction.error().code, transaction.error().context));
        return;
    }
    Pending pending{
        .candidate = make_candidate(std::move(*transaction), submission.transaction.size()),
        .submission = submission.ticket,
        .from = {},
        .blobs = submission.blobs};
    if (auto refused = screen(pending)) return refuse(pending, *refused);
    std::vector<Pending> one;
    one.push_back(std::move(pending));
    start_check(std::move(one));
}

void TransactionEntry::on_relay(const PublicKey& from, const TransactionRelay& relay,
                                std::uint64_t /*now_ms*/) {
    std::vector<Pending> wanted;
    std::set<Digest> in_frame;
    for (const Transaction& transaction : relay.transactions) {
        const std::size_t size_bytes = encode(transaction).size();
        if (size_bytes > kMaxTransactionBytes) continue;
        Pending pending{.candidate = make_candidate(transaction, size_bytes),
                        .submission = std::nullopt,
                        .from = from,
                        .blobs = {}};
        if (screen(pending) || !in_frame.insert(pending.candidate.id).second) continue;
        wanted.push_back(std::move(pending));
    }
    start_check(std::move(wanted));
}

void TransactionEntry::on_checked(const SignaturesChecked& answer, std::uint64_t now_ms) {
    const auto found = checking_.find(answer.ticket);
    if (found == checking_.end()) return;
    std::vector<Pending> pending = std::move(found->second);
    checking_.erase(found);
    CHECK(answer.valid.size() == pending.size());
    for (std::size_t i = 0; i < pending.size(); ++i) {
        checking_ids_.erase(pending[i].candidate.id);
        if (answer.valid[i]) {
            accept(std::move(pending[i]), now_ms);
            continue;
        }
        if (!pending[i].submission) {
            parts_.env.report_invalid(pending[i].from);
            continue;
        }
        refuse(pending[i], refusal(*pending[i].submission, ErrorCode::kInvalidSignature,
                                   "the transaction's signature does not verify"));
    }
}

void TransactionEntry::accept(Pending pending, std::uint64_t now_ms) {
    // Blocks may have been committed while the signature was checked.
    pending.candidate =
        make_candidate(std::move(pending.candidate.transaction), pending.candidate.size_bytes);
    if (auto refused = screen(pending)) return refuse(pending, *refused);
    const Transaction transaction = pending.candidate.transaction;
    const bool is_expected = contracts::is_blob_expected(parts_.chain.state(), transaction);
    if (!pending.submission && !pending.candidate.blobs.empty() && !is_expected) {
        // Early or late: nobody may pull its blob now.
        return keep_early(std::move(pending));
    }
    const std::size_t size_bytes = pending.candidate.size_bytes;
    const Digest id = pending.candidate.id;
    auto added = parts_.mempool.add(std::move(pending.candidate), parts_.chain.height(), now_ms);
    CHECK(added.has_value());  // screen() asked for the same
    if (const auto blob = schema::blob_reference(transaction)) {
        const WantedBlob wanted = wanted_by(*blob, false);
        Result<void> stored{};
        const auto blobs = pending.blobs ? std::span(*pending.blobs) : std::span<const Bytes>();
        for (const Bytes& content : blobs) {
            if (sha256(content) == blob->sha256) stored = parts_.blobs.store(wanted, content);
        }
        if (!stored) {
            parts_.mempool.remove(id, now_ms);
            return refuse(pending, refusal(pending.submission.value_or(0), stored.error().code,
                                           stored.error().context));
        }
        if (is_expected) parts_.blobs.want(wanted, now_ms);
    }
    if (!pending.submission) return;
    if (to_relay_bytes_ + size_bytes > limits::kRelayBytes) flush_relay();
    to_relay_.push_back(transaction);
    to_relay_bytes_ += size_bytes;
    parts_.env.on_submission({*pending.submission, SubmissionStatus::kAccepted, {}});
}

// Its own node relays it again while it waits, but a second or two later.
void TransactionEntry::keep_early(Pending pending) {
    const auto of_sender = std::count_if(early_.begin(), early_.end(), [&](const auto& other) {
        return other.second.candidate.transaction.sender == pending.candidate.transaction.sender;
    });
    const std::size_t size_bytes = pending.candidate.size_bytes;
    if (pending.was_early || early_.size() >= limits::kEarlyRelays ||
        early_bytes_ + size_bytes > limits::kEarlyRelayBytes ||
        static_cast<std::size_t>(of_sender) >= limits::kMempoolPerAccount) {
        return;
    }
    pending.was_early = true;
    const Digest id = pending.candidate.id;
    if (early_.emplace(id, std::move(pending)).second) early_bytes_ += size_bytes;
}

void TransactionEntry::retry_early(std::uint64_t now_ms) {
    early_bytes_ = 0;
    for (auto& [id, pending] : std::exchange(early_, {})) accept(std::move(pending), now_ms);
}

void TransactionEntry::flush_relay() {
    if (to_relay_.empty()) return;
    parts_.env.broadcast(encode_frame(TransactionRelay{std::exchange(to_relay_, {})}));
    to_relay_bytes_ = 0;
}

void TransactionEntry::resend(std::uint64_t now_ms, std::uint64_t age_ms) {
    std::vector<const Waiting*> again = parts_.mempool.oldest(kResendTransactions);
    // A transaction whose blob is not everywhere is not ready, and may not be known everywhere.
    for (const BlobKey& blob : parts_.mempool.named_blobs()) {
        if (again.size() >= 2 * kResendTransactions) break;
        for (const Waiting* waiting : parts_.mempool.naming(blob.hash)) {
            if (!waiting->ready_since_ms) again.push_back(waiting);
            const auto name = schema::blob_reference(waiting->candidate.transaction);
            if (name) parts_.blobs.announce(wanted_by(*name, false), true);
        }
    }
    for (const Waiting* waiting : again) {
        const std::uint64_t since = waiting->ready_since_ms.value_or(0);
        if (since + age_ms > now_ms) continue;
        if (to_relay_bytes_ + waiting->candidate.size_bytes > limits::kRelayBytes) break;
        to_relay_.push_back(waiting->candidate.transaction);
        to_relay_bytes_ += waiting->candidate.size_bytes;
    }
    flush_relay();
}

std::optional<WantedBlob> TransactionEntry::find_wanted(const Digest& hash,
                                                        const PublicKey& account) const {
    for (const Waiting* waiting : parts_.mempool.naming(hash)) {
        const auto blob = schema::blob_reference(waiting->candidate.transaction);
        if (blob && blob->sha256 == hash) return wanted_by(*blob, false);
    }
    const auto blob = contracts::pledged_blob(parts_.chain.state(), account);
    if (blob && blob->sha256 == hash) return wanted_by(*blob, false);
    return std::nullopt;
}

void TransactionEntry::submit(const SubmitBlob& submission, std::uint64_t /*now_ms*/) {
    const auto wanted = find_wanted(sha256(submission.content), submission.account);
    if (!wanted) {
        parts_.env.on_submission(refusal(submission.ticket, ErrorCode::kRefused,
                                         "no pledge and no waiting transaction names this blob"));
        return;
    }
    if (auto stored = parts_.blobs.store(*wanted, submission.content); !stored) {
        parts_.env.on_submission(
            refusal(submission.ticket, stored.error().code, stored.error().context));
        return;
    }
    parts_.env.on_submission({submission.ticket, SubmissionStatus::kAccepted, {}});
}

}  // namespace consilium::driver
