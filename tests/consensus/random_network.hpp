// A seeded network of replicas that loses, repeats, delays and partitions, with checkers.
//
// Faulty members are twins: two honest replicas with one key and separate stores, so they
// equivocate in every way two histories can differ. After the chaos all links heal and blocks must
// come.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/consensus/testkit.hpp"

namespace consilium::consensus {

// xorshift64*: the same numbers everywhere.
class TestRandom {
  public:
    explicit TestRandom(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15U + 1) {}
    std::uint64_t next();
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }
    bool chance(std::uint64_t percent) { return below(100) < percent; }

  private:
    std::uint64_t state_;
};

struct RandomNetworkOptions {
    std::uint64_t seed = 1;
    std::size_t count = 4;
    std::size_t twins = 1;            // members that are faulty
    std::uint64_t loss_percent = 10;  // during the chaos
    bool has_partitions = true;
    bool has_crashes = true;
    bool has_amnesia = false;  // a crash of replica 0 may also wipe journal and chain
    std::uint64_t chaos_ms = 20'000;
    std::uint64_t healed_ms = 75'000;
};

struct RandomNetworkResult {
    std::string failure;  // empty: all invariants held
    std::uint64_t blocks = 0;
    std::uint64_t first_block_after_ms = 0;  // from healing, at the slowest correct replica
    std::uint64_t evidence = 0;
    std::uint64_t view_changes = 0;
};

class RandomNetwork {
  public:
    explicit RandomNetwork(const RandomNetworkOptions& options);
    RandomNetworkResult run();

  private:
    enum class Kind { kDeliver, kWake, kAnswers, kSync, kWeather, kRestart };
    struct Item {
        Kind kind{};
        std::size_t node = 0;
        Bytes bytes;
    };

    void schedule(std::uint64_t at, Item item);
    void handle(const Item& item);
    void after_step(std::size_t node);
    void route(std::size_t from, const Outgoing& outgoing);
    void change_weather();
    void restart(std::size_t node);
    void check_sent(const Bytes& bytes);
    void check_chain(std::size_t node);
    void fail(const std::string& what);
    [[nodiscard]] bool is_faulty(std::size_t node) const;
    [[nodiscard]] bool is_healed() const { return now_ >= options_.chaos_ms; }
    [[nodiscard]] bool is_linked(std::size_t a, std::size_t b) const;

    RandomNetworkOptions options_;
    TestRandom random_;
    VerifyCache cache_;
    std::vector<std::unique_ptr<TestNode>> nodes_;  // correct ones and both of each twin
    std::vector<std::uint64_t> group_;
    std::vector<bool> down_;
    bool is_forgetful_ = false;  // replica 0 was wiped and does not vote yet
    std::map<std::pair<std::uint64_t, std::uint64_t>, Item> queue_;
    std::uint64_t order_ = 0;
    std::uint64_t now_ = 1;
    std::map<Height, Digest> decided_;
    std::vector<std::size_t> checked_;  // blocks of each node's chain that were checked
    std::map<std::tuple<MessageType, Height, View, ReplicaId>, Bytes> signed_;
    std::vector<std::uint64_t> heads_at_healing_;
    RandomNetworkResult result_;
};

}  // namespace consilium::consensus
