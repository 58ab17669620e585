// One validator of four is an attacker with a valid key: it floods the three honest nodes with
// everything a peer may send, and lies in it. Blocks go on, memory stays bounded, it is counted.
#include <array>
#include <atomic>
#include <functional>
#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "consensus/messages.hpp"
#include "contracts/schema/arguments.hpp"
#include "core/random.hpp"
#include "deploy/devnet/interrupt.hpp"
#include "node/driver/wire.hpp"
#include "p2p/client/node_pool.hpp"
#include "p2p/http_client.hpp"
#include "tests/e2e/testnet.hpp"
#include "tests/p2p/support.hpp"

namespace consilium::devnet::test {
namespace {

using driver::PeerMessage;
using nlohmann::json;

constexpr std::size_t kTraitor = 4;  // number of the hospital whose validator attacks
constexpr std::size_t kHonest = 3;
constexpr std::uint64_t kMillisecondsPerFlood = 3'000;
// What the chain gives a transaction when one of four nodes is silent takes tens of milliseconds;
// a view change on the way takes seconds on a busy machine. Floods must not add minutes.
constexpr std::uint64_t kPatienceMs = 20'000;
// The lanes of the driver's queue may be full: 5 x 64 MiB; see node/event_queue.hpp.
constexpr std::uint64_t kGrowthKib = 512 * 1024;

Digest random_digest() {
    Digest digest;
    fill_random(digest.bytes);
    return digest;
}

class Hostile : public testing::Test {
  protected:
    Hostile() : net_(1) {}

    void SetUp() override {
        ASSERT_TRUE(net_.is_good());
        net_.kill(net_.network().node(kTraitor));
        key_.emplace(net_.key_of(kTraitor, "validator"));
        identity_ = net_.setup().genesis.identity();
        p2p::MeshOptions options;
        options.identity = p2p::make_identity_signer(*key_);
        options.genesis_hash = identity_.genesis_hash;
        options.listen_port = net_.setup().ports.p2p(kTraitor);
        for (std::size_t i = 0; i < kHonest; ++i) {
            options.peers.push_back(
                {net_.setup().hospitals[i].validator, "127.0.0.1", net_.setup().ports.p2p(i + 1)});
        }
        auto mesh = p2p::Mesh::create(
            std::move(options),
            p2p::MeshCallbacks{[](p2p::PeerIndex, p2p::FrameKind, const Bytes&) {},
                               [this](p2p::PeerIndex, const PublicKey&, p2p::LinkState state) {
                                   if (state == p2p::LinkState::kDown) ++links_lost_;
                               }});
        ASSERT_TRUE(mesh.has_value()) << mesh.error().context;
        mesh_ = std::move(*mesh);
        ASSERT_TRUE(mesh_->start(runner_.io()).has_value());
        ASSERT_TRUE(is_linked());
        const auto id = net_.setup().genesis.membership().find(key_->public_key());
        ASSERT_TRUE(id.has_value());
        own_id_ = *id;
    }

    [[nodiscard]] bool is_linked() {
        return p2p::test::eventually([&] { return mesh_->linked_peers().size() == kHonest; });
    }
    // What was sent before and waits in sockets and queues is dropped.
    [[nodiscard]] bool is_linked_anew() {
        const auto linked = mesh_->linked_peers();
        const std::size_t lost_then = links_lost_ + linked.size();
        for (const p2p::PeerIndex peer : linked) mesh_->disconnect(peer);
        return p2p::test::eventually([&] { return links_lost_ >= lost_then; }) && is_linked();
    }
    void send(const PeerMessage& message) {
        const driver::Frame frame = driver::encode_frame(message);
        (void)mesh_->broadcast(static_cast<p2p::FrameKind>(frame.kind), *frame.payload);
    }
    template <typename Message>
    void send_signed(Message message) {
        message.signature = key_->sign(consensus::signing_digest(identity_, message));
        send(driver::VoteMessage{consensus::encode_message(message)});
    }
    [[nodiscard]] consensus::Slot next_slot(std::uint64_t view) {
        return {Epoch{0}, Height{height_.load() + 1}, View{view}};
    }
    [[nodiscard]] double metric(std::size_t node, const std::string& name) {
        p2p::NodePool pool(net_.setup().only_node(net_.setup().hospitals[node - 1]));
        const auto answer = pool.get("/metrics");
        return answer ? metric_of(answer->body, name) : -1;
    }
    [[nodiscard]] std::uint64_t resident(std::size_t node) {
        return resident_kib(net_.network().node(node)->pid());
    }

    // Milliseconds until a transaction stood in a block.
    std::uint64_t commit_one() {
        const auto committed = net_.commit_one(kPatienceMs);
        if (!committed) return kPatienceMs;
        height_ = std::max(height_.load(), committed->height.value);
        return committed->took_ms;
    }

