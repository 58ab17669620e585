// Pseudo-random secret sharing from replicated keys: streams of shares, of secrets, of zero.
//
// With keys key_A the secret stream is the sum of PRG(key_A) over all A, and member k's share the
// sum of f_A(k) * PRG(key_A) over the A that hold k: degree t, no dealer. Key rings follow
// Committee::subsets_of(k) for a member and the ranks 0..C-1 for a client.
// Expansion goes tile by tile with buffers allocated once, about 1 ns an element and subset.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "fl_engine/smpc/committee.hpp"
#include "fl_engine/smpc/erasing.hpp"
#include "fl_engine/smpc/prg.hpp"

namespace consilium::smpc {

inline constexpr std::size_t kTileElements = 4096;

// One stream per key of a ring, in the ring's order.
template <typename KeyType>
[[nodiscard]] std::vector<Prg> open_streams(const Kdf& kdf, std::span<const KeyType> ring,
                                            PrgDomain domain) {
    std::vector<Prg> streams;
    streams.reserve(ring.size());
    for (const KeyType& key : ring) streams.emplace_back(kdf, key.secret(), domain);
    return streams;
}

// Member k's share of the stream; `streams` has one entry per subset of k.
class ShareStream {
  public:
    // Of the words shifted right by `shift` bits in place of the elements (blur, dither).
    ShareStream(const Committee& committee, MemberIndex self, std::vector<Prg> streams,
                std::uint32_t shift = 0);
    void next(std::span<Element> out);
    // out[x] += the next element.
    void add_next(std::span<Element> out);

  private:
    void next_tile(std::span<Element> out, bool adds);
    std::vector<Element> coefficients_;
    std::vector<Prg> streams_;
    std::uint32_t shift_;
    SecretElements words_;
};

// s^(k) = e + a^(k): a blob of `count` words plus the first elements of the stream, in one pass.
// kMalformed unless the blob is that many words below p.
[[nodiscard]] Result<SecretElements> add_stream_to_blob(ShareStream& stream, ByteView blob,
                                                        std::size_t count);

// The secret stream itself, for the client who holds every key; one entry per subset.
class SecretStream {
  public:
    SecretStream(const Committee& committee, std::vector<Prg> streams);
    void next(std::span<Element> out);

  private:
    void next_tile(std::span<Element> out);
    std::vector<Prg> streams_;
    SecretElements words_;
};

// Member k's shares of `count` zeros, each of degree 2t: item x uses elements x*t .. x*t+t-1.
[[nodiscard]] std::vector<Element> zero_shares(const Committee& committee, MemberIndex self,
                                               std::vector<Prg> streams, std::size_t count);

}  // namespace consilium::smpc
