// Every limit of the network layer, with its reason: the sum of them bounds its memory.
//
// Defaults of the option structs come from here. Sizes are in bytes, times in milliseconds.
#pragma once
#include <cstddef>
#include <cstdint>

namespace consilium::p2p::limits {

inline constexpr std::size_t kKibibyte = 1024;
inline constexpr std::size_t kMebibyte = 1024 * kKibibyte;

// Frames. A proposal or a synced block holds at most 4 MiB of block; the rest is room for headers.
inline constexpr std::size_t kVoteFrame = kMebibyte;
inline constexpr std::size_t kProposalFrame = 4 * kMebibyte + 64 * kKibibyte;
inline constexpr std::size_t kTransactionFrame = 256 * kKibibyte + 4 * kKibibyte;
inline constexpr std::size_t kSyncFrame = 4 * kMebibyte + 64 * kKibibyte;
inline constexpr std::size_t kBlobFrame = kMebibyte + 4 * kKibibyte;
inline constexpr std::size_t kIdentityFrame = 256;  // a proof is 98 bytes
inline constexpr std::size_t kFrameOverhead = 64;   // what a queued frame costs beside its bytes

// Mesh.
inline constexpr std::uint64_t kHandshakeTimeoutMs = 5'000;
inline constexpr std::size_t kPendingHandshakes = 64;
inline constexpr std::size_t kPeerQueueBytes = 32 * kMebibyte;
inline constexpr std::size_t kMaxPeers = 1'024;  // ever named, removed ones included
inline constexpr std::uint64_t kUnsolicitedBytesPerSecond = 5'000'000;
inline constexpr std::uint64_t kUnsolicitedFramesPerSecond = 2'000;
inline constexpr std::uint64_t kSolicitedBytesPerSecond =
    64'000'000;  // sync and blobs we asked for
inline constexpr std::uint64_t kSolicitedFramesPerSecond = 4'000;
inline constexpr std::uint64_t kBurstSeconds = 2;  // what a token bucket holds when full
inline constexpr std::uint64_t kPingIntervalMs = 2'000;
inline constexpr std::uint64_t kPeerSilenceMs = 10'000;  // no byte heard: the link is dead
inline constexpr std::uint64_t kWriteStallMs = 20'000;   // one batch not taken: the link is dead
inline constexpr std::uint64_t kReconnectFirstMs = 100;
inline constexpr std::uint64_t kReconnectCapMs = 10'000;
inline constexpr std::uint64_t kOffenceFirstMs = 1'000;  // pause after an invalid frame, doubling
inline constexpr std::uint64_t kOffenceCapMs = 30'000;
inline constexpr std::uint32_t kInvalidPerMinute = 20;  // reported bad signatures before a pause
inline constexpr std::uint32_t kKeyUpdatesPerLink = 1'024;  // TLS KeyUpdate is work without payload

// HTTP.
inline constexpr std::size_t kHttpHeaderBytes = 16 * kKibibyte;
inline constexpr std::size_t kHttpHeaderCount = 100;
inline constexpr std::size_t kHttpUrlBytes = 2 * kKibibyte;
inline constexpr std::size_t kHttpQueryParameters = 64;
inline constexpr std::size_t kHttpBodyBytes = 256 * kKibibyte;
inline constexpr std::size_t kBlobChunkBytes = kMebibyte;
inline constexpr std::uint64_t kHttpHeaderTimeoutMs = 10'000;
inline constexpr std::uint64_t kHttpRequestTimeoutMs = 30'000;
inline constexpr std::uint64_t kHttpHandlerTimeoutMs = 60'000;
inline constexpr std::uint64_t kHttpIdleTimeoutMs = 15'000;
inline constexpr std::size_t kHttpConnections = 256;
inline constexpr std::size_t kHttpConnectionsPerIp = 32;
inline constexpr std::size_t kEventSubscribers = 128;        // per server
inline constexpr std::size_t kEventQueueBytes = kMebibyte;   // per subscriber
inline constexpr std::size_t kEventQueueEntries = 1'024;     // per subscriber
inline constexpr std::size_t kEventBytes = 256 * kKibibyte;  // one event
inline constexpr std::uint64_t kEventPingMs = 15'000;
inline constexpr std::size_t kHttpResponseBytes = 64 * kMebibyte;  // a client's default

// Blob uploads.
inline constexpr std::uint64_t kBlobMaxBytes = 1ULL << 30U;      // one blob
inline constexpr std::uint64_t kBlobPutValidityMs = 60'000;      // default life of a signed header
inline constexpr std::uint64_t kBlobPutMaxValidityMs = 600'000;  // a longer one is refused

}  // namespace consilium::p2p::limits
