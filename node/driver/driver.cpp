// Opening a store, recovering what was voted, and the public face of the driver.
#include "node/driver/driver.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "node/driver/core.hpp"

namespace consilium::driver {
namespace {

// The journal as it was left; with a nonce when votes may have been forgotten (P12).
struct JournalReading {
    consensus::RecoveredState state;
    std::vector<Block> bodies;
    bool is_trusted = true;
};

[[nodiscard]] Result<JournalReading> read_journal(const Storage& storage, Height head) {
    auto journal = storage.load_votes();
    if (!journal) return tl::unexpected(journal.error());
    JournalReading reading;
    reading.bodies = std::move(journal->bodies);
    // Votes at decided heights bind nobody any more; the newest record only tells the sequence.
    std::vector<Bytes> open_votes;
    std::uint64_t next_sequence = 0;
    for (VoteRecord& record : journal->records) {
        next_sequence = saturating_add(record.sequence, std::uint64_t{1});
        if (record.height > head) open_votes.push_back(std::move(record.content));
    }
    auto recovered = consensus::recover_state(open_votes);
    if (recovered && next_sequence >= journal->sequence_guard) {
        reading.state = std::move(*recovered);
        reading.state.next_sequence = next_sequence;
        return reading;
    }
    reading.is_trusted = false;
    reading.state.next_sequence = std::max(next_sequence, journal->sequence_guard);
    return reading;
}

}  // namespace

Result<std::unique_ptr<Driver>> Driver::open(const DriverOptions& options, Env& env, Now now) {
    static_cast<void>(now);
    // An empty store that is no first start has lost its votes. That outlives restarts, so it is
    // written before there is a block: a guard above the journal.
    const auto head = env.storage().load_head();
    if (!head) return tl::unexpected(head.error());
    if (!*head && !options.first_start) {
        if (auto done = env.storage().distrust_votes(); !done) {
            return tl::unexpected(done.error());
        }
    }
    auto chain = Chain::open(options.genesis, env);
    if (!chain) return tl::unexpected(chain.error());
    auto journal = read_journal(env.storage(), chain->height());
    if (!journal) return tl::unexpected(journal.error());
    const auto evidence = env.storage().load_evidence();
    if (!evidence) return tl::unexpected(evidence.error());
    auto client_blobs = env.storage().client_blobs();
    if (!client_blobs) return tl::unexpected(client_blobs.error());
    Core::Recovered recovered{.journal = std::move(journal->state),
                              .bodies = std::move(journal->bodies),
                              .amnesia_nonce = std::nullopt,
                              .evidence = {},
                              .client_blobs = std::move(*client_blobs)};
    for (const EvidenceRecord& record : *evidence) ++recovered.evidence[record.offender];
    if (!journal->is_trusted) recovered.amnesia_nonce = options.nonce;
    auto core = std::make_unique<Core>(options, env, std::move(*chain), std::move(recovered));
    return std::unique_ptr<Driver>(new Driver(std::move(core)));
}

Driver::Driver(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Driver::~Driver() = default;

void Driver::start(Now now) {
    core_->start(now);
}
void Driver::handle(const Event& event, Now now) {
    core_->handle(event, now);
}
const Head& Driver::head() const {
    return core_->chain().head();
}
const StateTree& Driver::state() const {
    return core_->chain().state();
}
DriverStatus Driver::status() const {
    return core_->status();
}
const ChainIdentity& Driver::identity() const {
    return core_->chain().identity();
}
std::optional<std::uint64_t> Driver::wanted_blob(const Digest& hash,
                                                 const PublicKey& account) const {
    const auto wanted = core_->entry().find_wanted(hash, account);
    if (!wanted) return std::nullopt;
    return wanted->key.length;
}
bool Driver::is_waiting(const Digest& transaction_id) const {
    return core_->mempool().find(transaction_id) != nullptr;
}
std::uint64_t Driver::next_nonce(const PublicKey& account) const {
    return core_->mempool().next_free_nonce(account, core_->chain().account_nonce(account).next);
}

}  // namespace consilium::driver
