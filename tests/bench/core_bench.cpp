// Micro-benchmarks of core: what every transaction and every block costs a node.
//
// Run with ./run bench. Absolute times belong to one machine; compare runs of one machine only.
#include <benchmark/benchmark.h>

#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/digest.hpp"
#include "core/signature.hpp"
#include "core/state_tree.hpp"
#include "core/transaction.hpp"

namespace consilium {
namespace {

constexpr std::size_t kArgumentBytes = 100;

KeyPair make_key(std::uint8_t number) {
    std::array<std::uint8_t, 32> secret{};
    secret.back() = number;
    return std::move(KeyPair::from_secret(secret).value());
}

Transaction make_transaction() {
    Transaction transaction;
    transaction.chain_id = "bench";
    transaction.arguments.assign(kArgumentBytes, 7);
    sign_transaction(transaction, make_key(1));
    return transaction;
}

void hash_bytes(benchmark::State& state) {
    const Bytes data(static_cast<std::size_t>(state.range(0)), 1);
    for (auto _ : state) benchmark::DoNotOptimize(sha256(data));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(hash_bytes)->Arg(64)->Arg(1024)->Arg(1 << 20);

void sign_message(benchmark::State& state) {
    const KeyPair key = make_key(1);
    const Digest message = sha256(Bytes{1});
    for (auto _ : state) benchmark::DoNotOptimize(key.sign(message));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(sign_message);

void verify_message(benchmark::State& state) {
    const KeyPair key = make_key(1);
    const Digest message = sha256(Bytes{1});
    const Signature signature = key.sign(message);
    for (auto _ : state) {
        benchmark::DoNotOptimize(verify_signature(key.public_key(), message, signature));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(verify_message);

void encode_transaction(benchmark::State& state) {
    const Transaction transaction = make_transaction();
    for (auto _ : state) benchmark::DoNotOptimize(encode(transaction));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_transaction);

void decode_transaction_bytes(benchmark::State& state) {
    const Bytes data = encode(make_transaction());
    for (auto _ : state) benchmark::DoNotOptimize(decode_transaction(data));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decode_transaction_bytes);

void root_of_transactions(benchmark::State& state) {
    const std::vector<Digest> ids(static_cast<std::size_t>(state.range(0)), sha256(Bytes{1}));
    for (auto _ : state) benchmark::DoNotOptimize(transaction_root(ids));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(root_of_transactions)->Arg(100)->Arg(10'000);

// A certificate of the smallest quorum of n validators.
void verify_quorum(benchmark::State& state) {
    const auto n = static_cast<std::size_t>(state.range(0));
    const ChainIdentity identity{"bench", sha256(Bytes{1})};
    Membership membership;
    Certificate certificate;
    const Digest message = commit_vote_digest(
        identity, {certificate.epoch, certificate.height, certificate.view, certificate.digest});
    for (std::size_t i = 0; i < n; ++i) {
        const KeyPair key = make_key(static_cast<std::uint8_t>(i + 1));
        membership.members.push_back({"member " + std::to_string(i), key.public_key()});
        if (i >= quorum_size(n)) continue;
        certificate.signers |= std::uint64_t{1} << i;
        certificate.signatures.push_back(key.sign(message));
    }
    for (auto _ : state) {
        if (!verify_certificate(identity, membership, certificate)) {
            state.SkipWithError("the certificate does not verify");
        }
    }
}
BENCHMARK(verify_quorum)->Arg(4)->Arg(13);

StateWrites make_writes(std::uint64_t first, std::size_t count) {
    StateWrites writes;
    for (std::uint64_t i = first; i < first + count; ++i) writes[encode(i)] = Bytes(64, 1);
    return writes;
}

// One block's writes of 1,000 new keys into a state of the given size.
void apply_to_state(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const StateTree tree = StateTree{}.apply(make_writes(0, size));
    const StateWrites writes = make_writes(size, 1000);
    for (auto _ : state) benchmark::DoNotOptimize(tree.apply(writes).root());
    state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(apply_to_state)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace consilium
