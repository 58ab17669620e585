// Follows the chain through untrusted nodes: fetch, verify, index, compare with the others.
//
// One thread calls step() and cross_check(); any thread reads status(). Time is an argument. When
// the chain diverges the follower stops for good: what is indexed stays readable, nothing is added.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "explorer/index_store.hpp"
#include "explorer/node_source.hpp"

namespace consilium::explorer {

enum class Progress {
    kIndexed,        // one more block: ask again at once
    kIdle,           // the newest block is indexed
    kUnreachable,    // nobody gave a block that could be checked
    kDiverged,       // stopped; see FollowerStatus::divergence
    kStorageFailed,  // the index could not be written; trying again may help
};

// What is known of one node; nothing of it is trusted.
struct NodeView {
    std::string name;  // "host:port"
    bool is_reachable{};
    std::optional<Height> height;    // as it claimed last; absent while it is silent
    std::optional<Height> compared;  // newest height at which it was compared with us
    std::optional<bool> agrees;      // its block there is ours
    std::string problem;             // the last one, for people
    std::optional<TimeMs> last_contact;
};

enum class FollowState { kStarting, kFollowing, kStale, kDiverged };
[[nodiscard]] std::string_view to_string(FollowState state);

struct FollowerStatus {
    FollowState state = FollowState::kStarting;
    Height height;
    TimeMs verified_time;                // of this machine, when the newest block was verified
    std::optional<TimeMs> last_contact;  // a node answered
    std::string problem;                 // why it is stale
    std::optional<DivergenceRecord> divergence;
    std::vector<NodeView> nodes;
    std::uint64_t blocks_verified{};  // by this process
};

class Follower {
  public:
    // After a check that got no answer a node is passed over that long: a request to it may block.
    static constexpr std::uint64_t kSilencePauseMs = 15'000;

    // Both outlive the follower.
    Follower(IndexStore& store, NodeSource& source);

    // Verifies and indexes at most one block.
    [[nodiscard]] Progress step(TimeMs now);
    // Asks the next node, in turn, for its height and compares our chain with its. Does nothing
    // after a divergence, or when every node is passed over.
    void cross_check(TimeMs now);

    [[nodiscard]] FollowerStatus status() const;
    [[nodiscard]] std::size_t preferred_node() const { return preferred_; }

  private:
    enum class Attempt { kIndexed, kNothingNew, kNoAnswer, kLied, kDiverged, kStorageFailed };
    [[nodiscard]] Attempt try_node(std::size_t node, TimeMs now);
    [[nodiscard]] Attempt judge(std::size_t node, const CertifiedBlock& block, TimeMs now);
    [[nodiscard]] Result<void> fetch_blob(const Digest& hash, const Block& block);
    [[nodiscard]] Attempt failed(std::size_t node, const Error& error, TimeMs now);
    void stop_at(DivergenceRecord record);
    void note_mismatch(std::size_t node, const Disagreement& what, TimeMs now);
    void compare_with(std::size_t node, Height height, TimeMs now);
    [[nodiscard]] std::optional<std::size_t> next_to_check(TimeMs now);
    [[nodiscard]] bool claims_more(std::size_t node) const;
    template <typename Change>
    void update(Change change) {
        const std::lock_guard lock(mutex_);
        change(status_);
    }

    IndexStore& store_;
    NodeSource& source_;
    std::size_t preferred_ = 0;
    std::size_t next_checked_ = 0;
    std::vector<std::optional<TimeMs>> silent_since_;  // by node: a check without an answer
    mutable std::mutex mutex_;
    FollowerStatus status_;  // guarded by mutex_; only the follower's thread writes it
};

}  // namespace consilium::explorer
