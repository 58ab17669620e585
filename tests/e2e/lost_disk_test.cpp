// Real nodes: one loses its disk in the middle of a task and takes part again with keys of the
// others; and what a node's disk still tells once batches, rounds and an epoch are over.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include "contracts/schema/keys.hpp"
#include "deploy/devnet/council.hpp"
#include "deploy/devnet/interrupt.hpp"
#include "node/secret_store.hpp"
#include "p2p/client/verified_reader.hpp"
#include "tests/e2e/testnet.hpp"

namespace consilium::devnet::test {
namespace {

namespace fs = std::filesystem;
using schema::Phase;

constexpr std::size_t kHospital = 3;

template <typename Record>
std::optional<Record> read_record(Testnet& net, const Bytes& key) {
    p2p::NodePool pool(net.setup().all_nodes(1));
    p2p::VerifiedReader reader(pool, net.setup().genesis);
    const auto record = reader.read_record<Record>(key);
    return record ? *record : std::nullopt;
}
bool is_training(Testnet& net) {
    const auto& round = net.watch().current();
    return round && round->phase == Phase::kSubmitting;
}
fs::path data_folder(const Testnet& net) {
    return net.setup().path(net.setup().hospitals[kHospital - 1].folder) / "node";
}
void begin_training(Testnet& net) {
    ASSERT_TRUE(net.is_good());
    net.admit_trainers();
    net.open_task_and_train();
    ASSERT_TRUE(net.is_good());
    ASSERT_TRUE(net.follow([&] { return !net.rows().empty() && is_training(net); }, 90'000));
}

TEST(LostDisk, node_recovers_its_keys_from_the_others_and_posts_shares_in_the_same_epoch) {
    Testnet net(40);
    begin_training(net);
    const auto epoch = read_record<schema::EpochRecord>(net, schema::keys::epoch(1));
    ASSERT_TRUE(epoch.has_value());
    const auto member = epoch->find_member(net.key_of(kHospital, "validator").public_key());
    ASSERT_TRUE(member.has_value());
    const std::uint64_t lost_in = net.watch().current()->label.round;

    net.kill(net.network().node(kHospital));
    ASSERT_GT(fs::remove_all(data_folder(net)), 5U);  // chain, journal, vote guard, secrets
    net.start_again(net.network().node(kHospital));

    std::set<std::uint64_t> rounds;  // with its statistics
    EXPECT_TRUE(net.follow(
        [&] {
            const auto& round = net.watch().current();
            if (!round || round->label.round <= lost_in) return false;
            if ((round->stat1_posters & schema::member_bit(*member)) != 0) {
                EXPECT_EQ(round->label.mpc_epoch, 1U);
                rounds.insert(round->label.round);
            }
            return rounds.size() >= 2;
        },
        120'000));
    const std::string name = net.setup().hospitals[kHospital - 1].name;
    const std::string log = tail_of(net.network().node(kHospital)->launch().log, 400);
    EXPECT_NE(log.find("lost keys of epoch 1 are here again"), std::string::npos) << log;
    p2p::NodePool own(net.setup().only_node(net.setup().hospitals[kHospital - 1]));
    const auto metrics = own.get("/metrics");
    ASSERT_TRUE(metrics.has_value());
    EXPECT_EQ(metric_of(metrics->body, "consilium_mpc_recoveries_total"), 1);
    EXPECT_GT(metric_of(metrics->body, "consilium_secret_memory_bytes"), 0);
    EXPECT_FALSE(net.rows().back().is_cancelled);
    // Once it may vote again it does, and its state is that of the others.
    const auto back = net.network().wait_for_node(net.setup().hospitals[kHospital - 1], 90'000);
    EXPECT_TRUE(back.has_value()) << back.error().context;
}

// --- Erasure ---

Bytes content_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
// What a thief copies of a running node; files change under it, so some may not open.
void copy_folder(const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    fs::create_directory(to);
    fs::permissions(to, fs::perms::owner_all);
    for (const auto& entry : fs::directory_iterator(from)) {
        std::error_code ignored;
        fs::copy_file(entry.path(), to / entry.path().filename(), ignored);
    }
}
// Every 32 bytes at a multiple of 8 that look like key material.
void add_windows(ByteView record, std::set<Bytes>& windows) {
    for (std::size_t at = 24; at + 32 <= record.size(); at += 8) {
        Bytes window(record.begin() + static_cast<std::ptrdiff_t>(at),
                     record.begin() + static_cast<std::ptrdiff_t>(at + 32));
        const auto zeros = std::count(window.begin(), window.end(), std::uint8_t{0});
        if (zeros < 12) windows.insert(std::move(window));
    }
}
// How many of the windows stand anywhere in the files of a folder.
std::size_t count_found(const fs::path& folder, const std::set<Bytes>& windows) {
    std::set<std::uint64_t> heads;  // first 8 bytes: a cheap filter
    const auto head_of = [](const std::uint8_t* bytes) {
        std::uint64_t head = 0;
        for (std::size_t i = 0; i < 8; ++i) head |= std::uint64_t{bytes[i]} << (8 * i);
        return head;
    };
    for (const Bytes& window : windows) heads.insert(head_of(window.data()));
    std::vector<bool> has_head(65536);
    for (const std::uint64_t head : heads) has_head[head & 0xffff] = true;
    std::size_t found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        const Bytes content = content_of(entry.path());
        for (std::size_t at = 0; at + 32 <= content.size(); ++at) {
            const std::size_t low = content[at] | std::size_t{content[at + 1]} << 8U;
            if (!has_head[low] || !heads.contains(head_of(&content[at]))) continue;
            const auto begin = content.begin() + static_cast<std::ptrdiff_t>(at);
            if (windows.contains(Bytes(begin, begin + 32))) ++found;
        }
    }
    return found;
}

TEST(Erasure, disk_of_a_node_holds_no_key_of_a_batch_or_an_epoch_that_is_over) {
    Testnet net(40);
    begin_training(net);
    // The thief has the validator's key, and copies the secrets of the running node.
    const KeyPair validator = net.key_of(kHospital, "validator");
    const TemporaryFolder scratch;
    const fs::path stolen = scratch.path() / "stolen";
    std::set<Bytes> windows;
    std::set<std::string> names;
    ASSERT_TRUE(net.follow(
        [&] {
            copy_folder(data_folder(net) / "secrets", stolen);
            const fs::path opened = scratch.path() / "opened";
            copy_folder(stolen, opened);
            const auto store = node::FileSecretStore::open(opened.string(), validator);
            if (!store) return false;
            const std::vector<std::string> held = (*store)->list("epoch-1/").value();
            for (const std::string& name : held) {
                if (name != "epoch-1/keys" && !name.starts_with("epoch-1/batch-")) continue;
                const auto secret = (*store)->get(name);
                if (!secret) continue;
                add_windows(secret->view(), windows);
                names.insert(name);
            }
            return names.contains("epoch-1/keys") && names.size() >= 3;
        },
        60'000));
    ASSERT_GT(windows.size(), 100U);

    Council council(net.setup(), net.console());
    const auto renewed = council.renew_keys(1);
    ASSERT_TRUE(renewed.has_value()) << renewed.error().context;
    const auto is_over = [&] {
        return !net.rows().empty() && net.watch().current() &&
               net.watch().current()->label.mpc_epoch == 2;
    };
    ASSERT_TRUE(net.follow(is_over, 120'000));
    const std::size_t done = net.rows().size();
    ASSERT_TRUE(net.follow([&] { return net.rows().size() >= done + 1; }, 90'000));
    net.kill(net.network().node(kHospital));  // nothing changes under the search

    EXPECT_EQ(count_found(data_folder(net), windows), 0U);
    // The search finds what is there.
    const fs::path planted = scratch.path() / "planted";
    fs::create_directory(planted);
    std::ofstream(planted / "file", std::ios::binary)
        << "x" << std::string(windows.begin()->begin(), windows.begin()->end()) << "y";
    EXPECT_EQ(count_found(planted, windows), 1U);
    // And the stolen files open with nothing that the node still has.
    const fs::path now = scratch.path() / "now";
    copy_folder(data_folder(net) / "secrets", now);
    for (const auto& entry : fs::directory_iterator(stolen)) {
        if (entry.path().extension() != ".sealed") continue;
        std::error_code ignored;
        fs::copy_file(entry.path(), now / entry.path().filename(), ignored);
    }
    const auto store = node::FileSecretStore::open(now.string(), validator);
    ASSERT_TRUE(store.has_value()) << store.error().context;
    EXPECT_TRUE((*store)->list("epoch-1/").value().empty());
    for (const std::string& name : names) {
        const auto secret = (*store)->get(name);
        ASSERT_FALSE(secret.has_value()) << name;
        EXPECT_EQ(secret.error().code, ErrorCode::kNotFound);
    }
}

}  // namespace
}  // namespace consilium::devnet::test
