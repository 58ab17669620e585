// Tests of the mesh over loopback: who gets a link, what ends one, what order frames have.
#include "p2p/mesh.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <random>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/p2p/raw_peer.hpp"
#include "tests/p2p/support.hpp"

namespace consilium::p2p {
namespace {

namespace asio = boost::asio;
using test::eventually;
using test::Inbox;
using test::RawPeer;
using test::Runner;

constexpr std::uint32_t kSeed = 77;
constexpr PeerIndex kFirst{0};

MeshOptions options_for(const KeyPair& key, std::vector<PeerAddress> peers) {
    MeshOptions options;
    options.identity = make_identity_signer(key);
    options.genesis_hash = test::test_genesis();
    options.peers = std::move(peers);
    options.reconnect_first_ms = 20;
    options.reconnect_cap_ms = 200;
    return options;
}

PeerAddress address_of(const KeyPair& key, std::uint16_t port) {
    return {key.public_key(), "127.0.0.1", port};
}

// One mesh with its callbacks' record.
struct Node {
    Node(Runner& runner, MeshOptions options) {
        mesh = std::move(*Mesh::create(std::move(options), inbox.callbacks()));
        const auto started = mesh->start(runner.io());
        if (!started) ADD_FAILURE() << started.error().context;
    }
    [[nodiscard]] std::uint16_t port() const { return mesh->port(); }
    Inbox inbox;
    std::unique_ptr<Mesh> mesh;
};

// A mesh that waits for one peer that it does not dial: the test plays that peer.
struct Target {
    explicit Target(
        Runner& runner, const std::function<void(MeshOptions&)>& change = [](MeshOptions&) {}) {
        auto options = options_for(own, {address_of(peer, 0)});
        change(options);
        node = std::make_unique<Node>(runner, std::move(options));
    }
    [[nodiscard]] Mesh& mesh() { return *node->mesh; }
    [[nodiscard]] bool is_joined_by(RawPeer& raw) {
        return raw.join(node->port(), peer, test::test_genesis()) &&
               eventually([this] { return mesh().is_up(kFirst); });
    }
    KeyPair own = KeyPair::generate();
    KeyPair peer = KeyPair::generate();
    std::unique_ptr<Node> node;
};

TEST(Mesh, two_peers_link_and_exchange_frames_of_each_kind) {
    Runner runner;
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    Node a(runner, options_for(key_a, {address_of(key_b, 0)}));
    Node b(runner, options_for(key_b, {address_of(key_a, a.port())}));
    ASSERT_TRUE(eventually([&] { return a.mesh->is_up(kFirst) && b.mesh->is_up(kFirst); }));
    for (std::uint8_t kind = 1; kind <= kFrameKindCount; ++kind) {
        EXPECT_TRUE(a.mesh->send(kFirst, static_cast<FrameKind>(kind), Bytes(kind, kind)));
        EXPECT_EQ(b.mesh->broadcast(static_cast<FrameKind>(kind), Bytes(kind, kind)), 1U);
    }
    ASSERT_TRUE(eventually([&] {
        return a.inbox.frame_count() == kFrameKindCount && b.inbox.frame_count() == kFrameKindCount;
    }));
    for (const auto& frame : b.inbox.frames()) {
        EXPECT_EQ(frame.payload.size(), static_cast<std::size_t>(frame.kind));
        EXPECT_EQ(frame.peer, kFirst);
    }
    EXPECT_EQ(a.inbox.links().front(), std::make_pair(kFirst, LinkState::kUp));
}

TEST(Mesh, largest_frames_pass_and_larger_ones_are_not_queued) {
    Runner runner;
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    Node a(runner, options_for(key_a, {address_of(key_b, 0)}));
    Node b(runner, options_for(key_b, {address_of(key_a, a.port())}));
    ASSERT_TRUE(eventually([&] { return a.mesh->is_up(kFirst) && b.mesh->is_up(kFirst); }));
    EXPECT_TRUE(a.mesh->send(kFirst, FrameKind::kSync, Bytes(limits::kSyncFrame, 5)));
    EXPECT_FALSE(a.mesh->send(kFirst, FrameKind::kVote, Bytes(limits::kVoteFrame + 1, 5)));
    EXPECT_EQ(a.mesh->stats().frames_refused_size, 1U);
    ASSERT_TRUE(eventually([&] { return b.inbox.frame_count() == 1; }));
    EXPECT_EQ(b.inbox.frames()[0].payload, Bytes(limits::kSyncFrame, 5));
}

TEST(Mesh, both_dialling_at_once_end_with_one_link) {
    Runner runner(2);
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    Node a(runner, options_for(key_a, {address_of(key_b, 0)}));
    Node b(runner, options_for(key_b, {address_of(key_a, a.port())}));
    ASSERT_TRUE(a.mesh->set_peer(address_of(key_b, b.port())).has_value());
    const auto is_settled = [&] {
        return a.mesh->stats().links_up == 1 && b.mesh->stats().links_up == 1 &&
               a.mesh->send(kFirst, FrameKind::kVote, {1}) && b.inbox.frame_count() > 0;
    };
    ASSERT_TRUE(eventually(is_settled));
    EXPECT_EQ(a.mesh->linked_peers(), std::vector<PeerIndex>{kFirst});
}

TEST(Mesh, server_with_another_key_is_refused) {
    Runner runner;
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    const KeyPair impostor = KeyPair::generate();
    Node fake(runner, options_for(impostor, {address_of(key_a, 0)}));
    Node a(runner, options_for(key_a, {address_of(key_b, fake.port())}));
    ASSERT_TRUE(eventually([&] { return a.mesh->stats().identity_failures >= 2; }));
    EXPECT_FALSE(a.mesh->is_up(kFirst));
    EXPECT_TRUE(a.inbox.links().empty());
}

TEST(Mesh, client_with_an_unknown_key_is_refused) {
    Runner runner;
    Target target(runner);
    RawPeer raw;
    (void)raw.join(target.node->port(), KeyPair::generate(), test::test_genesis());
    EXPECT_TRUE(raw.is_closed_by_peer());
    EXPECT_EQ(target.mesh().stats().identity_failures, 1U);
    EXPECT_TRUE(target.node->inbox.links().empty());
}

TEST(Mesh, proof_for_another_genesis_or_role_is_refused) {
    Runner runner;
    Target target(runner);
    RawPeer other_chain;
    ASSERT_TRUE(other_chain.connect(target.node->port()));
    other_chain.send_proof(target.peer, sha256(as_bytes("another chain")));
    (void)other_chain.read_frame();
    EXPECT_TRUE(other_chain.is_closed_by_peer());
    RawPeer other_role;
    ASSERT_TRUE(other_role.connect(target.node->port()));
    other_role.send_proof(target.peer, test::test_genesis(), TlsRole::kServer);
    (void)other_role.read_frame();
    EXPECT_TRUE(other_role.is_closed_by_peer());
    EXPECT_TRUE(eventually([&] { return target.mesh().stats().identity_failures == 2; }));
    EXPECT_TRUE(target.node->inbox.links().empty());
}

TEST(Mesh, frame_before_the_proof_is_refused) {
    Runner runner;
    Target target(runner);
    RawPeer raw;
    ASSERT_TRUE(raw.connect(target.node->port()));
    Bytes vote;
    append_frame(vote, 1, Bytes(98, 0));
    raw.send(vote);
    (void)raw.read_frame();
    EXPECT_TRUE(raw.is_closed_by_peer());
    EXPECT_EQ(target.node->inbox.frame_count(), 0U);
}

// Terminates TLS on both sides with certificates of its own and relays what it decrypts.
class ManInTheMiddle {
  public:
    ManInTheMiddle(asio::io_context& io, std::uint16_t server_port)
        : identity_(*TlsIdentity::generate()),
          server_context_(identity_.server_context(true)),
          client_context_(identity_.client_context()),
          acceptor_(io, test::loopback(0)) {
        asio::co_spawn(io, run(server_port), asio::detached);
    }
    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    [[nodiscard]] std::uint64_t relayed() const { return relayed_; }

