// One TLS connection of the mesh: handshake, proofs, throttles.
#include "p2p/mesh_link.hpp"

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <boost/asio/read.hpp>
#include <optional>

namespace consilium::p2p {
namespace {

// What the kernel holds unsent. Small, so that a vote never waits behind megabytes of blobs that
// already left our queues.
constexpr int kUnsentBytes = 128 * 1024;

TokenBucket make_bucket(std::uint64_t per_second) {
    return TokenBucket(per_second, per_second * limits::kBurstSeconds);
}

void set_options(tcp::socket& socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const int unsent = kUnsentBytes;
    // Best effort: without it only the strictness of the priorities suffers.
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

TlsRole other_role(TlsRole role) {
    return role == TlsRole::kClient ? TlsRole::kServer : TlsRole::kClient;
}

Task<Result<IdentityProof>> read_proof(MeshLink& link) {
    std::array<std::uint8_t, kFrameHeaderBytes> header{};
    auto [header_error, header_size] =
        co_await asio::async_read(link.stream, asio::buffer(header), kUse);
    if (header_error) co_return make_error(ErrorCode::kMalformed, "no identity frame");
    std::size_t length = 0;
    for (unsigned i = 0; i < 4; ++i) length |= static_cast<std::size_t>(header[i]) << (8 * i);
    if (header[kFrameHeaderBytes - 1] != kIdentityKind || length > limits::kIdentityFrame) {
        co_return make_error(ErrorCode::kMalformed, "the first frame is no identity proof");
    }
    Bytes payload(length);
    auto [error, size] = co_await asio::async_read(link.stream, asio::buffer(payload), kUse);
    if (error) co_return make_error(ErrorCode::kMalformed, "truncated identity frame");
    co_return decode_identity_frame(payload);
}

}  // namespace

MeshLink::MeshLink(const Strand& strand, asio::ssl::context& context, TlsRole role,
                   const MeshOptions& options)
    : stream(tcp::socket(strand), context),
      deadline(strand),
      wake(strand),
      pause(strand),
      own_role(role),
      unsolicited_bytes(make_bucket(options.unsolicited.bytes_per_second)),
      unsolicited_frames(make_bucket(options.unsolicited.frames_per_second)),
      solicited_bytes(make_bucket(options.solicited.bytes_per_second)),
      solicited_frames(make_bucket(options.solicited.frames_per_second)) {}

void MeshLink::close() {
    is_closed = true;
    close_socket(stream.next_layer());
    deadline.cancel();
    wake.cancel();
    pause.cancel();
}

void MeshLink::account(const Frame& frame, std::uint64_t now_ms) {
    const auto kind = frame_kind_from(frame.kind);
    const bool is_solicited = kind == FrameKind::kSync || kind == FrameKind::kBlob;
    auto& bytes = is_solicited ? solicited_bytes : unsolicited_bytes;
    auto& frames = is_solicited ? solicited_frames : unsolicited_frames;
    bytes.take(frame.payload.size() + kFrameHeaderBytes, now_ms);
    frames.take(1, now_ms);
}

std::uint64_t MeshLink::throttle_ms(std::uint64_t now_ms) {
    return std::max({unsolicited_bytes.wait_ms(now_ms), unsolicited_frames.wait_ms(now_ms),
                     solicited_bytes.wait_ms(now_ms), solicited_frames.wait_ms(now_ms)});
}

bool MeshLink::has_too_many_key_updates() {
    return received_key_updates(stream.native_handle()) > limits::kKeyUpdatesPerLink;
}

Task<Result<IdentityProof>> authenticate(MeshLink& link, const IdentitySigner& signer,
                                         const Digest& genesis_hash) {
    set_options(link.stream.next_layer());
    const auto side = link.own_role == TlsRole::kClient ? asio::ssl::stream_base::client
                                                        : asio::ssl::stream_base::server;
    auto [tls_error] = co_await link.stream.async_handshake(side, kUse);
    if (tls_error) co_return make_error(ErrorCode::kUnavailable, "TLS handshake failed");
    const auto exporter = export_channel_binding(link.stream.native_handle());
    if (!exporter) co_return tl::unexpected(exporter.error());

    const IdentityProof own = make_identity_proof(signer, genesis_hash, link.own_role, *exporter);
    Bytes frame;
    append_frame(frame, kIdentityKind, encode_identity_frame(own));
    auto [write_error, written] =
        co_await asio::async_write(link.stream, asio::buffer(frame), kUse);
    if (write_error) co_return make_error(ErrorCode::kUnavailable, "the connection broke");

    Result<IdentityProof> proof = co_await read_proof(link);
    if (!proof) co_return proof;
    if (!verify_identity_proof(*proof, genesis_hash, other_role(link.own_role), *exporter)) {
        co_return make_error(ErrorCode::kInvalidSignature, "identity proof does not verify");
    }
    co_return proof;
}

}  // namespace consilium::p2p
