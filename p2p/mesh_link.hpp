// One TLS connection of the mesh, from its socket to its throttles.
//
// Internal to p2p. Everything runs on the mesh's strand.
#pragma once
#include <cstdint>

#include "core/digest.hpp"
#include "core/result.hpp"
#include "p2p/asio.hpp"
#include "p2p/frame.hpp"
#include "p2p/mesh.hpp"
#include "p2p/rate.hpp"
#include "p2p/tls_identity.hpp"

namespace consilium::p2p {

struct MeshLink {
    MeshLink(const Strand& strand, asio::ssl::context& context, TlsRole role,
             const MeshOptions& options);

    // Closes the socket and ends every wait; the coroutines of the link then run out.
    void close();
    // Accounts a received frame; how long to read no more is throttle_ms().
    void account(const Frame& frame, std::uint64_t now_ms);
    [[nodiscard]] std::uint64_t throttle_ms(std::uint64_t now_ms);
    [[nodiscard]] bool has_too_many_key_updates();

    asio::ssl::stream<tcp::socket> stream;
    asio::steady_timer deadline;  // of the handshake
    asio::steady_timer wake;      // of the writer
    asio::steady_timer pause;     // of the throttled reader
    TlsRole own_role;
    FrameReader reader;
    TokenBucket unsolicited_bytes;
    TokenBucket unsolicited_frames;
    TokenBucket solicited_bytes;
    TokenBucket solicited_frames;
    std::uint64_t opened_ms = 0;
    std::uint64_t last_heard_ms = 0;
    std::uint64_t last_sent_ms = 0;
    std::uint64_t write_started_ms = 0;  // 0: no write is running
    bool is_closed = false;
    bool is_paused = false;
    bool is_ping_due = false;
    bool is_draining = false;
};

// TLS handshake, then identity proofs in both directions. kUnavailable when the connection or TLS
// fails; another code when the proof is missing, malformed or wrong. Whose key it is, is for the
// caller to judge. The caller arms the deadline.
[[nodiscard]] Task<Result<IdentityProof>> authenticate(MeshLink& link, const IdentitySigner& signer,
                                                       const Digest& genesis_hash);

}  // namespace consilium::p2p
