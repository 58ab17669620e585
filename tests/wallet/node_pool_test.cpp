// Which servers a client speaks to when validators change, over TLS on loopback.
#include "p2p/client/node_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <mutex>

#include "p2p/http_server.hpp"
#include "tests/p2p/support.hpp"
#include "tests/wallet/fake_chain.hpp"

namespace consilium::p2p {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wallet_tests::FakeChain;
using wallet_tests::FakeConsortium;

// A node's API with the answers of a chain in memory; remembers what it was asked behind the proof.
class Node {
  public:
    Node(test::Runner& runner, FakeChain& chain, const KeyPair& key, const Genesis& genesis,
         std::uint16_t port = 0) {
        HttpServerOptions options;
        options.tls = HttpTls{make_identity_signer(key), genesis.hash()};
        options.listen_port = port;
        server_ = std::move(*HttpServer::create(
            std::move(options),
            [this, &chain](const HttpRequest& request, const HttpResponder& to) {
                const std::lock_guard lock(mutex_);
                asked_.push_back(request.method + " " + request.path);
                const auto answer = chain.get(request.path);
                to.send(make_response(answer ? answer->status : 500, "application/json",
                                      answer ? answer->body : ""));
            }));
        // The server that had the port before may still be closing.
        EXPECT_TRUE(test::eventually([&] { return server_->start(runner.io()).has_value(); }));
    }
    [[nodiscard]] std::uint16_t port() const { return server_->port(); }
    [[nodiscard]] std::vector<std::string> asked() {
        const std::lock_guard lock(mutex_);
        return asked_;
    }

  private:
    std::mutex mutex_;
    std::vector<std::string> asked_;
    std::unique_ptr<HttpServer> server_;
};

class NodePoolKeys : public testing::Test {
  protected:
    [[nodiscard]] std::unique_ptr<Node> node(const KeyPair& key, std::uint16_t port = 0) {
        return std::make_unique<Node>(runner, chain, key, consortium.genesis, port);
    }
    [[nodiscard]] NodePool pool(const std::vector<std::uint16_t>& ports,
                                const std::vector<PublicKey>& allowed = {}) const {
        NodePoolOptions options;
        options.genesis = consortium.genesis;
        options.request_timeout_ms = test::kPatienceMs;
        for (const std::uint16_t port : ports) {
            options.endpoints.push_back({"127.0.0.1", port, allowed});
        }
        return NodePool(std::move(options));
    }
    static KeyPair make_key(std::size_t generation, std::size_t index) {
        const std::string name = std::to_string(generation) + "/" + std::to_string(index);
        const Digest secret = sha256(as_bytes(name));
        return KeyPair::from_secret(std::span(secret.bytes)).value();
    }
    // Outlives the servers that sign with it.
    const KeyPair& key_of(std::size_t generation, std::size_t index) {
        return fresh_keys.emplace_back(make_key(generation, index));
    }
    // All validators have other keys behind the next block.
    void replace_all(std::size_t generation) {
        std::vector<KeyPair> fresh;
        for (std::size_t i = 0; i < 4; ++i) fresh.push_back(make_key(generation, i));
        chain.change_validators(std::move(fresh));
        chain.make_block();
    }

    FakeConsortium consortium = FakeConsortium::make();
    FakeChain chain{consortium.validators, consortium.genesis};
    std::deque<KeyPair> fresh_keys;
    test::Runner runner;
};

TEST_F(NodePoolKeys, running_client_follows_the_replaced_key_of_its_only_node) {
    auto server = node(consortium.validators[0]);
    const std::uint16_t port = server->port();
    NodePool client = pool({port});
    ASSERT_TRUE(client.get("/v1/status"));
    server.reset();
    replace_all(1);
    replace_all(2);
    server = node(key_of(2, 0), port);
    const auto answer = client.get("/v1/status");
    ASSERT_TRUE(answer) << answer.error().context;
    EXPECT_TRUE(answer->is_success());
    EXPECT_THAT(server->asked(), ElementsAre("GET /v1/memberships/1", "GET /v1/memberships/2",
                                             "GET /v1/memberships/3", "GET /v1/status"));
    // Who has left goes on serving reads.
    server.reset();
    server = node(key_of(1, 3), port);
    EXPECT_TRUE(client.get("/v1/status"));
    EXPECT_THAT(server->asked(), ElementsAre("GET /v1/status"));
}

TEST_F(NodePoolKeys, stranger_is_asked_for_the_validators_and_given_nothing) {
    chain.make_block();
    auto server = node(key_of(9, 9));
    NodePool client = pool({server->port()});
    EXPECT_EQ(client.post_transaction(Bytes(10, 1)).error().code, ErrorCode::kMismatch);
    EXPECT_THAT(server->asked(), ElementsAre("GET /v1/memberships/1"));
    EXPECT_EQ(client.get("/v1/status").error().code, ErrorCode::kMismatch);
}

TEST_F(NodePoolKeys, list_that_no_quorum_has_certified_makes_nobody_a_validator) {
    replace_all(1);
    chain.faults.forges_membership = true;
    auto server = node(key_of(1, 0));
    NodePool client = pool({server->port()});
    EXPECT_EQ(client.get("/v1/status").error().code, ErrorCode::kMismatch);
    EXPECT_THAT(server->asked(), ElementsAre("GET /v1/memberships/1"));
    const std::uint16_t port = server->port();
    server.reset();
    chain.faults.forges_membership = false;
    server = node(key_of(1, 0), port);
    EXPECT_TRUE(client.get("/v1/status"));
}

TEST_F(NodePoolKeys, named_key_is_the_only_one_that_counts) {
    replace_all(1);
    auto server = node(key_of(1, 0));
    NodePool wrong = pool({server->port()}, {consortium.validators[0].public_key()});
    EXPECT_EQ(wrong.get("/v1/status").error().code, ErrorCode::kMismatch);
    EXPECT_THAT(server->asked(), IsEmpty());
    NodePool right = pool({server->port()}, {key_of(1, 0).public_key()});
    EXPECT_TRUE(right.get("/v1/status"));
    EXPECT_THAT(server->asked(), ElementsAre("GET /v1/status"));
}

// What one node has told counts for all.
TEST_F(NodePoolKeys, every_node_of_the_pool_is_spoken_to_after_one_has_told) {
    std::vector<std::unique_ptr<Node>> servers;
    for (std::size_t i = 0; i < 2; ++i) servers.push_back(node(consortium.validators[i]));
    const std::vector<std::uint16_t> ports{servers[0]->port(), servers[1]->port()};
    NodePool client = pool(ports);
    const auto put = [&] {
        const Bytes blob(16, 1);
        return client.put_blob(consortium.council[0], {blob, TimeMs{1}});
    };
    ASSERT_EQ(put().error().code, ErrorCode::kRefused);  // both answer, neither wants it
    servers.clear();
    replace_all(1);
    for (std::size_t i = 0; i < 2; ++i) servers.push_back(node(key_of(1, i), ports[i]));
    ASSERT_TRUE(client.get("/v1/status"));
    ASSERT_EQ(put().error().code, ErrorCode::kRefused);
    EXPECT_THAT(servers[1]->asked(),
                ElementsAre("GET /v1/memberships/2", testing::StartsWith("PUT /v1/blobs/")));
}

}  // namespace
}  // namespace consilium::p2p
