// Peers of the mesh and their queues: the part any thread may call.
#include "p2p/mesh_core.hpp"

#include <set>
#include <utility>

#include "core/check.hpp"

namespace consilium::p2p {
namespace {

// A report of an invalid message takes kReportCost of a bucket that refills with
// kInvalidPerMinute a second: that many a minute, in whole numbers.
constexpr std::uint64_t kReportCost = 60;

}  // namespace

Mesh::Core::Peer::Peer(PeerIndex peer_index, const PublicKey& peer_key, const MeshOptions& options)
    : index(peer_index),
      key(peer_key),
      queue(options.queue_bytes),
      dial_backoff(options.reconnect_first_ms, options.reconnect_cap_ms),
      offence_backoff(limits::kOffenceFirstMs, limits::kOffenceCapMs),
      invalid_budget(limits::kInvalidPerMinute, limits::kInvalidPerMinute * kReportCost) {}

Mesh::Core::Runtime::Runtime(asio::io_context& io, const TlsIdentity& identity)
    : strand(asio::make_strand(io)),
      acceptor(strand),
      accept_timer(strand),
      monitor_timer(strand),
      stop_timer(strand),
      server_context(identity.server_context(true)),
      client_context(identity.client_context()) {}

Mesh::Core::Core(MeshOptions options, MeshCallbacks callbacks, TlsIdentity identity)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      identity_(std::move(identity)) {}

template <typename Function>
void Mesh::Core::post(Function function) {
    if (runtime_ == nullptr) return;
    asio::post(runtime_->strand,
               [self = shared_from_this(), call = std::move(function)] { call(*self); });
}

Result<void> Mesh::Core::start(asio::io_context& io) {
    const std::lock_guard lock(mutex_);
    if (runtime_ != nullptr) return make_error(ErrorCode::kRefused, "the mesh already runs");
    auto runtime = std::make_unique<Runtime>(io, identity_);
    if (auto listening = listen_on(runtime->acceptor, options_.listen_host, options_.listen_port);
        !listening) {
        return listening;
    }
    error_code error;
    port_ = runtime->acceptor.local_endpoint(error).port();
    runtime_ = std::move(runtime);
    post([](Core& self) {
        spawn(self.runtime_->strand, self.accept_loop());
        spawn(self.runtime_->strand, self.monitor_loop());
        for (const auto& peer : self.all_peers()) self.ensure_dialling(peer);
    });
    return {};
}

void Mesh::Core::stop(std::uint64_t drain_ms, std::function<void()> on_stopped) {
    {
        const std::lock_guard lock(mutex_);
        if (runtime_ != nullptr) {
            post([drain_ms, call = std::move(on_stopped)](Core& self) {
                self.on_stopped_.push_back(call);
                if (self.is_stopped_) {
                    self.call_stopped();
                } else if (!std::exchange(self.is_stopping_, true)) {
                    spawn(self.runtime_->strand, self.stop_sequence(drain_ms));
                }
            });
            return;
        }
    }
    if (on_stopped) on_stopped();
}

void Mesh::Core::call_stopped() {
    const std::lock_guard lock(callback_mutex_);
    is_muted_ = true;
    for (auto& call : std::exchange(on_stopped_, {})) {
        if (call && !is_abandoned_) call();
    }
}

void Mesh::Core::abandon() {
    {
        const std::lock_guard lock(callback_mutex_);
        is_muted_ = true;
        is_abandoned_ = true;
    }
    const std::lock_guard lock(mutex_);
    post([](Core& self) {
        self.is_stopping_ = true;
        self.close_everything();
    });
}

void Mesh::Core::call_link(const Peer& peer, LinkState state) {
    const std::lock_guard lock(callback_mutex_);
    if (!is_muted_ && callbacks_.on_link) callbacks_.on_link(peer.index, peer.key, state);
}

void Mesh::Core::call_frame(const Peer& peer, FrameKind kind, Bytes payload) {
    const std::lock_guard lock(callback_mutex_);
    if (!is_muted_ && callbacks_.on_frame) {
        callbacks_.on_frame(peer.index, kind, std::move(payload));
    }
}

bool Mesh::Core::has_room_for(FrameKind kind, const Bytes& payload) {
    const auto maximum = max_frame_payload(static_cast<std::uint8_t>(kind));
    if (maximum && payload.size() <= *maximum) return true;
    ++stats_.frames_refused_size;
    return false;
}

// Called under mutex_.
bool Mesh::Core::push(Peer& peer, FrameKind kind, const std::shared_ptr<const Bytes>& payload) {
    if (!peer.is_up) {
        ++stats_.frames_dropped_down;
        return false;
    }
    const auto outcome = peer.queue.push({kind, payload});
    stats_.frames_dropped_quota += outcome.dropped + (outcome.is_queued ? 0 : 1);
    if (outcome.is_queued) wake_writer(peer.index, peer);
    return outcome.is_queued;
}

// Called under mutex_. One posted wake-up at a time, so that a burst of sends posts once.
void Mesh::Core::wake_writer(PeerIndex index, Peer& peer) {
    if (std::exchange(peer.is_wake_pending, true)) return;
    post([index](Core& self) {
        const auto found = self.find(index);
        if (found == nullptr) return;
        {
            const std::lock_guard lock(self.mutex_);
            found->is_wake_pending = false;
        }
        if (found->link != nullptr) found->link->wake.cancel();
    });
}

bool Mesh::Core::send(PeerIndex index, FrameKind kind,
                      const std::shared_ptr<const Bytes>& payload) {
    if (!has_room_for(kind, *payload)) return false;
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(index);
    if (found == peers_.end()) {
        ++stats_.frames_dropped_down;
        return false;
    }
    return push(*found->second, kind, payload);
}

std::size_t Mesh::Core::broadcast(FrameKind kind, const std::shared_ptr<const Bytes>& payload,
                                  bool is_to_observers) {
    if (!has_room_for(kind, *payload)) return 0;
    const std::lock_guard lock(mutex_);
    std::size_t queued = 0;
    for (auto& [index, peer] : peers_) {
        if ((index >= kFirstObserver) != is_to_observers || !peer->is_up) continue;
        if (push(*peer, kind, payload)) ++queued;
    }
    return queued;
}

void Mesh::Core::report_invalid(PeerIndex index) {
    ++stats_.reported_invalid;
    const std::lock_guard lock(mutex_);
    post([index](Core& self) {
        const auto peer = self.find(index);
        if (peer == nullptr) return;
        const std::uint64_t now_ms = steady_now_ms();
        peer->invalid_budget.take(kReportCost, now_ms);
        if (peer->invalid_budget.wait_ms(now_ms) > 0) self.punish(peer);
    });
}

void Mesh::Core::disconnect(PeerIndex index) {
    const std::lock_guard lock(mutex_);
    post([index](Core& self) {
        const auto peer = self.find(index);
        if (peer != nullptr && peer->link != nullptr) self.close_link(peer, peer->link);
    });
}

Result<PeerIndex> Mesh::Core::set_peer(const PeerAddress& address) {
    const std::lock_guard lock(mutex_);
    const auto known = index_of_.find(address.key);
    PeerPointer peer;
    if (known != index_of_.end() && known->second < kFirstObserver) {
        peer = peers_.at(known->second);
    } else {
        if (next_peer_ >= limits::kMaxPeers) {
            return make_error(ErrorCode::kLimitExceeded, "too many peers");
        }
        // An observer that becomes a peer comes back under its new index.
        if (known != index_of_.end()) {
            post([index = known->second](Core& self) {
                const auto observer = self.find(index);
                if (observer != nullptr) self.close_link(observer, observer->link);
            });
        }
        peer = std::make_shared<Peer>(PeerIndex{next_peer_++}, address.key, options_);
        peers_.emplace(peer->index, peer);
        index_of_[address.key] = peer->index;
    }
    peer->host = address.host;
    peer->port = address.port;
    peer->is_removed = false;
    post([peer](Core& self) {
        peer->dial_backoff.reset();
        self.ensure_dialling(peer);
    });
    return peer->index;
}

void Mesh::Core::remove_peer(const PublicKey& key) {
    const std::lock_guard lock(mutex_);
    const auto known = index_of_.find(key);
    if (known == index_of_.end() || known->second >= kFirstObserver) return;
    const PeerPointer peer = peers_.at(known->second);
    peer->is_removed = true;
    post([peer](Core& self) {
        if (peer->dial_timer != nullptr) peer->dial_timer->cancel();
        if (peer->link != nullptr) self.close_link(peer, peer->link);
    });
}

Mesh::Core::PeerPointer Mesh::Core::find(PeerIndex index) const {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(index);
    return found == peers_.end() ? nullptr : found->second;
}

std::vector<Mesh::Core::PeerPointer> Mesh::Core::all_peers() const {
    const std::lock_guard lock(mutex_);
    std::vector<PeerPointer> all;
    all.reserve(peers_.size());
    for (const auto& [index, peer] : peers_) all.push_back(peer);
    return all;
}

// Of two peers the one with the smaller key dials first, and its link is the one to keep.
bool Mesh::Core::is_second_dialer(const Peer& peer) const {
    return peer.key < options_.identity.key;
}

bool Mesh::Core::is_dialable(const Peer& peer) const {
    const std::lock_guard lock(mutex_);
    return !peer.is_removed && peer.port != 0 && peer.key != options_.identity.key &&
           peer.index < kFirstObserver;
}

std::optional<PeerIndex> Mesh::Core::find_peer(const PublicKey& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = index_of_.find(key);
    if (found == index_of_.end() || peers_.at(found->second)->is_removed) return std::nullopt;
    return found->second;
}

std::optional<PublicKey> Mesh::Core::peer_key(PeerIndex index) const {
    const auto peer = find(index);
    return peer == nullptr ? std::nullopt : std::optional(peer->key);
}

bool Mesh::Core::is_up(PeerIndex index) const {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(index);
    return found != peers_.end() && found->second->is_up;
}

std::vector<PeerIndex> Mesh::Core::linked_peers() const {
    const std::lock_guard lock(mutex_);
    std::vector<PeerIndex> up;
    for (const auto& [index, peer] : peers_) {
        if (peer->is_up) up.push_back(index);
    }
    return up;
}

std::size_t Mesh::Core::queued_bytes(PeerIndex index) const {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(index);
    return found == peers_.end() ? 0 : found->second->queue.bytes();
}

}  // namespace consilium::p2p