  private:
    using Stream = asio::ssl::stream<asio::ip::tcp::socket>;

    asio::awaitable<void> run(std::uint16_t server_port) {
        const auto executor = co_await asio::this_coro::executor;
        for (;;) {
            auto victim =
                std::make_shared<Stream>(asio::ip::tcp::socket(executor), server_context_);
            co_await acceptor_.async_accept(victim->next_layer(), asio::use_awaitable);
            auto server =
                std::make_shared<Stream>(asio::ip::tcp::socket(executor), client_context_);
            co_await server->next_layer().async_connect(test::loopback(server_port),
                                                        asio::use_awaitable);
            co_await victim->async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
            co_await server->async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
            asio::co_spawn(executor, relay(victim, server), asio::detached);
            asio::co_spawn(executor, relay(server, victim), asio::detached);
        }
    }
    asio::awaitable<void> relay(std::shared_ptr<Stream> from, std::shared_ptr<Stream> to) {
        std::array<std::uint8_t, 4096> buffer{};
        for (;;) {
            const std::size_t size =
                co_await from->async_read_some(asio::buffer(buffer), asio::use_awaitable);
            co_await asio::async_write(*to, asio::buffer(buffer, size), asio::use_awaitable);
            relayed_ += size;
        }
    }

    TlsIdentity identity_;
    asio::ssl::context server_context_;
    asio::ssl::context client_context_;
    asio::ip::tcp::acceptor acceptor_;
    std::atomic<std::uint64_t> relayed_{0};
};

TEST(Mesh, man_in_the_middle_with_own_certificates_is_refused_by_both_ends) {
    Runner runner;
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    Node b(runner, options_for(key_b, {address_of(key_a, 0)}));
    Runner attacker_thread;
    ManInTheMiddle attacker(attacker_thread.io(), b.port());
    Node a(runner, options_for(key_a, {address_of(key_b, attacker.port())}));
    ASSERT_TRUE(eventually([&] {
        return a.mesh->stats().identity_failures > 0 && b.mesh->stats().identity_failures > 0;
    }));
    EXPECT_GT(attacker.relayed(), 100U) << "the attacker must have passed the proofs on";
    EXPECT_TRUE(a.inbox.links().empty());
    EXPECT_TRUE(b.inbox.links().empty());
    attacker_thread.io().stop();
}

TEST(Mesh, tls_1_2_is_refused) {
    Runner runner;
    Target target(runner);
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    ASSERT_EQ(SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_2_VERSION), 1);
    asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
    stream.next_layer().connect(test::loopback(target.node->port()));
    boost::system::error_code error;
    stream.handshake(asio::ssl::stream_base::client, error);
    EXPECT_TRUE(error) << "a TLS 1.2 handshake must fail";
    EXPECT_TRUE(eventually([&] { return target.mesh().stats().handshake_failures == 1; }));
}

TEST(Mesh, client_without_a_certificate_is_refused) {
    Runner runner;
    Target target(runner);
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
    stream.next_layer().connect(test::loopback(target.node->port()));
    boost::system::error_code error;
    stream.handshake(asio::ssl::stream_base::client, error);
    std::array<std::uint8_t, 16> buffer{};
    if (!error) stream.read_some(asio::buffer(buffer), error);  // TLS 1.3 refuses after Finished
    EXPECT_TRUE(error);
    EXPECT_TRUE(eventually([&] { return target.mesh().stats().handshake_failures == 1; }));
}

TEST(Mesh, plain_garbage_is_refused_and_the_mesh_goes_on) {
    Runner runner;
    Target target(runner);
    std::mt19937 random(kSeed);
    asio::io_context io;
    for (int i = 0; i < 20; ++i) {
        asio::ip::tcp::socket socket(io);
        socket.connect(test::loopback(target.node->port()));
        std::vector<std::uint8_t> noise(64 + random() % 512);
        for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
        boost::system::error_code ignored;
        asio::write(socket, asio::buffer(noise), ignored);
        socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    }
    ASSERT_TRUE(eventually([&] { return target.mesh().stats().handshake_failures == 20; }));
    RawPeer raw;
    EXPECT_TRUE(target.is_joined_by(raw)) << "seed " << kSeed;
}

TEST(Mesh, handshake_that_lingers_is_closed) {
    Runner runner;
    Target target(runner, [](MeshOptions& options) { options.handshake_timeout_ms = 50; });
    RawPeer without_proof;
    ASSERT_TRUE(without_proof.connect(target.node->port()));
    (void)without_proof.read_frame();  // the other's proof
    EXPECT_TRUE(without_proof.is_closed_by_peer());
    EXPECT_TRUE(eventually([&] {
        return target.mesh().stats().handshake_failures == 1 &&
               target.mesh().stats().pending_handshakes == 0;
    }));
}

TEST(Mesh, hundred_pending_connections_do_not_keep_a_member_out) {
    Runner runner;
    Target target(runner);
    asio::io_context io;
    std::vector<asio::ip::tcp::socket> idle;
    for (int i = 0; i < 100; ++i) {
        idle.emplace_back(io);
        idle.back().connect(test::loopback(target.node->port()));
    }
    ASSERT_TRUE(eventually([&] { return target.mesh().stats().inbound_connections == 100; }));
    EXPECT_LE(target.mesh().stats().pending_handshakes, limits::kPendingHandshakes);
    EXPECT_TRUE(eventually([&] { return target.mesh().stats().handshakes_evicted >= 36; }));
    RawPeer raw;
    EXPECT_TRUE(target.is_joined_by(raw));
}

// Sends bytes no peer may send, sees the disconnect, and comes back after the pause.
void expect_punished_not_banned(const Bytes& bytes) {
    Runner runner;
    Target target(runner);
    RawPeer raw;
    ASSERT_TRUE(target.is_joined_by(raw));
    ASSERT_TRUE(raw.send(bytes));
    EXPECT_TRUE(raw.is_closed_by_peer());
    ASSERT_TRUE(eventually([&] { return target.mesh().stats().links_up == 0; }));
    EXPECT_EQ(target.mesh().stats().invalid_frames, 1U);
    EXPECT_EQ(target.node->inbox.frame_count(), 0U);
    RawPeer at_once;
    (void)at_once.join(target.node->port(), target.peer, test::test_genesis());
    EXPECT_TRUE(at_once.is_closed_by_peer()) << "refused while the pause lasts";
    EXPECT_EQ(target.mesh().stats().links_refused_in_pause, 1U);
    EXPECT_TRUE(eventually([&] {
        RawPeer later;
        return later.join(target.node->port(), target.peer, test::test_genesis()) &&
               eventually([&] { return target.mesh().is_up(kFirst); }, 50);
    }));
}

TEST(Mesh, oversized_length_is_punished_but_not_banned) {
    expect_punished_not_banned({0xff, 0xff, 0xff, 0xff, 1});
}

TEST(Mesh, unknown_kind_is_punished_but_not_banned) {
    expect_punished_not_banned({0, 0, 0, 0, 9});
}

TEST(Mesh, second_identity_frame_is_punished_but_not_banned) {
    expect_punished_not_banned({0, 0, 0, 0, kIdentityKind});
}

TEST(Mesh, random_bytes_after_the_handshake_end_the_link) {
    std::mt19937 random(kSeed);
    for (int run = 0; run < 10; ++run) {
        Runner runner;
        Target target(runner);
        RawPeer raw;
        ASSERT_TRUE(target.is_joined_by(raw));
        Bytes noise(4096);
        for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
        noise[3] |= 0x80U;  // so that the first length is over every limit
        (void)raw.send(noise);
        EXPECT_TRUE(raw.is_closed_by_peer()) << "seed " << kSeed << " run " << run;
        EXPECT_TRUE(eventually([&] { return target.mesh().stats().links_up == 0; }));
        EXPECT_EQ(target.node->inbox.frame_count(), 0U);
    }
}

TEST(Mesh, too_many_reported_messages_end_the_link) {
    Runner runner;
    Target target(runner);
    RawPeer raw;
    ASSERT_TRUE(target.is_joined_by(raw));
    for (std::uint32_t i = 0; i < limits::kInvalidPerMinute; ++i) {
        target.mesh().report_invalid(kFirst);
    }
    EXPECT_TRUE(target.mesh().send(kFirst, FrameKind::kVote, {1}));
    ASSERT_TRUE(raw.read_frame().has_value());
    EXPECT_TRUE(target.mesh().is_up(kFirst)) << "the budget itself is tolerated";
    target.mesh().report_invalid(kFirst);
    target.mesh().report_invalid(kFirst);
    EXPECT_TRUE(raw.is_closed_by_peer());
    EXPECT_TRUE(eventually([&] { return target.mesh().stats().offence_disconnects == 1; }));
}

TEST(Mesh, vote_overtakes_queued_blobs) {
    constexpr std::size_t kBlobs = 24;
    Runner runner;
    Target target(runner);
    RawPeer slow(32 * 1024);
    ASSERT_TRUE(target.is_joined_by(slow));
    for (std::size_t i = 0; i < kBlobs; ++i) {
        ASSERT_TRUE(target.mesh().send(kFirst, FrameKind::kBlob, Bytes(limits::kMebibyte, 1)));
    }
    ASSERT_TRUE(target.mesh().send(kFirst, FrameKind::kTransaction, {3}));
    ASSERT_TRUE(target.mesh().send(kFirst, FrameKind::kVote, {2}));
    std::vector<std::uint8_t> kinds;
    while (kinds.size() < kBlobs + 2) {
        const auto frame = slow.read_frame();
        ASSERT_TRUE(frame.has_value());
        kinds.push_back(frame->kind);
    }
    const auto vote = std::find(kinds.begin(), kinds.end(), 1) - kinds.begin();
    const auto transaction = std::find(kinds.begin(), kinds.end(), 3) - kinds.begin();
    EXPECT_LT(vote, transaction);
    EXPECT_LE(vote, 8) << "only what was on its way already may come before the vote";
}

TEST(Mesh, queue_stays_within_its_quota_and_drops_blobs_first) {
    constexpr std::size_t kQuota = 8 * limits::kMebibyte;
    Runner runner;
    Target target(runner, [](MeshOptions& options) { options.queue_bytes = kQuota; });
    RawPeer stuck(32 * 1024);
    ASSERT_TRUE(target.is_joined_by(stuck));
    for (int i = 0; i < 40; ++i) {
        (void)target.mesh().send(kFirst, FrameKind::kBlob, Bytes(limits::kMebibyte, 1));
        ASSERT_LE(target.mesh().queued_bytes(kFirst), kQuota);
    }
    EXPECT_GT(target.mesh().stats().frames_dropped_quota, 10U);
    for (int i = 0; i < 7; ++i) {
        EXPECT_TRUE(target.mesh().send(kFirst, FrameKind::kVote, Bytes(limits::kMebibyte, 2)));
        ASSERT_LE(target.mesh().queued_bytes(kFirst), kQuota);
    }
    std::size_t votes = 0;
    while (votes < 7) {
        const auto frame = stuck.read_frame();
        ASSERT_TRUE(frame.has_value());
        if (frame->kind == 1) ++votes;
    }
}

TEST(Mesh, sender_over_its_rate_is_slowed_not_cut) {
    Runner runner;
    Target target(runner,
                  [](MeshOptions& options) { options.unsolicited.frames_per_second = 500; });
    RawPeer raw;
    ASSERT_TRUE(target.is_joined_by(raw));
    Bytes burst;
    for (int i = 0; i < 1200; ++i) append_frame(burst, 3, as_bytes("transaction"));
    ASSERT_TRUE(raw.send(burst));
    ASSERT_TRUE(raw.send(burst));
    EXPECT_TRUE(eventually([&] { return target.node->inbox.frame_count() == 2400; }));
    EXPECT_GE(target.mesh().stats().throttle_pauses, 1U);
    EXPECT_TRUE(target.mesh().is_up(kFirst));
}

TEST(Mesh, silent_peer_is_dropped) {
    Runner runner;
    Target target(runner, [](MeshOptions& options) {
        options.ping_interval_ms = 20;
        options.peer_silence_ms = 100;
    });
    RawPeer raw;
    ASSERT_TRUE(target.is_joined_by(raw));
    EXPECT_TRUE(raw.is_closed_by_peer());
    EXPECT_TRUE(eventually([&] { return target.mesh().stats().silent_links_closed == 1; }));
}

TEST(Mesh, idle_peers_keep_their_link_by_pings) {
    Runner runner;
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    const auto quick = [](MeshOptions options) {
        options.ping_interval_ms = 20;
        options.peer_silence_ms = 2000;
        return options;
    };
    Node a(runner, quick(options_for(key_a, {address_of(key_b, 0)})));
    Node b(runner, quick(options_for(key_b, {address_of(key_a, a.port())})));
    EXPECT_TRUE(eventually([&] { return a.mesh->stats().frames_received >= 10; }));
    EXPECT_EQ(a.mesh->stats().links_opened, 1U);
    EXPECT_EQ(a.inbox.frame_count(), 0U) << "pings never reach the user";
}

TEST(Mesh, restarted_peer_is_linked_again) {
    Runner runner;
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    auto b = std::make_unique<Node>(runner, options_for(key_b, {address_of(key_a, 0)}));
    const std::uint16_t port = b->port();
    Node a(runner, options_for(key_a, {address_of(key_b, port)}));
    for (int restart = 0; restart < 3; ++restart) {
        ASSERT_TRUE(eventually([&] { return a.mesh->is_up(kFirst) && b->mesh->is_up(kFirst); }));
        ASSERT_TRUE(a.mesh->send(kFirst, FrameKind::kVote, {1}));
        ASSERT_TRUE(eventually([&] { return b->inbox.frame_count() == 1; }));
        b.reset();
        ASSERT_TRUE(eventually([&] { return !a.mesh->is_up(kFirst); }));
        EXPECT_FALSE(a.mesh->send(kFirst, FrameKind::kVote, {1}));
        auto options = options_for(key_b, {address_of(key_a, 0)});
        options.listen_port = port;
        b = std::make_unique<Node>(runner, std::move(options));
    }
    EXPECT_TRUE(eventually([&] { return a.mesh->is_up(kFirst); }));
    const auto links = a.inbox.links();
    for (std::size_t i = 0; i < links.size(); ++i) {
        EXPECT_EQ(links[i].second, i % 2 == 0 ? LinkState::kUp : LinkState::kDown);
    }
}

TEST(Mesh, new_address_of_a_peer_is_used) {
    Runner runner;
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    Node b(runner, options_for(key_b, {address_of(key_a, 0)}));
    Node a(runner, options_for(key_a, {address_of(key_b, 1)}));
    ASSERT_TRUE(eventually([&] { return a.mesh->stats().dial_failures >= 1; }));
    EXPECT_EQ(*a.mesh->set_peer(address_of(key_b, b.port())), kFirst);
    EXPECT_TRUE(eventually([&] { return a.mesh->is_up(kFirst); }));
}

TEST(Mesh, removed_peer_loses_its_link_and_comes_back_when_set_again) {
    Runner runner;
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    Node b(runner, options_for(key_b, {address_of(key_a, 0)}));
    Node a(runner, options_for(key_a, {address_of(key_b, b.port())}));
    ASSERT_TRUE(eventually([&] { return a.mesh->is_up(kFirst) && b.mesh->is_up(kFirst); }));
    b.mesh->remove_peer(key_a.public_key());
    ASSERT_TRUE(eventually(
        [&] { return !b.mesh->is_up(kFirst) && b.mesh->stats().identity_failures >= 1; }));
    EXPECT_EQ(*b.mesh->set_peer(address_of(key_a, 0)), kFirst);
    EXPECT_TRUE(eventually([&] { return b.mesh->is_up(kFirst) && a.mesh->is_up(kFirst); }));
}

TEST(Mesh, observer_is_admitted_up_to_the_limit) {
    Runner runner;
    Target target(runner, [](MeshOptions& options) { options.max_observers = 1; });
    const KeyPair first = KeyPair::generate();
    RawPeer observer;
    ASSERT_TRUE(observer.join(target.node->port(), first, test::test_genesis()));
    ASSERT_TRUE(eventually([&] { return target.mesh().linked_peers().size() == 1; }));
    EXPECT_EQ(target.mesh().linked_peers()[0], kFirstObserver);
    EXPECT_EQ(target.mesh().peer_key(kFirstObserver), first.public_key());
    EXPECT_EQ(target.mesh().broadcast(FrameKind::kVote, {1}), 0U);
    EXPECT_EQ(target.mesh().broadcast_to_observers(FrameKind::kSync, {2}), 1U);
    EXPECT_EQ(observer.read_frame()->payload, Bytes{2});
    RawPeer second;
    (void)second.join(target.node->port(), KeyPair::generate(), test::test_genesis());
    EXPECT_TRUE(second.is_closed_by_peer());
    observer.close();
    EXPECT_TRUE(eventually([&] { return target.mesh().linked_peers().empty(); }));
}

TEST(Mesh, own_entry_is_never_dialled_and_cannot_be_sent_to) {
    Runner runner;
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    Node b(runner, options_for(key_b, {address_of(key_a, 0), address_of(key_b, 1)}));
    Node a(runner, options_for(key_a, {address_of(key_a, 1), address_of(key_b, b.port())}));
    ASSERT_TRUE(eventually([&] { return a.mesh->is_up(PeerIndex{1}); }));
    EXPECT_FALSE(a.mesh->send(PeerIndex{0}, FrameKind::kVote, {1}));
    EXPECT_EQ(a.mesh->stats().dial_attempts, 1U);
}

TEST(Mesh, stop_sends_what_is_queued) {
    Runner runner;
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    Node b(runner, options_for(key_b, {address_of(key_a, 0)}));
    Node a(runner, options_for(key_a, {address_of(key_b, b.port())}));
    ASSERT_TRUE(eventually([&] { return a.mesh->is_up(kFirst) && b.mesh->is_up(kFirst); }));
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(a.mesh->send(kFirst, FrameKind::kBlob, Bytes(limits::kMebibyte, 1)));
    }
    std::atomic<bool> is_stopped{false};
    a.mesh->stop(test::kPatienceMs, [&] { is_stopped = true; });
    ASSERT_TRUE(eventually([&] { return is_stopped.load(); }));
    EXPECT_TRUE(eventually([&] { return b.inbox.frame_count() == 20; }));
    EXPECT_FALSE(a.mesh->is_up(kFirst));
}

