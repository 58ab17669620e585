// The weighted sum, step R9: reduced weights, dither, a member's share, optimistic opening.
//
// An exact sum under unequal public weights reveals single updates by residues, so unless all
// reduced weights are 1 a dither wider than the largest weight is added. There is no function here
// that computes an undithered share of an unequal sum.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/digest.hpp"
#include "fl_engine/smpc/statistics.hpp"

namespace consilium::smpc {

struct ReducedWeights {
    std::vector<std::uint32_t> weights;        // divided by their common divisor
    std::optional<std::uint32_t> dither_bits;  // db; absent when the sum is plain
    std::uint64_t sum = 0;
};
[[nodiscard]] ReducedWeights reduce_weights(std::span<const std::uint32_t> weights);

// The clients with a weight above zero, ascending: their s_i^(k) and weights. The weights are
// divided by their common divisor again here, and the width of the dither follows from them.
struct AggregateTerms {
    std::vector<std::span<const Element>> shares;
    std::vector<std::uint32_t> weights;
};
// S^(k) in order, part by part, so that it need not lie in memory as a whole.
class AggregateStream {
  public:
    AggregateStream(const Kdf& kdf, const Committee& committee, MemberIndex self,
                    std::span<const BlurRoundKey> blur_ring, const AggregateTerms& terms);
    [[nodiscard]] std::size_t length() const { return shares_.front().size(); }
    // The next elements; no more than are left.
    void next(std::span<Element> out);

  private:
    std::vector<std::span<const Element>> shares_;
    std::vector<Element> weights_;
    std::optional<ShareStream> dither_;
    Element dither_offset_ = 0;  // to be taken from every element
    std::size_t done_ = 0;
};
// S^(k), the words of the AGG blob.
[[nodiscard]] std::vector<Element> aggregate_share(const Kdf& kdf, const Committee& committee,
                                                   MemberIndex self,
                                                   std::span<const BlurRoundKey> blur_ring,
                                                   const AggregateTerms& terms);

// Optimistic opening: the t+1 smallest members outside X post AGG first; nullopt when fewer remain.
[[nodiscard]] std::optional<std::vector<MemberIndex>> first_posters(
    const Committee& committee, std::span<const MemberIndex> excluded);
// Whether `own` lies on the polynomial through the first posters' vectors: then AGG_OK.
[[nodiscard]] bool lies_on(std::span<const PostedShare> first, const PostedShare& own);
// Posters and matching AGG_OK senders, distinct: enough to accept the interpolated sum.
[[nodiscard]] bool is_optimistic_result(const Committee& committee, std::size_t posters,
                                        std::size_t matching_oks);

// Centred values of the opened sum; its blob form (d int64, little-endian) and the hash of that.
[[nodiscard]] std::vector<std::int64_t> read_aggregate(std::span<const Element> opened);
[[nodiscard]] Bytes encode_integers(std::span<const std::int64_t> values);
[[nodiscard]] Result<std::vector<std::int64_t>> decode_integers(ByteView bytes, std::size_t count);
[[nodiscard]] Digest aggregate_digest(std::span<const std::int64_t> aggregate);
// aggregate_digest(read_aggregate(opened)) without either vector.
[[nodiscard]] Digest opened_digest(std::span<const Element> opened);
// The same of the sum through these vectors, tile by tile.
[[nodiscard]] Digest interpolated_digest(std::span<const PostedShare> base);

}  // namespace consilium::smpc
