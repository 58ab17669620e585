// Connections of the mesh: accepting, dialling, reading, writing, watching. Strand only.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/check.hpp"
#include "core/random.hpp"
#include "p2p/mesh_core.hpp"

namespace consilium::p2p {
namespace {

constexpr std::uint64_t kForeverMs = 3'600'000;     // the waits are woken; this only bounds them
constexpr std::uint64_t kSecondDialerMs = 300;      // head start of the peer that dials first
constexpr std::uint64_t kAcceptRetryMs = 100;       // after an error such as "too many open files"
constexpr std::uint64_t kStaleLinkMs = 3'000;       // silent longer than a ping: may be replaced
constexpr std::uint64_t kGoodBehaviourMs = 60'000;  // a link this old forgives its peer
constexpr std::size_t kReadBytes = 32 * 1024;       // TLS records are 16 KiB at most
constexpr std::size_t kBatchBytes = 64 * 1024;      // frames are gathered up to this

std::uint64_t random_number() {
    std::array<std::uint8_t, 8> bytes{};
    fill_random(bytes);
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof(number));
    return number;
}

}  // namespace

void Mesh::Core::arm_deadline(const LinkPointer& link) {
    link->deadline.expires_after(as_duration(options_.handshake_timeout_ms));
    link->deadline.async_wait([link](const error_code& error) {
        if (!error) link->close();
    });
}

// A link that is closed already met its deadline or made room for another.
void Mesh::Core::count_failed_handshake(const MeshLink& link, const Error& error) {
    if (link.is_closed || error.code == ErrorCode::kUnavailable) {
        ++stats_.handshake_failures;
    } else {
        ++stats_.identity_failures;
    }
}

Task<void> Mesh::Core::accept_loop() {
    const auto self = shared_from_this();
    auto& acceptor = runtime_->acceptor;
    while (!is_stopping_) {
        auto link = std::make_shared<MeshLink>(runtime_->strand, runtime_->server_context,
                                               TlsRole::kServer, options_);
        auto [error] = co_await acceptor.async_accept(link->stream.next_layer(), kUse);
        if (is_stopping_) co_return;
        if (error) {
            co_await wait_ms(runtime_->accept_timer, kAcceptRetryMs);
            continue;
        }
        ++stats_.inbound_connections;
        // The oldest goes: an honest handshake takes milliseconds, one that lingers does not.
        if (pending_.size() >= options_.pending_handshakes) {
            pending_.front()->close();
            pending_.pop_front();
            ++stats_.handshakes_evicted;
        }
        pending_.push_back(link);
        stats_.pending_handshakes = pending_.size();
        arm_deadline(link);
        spawn(runtime_->strand, receive(link));
    }
}

Task<void> Mesh::Core::receive(LinkPointer link) {
    const auto self = shared_from_this();
    Result<IdentityProof> proof =
        co_await authenticate(*link, options_.identity, options_.genesis_hash);
    pending_.remove(link);
    stats_.pending_handshakes = pending_.size();
    link->deadline.cancel();
    if (!proof) count_failed_handshake(*link, proof.error());
    if (proof && !link->is_closed && !is_stopping_) {
        attach(link, proof->key);
    } else {
        link->close();
    }
}

void Mesh::Core::ensure_dialling(const PeerPointer& peer) {
    if (is_stopping_ || !is_dialable(*peer)) return;
    if (peer->dial_timer != nullptr) {
        peer->dial_timer->cancel();
        return;
    }
    peer->dial_timer = std::make_unique<asio::steady_timer>(runtime_->strand);
    spawn(runtime_->strand, dial_loop(peer));
}