TEST(Mesh, many_threads_may_send_at_once) {
    Runner runner(2);
    const KeyPair key_a = KeyPair::generate();
    const KeyPair key_b = KeyPair::generate();
    const auto generous = [](MeshOptions options) {
        options.unsolicited.frames_per_second = 1'000'000;
        return options;
    };
    Node b(runner, generous(options_for(key_b, {address_of(key_a, 0)})));
    Node a(runner, generous(options_for(key_a, {address_of(key_b, b.port())})));
    ASSERT_TRUE(eventually([&] { return a.mesh->is_up(kFirst) && b.mesh->is_up(kFirst); }));
    std::vector<std::thread> senders;
    for (std::uint8_t id = 0; id < 4; ++id) {
        senders.emplace_back([&a, id] {
            for (int i = 0; i < 500; ++i) {
                (void)a.mesh->send(kFirst, FrameKind::kTransaction, Bytes(100, id));
            }
        });
    }
    for (auto& sender : senders) sender.join();
    EXPECT_TRUE(eventually([&] { return b.inbox.frame_count() == 2000; }));
}

TEST(Mesh, duplicate_peer_or_bad_address_is_refused_at_creation) {
    const KeyPair key = KeyPair::generate();
    const KeyPair peer = KeyPair::generate();
    EXPECT_FALSE(
        Mesh::create(options_for(key, {address_of(peer, 1), address_of(peer, 2)}), {}).has_value());
    auto options = options_for(key, {});
    options.listen_host = "not an address";
    EXPECT_FALSE(Mesh::create(std::move(options), {}).has_value());
}

TEST(Mesh, taken_port_is_reported) {
    Runner runner;
    Target target(runner);
    auto options = options_for(target.own, {});
    options.listen_port = target.node->port();
    auto second = Mesh::create(std::move(options), {});
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ((*second)->start(runner.io()).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace consilium::p2p
