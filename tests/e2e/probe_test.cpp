// Malformed input at both ports of a running node: errors, counters, bounded memory, no harm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transaction.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "p2p/node_client.hpp"
#include "tests/e2e/testnet.hpp"
#include "tests/p2p/raw_peer.hpp"

namespace consilium::devnet::test {
namespace {

constexpr int kTries = 40;
constexpr std::uint64_t kSeed = 20'260'707;

Bytes random_bytes(fl::RandomStream& random, std::size_t size) {
    Bytes bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
    return bytes;
}

class Probe : public testing::Test {
  protected:
    Probe() : net_(1), random_(kSeed) {}

    p2p::NodeClient client() {
        const auto options = net_.setup().only_node(net_.setup().hospitals[0]);
        p2p::HttpClientOptions http;
        http.port = options.endpoints.front().port;
        http.expected_server =
            p2p::ExpectedServer{options.endpoints.front().allowed_keys, options.genesis.hash()};
        return p2p::NodeClient(http);
    }
    double metric(const std::string& name) {
        const auto answer = client().get("/metrics");
        return answer ? metric_of(answer->body, name) : -1;
    }
    [[nodiscard]] std::uint16_t p2p_port() const { return net_.setup().ports.p2p(1); }
    [[nodiscard]] std::uint16_t api_port() const { return net_.setup().ports.api(1); }
    // Opens a plain connection, writes, and reads until the node closes it.
    void write_plain(std::uint16_t port, const Bytes& bytes) {
        p2p::test::asio::io_context io;
        p2p::test::tcp::socket socket(io);
        boost::system::error_code error;
        socket.connect(p2p::test::loopback(port), error);
        ASSERT_FALSE(error) << "the node no longer accepts connections";
        p2p::test::asio::write(socket, p2p::test::asio::buffer(bytes.data(), bytes.size()), error);
    }
    void expect_unharmed(std::uint64_t resident_before) {
        EXPECT_TRUE(net_.network().node(1)->is_running());
        const std::uint64_t after = resident_kib(net_.network().node(1)->pid());
        EXPECT_LT(after, resident_before + 128 * 1024) << "resident KiB before " << resident_before;
        EXPECT_TRUE(net_.ask(1, "/readyz").is_object());
    }

    void probe_connections();
    void probe_transactions();
    void probe_blobs_and_paths();

    Testnet net_;
    fl::RandomStream random_;
};

void Probe::probe_connections() {
    // No TLS at all, at both ports.
    for (int i = 0; i < kTries; ++i) {
        write_plain(p2p_port(), random_bytes(random_, 1 + random_.below(2'000)));
        write_plain(api_port(), random_bytes(random_, 1 + random_.below(2'000)));
    }
    // TLS, then no identity but noise; and an identity that is no validator's, then noise.
    for (int i = 0; i < kTries; ++i) {
        p2p::test::RawPeer stranger;
        if (stranger.connect(p2p_port())) {
            (void)stranger.send(random_bytes(random_, 64 + random_.below(2'000)));
            // The node's own proof may come first; then it hangs up, or this test runs out of time.
            while (stranger.read_frame()) continue;
        }
        p2p::test::RawPeer observer;
        if (observer.join(p2p_port(), KeyPair::generate(), net_.setup().genesis.hash())) {
            (void)observer.send(random_bytes(random_, 64 + random_.below(2'000)));
            observer.close();
        }
    }
}

void Probe::probe_transactions() {
    // Transactions: noise, truncations and single changed bytes of a real one.
    auto api = client();
    Transaction transaction;
    transaction.chain_id = net_.setup().genesis.chain_id;
    transaction.genesis_hash = net_.setup().genesis.hash();
    transaction.valid_until = Height{100};
    transaction.module = 1;
    transaction.action = 1;
    transaction.arguments = {1, 2, 3};
    sign_transaction(transaction, KeyPair::generate());
    const Bytes good = encode(transaction);
    for (int i = 0; i < kTries; ++i) {
        Bytes bad = i % 2 == 0 ? random_bytes(random_, random_.below(500)) : good;
        if (i % 2 == 1) bad[random_.below(bad.size())] ^= 0x41U;
        if (i % 4 == 3) bad.resize(random_.below(bad.size()));
        const auto answer = api.post_transaction(bad);
        ASSERT_TRUE(answer.has_value()) << answer.error().context;
        EXPECT_GE(answer->status, 400U);
        EXPECT_LT(answer->status, 500U);
        EXPECT_THAT(answer->body, testing::HasSubstr("\"code\""));
    }
    const auto huge = api.post_transaction(Bytes(std::size_t{8} << 20U));
    EXPECT_TRUE(!huge || huge->status >= 400U);
}

void Probe::probe_blobs_and_paths() {
    // Blobs that nobody asked for, and paths that are none.
    auto blobs = client();
    const Bytes blob = random_bytes(random_, 100'000);
    for (int i = 0; i < 5; ++i) {
        const auto answer = blobs.put_blob(KeyPair::generate(), {blob, net_.setup().genesis.time});
        ASSERT_TRUE(answer.has_value()) << answer.error().context;
        EXPECT_GE(answer->status, 400U);
    }
    for (const char* path : {"/v1/blocks/99999999999999999999", "/v1/blocks/-1", "/v1/state/zz",
                             "/v1/accounts/00", "/v1/blobs/xyz/0", "/v1/transactions/1", "/v2",
                             "/v1/rounds/%00", "/..%2f..%2fetc/passwd", "/v1/models/1/x"}) {
        const auto answer = blobs.get(path);
        ASSERT_TRUE(answer.has_value()) << path << ": " << answer.error().context;
        EXPECT_GE(answer->status, 400U) << path;
        EXPECT_LT(answer->status, 500U) << path;
    }
}

TEST_F(Probe, malformed_input_at_both_ports_is_refused_counted_and_harmless) {
    ASSERT_TRUE(net_.is_good());
    const std::uint64_t before = resident_kib(net_.network().node(1)->pid());
    probe_connections();
    probe_transactions();
    probe_blobs_and_paths();
    EXPECT_GT(metric("consilium_p2p_handshake_failures_total"), 0);
    EXPECT_GE(metric("consilium_api_transactions_refused_total"), kTries);
    EXPECT_GT(metric("consilium_api_blob_chunks_refused_total"), 0);
    expect_unharmed(before);
    // The network still carries out what is right.
    net_.admit_trainers();
    EXPECT_TRUE(net_.is_good());
}

}  // namespace
}  // namespace consilium::devnet::test
