// Frames of the peer mesh: the pure reader and writer of the byte stream under TLS.
//
// Grammar: u32 payload length (little-endian), u8 kind, payload. The length is checked against the
// maximum of its kind before anything is allocated, and the buffer grows with the bytes that
// really come. Pure: no I/O, no clock. Not thread-safe.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/bytes.hpp"
#include "core/result.hpp"

namespace consilium::p2p {

// Kinds a user of the mesh sends, in the order of their priority.
enum class FrameKind : std::uint8_t {
    kVote = 1,
    kProposal = 2,
    kTransaction = 3,
    kSync = 4,
    kBlob = 5,
};
inline constexpr std::size_t kFrameKindCount = 5;
// Kinds of the mesh itself; they never reach a user.
inline constexpr std::uint8_t kIdentityKind = 0;
inline constexpr std::uint8_t kPingKind = 255;
inline constexpr std::size_t kFrameHeaderBytes = 5;

[[nodiscard]] std::string_view to_string(FrameKind kind);
[[nodiscard]] std::optional<FrameKind> frame_kind_from(std::uint8_t value);
// Largest payload of a kind; nullopt for an unknown kind.
[[nodiscard]] std::optional<std::size_t> max_frame_payload(std::uint8_t kind);

struct Frame {
    std::uint8_t kind{};
    Bytes payload;
};

// Appends header and payload to `out`. The payload must not pass the kind's maximum (CHECK).
void append_frame(Bytes& out, std::uint8_t kind, ByteView payload);

// Cuts a byte stream into frames.
class FrameReader {
  public:
    // Takes the bytes and appends each frame they complete. After an error the reader stays
    // failed: kLimitExceeded for a length over the kind's maximum, kMalformed for an unknown kind.
    [[nodiscard]] Result<void> feed(ByteView data, std::vector<Frame>& out);
    // Bytes of payload held for the unfinished frame (capacity, for memory tests).
    [[nodiscard]] std::size_t buffered_capacity() const { return payload_.capacity(); }

  private:
    [[nodiscard]] Result<void> begin_frame();

    std::array<std::uint8_t, kFrameHeaderBytes> header_{};
    std::size_t header_size_ = 0;
    std::size_t payload_size_ = 0;  // announced
    Bytes payload_;
    bool failed_ = false;
};

}  // namespace consilium::p2p
