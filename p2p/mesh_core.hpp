// Inside of the mesh: peers, their queues and links, and the coroutines that run them.
//
// Internal to p2p. Two kinds of state: what send() and the queries touch is under `mutex_`; links,
// dialling and timers belong to the strand. Callbacks run on the strand, never under `mutex_`.
#pragma once
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "p2p/asio.hpp"
#include "p2p/mesh.hpp"
#include "p2p/mesh_link.hpp"
#include "p2p/rate.hpp"
#include "p2p/send_queue.hpp"
#include "p2p/tls_identity.hpp"

namespace consilium::p2p {

class Mesh::Core : public std::enable_shared_from_this<Mesh::Core> {
  public:
    Core(MeshOptions options, MeshCallbacks callbacks, TlsIdentity identity);

    [[nodiscard]] Result<void> start(asio::io_context& io);
    [[nodiscard]] std::uint16_t port() const { return port_; }
    void stop(std::uint64_t drain_ms, std::function<void()> on_stopped);
    void abandon();  // the owner goes: no more callbacks, close everything

    bool send(PeerIndex index, FrameKind kind, const std::shared_ptr<const Bytes>& payload);
    std::size_t broadcast(FrameKind kind, const std::shared_ptr<const Bytes>& payload,
                          bool is_to_observers);
    void report_invalid(PeerIndex index);
    void disconnect(PeerIndex index);
    [[nodiscard]] Result<PeerIndex> set_peer(const PeerAddress& address);
    void remove_peer(const PublicKey& key);
    [[nodiscard]] std::optional<PeerIndex> find_peer(const PublicKey& key) const;
    [[nodiscard]] std::optional<PublicKey> peer_key(PeerIndex index) const;
    [[nodiscard]] bool is_up(PeerIndex index) const;
    [[nodiscard]] std::vector<PeerIndex> linked_peers() const;
    [[nodiscard]] std::size_t queued_bytes(PeerIndex index) const;
    [[nodiscard]] const MeshStats& stats() const { return stats_; }

  private:
    using LinkPointer = std::shared_ptr<MeshLink>;  // shared by the link's coroutines

    struct Peer {
        Peer(PeerIndex peer_index, const PublicKey& peer_key, const MeshOptions& options);
        const PeerIndex index;
        const PublicKey key;
        // Under mutex_.
        std::string host;
        std::uint16_t port = 0;
        bool is_removed = false;
        bool is_up = false;
        bool is_wake_pending = false;
        SendQueue queue;
        // On the strand.
        LinkPointer link;     // up
        LinkPointer dialled;  // not yet up
        Backoff dial_backoff;
        Backoff offence_backoff;
        TokenBucket invalid_budget;
        std::uint64_t pause_until_ms = 0;
        std::unique_ptr<asio::steady_timer> dial_timer;  // exists while its dial loop runs
    };
    using PeerPointer = std::shared_ptr<Peer>;  // shared by the map and the coroutines

    // What exists only once there is an io_context.
    struct Runtime {
        Runtime(asio::io_context& io, const TlsIdentity& identity);
        Strand strand;
        tcp::acceptor acceptor;
        asio::steady_timer accept_timer;
        asio::steady_timer monitor_timer;
        asio::steady_timer stop_timer;
        asio::ssl::context server_context;
        asio::ssl::context client_context;
    };

    // mesh_core.cpp: peers and queues.
    [[nodiscard]] bool has_room_for(FrameKind kind, const Bytes& payload);
    bool push(Peer& peer, FrameKind kind, const std::shared_ptr<const Bytes>& payload);
    void wake_writer(PeerIndex index, Peer& peer);
    [[nodiscard]] PeerPointer find(PeerIndex index) const;
    [[nodiscard]] std::vector<PeerPointer> all_peers() const;
    [[nodiscard]] bool is_second_dialer(const Peer& peer) const;
    [[nodiscard]] bool is_dialable(const Peer& peer) const;
    template <typename Function>
    void post(Function function);
    void ensure_dialling(const PeerPointer& peer);
    void call_stopped();
    void call_link(const Peer& peer, LinkState state);
    void call_frame(const Peer& peer, FrameKind kind, Bytes payload);

    // mesh_run.cpp: connections.
    Task<void> accept_loop();
    Task<void> receive(LinkPointer link);
    Task<void> dial_loop(PeerPointer peer);
    Task<void> dial(PeerPointer peer);
    Task<bool> connect(MeshLink& link, std::string host, std::uint16_t port);
    void arm_deadline(const LinkPointer& link);
    void count_failed_handshake(const MeshLink& link, const Error& error);
    void attach(const LinkPointer& link, const PublicKey& key);
    [[nodiscard]] PeerPointer admit(const PublicKey& key);
    [[nodiscard]] bool may_replace(const Peer& peer, const MeshLink& link) const;
    Task<void> read_loop(PeerPointer peer, LinkPointer link);
    Task<void> write_loop(PeerPointer peer, LinkPointer link);
    [[nodiscard]] bool deliver(Peer& peer, MeshLink& link, Frame frame);
    [[nodiscard]] Bytes take_batch(Peer& peer);
    void close_link(const PeerPointer& peer, const LinkPointer& link);
    void punish(const PeerPointer& peer);
    Task<void> monitor_loop();
    void check_link(const PeerPointer& peer, std::uint64_t now_ms);
    Task<void> stop_sequence(std::uint64_t drain_ms);
    void close_everything();
    [[nodiscard]] std::vector<PeerPointer> linked() const;

    MeshOptions options_;
    MeshCallbacks callbacks_;
    TlsIdentity identity_;
    MeshStats stats_;
    std::atomic<std::uint16_t> port_{0};

    mutable std::mutex mutex_;
    std::unique_ptr<Runtime> runtime_;  // set once, by start()
    std::map<PeerIndex, PeerPointer> peers_;
    std::map<PublicKey, PeerIndex> index_of_;  // observers included
    std::uint32_t next_peer_ = 0;
    std::uint32_t next_observer_ = kFirstObserver.value;
    std::size_t observers_ = 0;

    std::recursive_mutex callback_mutex_;  // held while a callback runs, so that abandon() waits
    bool is_muted_ = false;
    bool is_abandoned_ = false;

    // On the strand.
    std::list<LinkPointer> pending_;  // inbound, not yet authenticated, oldest first
    std::vector<std::function<void()>> on_stopped_;
    bool is_stopping_ = false;
    bool is_stopped_ = false;
};

}  // namespace consilium::p2p
