// Construction, the loop around one event, timers and reports.
#include "node/driver/core.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "contracts/executor.hpp"
#include "contracts/schema/table.hpp"

namespace consilium::driver {
namespace {

// Ready transactions looked at for one that the contracts would admit now.
constexpr std::size_t kClockScan = 1'024;

void keep_earlier(std::optional<std::uint64_t>& target, std::optional<std::uint64_t> other) {
    if (other && (!target || *other < *target)) target = other;
}

}  // namespace

consensus::StartState Driver::Core::start_state(const Chain& chain, Recovered& from) {
    consensus::StartState start{.head = chain.head().header,
                                .certificate = std::nullopt,
                                .membership = chain.membership(),
                                .journal = std::move(from.journal),
                                .amnesia_nonce = from.amnesia_nonce};
    if (chain.height().value > 0) start.certificate = chain.head().certificate;
    return start;
}

Driver::Core::Core(const DriverOptions& options, Env& env, Chain chain, Recovered recovered)
    : options_(options),
      env_(env),
      signer_(options.own_key, env),
      chain_(std::move(chain)),
      blobs_(chain_.identity(), options.own_key, env),
      mempool_({.blob_fetch_ms = options.times.blob_fetch_ms},
               [this](const BlobKey& blob) { return blobs_.is_eligible(blob); }),
      entry_({.chain = chain_, .mempool = mempool_, .blobs = blobs_, .env = env}),
      desk_({.chain = chain_,
             .mempool = mempool_,
             .blobs = blobs_,
             .env = env,
             .own_key = options.own_key}),
      sync_(options.own_key, env),
      replica_(options.consensus, chain_.identity(), signer_, start_state(chain_, recovered)),
      is_amnesic_(recovered.amnesia_nonce.has_value()),
      stored_evidence_(std::move(recovered.evidence)) {
    blobs_.set_membership(chain_.membership());
    blobs_.restore(recovered.client_blobs);
    sync_.set_membership(chain_.membership());
    desk_.restore(std::move(recovered.bodies));
}

void Driver::Core::start(Now now) {
    now_ = now;
    if (is_amnesic_) {
        env_.on_report({ReportKind::kAmnesia, "votes of an earlier life may be forgotten"});
    }
    env_.broadcast(encode_frame(StatusMessage{chain_.height(), true}));
    want_expected_blobs();
    erase_spent_blobs();
    queue(consensus::Tick{});
    settle();
}

void Driver::Core::handle(const Event& event, Now now) {
    now_ = now;
    std::visit([this](const auto& content) { on_event(content); }, event);
    settle();
}

void Driver::Core::settle() {
    do {
        run_queue();
        refresh_blobs();
        apply_synced();
        if (is_degraded_) break;
        for (consensus::Event& answer : desk_.progress(now_)) queue(std::move(answer));
        report_work();
    } while (!inputs_.empty());
    entry_.flush_relay();
    if (now_.monotonic_ms >= next_resend_ms_) resend();
    blob_wake_ms_ = blobs_.tick(now_.monotonic_ms);
    sync_wake_ms_ = sync_.tick(chain_.height(), sync_slack(), now_.monotonic_ms);
    if (const auto& error = blobs_.storage_error()) fail(*error, ReportKind::kDegraded);
    note_modes();
    set_timer();
}

void Driver::Core::note_modes() {
    if (is_amnesic_ && replica_.can_vote()) {
        is_amnesic_ = false;
        env_.on_report({ReportKind::kAmnesiaOver,
                        "votes again from height " + std::to_string(replica_.height().value)});
    }
    const View view = replica_.view();
    if (view > last_view_) {
        ++view_changes_;
        env_.on_report({ReportKind::kViewChanged, "height " +
                                                      std::to_string(replica_.height().value) +
                                                      ", view " + std::to_string(view.value)});
    }
    last_view_ = view;
}

void Driver::Core::set_timer() {
    std::optional<std::uint64_t> wake = next_resend_ms_;
    if (!is_degraded_) {
        keep_earlier(wake, replica_wake_ms_);
        keep_earlier(wake, work_wake_ms_);
        keep_earlier(wake, desk_.next_wake());
    }
    keep_earlier(wake, blob_wake_ms_);
    keep_earlier(wake, sync_wake_ms_);
    env_.wake_at(std::max(*wake, now_.monotonic_ms + 1));
}

void Driver::Core::fail(const Error& error, ReportKind kind) {
    if (is_degraded_) return;
    is_degraded_ = true;
    inputs_.clear();
    env_.on_report({kind, error.context});
}

bool Driver::Core::is_primary() const {
    const auto self = replica_.self();
    return self && replica_.primary() == *self;
}

std::uint64_t Driver::Core::sync_slack() const {
    // A voting replica hears of the next block from consensus before anybody can claim it. After a
    // view change at this height perhaps not: whoever has the block may have left the members.
    return replica_.can_vote() && replica_.view() == View{0} ? 1 : 0;
}

void Driver::Core::refresh_blobs() {
    std::vector<BlobKey> forwarded;
    for (const Digest& hash : blobs_.take_changes()) {
        mempool_.refresh_blob(hash, now_.monotonic_ms);
        const auto length = mempool_.named_length(hash);
        if (length && blobs_.is_eligible({hash, *length})) forwarded.push_back({hash, *length});
    }
    if (forwarded.empty() || is_primary()) return;
    if (!chain_.membership().contains(replica_.primary())) return;
    blobs_.forward(chain_.membership().key_of(replica_.primary()), forwarded);
}

consensus::PendingWork Driver::Core::work_now() {
    consensus::PendingWork work;
    if (!has_open_window_) has_open_window_ = chain_.has_open_window();
    work.has_open_window = *has_open_window_;
    work_wake_ms_.reset();
    for (const Waiting* waiting : mempool_.oldest(kClockScan)) {
        if (chain_.refuses(waiting->candidate.transaction)) continue;
        CHECK(waiting->ready_since_ms.has_value());
        // The primary takes what is ready; the others give a blob time to spread before they
        // count the wait.
        std::uint64_t since = *waiting->ready_since_ms;
        std::uint64_t from = since + options_.times.batch_delay_ms;
        if (!waiting->candidate.blobs.empty() && !is_primary()) {
            since += options_.times.blob_fetch_ms;
            from = since;
        }
        if (from > now_.monotonic_ms) {
            keep_earlier(work_wake_ms_, from);
            continue;
        }
        work.oldest_transaction = TimeMs{since};
        break;
    }
    return work;
}

void Driver::Core::report_work() {
    if (is_degraded_) return;
    // Asking the contracts about everything that waits is too dear to be done at each event.
    const WorkBasis basis{mempool_.revision(), chain_.height(), is_primary()};
    const bool is_due = work_wake_ms_ && *work_wake_ms_ <= now_.monotonic_ms;
    if (work_basis_ == basis && !is_due) return;
    work_basis_ = basis;
    const consensus::PendingWork work = work_now();
    if (reported_work_ == work) return;
    reported_work_ = work;
    queue(work);
}

void Driver::Core::ask_status() {
    if (now_.monotonic_ms < next_status_ms_) return;
    next_status_ms_ = now_.monotonic_ms + options_.times.resend_ms;
    env_.broadcast(encode_frame(StatusMessage{chain_.height(), true}));
}

void Driver::Core::resend() {
    next_resend_ms_ = now_.monotonic_ms + options_.times.resend_ms;
    entry_.resend(now_.monotonic_ms, options_.times.resend_ms);
    if (!replica_.can_vote()) ask_status();
    if (is_primary() || !chain_.membership().contains(replica_.primary())) return;
    std::vector<BlobKey> eligible;
    for (const BlobKey& blob : mempool_.named_blobs()) {
        if (blobs_.is_eligible(blob)) eligible.push_back(blob);
    }
    blobs_.forward(chain_.membership().key_of(replica_.primary()), eligible);
}

void Driver::Core::apply_synced() {
    if (is_degraded_) return;
    while (const CertifiedBlock* block = sync_.next(chain_.height().next())) {
        if (!apply_synced_block(*block)) return;
    }
}

bool Driver::Core::apply_synced_block(const CertifiedBlock& block) {
    const BlockHeader& header = block.block.header;
    // The certificate covers the header, the header covers the transactions.
    if (!chain_.check_certificate_of(header, block.certificate) ||
        header.tx_root != transaction_root(transaction_ids(block.block.transactions))) {
        env_.on_report({ReportKind::kSyncPeerSwitched, "a block did not verify"});
        sync_.blame(now_.monotonic_ms);
        return false;
    }
    auto executed = chain_.execute(block.block);
    if (executed) return commit(std::move(*executed), block.certificate, false);
    if (executed.error().missing) {
        blobs_.want({{*executed.error().missing, 0}, schema::BlobKind::kNone, true},
                    now_.monotonic_ms);
        return false;
    }
    fail(executed.error().error, ReportKind::kStateMismatch);
    return false;
}

bool Driver::Core::commit(ExecutedBlock executed, const Certificate& certificate, bool is_live) {
    Block block = executed.block;
    keep_blobs_of_members(block);
    if (auto committed = chain_.commit(std::move(executed), certificate, is_live); !committed) {
        fail(committed.error(), ReportKind::kDegraded);
        return false;
    }
    std::map<PublicKey, std::uint64_t> nonces;
    for (const Transaction& transaction : block.transactions) {
        nonces[transaction.sender] = chain_.account_nonce(transaction.sender).next;
    }
    has_open_window_.reset();
    blobs_.set_membership(chain_.membership());
    sync_.set_membership(chain_.membership());
    mempool_.advance(chain_.height(), nonces, now_.monotonic_ms);
    entry_.retry_early(now_.monotonic_ms);
    note_missing_blobs(block);
    want_expected_blobs();
    erase_spent_blobs();
    desk_.advance(std::move(block));
    // Before whatever still waits in the queue: that is of the height that is over.
    inputs_.emplace_front(
        consensus::HeadAdvanced{chain_.head().header, certificate, chain_.membership()});
    return true;
}

void Driver::Core::want_expected_blobs() {
    std::set<Digest> named;
    std::vector<Digest> late;
    for (const BlobKey& blob : mempool_.named_blobs()) {
        for (const Waiting* waiting : mempool_.naming(blob.hash)) {
            const Transaction& transaction = waiting->candidate.transaction;
            const auto name = schema::blob_reference(transaction);
            if (!name) continue;
            if (contracts::is_blob_expected(chain_.state(), transaction)) {
                // A window may have opened that lets the blob be pulled, or an epoch voided our
                // HAVE.
                blobs_.want(wanted_by(*name, false), now_.monotonic_ms);
            } else {
                // Its time is over and nobody will pull the blob any more. Replicas that lack it
                // can never propose it, so those that hold it must not wait for it either: they
                // would depose an honest primary, and every later nonce of its sender would wait.
                // What the state expects is the same everywhere, what is eligible is not.
                late.push_back(waiting->candidate.id);
                continue;
            }
            named.insert(blob.hash);
        }
    }
    for (const Digest& id : late) mempool_.remove(id, now_.monotonic_ms);
    want_blobs_in_use(named);
    blobs_.keep_only(named);
}

void Driver::Core::note_missing_blobs(const Block& block) {
    for (const Transaction& transaction : block.transactions) {
        const auto name = schema::blob_reference(transaction);
        if (name && !env_.storage().has_blob(name->sha256)) may_lack_blobs_ = true;
    }
}

void Driver::Core::keep_blobs_of_members(const Block& block) {
    for (const Transaction& transaction : block.transactions) {
        const auto name = schema::blob_reference(transaction);
        if (name && !name->batch) blobs_.keep(name->sha256);
    }
}

void Driver::Core::erase_spent_blobs() {
    blobs_.erase_spent(chain_.state(), chain_.height(), options_.client_blob_blocks);
}

void Driver::Core::want_blobs_in_use(std::set<Digest>& named) {
    if (!may_lack_blobs_) return;
    may_lack_blobs_ = false;
    for (const schema::BlobReference& name : contracts::blobs_in_use(chain_.state())) {
        if (env_.storage().has_blob(name.sha256)) continue;
        may_lack_blobs_ = true;
        named.insert(name.sha256);
        blobs_.want(wanted_by(name, true), now_.monotonic_ms);
    }
}

DriverStatus Driver::Core::status() const {
    DriverStatus status;
    status.mode = DriverMode::kVoting;
    if (!replica_.can_vote()) status.mode = DriverMode::kObserving;
    if (sync_.is_surely_behind(chain_.height(), sync_slack())) status.mode = DriverMode::kSyncing;
    if (is_degraded_) status.mode = DriverMode::kDegraded;
    status.height = chain_.height();
    status.view = replica_.view();
    status.highest_claim = sync_.target();
    status.is_primary = is_primary();
    status.waiting_transactions = mempool_.size();
    status.waiting_bytes = mempool_.bytes();
    status.pulled_blobs = blobs_.wanted();
    status.pulled_bytes = blobs_.pulled_bytes();
    status.client_blobs = blobs_.held_of_clients();
    status.client_blobs_erased = blobs_.erased_of_clients();
    status.buffered_messages = replica_.buffered_messages();
    status.buffered_messages_max = replica_.max_buffered_messages();
    status.proposals_refused = desk_.refused();
    status.view_changes = view_changes_;
    status.invalid_messages = invalid_messages_;
    status.evidence = evidence_;
    return status;
}

}  // namespace consilium::driver