Task<void> Mesh::Core::dial_loop(PeerPointer peer) {
    const auto self = shared_from_this();
    const std::uint64_t head_start_ms = is_second_dialer(*peer) ? kSecondDialerMs : 0;
    std::uint64_t delay_ms = head_start_ms;
    while (!is_stopping_ && is_dialable(*peer)) {
        if (peer->link != nullptr) {
            co_await wait_ms(*peer->dial_timer, kForeverMs);
            delay_ms = head_start_ms + peer->dial_backoff.next_ms(random_number());
            continue;
        }
        const std::uint64_t now_ms = steady_now_ms();
        if (peer->pause_until_ms > now_ms) {
            delay_ms = std::max(delay_ms, peer->pause_until_ms - now_ms);
        }
        co_await wait_ms(*peer->dial_timer, delay_ms);
        if (is_stopping_ || !is_dialable(*peer) || peer->link != nullptr) continue;
        if (peer->pause_until_ms > steady_now_ms()) continue;
        co_await dial(peer);
        delay_ms = head_start_ms + peer->dial_backoff.next_ms(random_number());
    }
    peer->dial_timer.reset();
}

Task<bool> Mesh::Core::connect(MeshLink& link, std::string host, std::uint16_t port) {
    error_code error;
    const auto address = asio::ip::make_address(host, error);
    tcp::endpoint endpoint(address, port);
    if (error) {
        tcp::resolver resolver(runtime_->strand);
        auto [resolve_error, found] =
            co_await resolver.async_resolve(host, std::to_string(port), kUse);
        if (resolve_error || found.empty() || link.is_closed) co_return false;
        endpoint = found.begin()->endpoint();
    }
    auto [connect_error] = co_await link.stream.next_layer().async_connect(endpoint, kUse);
    co_return !connect_error && !link.is_closed;
}

Task<void> Mesh::Core::dial(PeerPointer peer) {
    const auto self = shared_from_this();
    std::string host;
    std::uint16_t port = 0;
    {
        const std::lock_guard lock(mutex_);
        host = peer->host;
        port = peer->port;
    }
    ++stats_.dial_attempts;
    const auto link = std::make_shared<MeshLink>(runtime_->strand, runtime_->client_context,
                                                 TlsRole::kClient, options_);
    peer->dialled = link;
    arm_deadline(link);
    const bool is_connected = co_await connect(*link, host, port);
    if (!is_connected || is_stopping_) {
        ++stats_.dial_failures;
        peer->dialled.reset();
        link->close();
        co_return;
    }
    Result<IdentityProof> proof =
        co_await authenticate(*link, options_.identity, options_.genesis_hash);
    link->deadline.cancel();
    peer->dialled.reset();
    if (!proof) count_failed_handshake(*link, proof.error());
    const bool is_expected = proof && proof->key == peer->key;
    if (proof && !is_expected) ++stats_.identity_failures;
    if (is_expected && !link->is_closed && !is_stopping_) {
        attach(link, proof->key);
    } else {
        ++stats_.dial_failures;
        link->close();
    }
}

// The peer this key may speak as, or none. An observer gets a new index with each link.
Mesh::Core::PeerPointer Mesh::Core::admit(const PublicKey& key) {
    if (key == options_.identity.key) return nullptr;
    const std::lock_guard lock(mutex_);
    const auto known = index_of_.find(key);
    if (known != index_of_.end()) {
        const auto& peer = peers_.at(known->second);
        return peer->is_removed ? nullptr : peer;
    }
    if (observers_ >= options_.max_observers) return nullptr;
    auto observer = std::make_shared<Peer>(PeerIndex{next_observer_++}, key, options_);
    ++observers_;
    peers_.emplace(observer->index, observer);
    index_of_[key] = observer->index;
    return observer;
}

// Both ends reach the same answer: the link dialled by the smaller key stays, unless it is dead.
bool Mesh::Core::may_replace(const Peer& peer, const MeshLink& link) const {
    const TlsRole kept = is_second_dialer(peer) ? TlsRole::kServer : TlsRole::kClient;
    const bool is_live = steady_now_ms() - peer.link->last_heard_ms < kStaleLinkMs;
    return link.own_role == kept || peer.link->own_role != kept || !is_live;
}