    // Sends what `burst` sends, again and again, while transactions are committed one by one.
    void flood(const char* name, const std::function<void()>& burst) {
        ASSERT_TRUE(is_linked_anew()) << name;
        std::atomic<bool> is_over{false};
        std::uint64_t bursts = 0;
        std::thread attacker([&] {
            for (; !is_over; ++bursts) {
                burst();
                // The mesh's queue is what limits us, as it would any peer that sends too fast.
                while (!is_over && mesh_->queued_bytes(p2p::PeerIndex{0}) > 4'000'000) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                }
            }
        });
        const std::uint64_t begun = monotonic_ms();
        std::uint64_t slowest = 0;
        std::size_t committed = 0;
        while (monotonic_ms() - begun < kMillisecondsPerFlood && !HasFailure()) {
            slowest = std::max(slowest, commit_one());
            ++committed;
        }
        is_over = true;
        attacker.join();
        std::cout << name << ": " << bursts << " bursts, " << committed
                  << " blocks, slowest transaction " << slowest << " ms, resident KiB";
        for (std::size_t node = 1; node <= kHonest; ++node) std::cout << ' ' << resident(node);
        std::cout << std::endl;
    }

    void flood_with_votes();
    void vote_twice();
    void flood_with_transactions();
    void flood_with_blob_lies();
    void flood_with_sync();
    void flood_with_requests();
    void flood_with_garbage();
    void expect_explorer_shows_evidence();

