// Real nodes erase masked updates and range proofs: a node that was away during the round catches
// up behind that, and an auditor still recomputes everything.
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "contracts/schema/keys.hpp"
#include "p2p/client/verified_reader.hpp"
#include "tests/e2e/testnet.hpp"

namespace consilium::devnet::test {
namespace {

constexpr std::size_t kAway = 3;
constexpr const char* kKeepVariable = "CONSILIUM_NODE_CLIENT_BLOB_BLOCKS";

// Nodes and what else is started inherit it.
class KeepFewBlocks {
  public:
    // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread is started.
    KeepFewBlocks() { EXPECT_EQ(::setenv(kKeepVariable, "3", 1), 0); }
    KeepFewBlocks(const KeepFewBlocks&) = delete;
    KeepFewBlocks& operator=(const KeepFewBlocks&) = delete;
    KeepFewBlocks(KeepFewBlocks&&) = delete;
    KeepFewBlocks& operator=(KeepFewBlocks&&) = delete;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): after they have ended.
    ~KeepFewBlocks() { (void)::unsetenv(kKeepVariable); }
};

// What the clients of a round's batch pledged and proved.
std::set<Digest> client_blobs_of(Testnet& net, const schema::RoundLabel& label) {
    p2p::NodePool pool(net.setup().all_nodes(1));
    p2p::VerifiedReader reader(pool, net.setup().genesis);
    std::set<Digest> hashes;
    for (std::uint16_t slot = 1; slot <= net.setup().hospitals.size(); ++slot) {
        const schema::BatchLabel batch{label.mpc_epoch, label.batch};
        const auto pledge =
            reader.read_record<schema::PledgeRecord>(schema::keys::pledge(batch, slot));
        if (pledge && *pledge) hashes.insert((*pledge)->update.sha256);
        const auto range =
            reader.read_record<schema::RangeRecord>(schema::keys::range(batch, slot));
        if (range && *range) hashes.insert((*range)->proof.sha256);
    }
    return hashes;
}

// How many of the blobs that node serves.
std::size_t served(Testnet& net, std::size_t hospital, const std::set<Digest>& hashes) {
    p2p::NodePool node(net.setup().only_node(net.setup().hospitals[hospital - 1]));
    std::size_t found = 0;
    for (const Digest& hash : hashes) {
        const auto answer = node.get("/v1/blobs/" + hash.hex() + "/0");
        EXPECT_TRUE(answer.has_value());
        if (!answer) continue;
        EXPECT_TRUE(answer->status == 200 || answer->status == 404) << answer->status;
        found += answer->status == 200 ? 1 : 0;
    }
    return found;
}

double metric(Testnet& net, std::size_t hospital, const std::string& name) {
    p2p::NodePool node(net.setup().only_node(net.setup().hospitals[hospital - 1]));
    const auto answer = node.get("/metrics");
    return answer ? metric_of(answer->body, name) : -1;
}

int run_audit(const Testnet& net, const TemporaryFolder& folder, std::vector<std::string> words) {
    Launch launch;
    launch.name = "audit";
    launch.command = {CONSILIUM_PROGRAMS "/consilium-explorer", "audit", "--genesis",
                      net.setup().path("genesis.json").string()};
    launch.command.insert(launch.command.end(), words.begin(), words.end());
    launch.log = folder.path() / "log";
    launch.output = folder.path() / "report";
    auto started = Process::start(std::move(launch));
    EXPECT_TRUE(started.has_value());
    if (!started) return -1;
    const auto ending = (*started)->wait(120'000);
    EXPECT_TRUE(ending.has_value());
    if (ending && ending->code != 0) {
        std::ostringstream text;
        text << std::ifstream(folder.path() / "report").rdbuf();
        ADD_FAILURE() << text.str().substr(0, 3'000);
    }
    return ending ? ending->code : -1;
}

TEST(Pruned, nodes_erase_what_clients_sent_and_late_nodes_and_auditors_need_it_no_more) {
    const KeepFewBlocks few;
    Testnet net(40);
    ASSERT_TRUE(net.is_good());
    net.admit_trainers();
    net.open_task_and_train();
    ASSERT_TRUE(net.is_good());
    // Away from the middle of a round on, with its updates on the disk.
    std::optional<schema::RoundLabel> label;
    ASSERT_TRUE(net.follow(
        [&] {
            const auto& round = net.watch().current();
            if (!round || net.rows().empty() || round->submitted == 0) return false;
            label = round->label;
            return true;
        },
        120'000));
    net.kill(net.network().node(kAway));
    const std::size_t before = net.rows().size();
    ASSERT_TRUE(net.follow([&] { return net.rows().size() >= before + 3; }, 150'000));
    const std::set<Digest> sent = client_blobs_of(net, *label);
    EXPECT_GE(sent.size(), 6U);  // an update and a proof of three clients or more
    EXPECT_EQ(served(net, 1, sent), 0U);
    EXPECT_GT(metric(net, 1, "consilium_client_blobs_erased_total"), 0);
    EXPECT_LT(metric(net, 1, "consilium_client_blobs"), 24);  // two rounds at most, not all

    net.start_again(net.network().node(kAway));
    const auto back = net.network().wait_for_node(net.setup().hospitals[kAway - 1], 90'000);
    ASSERT_TRUE(back.has_value()) << back.error().context;
    const std::size_t rows = net.rows().size();
    EXPECT_TRUE(net.follow([&] { return net.rows().size() >= rows + 1; }, 90'000));
    EXPECT_EQ(served(net, kAway, sent), 0U);  // what it had is erased as well
    EXPECT_GT(metric(net, kAway, "consilium_client_blobs_erased_total"), 0);

    const std::string to =
        std::to_string(net.ask(kAway, "/v1/status").at("height").get<std::uint64_t>());
    const TemporaryFolder folder;
    const std::string exported = (folder.path() / "export").string();
    const std::string node = net.setup().node_address(net.setup().hospitals[kAway - 1]);
    EXPECT_EQ(run_audit(net, folder, {"--node", node, "--to", to}), 0);
    EXPECT_EQ(run_audit(net, folder, {"--node", node, "--to", to, "--export", exported}), 0);
    EXPECT_EQ(run_audit(net, folder, {"--offline", exported}), 0);
}

}  // namespace
}  // namespace consilium::devnet::test
