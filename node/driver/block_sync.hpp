// Fetching certified blocks from peers that are ahead.
//
// Nothing a peer says is believed: blocks are handed out one by one, and the caller verifies each
// (certificate, link, roots) before the next. One request is open at a time; a peer that does not
// answer, lacks what it claimed or sent a bad block is paused and the next one asked, briefly when
// it has nothing but claimed nothing; one that answers slowly or with less than it claims to have
// is left for the next, too. Claims cap nothing and promise nothing, they only say whom to ask.
// Members of the own head's epoch are asked first; after changes of the membership they may all
// have left, so other linked peers are asked when no member serves. Effects go through Env.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "core/membership.hpp"
#include "node/driver/env.hpp"

namespace consilium::driver {

class BlockSync {
  public:
    BlockSync(PublicKey own_key, Env& env);

    void set_membership(const Membership& membership);
    // A peer says that its head is at `height`.
    void on_claim(const PublicKey& peer, Height height);
    // The link to a peer is down: an outsider's claim goes with it, so that only those who are here
    // take up room.
    void on_gone(const PublicKey& peer);
    // It is proven that a block at `height` is final.
    void set_target(Height height);
    // True while blocks above `head` are known or believed to exist. `slack`: how far a mere claim
    // may lead before it counts.
    [[nodiscard]] bool is_behind(Height head, std::uint64_t slack) const;
    // The same, but not on the word of f members alone: what a node may say of itself (P20).
    [[nodiscard]] bool is_surely_behind(Height head, std::uint64_t slack) const;
    [[nodiscard]] Height target() const { return target_; }

    void on_response(const PublicKey& from, BlockResponse response, std::uint64_t now_ms);
    // The fetched block of this height, if it is here; lower ones are dropped.
    [[nodiscard]] const CertifiedBlock* next(Height height);
    // That block was no good: everything of its sender is thrown away.
    void blame(std::uint64_t now_ms);

    // Handles timeouts and asks for what follows `head`. Returns when to be called again.
    [[nodiscard]] std::optional<std::uint64_t> tick(Height head, std::uint64_t slack,
                                                    std::uint64_t now_ms);
    [[nodiscard]] std::uint64_t switches() const { return switches_; }

  private:
    struct Request {
        PublicKey peer;
        Height first;
        std::uint64_t deadline_ms{};
    };

    [[nodiscard]] std::optional<PublicKey> choose_peer(Height head, std::uint64_t now_ms) const;
    [[nodiscard]] std::optional<PublicKey> choose_member(Height head, std::uint64_t now_ms) const;
    [[nodiscard]] bool is_usable(const PublicKey& key, std::uint64_t now_ms) const;
    [[nodiscard]] std::size_t claims_above(Height head, std::uint64_t slack) const;
    [[nodiscard]] bool is_member(const PublicKey& key) const {
        return membership_.find(key).has_value();
    }
    // For a peer that lied or did not answer.
    void pause(const PublicKey& peer, std::uint64_t now_ms);
    void pause_until(const PublicKey& peer, std::uint64_t end_ms, std::uint64_t now_ms);
    // When the next paused peer may be asked again, at most a quarter of a long pause from now.
    [[nodiscard]] std::uint64_t next_chance(std::uint64_t now_ms) const;

    PublicKey own_key_;
    Env& env_;
    Membership membership_;
    Height target_;
    std::map<PublicKey, Height> claims_;
    std::map<PublicKey, std::uint64_t> paused_until_ms_;
    std::optional<Request> request_;
    std::deque<CertifiedBlock> blocks_;  // consecutive, all of `source_`
    std::optional<PublicKey> source_;
    std::optional<PublicKey> last_peer_;
    bool is_last_peer_good_ = false;
    std::uint64_t switches_ = 0;
};

}  // namespace consilium::driver