void Mesh::Core::attach(const LinkPointer& link, const PublicKey& key) {
    const PeerPointer peer = admit(key);
    const std::uint64_t now_ms = steady_now_ms();
    if (peer == nullptr) {
        ++stats_.identity_failures;
        link->close();
        return;
    }
    if (peer->pause_until_ms > now_ms) {
        ++stats_.links_refused_in_pause;
        link->close();
        return;
    }
    if (peer->link != nullptr) {
        if (!may_replace(*peer, *link)) {
            ++stats_.duplicate_links_refused;
            link->close();
            return;
        }
        ++stats_.links_replaced;
        close_link(peer, peer->link);
        if (peer->index >= kFirstObserver) {  // its index went with the old link
            attach(link, key);
            return;
        }
    }
    link->opened_ms = link->last_heard_ms = link->last_sent_ms = now_ms;
    peer->link = link;
    peer->dial_backoff.reset();
    {
        const std::lock_guard lock(mutex_);
        peer->is_up = true;
    }
    ++stats_.links_opened;
    ++stats_.links_up;
    call_link(*peer, LinkState::kUp);
    spawn(runtime_->strand, read_loop(peer, link));
    spawn(runtime_->strand, write_loop(peer, link));
}

void Mesh::Core::close_link(const PeerPointer& peer, const LinkPointer& link) {
    if (link == nullptr) return;
    link->close();
    if (peer->link != link) return;
    peer->link.reset();
    {
        const std::lock_guard lock(mutex_);
        peer->is_up = false;
        stats_.frames_dropped_down += peer->queue.clear();
        if (peer->index >= kFirstObserver) {
            peers_.erase(peer->index);
            const auto named = index_of_.find(peer->key);
            if (named != index_of_.end() && named->second == peer->index) index_of_.erase(named);
            --observers_;
        }
    }
    --stats_.links_up;
    if (peer->dial_timer != nullptr) peer->dial_timer->cancel();
    runtime_->stop_timer.cancel();
    call_link(*peer, LinkState::kDown);
}

void Mesh::Core::punish(const PeerPointer& peer) {
    if (peer->link == nullptr) return;
    ++stats_.offence_disconnects;
    peer->pause_until_ms = steady_now_ms() + peer->offence_backoff.next_ms(random_number());
    close_link(peer, peer->link);
}

// False when the frame must not come at this point of the stream.
bool Mesh::Core::deliver(Peer& peer, MeshLink& link, Frame frame) {
    link.account(frame, steady_now_ms());
    ++stats_.frames_received;
    if (frame.kind == kPingKind) return true;
    const auto kind = frame_kind_from(frame.kind);
    if (!kind) return false;
    call_frame(peer, *kind, std::move(frame.payload));
    return true;
}

Task<void> Mesh::Core::read_loop(PeerPointer peer, LinkPointer link) {
    const auto self = shared_from_this();
    Bytes buffer(kReadBytes);
    std::vector<Frame> frames;
    while (!link->is_closed) {
        auto [error, size] = co_await link->stream.async_read_some(asio::buffer(buffer), kUse);
        if (error) break;
        link->last_heard_ms = steady_now_ms();
        stats_.bytes_received += size;
        frames.clear();
        const auto fed = link->reader.feed(ByteView(buffer).first(size), frames);
        bool is_valid = fed.has_value() && !link->has_too_many_key_updates();
        for (auto& frame : frames) {
            if (link->is_closed) break;
            is_valid = deliver(*peer, *link, std::move(frame)) && is_valid;
        }
        if (!is_valid && !link->is_closed) {
            ++stats_.invalid_frames;
            punish(peer);
            break;
        }
        const std::uint64_t pause_ms = link->throttle_ms(steady_now_ms());
        if (pause_ms > 0 && !link->is_closed) {
            ++stats_.throttle_pauses;
            link->is_paused = true;
            co_await wait_ms(link->pause, pause_ms);
            link->is_paused = false;
            link->last_heard_ms = steady_now_ms();
        }
    }
    close_link(peer, link);
}

