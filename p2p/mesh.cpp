// The mesh's public face; the work is in mesh_core.cpp and mesh_run.cpp.
#include "p2p/mesh.hpp"

#include <utility>

#include "p2p/mesh_core.hpp"

namespace consilium::p2p {
namespace {

std::shared_ptr<const Bytes> share(Bytes payload) {
    return std::make_shared<const Bytes>(std::move(payload));
}

}  // namespace

Mesh::Mesh(std::shared_ptr<Core> core) : core_(std::move(core)) {}
Mesh::~Mesh() {
    core_->abandon();
}

Result<std::unique_ptr<Mesh>> Mesh::create(MeshOptions options, MeshCallbacks callbacks) {
    if (!options.identity.sign) return make_error(ErrorCode::kMalformed, "no identity signer");
    error_code error;
    asio::ip::make_address(options.listen_host, error);
    if (error) return make_error(ErrorCode::kMalformed, "listen address is not numeric");
    auto identity = TlsIdentity::generate();
    if (!identity) return tl::unexpected(identity.error());
    const std::vector<PeerAddress> peers = options.peers;
    auto core =
        std::make_shared<Core>(std::move(options), std::move(callbacks), std::move(*identity));
    for (const auto& peer : peers) {
        if (core->find_peer(peer.key)) {
            return make_error(ErrorCode::kMalformed, "a peer is named twice: " + peer.key.hex());
        }
        if (auto added = core->set_peer(peer); !added) return tl::unexpected(added.error());
    }
    return std::unique_ptr<Mesh>(new Mesh(std::move(core)));
}

Result<void> Mesh::start(asio::io_context& io) {
    return core_->start(io);
}
std::uint16_t Mesh::port() const {
    return core_->port();
}
void Mesh::stop(std::uint64_t drain_ms, std::function<void()> on_stopped) {
    core_->stop(drain_ms, std::move(on_stopped));
}

bool Mesh::send(PeerIndex peer, FrameKind kind, Bytes payload) {
    return core_->send(peer, kind, share(std::move(payload)));
}
std::size_t Mesh::broadcast(FrameKind kind, Bytes payload) {
    return core_->broadcast(kind, share(std::move(payload)), false);
}
std::size_t Mesh::broadcast_to_observers(FrameKind kind, Bytes payload) {
    return core_->broadcast(kind, share(std::move(payload)), true);
}

void Mesh::report_invalid(PeerIndex peer) {
    core_->report_invalid(peer);
}
void Mesh::disconnect(PeerIndex peer) {
    core_->disconnect(peer);
}
Result<PeerIndex> Mesh::set_peer(const PeerAddress& peer) {
    return core_->set_peer(peer);
}
void Mesh::remove_peer(const PublicKey& key) {
    core_->remove_peer(key);
}
std::optional<PeerIndex> Mesh::find_peer(const PublicKey& key) const {
    return core_->find_peer(key);
}
std::optional<PublicKey> Mesh::peer_key(PeerIndex peer) const {
    return core_->peer_key(peer);
}
bool Mesh::is_up(PeerIndex peer) const {
    return core_->is_up(peer);
}
std::vector<PeerIndex> Mesh::linked_peers() const {
    return core_->linked_peers();
}
std::size_t Mesh::queued_bytes(PeerIndex peer) const {
    return core_->queued_bytes(peer);
}
const MeshStats& Mesh::stats() const {
    return core_->stats();
}

}  // namespace consilium::p2p