    Testnet net_;
    std::optional<KeyPair> key_;
    ChainIdentity identity_;
    ReplicaId own_id_;
    std::atomic<std::uint64_t> height_{0};
    std::atomic<std::size_t> links_lost_{0};
    p2p::test::Runner runner_;
    std::unique_ptr<p2p::Mesh> mesh_;
};

// All signed rightly: ever higher views, two digests for one slot, far heights.
void Hostile::flood_with_votes() {
    std::uint64_t view = 0;
    flood("votes", [&] {
        for (int i = 0; i < 50; ++i) {
            view = (view + 1) % consensus::kMaxView;
            send_signed(consensus::Prepare{next_slot(view), own_id_, random_digest(), {}});
            send_signed(consensus::Prepare{next_slot(0), own_id_, random_digest(), {}});
            send_signed(consensus::Commit{next_slot(view), own_id_, random_digest(), {}});
            send_signed(consensus::ViewChange{
                next_slot(consensus::kMaxView - view), own_id_, std::nullopt, {}});
            consensus::Slot far = next_slot(0);
            far.height = Height{std::uint64_t{1} << 40U};
            send_signed(consensus::Commit{far, own_id_, random_digest(), {}});
        }
    });
}

// Votes of a flood may all come too late for their height; these are for the one being decided.
void Hostile::vote_twice() {
    ASSERT_TRUE(is_linked_anew());
    EXPECT_TRUE(p2p::test::eventually([&] {
        const auto status = net_.ask(1, "/v1/status");
        if (!status.is_object()) return false;
        height_ = status.at("height").get<std::uint64_t>();
        for (int i = 0; i < 2; ++i) {
            send_signed(consensus::Prepare{next_slot(0), own_id_, random_digest(), {}});
        }
        for (std::size_t node = 1; node <= kHonest; ++node) {
            if (!(metric(node, "consilium_evidence_total") > 0)) return false;
        }
        return true;
    }));
}

// Registrations of accounts that nobody knows, with valid signatures and with none.
void Hostile::flood_with_transactions() {
    flood("transactions", [&] {
        driver::TransactionRelay relay;
        const KeyPair stranger = KeyPair::generate();
        for (std::uint64_t i = 0; i < 100; ++i) {
            Transaction transaction;
            transaction.chain_id = identity_.chain_id;
            transaction.genesis_hash = identity_.genesis_hash;
            transaction.nonce = i % 2;
            transaction.valid_until = Height{height_ + 50};
            transaction.module = static_cast<std::uint16_t>(schema::Module::kRegistration);
            transaction.action = schema::action::kRegister;
            transaction.arguments = encode(schema::Register{
                schema::Role::kTrainer, "Hospital " + stranger.public_key().hex().substr(0, 20)});
            sign_transaction(transaction, stranger);
            relay.transactions.push_back(std::move(transaction));
        }
        send(relay);
    });
}

void Hostile::flood_with_blob_lies() {
    flood("HAVE lies", [&] {
        driver::HaveMessage message;
        for (int i = 0; i < 64; ++i) {
            driver::Have have{Epoch{0}, own_id_, random_digest(), 1'000, {}};
            have.signature = key_->sign(driver::have_digest(identity_, have));
            message.haves.push_back(have);
        }
        send(message);
        // Signed once, sent often: cheap for the liar.
        for (int i = 0; i < 20; ++i) send(message);
    });
}

// Heights that nobody has, and whole chains asked for again and again.
void Hostile::flood_with_sync() {
    flood("sync", [&] {
        send(driver::StatusMessage{Height{std::uint64_t{1} << 40U}, true});
        send(driver::StatusMessage{Height{std::uint64_t{1} << 32U}, true});
        for (int i = 0; i < 50; ++i) send(driver::BlockRequest{Height{1}, 1'000'000});
        driver::BlockResponse lie{Height{1}, {}};
        lie.blocks.resize(3);
        send(lie);
    });
}

void Hostile::flood_with_requests() {
    driver::TransactionRequest ids;
    for (int i = 0; i < 10'000; ++i) ids.ids.push_back(random_digest());
    flood("requests", [&] {
        send(ids);
        for (int i = 0; i < 50; ++i) {
            send(driver::ManifestRequest{random_digest()});
            send(driver::ChunkRequest{random_digest(), 0xffffffffU});
            send(driver::ProposalIdsRequest{random_digest()});
        }
    });
}

// Frames that no correct node sends. The link is closed and paused each time it happened too
// often, and never for good.
void Hostile::flood_with_garbage() {
    flood("garbage", [&] {
        Bytes huge_view = consensus::encode_message(consensus::ViewChange{
            {Epoch{0}, Height{height_ + 1}, View{0}}, own_id_, std::nullopt, {}});
        // u8 type, u64 epoch, u64 height, then the view: 2^63.
        std::fill_n(huge_view.begin() + 17, 7, std::uint8_t{0});
        huge_view.at(24) = 0x80;
        send(driver::VoteMessage{huge_view});
        send(driver::VoteMessage{Bytes(500, 0xff)});
        consensus::Prepare unsigned_vote{next_slot(0), own_id_, random_digest(), {}};
        send(driver::VoteMessage{consensus::encode_message(unsigned_vote)});
        (void)mesh_->broadcast(p2p::FrameKind::kSync, Bytes(1'000, 0xee));
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    });
}

// The explorer asks the nodes for their proofs, checks them and names the offender.
void Hostile::expect_explorer_shows_evidence() {
    const auto started = net_.network().start_explorer();
    ASSERT_TRUE(started.has_value()) << started.error().context;
    p2p::HttpClientOptions options;
    options.port = net_.setup().ports.explorer();
    options.transport = p2p::Transport::kPlain;
    p2p::HttpClient client(options);
    json items = json::array();
    const bool is_shown = p2p::test::eventually([&] {
        const auto answer = client.request("GET", "/api/v1/evidence");
        if (!answer || answer->status != 200) return false;
        items = json::parse(answer->text()).at("items");
        return !items.empty();
    });
    ASSERT_TRUE(is_shown);
    EXPECT_LE(items.size(), 8U);
    EXPECT_EQ(items.at(0).at("offender"), key_->public_key().hex());
    EXPECT_EQ(items.at(0).at("name"), net_.setup().hospitals[kTraitor - 1].name);
    EXPECT_NE(items.at(0).at("claims").at(0), items.at(0).at("claims").at(1));
}

TEST_F(Hostile, an_authenticated_flooding_validator_stops_nobody_and_costs_bounded_memory) {
    (void)commit_one();
    std::array<std::uint64_t, kHonest + 1> before{};
    for (std::size_t node = 1; node <= kHonest; ++node) before.at(node) = resident(node);
    flood("nothing", [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); });
    flood_with_votes();
    vote_twice();
    flood_with_transactions();
    flood_with_blob_lies();
    flood_with_sync();
    flood_with_requests();
    flood_with_garbage();
    for (std::size_t node = 1; node <= kHonest; ++node) {
        EXPECT_TRUE(net_.network().node(node)->is_running());
        EXPECT_LT(resident(node), before.at(node) + kGrowthKib);
        EXPECT_GT(metric(node, "consilium_evidence_total"), 0);
        EXPECT_GT(metric(node, "consilium_invalid_messages_total"), 0);
        EXPECT_EQ(metric(node, "consilium_is_voting"), 1);
        // Stored with its proof, and no more of it than is needed.
        const auto evidence = net_.ask(node, "/v1/evidence");
        ASSERT_TRUE(evidence.is_object());
        EXPECT_GE(evidence.at("items").size(), 1U);
        EXPECT_LE(evidence.at("items").size(), 8U);
        EXPECT_EQ(evidence.at("items").at(0).at("offender"), key_->public_key().hex());
    }
    // The honest hospital behind that key comes back, and the chain goes on with it.
    std::atomic<bool> is_stopped{false};
    mesh_->stop(0, [&] { is_stopped = true; });
    ASSERT_TRUE(p2p::test::eventually([&] { return is_stopped.load(); }));
    net_.start_again(net_.network().node(kTraitor));
    const auto back = net_.network().wait_for_node(net_.setup().hospitals[kTraitor - 1], 60'000);
    EXPECT_TRUE(back.has_value()) << back.error().context;
    EXPECT_LT(commit_one(), kPatienceMs);
    expect_explorer_shows_evidence();
}

}  // namespace
}  // namespace consilium::devnet::test