Bytes Mesh::Core::take_batch(Peer& peer) {
    Bytes batch;
    const std::lock_guard lock(mutex_);
    while (batch.size() < kBatchBytes) {
        const auto frame = peer.queue.pop();
        if (!frame) break;
        append_frame(batch, static_cast<std::uint8_t>(frame->kind), *frame->payload);
        ++stats_.frames_sent;
    }
    return batch;
}

Task<void> Mesh::Core::write_loop(PeerPointer peer, LinkPointer link) {
    const auto self = shared_from_this();
    while (!link->is_closed) {
        Bytes batch = take_batch(*peer);
        if (batch.empty() && link->is_ping_due) append_frame(batch, kPingKind, {});
        if (batch.empty()) {
            if (link->is_draining) {
                // The other end closes in its turn, and our reader sees it: nothing is lost.
                error_code ignored;
                link->stream.next_layer().shutdown(tcp::socket::shutdown_send, ignored);
                co_return;
            }
            co_await wait_ms(link->wake, kForeverMs);
            continue;
        }
        link->is_ping_due = false;
        link->write_started_ms = steady_now_ms();
        auto [error, size] = co_await asio::async_write(link->stream, asio::buffer(batch), kUse);
        if (error) break;
        link->write_started_ms = 0;
        link->last_sent_ms = steady_now_ms();
        stats_.bytes_sent += size;
    }
    close_link(peer, link);
}

void Mesh::Core::check_link(const PeerPointer& peer, std::uint64_t now_ms) {
    MeshLink& link = *peer->link;
    const bool is_silent =
        !link.is_paused && now_ms > link.last_heard_ms + options_.peer_silence_ms;
    const bool is_stalled =
        link.write_started_ms != 0 && now_ms > link.write_started_ms + limits::kWriteStallMs;
    if (is_silent || is_stalled) {
        ++stats_.silent_links_closed;
        close_link(peer, peer->link);
        return;
    }
    if (now_ms >= link.last_sent_ms + options_.ping_interval_ms && link.write_started_ms == 0) {
        link.is_ping_due = true;
        link.wake.cancel();
    }
    if (now_ms > link.opened_ms + kGoodBehaviourMs) peer->offence_backoff.reset();
}

std::vector<Mesh::Core::PeerPointer> Mesh::Core::linked() const {
    auto peers = all_peers();
    std::erase_if(peers, [](const PeerPointer& peer) { return peer->link == nullptr; });
    return peers;
}

Task<void> Mesh::Core::monitor_loop() {
    const auto self = shared_from_this();
    const std::uint64_t period_ms = std::max<std::uint64_t>(options_.ping_interval_ms / 2, 10);
    while (!is_stopped_) {
        co_await wait_ms(runtime_->monitor_timer, period_ms);
        const std::uint64_t now_ms = steady_now_ms();
        for (const auto& peer : linked()) {
            if (peer->link != nullptr) check_link(peer, now_ms);
        }
    }
}

void Mesh::Core::close_everything() {
    error_code ignored;
    runtime_->acceptor.close(ignored);
    runtime_->accept_timer.cancel();
    for (const auto& link : pending_) link->close();
    for (const auto& peer : all_peers()) {
        if (peer->dial_timer != nullptr) peer->dial_timer->cancel();
        if (peer->dialled != nullptr) peer->dialled->close();
        close_link(peer, peer->link);
    }
    is_stopped_ = true;
    runtime_->monitor_timer.cancel();
}

Task<void> Mesh::Core::stop_sequence(std::uint64_t drain_ms) {
    const auto self = shared_from_this();
    error_code ignored;
    runtime_->acceptor.close(ignored);
    for (const auto& peer : linked()) {
        peer->link->is_draining = true;
        peer->link->wake.cancel();
    }
    const std::uint64_t deadline_ms = steady_now_ms() + drain_ms;
    for (std::uint64_t now_ms = steady_now_ms(); now_ms < deadline_ms && !linked().empty();
         now_ms = steady_now_ms()) {
        co_await wait_ms(runtime_->stop_timer, deadline_ms - now_ms);
    }
    close_everything();
    call_stopped();
}

}  // namespace consilium::p2p
