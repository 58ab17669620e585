// Mutually authenticated links between validators, with priorities, quotas and reconnection.
//
// A peer is a public key with an address; its PeerIndex never changes or gets reused. At most one
// link per peer is up. Nothing is delivered from a peer before its identity proof is verified
// (tls_identity.hpp). Frames are delivered at most once and may be lost when a link goes down:
// callers send again. Memory per peer: send queue 32 MiB + one batch and one frame being read,
// 5 MiB each at most; plus 64 pending handshakes.
//
// Threads: start() once, before the io_context runs or from any thread; every method is
// thread-safe. Callbacks run one at a time on a strand of the io_context; they may call any method
// but must return fast (hand the frame to a queue of your own). A transaction frame may hold many
// transactions: the frame rate is limited. The io_context is destroyed after the mesh.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.hpp"
#include "core/digest.hpp"
#include "core/result.hpp"
#include "core/signature.hpp"
#include "core/types.hpp"
#include "p2p/frame.hpp"
#include "p2p/limits.hpp"
#include "p2p/tls_identity.hpp"

namespace boost::asio {
class io_context;
}

namespace consilium::p2p {

using PeerIndex = StrongInt<struct PeerIndexTag, std::uint32_t>;
// Observers (authenticated, not named as peers) get indexes from here on, a new one per link.
inline constexpr PeerIndex kFirstObserver{1U << 20U};

struct PeerAddress {
    PublicKey key;
    std::string host;
    std::uint16_t port = 0;  // 0: never dialled, the peer dials us
};

// What may pass per second; a bucket holds kBurstSeconds of it. Above it we stop reading the link.
struct RateLimit {
    std::uint64_t bytes_per_second = 0;
    std::uint64_t frames_per_second = 0;
};

struct MeshOptions {
    IdentitySigner identity;
    Digest genesis_hash;
    std::string listen_host = "127.0.0.1";  // numeric address
    std::uint16_t listen_port = 0;          // 0: ephemeral, see Mesh::port()
    // Peer i of this list gets index i. Our own key may be in it (index = ReplicaId is then easy):
    // such an entry is never dialled and nothing can be sent to it.
    std::vector<PeerAddress> peers;
    std::size_t max_observers = 0;  // links of keys that are no peers; 0 refuses them

    RateLimit unsolicited{limits::kUnsolicitedBytesPerSecond, limits::kUnsolicitedFramesPerSecond};
    RateLimit solicited{limits::kSolicitedBytesPerSecond, limits::kSolicitedFramesPerSecond};
    std::size_t queue_bytes = limits::kPeerQueueBytes;
    std::size_t pending_handshakes = limits::kPendingHandshakes;
    std::uint64_t handshake_timeout_ms = limits::kHandshakeTimeoutMs;
    std::uint64_t reconnect_first_ms = limits::kReconnectFirstMs;
    std::uint64_t reconnect_cap_ms = limits::kReconnectCapMs;
    std::uint64_t ping_interval_ms = limits::kPingIntervalMs;
    std::uint64_t peer_silence_ms = limits::kPeerSilenceMs;
};

enum class LinkState : std::uint8_t { kDown, kUp };

struct MeshCallbacks {
    // A whole frame of an authenticated peer; its content is not checked.
    std::function<void(PeerIndex, FrameKind, Bytes)> on_frame;
    // kUp and kDown alternate for each index, beginning with kUp. The key names an observer.
    std::function<void(PeerIndex, const PublicKey&, LinkState)> on_link;
};

// Counters since start, for /metrics. Read at any time from any thread.
struct MeshStats {
    using Counter = std::atomic<std::uint64_t>;
    Counter links_up{0};  // a gauge
    Counter links_opened{0};
    Counter links_replaced{0};  // a second link of the same peer won or the old one was stale
    Counter duplicate_links_refused{0};
    Counter dial_attempts{0};
    Counter dial_failures{0};
    Counter inbound_connections{0};
    Counter handshake_failures{0};  // TLS failed or a deadline passed
    Counter identity_failures{0};   // proof missing, malformed, wrong, or of an unknown key
    Counter pending_handshakes{0};  // a gauge
    Counter handshakes_evicted{0};  // oldest pending one closed to make room
    Counter invalid_frames{0};
    Counter reported_invalid{0};  // by the user, report_invalid()
    Counter offence_disconnects{0};
    Counter links_refused_in_pause{0};
    Counter silent_links_closed{0};
    Counter throttle_pauses{0};
    Counter frames_sent{0};
    Counter bytes_sent{0};
    Counter frames_received{0};
    Counter bytes_received{0};
    Counter frames_dropped_quota{0};  // lowest priority first
    Counter frames_dropped_down{0};   // no link, or the link went down before they were sent
    Counter frames_refused_size{0};   // over the maximum of the kind, never queued
};

class Mesh {
  public:
    // kMalformed for bad options (duplicate keys, too many peers, an address that does not parse),
    // kInternal when no certificate can be made. Nothing runs yet.
    [[nodiscard]] static Result<std::unique_ptr<Mesh>> create(MeshOptions options,
                                                              MeshCallbacks callbacks);
    Mesh(const Mesh&) = delete;
    Mesh& operator=(const Mesh&) = delete;
    // Closes everything without ceremony. Waits for a callback that runs now (do not hold a lock it
    // takes); none begins afterwards.
    ~Mesh();

    // Binds and listens now, dials in the background. kUnavailable when the address is taken.
    [[nodiscard]] Result<void> start(boost::asio::io_context& io);
    // Bound port; 0 before start().
    [[nodiscard]] std::uint16_t port() const;
    // Stops dialling and accepting, sends what is queued for at most `drain_ms`, closes all links
    // and calls `on_stopped` on the strand. No other callback follows it.
    void stop(std::uint64_t drain_ms, std::function<void()> on_stopped);

    // Queues one frame; false when it cannot be sent now (no link, over size, over quota).
    bool send(PeerIndex peer, FrameKind kind, Bytes payload);
    // Queues for every peer with a link (not observers); returns how many. One shared buffer.
    std::size_t broadcast(FrameKind kind, Bytes payload);
    // The same for observers.
    std::size_t broadcast_to_observers(FrameKind kind, Bytes payload);

    // The peer's frame was no good above this layer (say, a wrong signature). More than 20 a
    // minute: disconnect and pause, never a ban.
    void report_invalid(PeerIndex peer);
    // Closes the peer's link, if any; it is dialled again later.
    void disconnect(PeerIndex peer);

    // Adds a peer, or gives a known key a new address; a link that is up stays. kLimitExceeded
    // after kMaxPeers different keys.
    [[nodiscard]] Result<PeerIndex> set_peer(const PeerAddress& peer);
    // Closes the link and dials no more; the key is refused as a peer until set_peer() again.
    void remove_peer(const PublicKey& key);

    [[nodiscard]] std::optional<PeerIndex> find_peer(const PublicKey& key) const;
    [[nodiscard]] std::optional<PublicKey> peer_key(PeerIndex peer) const;
    [[nodiscard]] bool is_up(PeerIndex peer) const;
    [[nodiscard]] std::vector<PeerIndex> linked_peers() const;  // observers included
    [[nodiscard]] std::size_t queued_bytes(PeerIndex peer) const;
    [[nodiscard]] const MeshStats& stats() const;

    class Core;  // in mesh.cpp

  private:
    explicit Mesh(std::shared_ptr<Core> core);
    std::shared_ptr<Core> core_;  // shared with operations still in flight on the io_context
};

}  // namespace consilium::p2p
