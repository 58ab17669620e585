// HAVE bookkeeping and verified pulls.
#include "node/driver/blob_pool.hpp"

#include <algorithm>
#include <string>

#include "contracts/executor.hpp"

namespace consilium::driver {
namespace {

constexpr std::uint64_t kLapPauseMs = 1'000;  // when everybody was asked in vain

[[nodiscard]] std::size_t chunk_count(std::uint64_t length) {
    return static_cast<std::size_t>((length + limits::kBlobChunkBytes - 1) /
                                    limits::kBlobChunkBytes);
}

[[nodiscard]] Result<Bytes> read_chunk(const BlobContent& content, std::size_t index) {
    const std::size_t begin = index * limits::kBlobChunkBytes;
    Bytes chunk(std::min(limits::kBlobChunkBytes, content.size_bytes() - begin));
    if (auto read = content.read(begin, chunk); !read) return tl::unexpected(read.error());
    return chunk;
}

[[nodiscard]] Result<Manifest> make_manifest(const Digest& hash, const BlobContent& content) {
    Manifest manifest{.hash = hash, .length = content.size_bytes(), .chunks = {}};
    for (std::size_t i = 0; i < chunk_count(manifest.length); ++i) {
        const auto chunk = read_chunk(content, i);
        if (!chunk) return tl::unexpected(chunk.error());
        manifest.chunks.push_back(sha256(*chunk));
    }
    return manifest;
}

}  // namespace

BlobPool::BlobPool(ChainIdentity identity, PublicKey own_key, Env& env)
    : identity_(std::move(identity)), own_key_(own_key), env_(env) {}

void BlobPool::set_membership(const Membership& membership) {
    if (membership == membership_) return;
    for (const auto& [key, members] : haves_) changes_.insert(key.hash);
    haves_.clear();
    haves_by_member_.clear();
    membership_ = membership;
}

void BlobPool::want(const WantedBlob& wanted, std::uint64_t now_ms) {
    const auto known = pulls_.find(wanted.key.hash);
    if (known != pulls_.end()) {
        Pull& pull = known->second;
        // A member has named the bytes that are on their way as a client's: they stay.
        if (!wanted.batch) pull.wanted.batch.reset();
        if (wanted.is_urgent) {
            pull.wanted.is_urgent = true;
            if (!pull.peer) pull.deadline_ms = now_ms;
        }
        return;
    }
    if (env_.storage().has_blob(wanted.key.hash)) {
        if (wanted.kind != schema::BlobKind::kNone) announce(wanted, false);
        return;
    }
    if (pulls_.size() >= limits::kWantedBlobs && !wanted.is_urgent) return;
    if (wanted.key.length > limits::kMaxBlobBytes) return;
    if (wanted.key.length == 0 && wanted.kind != schema::BlobKind::kNone) return;
    pulls_.emplace(wanted.key.hash, Pull{.wanted = wanted,
                                         .tried = {},
                                         .peer = std::nullopt,
                                         .deadline_ms = now_ms,
                                         .manifest = std::nullopt,
                                         .content = {}});
}

void BlobPool::keep_only(const std::set<Digest>& keep) {
    for (auto it = pulls_.begin(); it != pulls_.end();) {
        if (keep.contains(it->first)) {
            ++it;
            continue;
        }
        drop_content(it->second);
        it = pulls_.erase(it);
    }
}

Result<void> BlobPool::store(const WantedBlob& wanted, ByteView content) {
    const bool is_length_known = wanted.key.length != 0;
    if ((is_length_known && content.size() != wanted.key.length) ||
        sha256(content) != wanted.key.hash) {
        return make_error(ErrorCode::kMismatch, "the content is not the blob that is named");
    }
    if (wanted.kind != schema::BlobKind::kNone && !contracts::check_blob(wanted.kind, content)) {
        return make_error(ErrorCode::kMalformed, "the blob does not parse");
    }
    if (!env_.storage().has_blob(wanted.key.hash)) {
        if (auto stored = put(wanted, content); !stored) {
            storage_error_ = stored.error();
            return stored;
        }
    }
    const auto pull = pulls_.find(wanted.key.hash);
    if (pull != pulls_.end()) {
        drop_content(pull->second);
        pulls_.erase(pull);
    }
    changes_.insert(wanted.key.hash);
    if (wanted.kind != schema::BlobKind::kNone) say_have(wanted.key);
    return {};
}

const Have* BlobPool::own_have(const BlobKey& blob) const {
    const auto self = membership_.find(own_key_);
    const auto haves = haves_.find(blob);
    if (!self || haves == haves_.end()) return nullptr;
    const auto own = haves->second.find(*self);
    return own == haves->second.end() ? nullptr : &own->second;
}

BlobPresence BlobPool::examine(const WantedBlob& blob) const {
    if (own_have(blob.key) != nullptr) return BlobPresence::kHeld;
    const auto content = env_.storage().get_blob(blob.key.hash);
    if (!content) return BlobPresence::kAbsent;
    const bool is_usable =
        content->size() == blob.key.length && contracts::check_blob(blob.kind, *content);
    return is_usable ? BlobPresence::kHeld : BlobPresence::kUnusable;
}

bool BlobPool::is_eligible(const BlobKey& blob) const {
    const auto haves = haves_.find(blob);
    // Our own HAVE is said only of what is held and parses.
    return haves != haves_.end() && haves->second.size() >= membership_.quorum() &&
           own_have(blob) != nullptr;
}

void BlobPool::announce(const WantedBlob& blob, bool repeat) {
    if (const Have* own = own_have(blob.key)) {
        if (repeat) env_.broadcast(encode_frame(HaveMessage{{*own}}));
        return;
    }
    if (examine(blob) == BlobPresence::kHeld) say_have(blob.key);
}

void BlobPool::say_have(const BlobKey& blob) {
    const auto self = membership_.find(own_key_);
    if (!self) return;
    Have have{.epoch = membership_.epoch,
              .holder = *self,
              .hash = blob.hash,
              .length = blob.length,
              .signature = {}};
    have.signature = env_.sign(have_digest(identity_, have));
    add_have(have);
    env_.broadcast(encode_frame(HaveMessage{{have}}));
}

void BlobPool::forward(const PublicKey& primary, const std::vector<BlobKey>& blobs) {
    if (primary == own_key_) return;
    HaveMessage message;
    for (const BlobKey& blob : blobs) {
        const auto haves = haves_.find(blob);
        if (haves == haves_.end()) continue;
        for (const auto& [holder, have] : haves->second) {
            message.haves.push_back(have);
            if (message.haves.size() == limits::kHavesPerFrame) {
                env_.send(primary, encode_frame(message));
                message.haves.clear();
            }
        }
    }
    if (!message.haves.empty()) env_.send(primary, encode_frame(message));
}

void BlobPool::add_have(const Have& have) {
    const BlobKey key{have.hash, have.length};
    if (!haves_[key].emplace(have.holder, have).second) return;
    auto& order = haves_by_member_[have.holder];
    order.push_back(key);
    if (order.size() > limits::kHaveHashesPerMember) {
        const auto oldest = haves_.find(order.front());
        if (oldest != haves_.end()) {
            oldest->second.erase(have.holder);
            if (oldest->second.empty()) haves_.erase(oldest);
        }
        order.pop_front();
    }
    changes_.insert(have.hash);
    const auto pull = pulls_.find(have.hash);
    if (pull != pulls_.end() && !pull->second.peer) pull->second.deadline_ms = 0;
}

Result<std::vector<BlobKey>> BlobPool::on_haves(const HaveMessage& message) {
    std::vector<BlobKey> news;
    for (const Have& have : message.haves) {
        const BlobKey key{have.hash, have.length};
        if (have.epoch != membership_.epoch) continue;  // early or late, not wrong
        if (!membership_.contains(have.holder)) {
            return make_error(ErrorCode::kRefused, "HAVE of no member");
        }
        if (have.length == 0 || have.length > limits::kMaxBlobBytes) {
            return make_error(ErrorCode::kRefused, "HAVE of an impossible length");
        }
        const auto known = haves_.find(key);
        if (known != haves_.end() && known->second.contains(have.holder)) continue;
        if (!env_.verifier().verify(
                {membership_.key_of(have.holder), have_digest(identity_, have), have.signature})) {
            return make_error(ErrorCode::kInvalidSignature, "HAVE signature");
        }
        add_have(have);
        news.push_back(key);
    }
    return news;
}

const BlobPool::Served* BlobPool::serve(const Digest& hash) {
    for (auto it = served_.begin(); it != served_.end(); ++it) {
        if (it->hash != hash) continue;
        served_.splice(served_.begin(), served_, it);
        return &served_.front();
    }
    auto content = env_.storage().open_blob(hash);
    if (!content || (*content)->size_bytes() > limits::kMaxBlobBytes) return nullptr;
    auto manifest = make_manifest(hash, **content);
    if (!manifest) return nullptr;
    served_.push_front({hash, std::move(*content), std::move(*manifest)});
    if (served_.size() > limits::kServedBlobs) served_.pop_back();
    return &served_.front();
}

void BlobPool::on_request(const PublicKey& from, const ManifestRequest& request) {
    const Served* served = serve(request.hash);
    // A length of zero says that the blob is not here: the asker goes on to the next holder.
    env_.send(from,
              encode_frame(served != nullptr ? served->manifest : Manifest{request.hash, 0, {}}));
}

void BlobPool::on_request(const PublicKey& from, const ChunkRequest& request) {
    const Served* served = serve(request.hash);
    Chunk chunk{.hash = request.hash, .index = request.index, .content = {}};
    if (served != nullptr && request.index < served->manifest.chunks.size()) {
        // Empty when the disk refuses: not here.
        chunk.content = read_chunk(*served->content, request.index).value_or(Bytes{});
    }
    env_.send(from, encode_frame(chunk));
}

std::optional<PublicKey> BlobPool::next_peer(const Pull& pull) const {
    const auto is_usable = [&](const PublicKey& key) {
        return key != own_key_ && !pull.tried.contains(key);
    };
    const auto haves = haves_.find(pull.wanted.key);
    if (haves != haves_.end()) {
        for (const auto& [holder, have] : haves->second) {
            if (is_usable(membership_.key_of(holder))) return membership_.key_of(holder);
        }
    }
    if (!pull.wanted.is_urgent) return std::nullopt;
    for (const Member& member : membership_.members) {
        if (is_usable(member.validator_key)) return member.validator_key;
    }
    return std::nullopt;
}

void BlobPool::ask(Pull& pull, std::uint64_t now_ms) {
    CHECK(pull.peer.has_value());
    pull.deadline_ms = now_ms + limits::kChunkTimeoutMs;
    const Digest& hash = pull.wanted.key.hash;
    const std::uint64_t length = pull.wanted.key.length;
    if ((length == 0 || length > limits::kBlobChunkBytes) && !pull.manifest) {
        env_.send(*pull.peer, encode_frame(ManifestRequest{hash}));
        return;
    }
    const auto index = static_cast<std::uint32_t>(pull.content.size() / limits::kBlobChunkBytes);
    env_.send(*pull.peer, encode_frame(ChunkRequest{hash, index}));
}

void BlobPool::drop_content(Pull& pull) {
    pulled_bytes_ -= pull.content.size();
    pull.content = Bytes{};
    pull.manifest.reset();
}

void BlobPool::leave_peer(Pull& pull, std::uint64_t now_ms) {
    drop_content(pull);
    if (pull.wanted.kind == schema::BlobKind::kNone) pull.wanted.key.length = 0;
    if (pull.peer) pull.tried.insert(*pull.peer);
    pull.peer.reset();
    pull.deadline_ms = now_ms;
}

void BlobPool::on_manifest(const PublicKey& from, Manifest manifest, std::uint64_t now_ms) {
    const auto found = pulls_.find(manifest.hash);
    if (found == pulls_.end()) return;
    Pull& pull = found->second;
    if (pull.peer != from || pull.manifest) return;
    const bool is_length_known = pull.wanted.kind != schema::BlobKind::kNone;
    if (manifest.length == 0 || manifest.length > limits::kMaxBlobBytes ||
        (is_length_known && manifest.length != pull.wanted.key.length) ||
        manifest.chunks.size() != chunk_count(manifest.length)) {
        leave_peer(pull, now_ms);
        return;
    }
    if (!is_length_known) pull.wanted.key.length = manifest.length;
    pull.manifest = std::move(manifest);
    ask(pull, now_ms);
}

void BlobPool::on_chunk(const PublicKey& from, Chunk chunk, std::uint64_t now_ms) {
    const auto found = pulls_.find(chunk.hash);
    if (found == pulls_.end()) return;
    Pull& pull = found->second;
    if (pull.peer != from || chunk.index != pull.content.size() / limits::kBlobChunkBytes) return;
    const std::uint64_t missing = pull.wanted.key.length - pull.content.size();
    const std::uint64_t expected = std::min<std::uint64_t>(missing, limits::kBlobChunkBytes);
    const bool is_right =
        chunk.content.size() == expected &&
        (!pull.manifest || sha256(chunk.content) == pull.manifest->chunks[chunk.index]);
    if (!is_right) {
        if (!chunk.content.empty()) env_.report_invalid(from);
        leave_peer(pull, now_ms);
        return;
    }
    if (pull.content.empty()) pull.content.reserve(pull.wanted.key.length);
    pulled_bytes_ += chunk.content.size();
    pull.content.insert(pull.content.end(), chunk.content.begin(), chunk.content.end());
    if (pull.content.size() < pull.wanted.key.length) return ask(pull, now_ms);
    finish(found, now_ms);
}

void BlobPool::finish(std::map<Digest, Pull>::iterator found, std::uint64_t now_ms) {
    Pull& pull = found->second;
    const WantedBlob wanted = pull.wanted;
    if (sha256(pull.content) != wanted.key.hash) {
        env_.report_invalid(*pull.peer);  // its manifest was of something else
        leave_peer(pull, now_ms);
        return;
    }
    // The right bytes: whether they parse is the fault of who named them, not of the peer.
    const Bytes content = std::exchange(pull.content, {});
    pulled_bytes_ -= content.size();
    pulls_.erase(found);
    (void)store(wanted, content);
}

std::optional<std::uint64_t> BlobPool::tick(std::uint64_t now_ms) {
    std::size_t active = 0;
    std::uint64_t reserved = 0;
    for (auto& [hash, pull] : pulls_) {
        if (pull.peer && pull.deadline_ms <= now_ms) leave_peer(pull, now_ms);
        if (!pull.peer) continue;
        ++active;
        reserved += pull.wanted.key.length;
    }
    std::optional<std::uint64_t> next;
    for (const bool urgent : {true, false}) {
        for (auto& [hash, pull] : pulls_) {
            if (pull.wanted.is_urgent != urgent || pull.peer || pull.deadline_ms > now_ms) continue;
            const std::uint64_t length =
                pull.wanted.key.length == 0 ? limits::kMaxBlobBytes : pull.wanted.key.length;
            if (active >= limits::kConcurrentPulls || reserved + length > limits::kPullBytes) break;
            pull.peer = next_peer(pull);
            if (!pull.peer) {
                pull.tried.clear();
                pull.deadline_ms = now_ms + kLapPauseMs;
                continue;
            }
            ++active;
            reserved += length;
            ask(pull, now_ms);
        }
    }
    for (const auto& [hash, pull] : pulls_) {
        if (pull.deadline_ms <= now_ms) continue;  // waits for another pull to end
        next = next ? std::min(*next, pull.deadline_ms) : pull.deadline_ms;
    }
    return next;
}

std::set<Digest> BlobPool::take_changes() {
    return std::exchange(changes_, {});
}

}  // namespace consilium::driver
