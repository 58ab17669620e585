// Choosing nodes, judging what they send, and stopping when the chain contradicts itself.
#include "explorer/follower.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "explorer/blob_lengths.hpp"

namespace consilium::explorer {
namespace {

constexpr const char* kDivergence = "divergence";
constexpr const char* kUnproven = "unproven";
constexpr const char* kFork = "fork";

}  // namespace

std::string_view to_string(FollowState state) {
    switch (state) {
        case FollowState::kStarting:
            return "starting";
        case FollowState::kFollowing:
            return "following";
        case FollowState::kStale:
            return "stale";
        case FollowState::kDiverged:
            return "diverged";
    }
    UNREACHABLE();
}

Follower::Follower(IndexStore& store, NodeSource& source) : store_(store), source_(source) {
    CHECK(source.size() > 0);
    silent_since_.resize(source.size());
    status_.height = store.head().header.height;
    for (std::size_t node = 0; node < source.size(); ++node) {
        NodeView view;
        view.name = source.name(node);
        status_.nodes.push_back(std::move(view));
    }
    // What stopped an earlier process is shown until the block can be verified after all.
    if (auto open = store.open_divergence(); open && *open) status_.divergence = std::move(**open);
}

FollowerStatus Follower::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

bool Follower::claims_more(std::size_t node) const {
    const auto& height = status_.nodes[node].height;
    return height && *height > store_.head().header.height;
}

Progress Follower::step(TimeMs now) {
    if (status_.state == FollowState::kDiverged) return Progress::kDiverged;
    std::size_t lies = 0;
    bool is_reached = false;
    const std::size_t first = preferred_;
    for (std::size_t tries = 0; tries < source_.size(); ++tries) {
        const std::size_t node = (first + tries) % source_.size();
        if (is_reached && !claims_more(node)) continue;
        switch (try_node(node, now)) {
            case Attempt::kIndexed:
                preferred_ = node;
                return Progress::kIndexed;
            case Attempt::kNothingNew:
                if (!is_reached) preferred_ = node;
                is_reached = true;
                break;
            case Attempt::kNoAnswer:
                break;
            case Attempt::kLied:
                ++lies;
                break;
            case Attempt::kDiverged:
                return Progress::kDiverged;
            case Attempt::kStorageFailed:
                return Progress::kStorageFailed;
        }
    }
    if (is_reached) {
        update([](FollowerStatus& status) {
            status.state = FollowState::kFollowing;
            status.problem.clear();
        });
        return Progress::kIdle;
    }
    if (lies == source_.size()) {
        // Whoever was asked sent something else than a certified block: there is no one to trust.
        stop_at({.what = {store_.head().header.height.next(), "certificate",
                          "a block that a quorum signed", "no node sends one"},
                 .kind = kDivergence,
                 .node = "all nodes",
                 .time = now,
                 .is_open = true});
        return Progress::kDiverged;
    }
    update([](FollowerStatus& status) { status.state = FollowState::kStale; });
    return Progress::kUnreachable;
}

Follower::Attempt Follower::failed(std::size_t node, const Error& error, TimeMs now) {
    const bool has_answered = error.code == ErrorCode::kNotFound;
    const Height head = store_.head().header.height;
    update([&](FollowerStatus& status) {
        NodeView& view = status.nodes[node];
        view.is_reachable = has_answered;
        view.problem = has_answered ? "" : error.context;
        if (has_answered) {
            view.last_contact = status.last_contact = now;
            if (view.height) view.height = std::min(*view.height, head);  // it has not the next one
        } else {
            view.height.reset();
            status.problem = view.name + ": " + error.context;
        }
    });
    return has_answered ? Attempt::kNothingNew : Attempt::kNoAnswer;
}

Follower::Attempt Follower::try_node(std::size_t node, TimeMs now) {
    const Height wanted = store_.head().header.height.next();
    auto block = source_.block(node, wanted);
    if (!block && block.error().code == ErrorCode::kMalformed) {
        note_mismatch(node, {wanted, "encoding", "a block", block.error().context}, now);
        return Attempt::kLied;
    }
    if (!block) return failed(node, block.error(), now);
    update([&](FollowerStatus& status) {
        NodeView& view = status.nodes[node];
        view.is_reachable = true;
        view.problem.clear();
        view.last_contact = status.last_contact = now;
        view.height = std::max(view.height.value_or(wanted), wanted);
    });
    return judge(node, *block, now);
}

Follower::Attempt Follower::judge(std::size_t node, const CertifiedBlock& block, TimeMs now) {
    for (std::size_t fetched = 0; fetched < kMaxBlobsPerBlock; ++fetched) {
        auto verified = verify_block(store_.identity(), store_.head(), store_, block);
        if (verified) {
            const Height height = verified->next.header.height;
            if (auto stored = store_.commit(*std::move(verified)); !stored) {
                update([&](FollowerStatus& status) {
                    status.state = FollowState::kStale;
                    status.problem = stored.error().context;
                });
                return Attempt::kStorageFailed;
            }
            update([&](FollowerStatus& status) {
                status.state = FollowState::kFollowing;
                status.height = height;
                status.verified_time = now;
                status.divergence.reset();
                status.problem.clear();
                ++status.blocks_verified;
            });
            return Attempt::kIndexed;
        }
        if (const auto* unproven = std::get_if<Unproven>(&verified.error())) {
            note_mismatch(node, *unproven, now);
            return Attempt::kLied;
        }
        if (const auto* diverged = std::get_if<Diverged>(&verified.error())) {
            stop_at({.what = *diverged,
                     .kind = kDivergence,
                     .node = source_.name(node),
                     .time = now,
                     .is_open = true});
            return Attempt::kDiverged;
        }
        const auto& missing = std::get<contracts::MissingBlob>(verified.error());
        if (auto got = fetch_blob(missing.sha256, block.block); !got) {
            update([&](FollowerStatus& status) { status.problem = got.error().context; });
            return Attempt::kNoAnswer;
        }
    }
    return failed(node, {ErrorCode::kUnavailable, "the block needs too many blobs"}, now);
}

Result<void> Follower::fetch_blob(const Digest& hash, const Block& block) {
    const auto length = find_blob_length(store_.head().state, block, hash);
    if (!length) return make_error(ErrorCode::kNotFound, "nothing names the blob " + hash.hex());
    Error last{ErrorCode::kUnavailable, "no node was asked"};
    for (std::size_t tries = 0; tries < source_.size(); ++tries) {
        auto content = source_.blob((preferred_ + tries) % source_.size(), hash, *length);
        if (content && sha256(*content) == hash) return store_.put_blob(hash, *content);
        last = content ? Error{ErrorCode::kMismatch, "another content"} : content.error();
    }
    return make_error(last.code, "blob " + hash.hex() + ": " + last.context);
}

void Follower::stop_at(DivergenceRecord record) {
    const auto stored = store_.add_divergence(record);
    update([&](FollowerStatus& status) {
        status.state = FollowState::kDiverged;
        status.problem = stored ? "" : stored.error().context;
        status.divergence = std::move(record);
    });
}

void Follower::note_mismatch(std::size_t node, const Disagreement& what, TimeMs now) {
    const auto stored = store_.add_divergence({.what = what,
                                               .kind = kUnproven,
                                               .node = source_.name(node),
                                               .time = now,
                                               .is_open = false});
    update([&](FollowerStatus& status) {
        NodeView& view = status.nodes[node];
        view.is_reachable = true;
        view.agrees = false;
        view.compared = what.height;
        view.problem = what.check + " of block " + std::to_string(what.height.value) +
                       ": expected " + what.expected + ", found " + what.found;
        view.last_contact = status.last_contact = now;
        if (!stored) status.problem = stored.error().context;
    });
}

std::optional<std::size_t> Follower::next_to_check(TimeMs now) {
    for (std::size_t tries = 0; tries < source_.size(); ++tries) {
        const std::size_t node = next_checked_;
        next_checked_ = (next_checked_ + 1) % source_.size();
        const auto& since = silent_since_[node];
        // A clock that was set back ends the pause.
        const bool is_paused = since && now >= *since && now.value - since->value < kSilencePauseMs;
        if (!is_paused) return node;
    }
    return std::nullopt;
}

void Follower::cross_check(TimeMs now) {
    if (status_.state == FollowState::kDiverged) return;
    const auto next = next_to_check(now);
    if (!next) return;
    const std::size_t node = *next;
    const auto claimed = source_.height(node);
    silent_since_[node] = claimed ? std::nullopt : std::optional(now);
    update([&](FollowerStatus& status) {
        NodeView& view = status.nodes[node];
        view.is_reachable = claimed.has_value();
        if (!claimed) {
            view.problem = claimed.error().context;
            view.height.reset();
            return;
        }
        view.height = *claimed;
        view.last_contact = now;
    });
    if (!claimed) return;
    compare_with(node, std::min(*claimed, store_.head().header.height), now);
}

void Follower::compare_with(std::size_t node, Height height, TimeMs now) {
    const auto ours = store_.digest_at(height);
    const auto theirs = source_.block(node, height);
    if (!ours || !*ours || !theirs) return;
    const BlockHeader& header = theirs->block.header;
    const Digest found = header_digest(header);
    if (found == **ours) {
        update([&](FollowerStatus& status) {
            NodeView& view = status.nodes[node];
            view.agrees = true;
            view.compared = height;
            view.problem.clear();
        });
        return;
    }
    const Disagreement what{height, "block", (*ours)->hex(), found.hex()};
    const auto membership = store_.membership_at(height);
    const bool is_certified =
        membership && header.height == height && height > Height{0} &&
        check_certified(store_.identity(), *membership, header, theirs->certificate).has_value();
    if (!is_certified) {
        note_mismatch(node, what, now);
        return;
    }
    // Two quorums signed two blocks of one height: more than f validators broke the rules.
    stop_at(
        {.what = what, .kind = kFork, .node = source_.name(node), .time = now, .is_open = true});
}

}  // namespace consilium::explorer
