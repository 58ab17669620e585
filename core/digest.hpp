// SHA-256 digests and tagged hashes.
//
// Every hash input of the project starts with a tag (BIP340, "tagged hashes"), so that a byte
// string of one meaning never hashes like a byte string of another. Plain sha256() is for content
// addresses of blobs only.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "core/bytes.hpp"
#include "core/result.hpp"

namespace consilium {

struct Digest {
    static constexpr std::size_t kSize = 32;
    std::array<std::uint8_t, kSize> bytes{};

    [[nodiscard]] ByteView view() const { return bytes; }
    [[nodiscard]] bool is_zero() const { return *this == Digest{}; }
    [[nodiscard]] std::string hex() const { return to_hex(bytes); }
    friend auto operator<=>(const Digest&, const Digest&) = default;
};

[[nodiscard]] Result<Digest> decode_digest_hex(std::string_view text);  // 64 hex characters

// Streaming SHA-256 (FIPS 180-4).
class Sha256 {
  public:
    Sha256();
    Sha256(const Sha256& other);
    Sha256& operator=(const Sha256& other);
    Sha256(Sha256&&) noexcept = default;
    Sha256& operator=(Sha256&&) noexcept = default;
    ~Sha256();

    Sha256& update(ByteView data);
    [[nodiscard]] Digest finish();  // once; the object is spent afterwards

  private:
    struct Context;
    std::unique_ptr<Context> context_;
};

[[nodiscard]] Digest sha256(ByteView data);

// SHA256(SHA256(tag) || SHA256(tag) || parts...), BIP340.
[[nodiscard]] Digest tagged_hash(std::string_view tag, std::initializer_list<ByteView> parts);
[[nodiscard]] inline Digest tagged_hash(std::string_view tag, ByteView data) {
    return tagged_hash(tag, {data});
}

}  // namespace consilium
