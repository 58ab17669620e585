// Loading, executing and committing blocks.
#include "node/driver/chain.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "contracts/executor.hpp"

namespace consilium::driver {
namespace {

constexpr std::size_t kLoadBatch = 4'096;  // state keys applied to the tree at once
constexpr std::size_t kAssemblyTries = 8;  // then the block stays empty

class StoredBlobs final : public contracts::BlobReader {
  public:
    explicit StoredBlobs(const Storage& storage) : storage_(&storage) {}
    [[nodiscard]] std::optional<Bytes> get(const Digest& hash) const override {
        auto content = storage_->get_blob(hash);
        if (!content) return std::nullopt;
        return std::move(*content);
    }
    [[nodiscard]] std::unique_ptr<BlobContent> open(const Digest& hash) const override {
        auto content = storage_->open_blob(hash);
        return content ? std::move(*content) : nullptr;
    }

  private:
    const Storage* storage_;
};

[[nodiscard]] tl::unexpected<ExecutionFailure> failure(ErrorCode code, std::string why) {
    return tl::unexpected(ExecutionFailure{std::nullopt, Error{code, std::move(why)}, {}});
}

// Takes out the transactions at these places, and what their senders have behind them: a nonce
// cannot be executed without the one before it.
[[nodiscard]] std::vector<Transaction> without(std::vector<Transaction> transactions,
                                               const std::vector<std::size_t>& places) {
    const std::set<std::size_t> out(places.begin(), places.end());
    std::set<PublicKey> stopped;
    std::vector<Transaction> kept;
    for (std::size_t i = 0; i < transactions.size(); ++i) {
        const PublicKey& sender = transactions[i].sender;
        if (out.contains(i)) stopped.insert(sender);
        if (!stopped.contains(sender)) kept.push_back(std::move(transactions[i]));
    }
    return kept;
}

}  // namespace

Chain::Chain(const Genesis& genesis, Env& env) : identity_(genesis.identity()), env_(&env) {}

Result<Chain> Chain::open(const Genesis& genesis, Env& env) {
    if (auto valid = validate_genesis(genesis); !valid) return tl::unexpected(valid.error());
    Chain chain(genesis, env);
    auto head = env.storage().load_head();
    if (!head) return tl::unexpected(head.error());
    if (!*head) {
        chain.was_empty_ = true;
        if (auto written = chain.write_genesis(genesis); !written) {
            return tl::unexpected(written.error());
        }
        return chain;
    }
    if (auto loaded = chain.load(genesis, std::move(**head)); !loaded) {
        return tl::unexpected(loaded.error());
    }
    return chain;
}

Result<void> Chain::write_genesis(const Genesis& genesis) {
    auto writes = contracts::genesis_state(genesis);
    if (!writes) return tl::unexpected(writes.error());
    state_ = StateTree().apply(*writes);
    head_ = {.header = genesis.header(state_.root()),
             .certificate = {},
             .membership = genesis.membership()};
    head_digest_ = header_digest(head_.header);
    return env_->storage().commit_block({.block = {.header = head_.header, .transactions = {}},
                                         .certificate = {},
                                         .receipts = {},
                                         .writes = std::move(*writes),
                                         .blobs = {},
                                         .next_membership = head_.membership});
}

Result<void> Chain::load(const Genesis& genesis, Head head) {
    head_ = std::move(head);
    head_digest_ = header_digest(head_.header);
    StateWrites batch;
    auto loaded = env_->storage().load_state([&](ByteView key, ByteView value) {
        batch.emplace(to_bytes(key), to_bytes(value));
        if (batch.size() < kLoadBatch) return;
        state_ = state_.apply(batch);
        batch.clear();
    });
    if (!loaded) return loaded;
    state_ = state_.apply(batch);
    if (state_.root() != head_.header.state_root) {
        return make_error(ErrorCode::kMismatch, "the stored state is not that of the head");
    }
    if (head_.membership.hash() != head_.header.membership_hash) {
        return make_error(ErrorCode::kMismatch, "the stored membership is not that of the head");
    }
    auto writes = contracts::genesis_state(genesis);
    if (!writes) return tl::unexpected(writes.error());
    auto first = env_->storage().block_at(Height{0});
    if (!first) return tl::unexpected(first.error());
    if (first->block.header != genesis.header(StateTree().apply(*writes).root())) {
        return make_error(ErrorCode::kMismatch, "the store belongs to another chain");
    }
    return verify_recent();
}

Result<void> Chain::verify_recent() const {
    const Storage& storage = env_->storage();
    const std::uint64_t top = head_.header.height.value;
    const std::uint64_t bottom = saturating_sub(top, limits::kVerifiedOnStart);
    auto parent = storage.block_at(Height{bottom});
    if (!parent) return tl::unexpected(parent.error());
    for (std::uint64_t height = bottom + 1; height <= top; ++height) {
        auto block = storage.block_at(Height{height});
        if (!block) return tl::unexpected(block.error());
        auto membership = storage.membership_at(Height{height});
        if (!membership) return tl::unexpected(membership.error());
        const BlockHeader& header = block->block.header;
        const bool is_linked =
            header.height.value == height && header.parent == header_digest(parent->block.header) &&
            header.tx_root == transaction_root(transaction_ids(block->block.transactions)) &&
            membership->hash() == parent->block.header.membership_hash &&
            block->certificate.digest == header_digest(header) &&
            block->certificate.height == header.height;
        if (!is_linked) {
            return make_error(ErrorCode::kMismatch,
                              "the stored block " + std::to_string(height) + " is damaged");
        }
        auto certified =
            check_certificate(env_->verifier(), identity_, *membership, block->certificate);
        if (!certified) return certified;
        parent = std::move(block);
    }
    if (parent->block.header != head_.header) {
        return make_error(ErrorCode::kMismatch, "the stored head is not the last block");
    }
    return {};
}

Chain::AccountNonce Chain::account_nonce(const PublicKey& key) const {
    const auto next = contracts::next_nonce(state_, key);
    return {next.value_or(0), next.has_value()};
}

std::optional<Error> Chain::refuses(const Transaction& transaction) const {
    const contracts::AdmissionContext context{.height = height().next(),
                                              .nonce_gap = limits::kNonceGap};
    const schema::Code code = contracts::check_admission(state_, transaction, context);
    if (code == schema::Code::kOk) return std::nullopt;
    return Error{ErrorCode::kRefused, std::string(schema::to_string(code))};
}

std::uint64_t Chain::block_cost_max() const {
    return contracts::block_cost_limit(state_);
}

bool Chain::has_open_window() const {
    return contracts::has_open_window(state_, {head_.header.height, head_.header.time});
}

ExecutionResult<ExecutedBlock> Chain::run(BlockHeader header,
                                          std::vector<Transaction> transactions) const {
    auto effects = contracts::execute_block(state_, StoredBlobs(env_->storage()),
                                            {header.height, header.time}, transactions);
    if (!effects) {
        return tl::unexpected(ExecutionFailure{
            effects.error().sha256, {ErrorCode::kUnavailable, "a blob that execution needs"}, {}});
    }
    if (!effects->inadmissible.empty()) {
        return tl::unexpected(
            ExecutionFailure{.missing = std::nullopt,
                             .error = {ErrorCode::kRefused, "an inadmissible transaction"},
                             .inadmissible = std::move(effects->inadmissible)});
    }
    ExecutedBlock executed;
    executed.ids = transaction_ids(transactions);
    executed.state = state_.apply(effects->writes);
    executed.next_membership = effects->next_membership.value_or(head_.membership);
    header.parent = head_digest_;
    header.epoch = head_.membership.epoch;
    header.tx_root = transaction_root(executed.ids);
    header.receipt_root = receipt_root(effects->receipts);
    header.state_root = executed.state.root();
    header.membership_hash = executed.next_membership.hash();
    executed.digest = header_digest(header);
    executed.block = {.header = header, .transactions = std::move(transactions)};
    executed.receipts = std::move(effects->receipts);
    executed.writes = std::move(effects->writes);
    executed.blobs = std::move(effects->blobs);
    return executed;
}

ExecutionResult<ExecutedBlock> Chain::assemble(const Proposer& proposer,
                                               std::vector<Transaction> transactions) const {
    const BlockHeader header{.height = height().next(),
                             .parent = {},
                             .time = proposer.time,
                             .proposer = proposer.id,
                             .epoch = {},
                             .tx_root = {},
                             .receipt_root = {},
                             .state_root = {},
                             .membership_hash = {},
                             .protocol_version = head_.header.protocol_version};
    for (std::size_t i = 0; i < kAssemblyTries; ++i) {
        auto executed = run(header, transactions);
        if (executed || executed.error().inadmissible.empty()) return executed;
        transactions = without(std::move(transactions), executed.error().inadmissible);
    }
    return run(header, {});
}

ExecutionResult<ExecutedBlock> Chain::execute(const Block& block) const {
    const BlockHeader& header = block.header;
    if (header.height != height().next() || header.parent != head_digest_) {
        return failure(ErrorCode::kMismatch, "the block does not extend the head");
    }
    if (header.time <= head_.header.time) {
        return failure(ErrorCode::kMismatch, "the block is not after its parent");
    }
    if (!head_.membership.contains(header.proposer)) {
        return failure(ErrorCode::kMismatch, "the proposer is no member");
    }
    if (header.protocol_version != kProtocolVersion) {
        return failure(ErrorCode::kMismatch, "the protocol version is not known");
    }
    auto executed = run(header, block.transactions);
    if (!executed) return executed;
    if (executed->block.header != header) {
        return failure(ErrorCode::kMismatch, "executing the block gives another header");
    }
    return executed;
}

Result<void> Chain::check_certificate_of(const BlockHeader& header,
                                         const Certificate& certificate) const {
    if (header.parent != head_digest_ || header.epoch != head_.membership.epoch ||
        certificate.height != header.height || certificate.digest != header_digest(header)) {
        return make_error(ErrorCode::kMismatch, "the certificate is of another block");
    }
    return check_certificate(env_->verifier(), identity_, head_.membership, certificate);
}

Result<void> Chain::commit(ExecutedBlock executed, const Certificate& certificate, bool is_live) {
    CHECK(executed.block.header.parent == head_digest_);
    CHECK(certificate.digest == executed.digest);
    BlockCommit commit{.block = std::move(executed.block),
                       .certificate = certificate,
                       .receipts = std::move(executed.receipts),
                       .writes = std::move(executed.writes),
                       .blobs = std::move(executed.blobs),
                       .next_membership = executed.next_membership};
    if (auto stored = env_->storage().commit_block(commit); !stored) return stored;
    head_ = {.header = commit.block.header,
             .certificate = certificate,
             .membership = std::move(executed.next_membership)};
    head_digest_ = executed.digest;
    state_ = std::move(executed.state);
    env_->on_committed({.block = commit.block,
                        .certificate = commit.certificate,
                        .receipts = commit.receipts,
                        .state = state_,
                        .membership = head_.membership,
                        .is_live = is_live});
    return {};
}

}  // namespace consilium::driver
