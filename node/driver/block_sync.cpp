// Requests, timeouts and the choice of the peer to ask.
#include "node/driver/block_sync.hpp"

#include <algorithm>

namespace consilium::driver {

BlockSync::BlockSync(PublicKey own_key, Env& env) : own_key_(own_key), env_(env) {}

void BlockSync::set_membership(const Membership& membership) {
    membership_ = membership;
}

void BlockSync::on_claim(const PublicKey& peer, Height height) {
    if (peer == own_key_ || height.value > limits::kMaxClaimedLead) return;
    // Members of this epoch always find room; those of earlier ones count as outsiders.
    const bool has_room = claims_.size() < kMaxMembers + limits::kSyncForeignPeers;
    if (!claims_.contains(peer) && !is_member(peer) && !has_room) return;
    claims_[peer] = height;
}

void BlockSync::on_gone(const PublicKey& peer) {
    if (!is_member(peer)) claims_.erase(peer);
}

void BlockSync::set_target(Height height) {
    target_ = std::max(target_, height);
}

std::size_t BlockSync::claims_above(Height head, std::uint64_t slack) const {
    const std::uint64_t from = saturating_add(head.value, slack);
    return static_cast<std::size_t>(
        std::count_if(claims_.begin(), claims_.end(),
                      [from](const auto& claim) { return claim.second.value > from; }));
}

bool BlockSync::is_behind(Height head, std::uint64_t slack) const {
    return target_ > head || claims_above(head, slack) > 0;
}

bool BlockSync::is_surely_behind(Height head, std::uint64_t slack) const {
    if (target_ > head) return true;
    const std::uint64_t from = saturating_add(head.value, slack);
    const auto members = std::count_if(claims_.begin(), claims_.end(), [&](const auto& claim) {
        return claim.second.value > from && is_member(claim.first);
    });
    return static_cast<std::size_t>(members) > membership_.faults();
}

void BlockSync::pause(const PublicKey& peer, std::uint64_t now_ms) {
    claims_.erase(peer);
    pause_until(peer, now_ms + limits::kSyncPauseMs, now_ms);
    ++switches_;
}

void BlockSync::pause_until(const PublicKey& peer, std::uint64_t end_ms, std::uint64_t now_ms) {
    if (paused_until_ms_.size() >= kMaxMembers + limits::kSyncForeignPeers) {
        std::erase_if(paused_until_ms_,
                      [now_ms](const auto& pause) { return pause.second <= now_ms; });
    }
    paused_until_ms_[peer] = end_ms;
}

std::uint64_t BlockSync::next_chance(std::uint64_t now_ms) const {
    std::uint64_t next = now_ms + limits::kSyncPauseMs / 4;
    for (const auto& [peer, end_ms] : paused_until_ms_) {
        if (end_ms > now_ms) next = std::min(next, end_ms);
    }
    return next;
}

void BlockSync::on_response(const PublicKey& from, BlockResponse response, std::uint64_t now_ms) {
    if (!request_ || request_->peer != from || request_->first != response.first) return;
    const bool is_late = now_ms + limits::kSyncTimeoutMs >
                         saturating_add(request_->deadline_ms, limits::kSyncGoodAnswerMs);
    request_.reset();
    const auto claim = claims_.find(from);
    if (response.blocks.empty() && (claim == claims_.end() || claim->second < response.first)) {
        // Asked because others proved that the block exists; that it is late itself is no lie.
        pause_until(from, now_ms + limits::kSyncEmptyPauseMs, now_ms);
        return;
    }
    Height expected = response.first;
    bool is_consecutive = !response.blocks.empty();
    for (const CertifiedBlock& block : response.blocks) {
        is_consecutive = is_consecutive && block.block.header.height == expected;
        expected = expected.next();
    }
    if (!is_consecutive) {
        pause(from, now_ms);
        return;
    }
    const bool is_all = response.blocks.size() >= limits::kSyncBlocksPerRequest ||
                        claim == claims_.end() || claim->second < expected;
    is_last_peer_good_ = is_all && !is_late;
    blocks_.assign(std::make_move_iterator(response.blocks.begin()),
                   std::make_move_iterator(response.blocks.end()));
    source_ = from;
}

const CertifiedBlock* BlockSync::next(Height height) {
    while (!blocks_.empty() && blocks_.front().block.header.height < height) blocks_.pop_front();
    if (blocks_.empty()) return nullptr;
    if (blocks_.front().block.header.height != height) {
        blocks_.clear();
        return nullptr;
    }
    return &blocks_.front();
}

void BlockSync::blame(std::uint64_t now_ms) {
    blocks_.clear();
    if (!source_) return;
    env_.report_invalid(*source_);
    pause(*source_, now_ms);
    source_.reset();
}

bool BlockSync::is_usable(const PublicKey& key, std::uint64_t now_ms) const {
    if (key == own_key_) return false;
    const auto paused = paused_until_ms_.find(key);
    return paused == paused_until_ms_.end() || paused->second <= now_ms;
}

std::optional<PublicKey> BlockSync::choose_peer(Height head, std::uint64_t now_ms) const {
    // Stay with a peer that serves well; otherwise the one after it in the membership: who serves
    // a block now and then would keep us back for ever.
    if (last_peer_ && is_last_peer_good_ && is_usable(*last_peer_, now_ms)) {
        const auto claim = claims_.find(*last_peer_);
        if (claim != claims_.end() && claim->second > head) return last_peer_;
    }
    const auto member = choose_member(head, now_ms);
    const auto claimed = member ? claims_.find(*member) : claims_.end();
    if (claimed != claims_.end() && claimed->second > head) return member;
    // In the order of keys, behind the last one asked: each has its turn.
    std::optional<PublicKey> foreign;
    for (const auto& [key, height] : claims_) {
        if (height <= head || is_member(key) || !is_usable(key, now_ms)) continue;
        if (last_peer_ && key > *last_peer_) return key;
        if (!foreign) foreign = key;
    }
    return foreign ? foreign : member;
}

// A member that claims to be ahead; without a claim any, if it is proven that there is more.
std::optional<PublicKey> BlockSync::choose_member(Height head, std::uint64_t now_ms) const {
    std::optional<PublicKey> any;
    const std::size_t count = membership_.size();
    const auto last = last_peer_ ? membership_.find(*last_peer_) : std::nullopt;
    const std::size_t start = last ? last->value + 1U : 0U;
    for (std::size_t i = 0; i < count; ++i) {
        const PublicKey& key = membership_.members[(start + i) % count].validator_key;
        if (!is_usable(key, now_ms)) continue;
        const auto claim = claims_.find(key);
        if (claim != claims_.end() && claim->second > head) return key;
        if (!any) any = key;
    }
    return target_ > head ? any : std::nullopt;
}

std::optional<std::uint64_t> BlockSync::tick(Height head, std::uint64_t slack,
                                             std::uint64_t now_ms) {
    if (request_ && request_->deadline_ms <= now_ms) {
        pause(request_->peer, now_ms);
        request_.reset();
    }
    if (request_) return request_->deadline_ms;
    if (next(head.next()) != nullptr || !is_behind(head, slack)) return std::nullopt;
    const auto peer = choose_peer(head, now_ms);
    if (!peer) return next_chance(now_ms);
    last_peer_ = peer;
    request_ = Request{*peer, head.next(), now_ms + limits::kSyncTimeoutMs};
    env_.send(*peer, encode_frame(BlockRequest{
                         head.next(), static_cast<std::uint32_t>(limits::kSyncBlocksPerRequest)}));
    return request_->deadline_ms;
}

}  // namespace consilium::driver
