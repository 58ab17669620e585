// One transaction at a time.
#include "tests/simulation/mpc/account.hpp"

#include <algorithm>

#include "contracts/schema/records.hpp"
#include "core/transaction.hpp"
#include "tests/simulation/crypto.hpp"
#include "tests/simulation/mpc/records.hpp"

namespace consilium::simulation {
namespace {

constexpr std::uint64_t kExpiryBlocks = 30;
constexpr std::uint64_t kResubmitMs = 700;

}  // namespace

Account::Account(Stage& stage, const Genesis& genesis, std::size_t key)
    : stage_(stage), genesis_(genesis), key_(key) {}

const PublicKey& Account::public_key() const {
    return simulation_key(key_).public_key();
}

void Account::send(schema::Module module, std::uint16_t action, Bytes arguments,
                   std::vector<Bytes> blobs) {
    const auto target = stage_.random_process();
    if (waiting_ || !target) return;
    Transaction transaction;
    transaction.chain_id = genesis_.chain_id;
    transaction.genesis_hash = genesis_.hash();
    transaction.sender = public_key();
    transaction.nonce = std::max(stage_.driver_of(*target)->next_nonce(public_key()), nonce_min_);
    transaction.valid_until = Height{stage_.top().value + kExpiryBlocks};
    transaction.module = static_cast<std::uint16_t>(module);
    transaction.action = action;
    transaction.arguments = std::move(arguments);
    transaction.signature = simulation_sign(simulation_key(key_), signing_digest(transaction));
    was_committed_ = false;
    waiting_ = Waiting{.transaction = encode(transaction),
                       .blobs = std::move(blobs),
                       .id = transaction_id(transaction),
                       .valid_until = transaction.valid_until,
                       .nonce = transaction.nonce,
                       .submitted_ms = 0};
    submit();
}

void Account::tick() {
    if (!waiting_) return;
    bool is_nonce_used = false;  // by a transaction that was given up, or one of a clone
    if (const auto process = stage_.random_process()) {
        const auto record = read_record<schema::NonceRecord>(stage_.driver_of(*process)->state(),
                                                             schema::keys::nonce(public_key()));
        is_nonce_used = record && record->next > waiting_->nonce;
    }
    if (stage_.is_committed(waiting_->id)) {
        nonce_min_ = waiting_->nonce + 1;
        waiting_.reset();
        was_committed_ = true;
    } else if (waiting_->valid_until < stage_.top() || is_nonce_used) {
        waiting_.reset();
    } else if (stage_.now_ms() - waiting_->submitted_ms >= kResubmitMs) {
        submit();
    }
}

void Account::submit() {
    waiting_->submitted_ms = stage_.now_ms();
    const auto target = stage_.random_process();
    if (!target) return;
    stage_.feed(*target, driver::SubmitTransaction{
                             0, waiting_->transaction,
                             std::make_shared<const std::vector<Bytes>>(waiting_->blobs)});
    // A node that knows the transaction already did not look at what came with it.
    for (const Bytes& blob : waiting_->blobs) {
        stage_.feed(*target, driver::SubmitBlob{0, public_key(), blob});
    }
}

}  // namespace consilium::simulation
