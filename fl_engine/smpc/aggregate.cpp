// Shares of the weighted sum and its opening.
#include "fl_engine/smpc/aggregate.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

namespace consilium::smpc {
namespace {

constexpr std::uint32_t kMaxDitherBits = 18;  // weights are at most 2^16

// Dither shares of one member, tile by tile: sum over A of f_A(k) * (word >> (63-db)), and the
// sum of f_A(k) * 2^db, which is to be taken away once.
class DitherStream {
  public:
    DitherStream(const Kdf& kdf, const Committee& committee, MemberIndex self,
                 std::span<const BlurRoundKey> ring, std::uint32_t dither_bits)
        : stream_(committee, self, open(kdf, committee, self, ring), 63 - dither_bits) {
        CHECK(dither_bits <= kMaxDitherBits);
        for (const SubsetRank rank : committee.subsets_of(self)) {
            offset_ = Field61::add(offset_, committee.coefficient(rank, self));
        }
        offset_ = Field61::mul(offset_, std::uint64_t{1} << dither_bits);
    }
    void add_to(std::span<Element> sums) {
        stream_.add_next(sums);
        for (Element& sum : sums) sum = Field61::sub(sum, offset_);
    }

  private:
    [[nodiscard]] static std::vector<Prg> open(const Kdf& kdf, const Committee& committee,
                                               MemberIndex self,
                                               std::span<const BlurRoundKey> ring) {
        CHECK(ring.size() == committee.subsets_of(self).size());
        std::vector<Prg> streams;
        for (const BlurRoundKey& key : ring) {
            streams.emplace_back(kdf, kdf.derive(key.secret(), "dither"), PrgDomain::kDither);
        }
        return streams;
    }

    ShareStream stream_;
    Element offset_ = 0;
};

}  // namespace

ReducedWeights reduce_weights(std::span<const std::uint32_t> weights) {
    std::uint32_t divisor = 0;
    for (const std::uint32_t weight : weights) divisor = std::gcd(divisor, weight);
    ReducedWeights reduced;
    std::uint64_t largest = 0;
    for (const std::uint32_t weight : weights) {
        const std::uint32_t share = divisor == 0 ? 0 : weight / divisor;
        reduced.weights.push_back(share);
        reduced.sum += share;
        largest = std::max<std::uint64_t>(largest, share);
    }
    // The smallest power of two that is at least 4 * largest.
    if (largest > 1) {
        reduced.dither_bits = static_cast<std::uint32_t>(std::bit_width(4 * largest - 1));
    }
    return reduced;
}

std::vector<Element> aggregate_share(const Kdf& kdf, const Committee& committee, MemberIndex self,
                                     std::span<const BlurRoundKey> blur_ring,
                                     const AggregateTerms& terms) {
    CHECK(terms.shares.size() == terms.weights.size());
    CHECK(!terms.shares.empty() && terms.shares.size() <= kMaxClients);
    const ReducedWeights reduced = reduce_weights(terms.weights);
    std::optional<DitherStream> dither;
    if (reduced.dither_bits) {
        dither.emplace(kdf, committee, self, blur_ring, *reduced.dither_bits);
    }
    std::vector<Element> result(terms.shares.front().size());
    for (const auto& share : terms.shares) CHECK(share.size() == result.size());
    for (const std::uint32_t weight : reduced.weights) CHECK(weight >= 1);
    const std::vector<Element> weights(reduced.weights.begin(), reduced.weights.end());
    std::vector<const Element*> rows(weights.size());
    const Instructions instructions = best_instructions();
    for (std::size_t start = 0; start < result.size(); start += kTileElements) {
        const auto sums =
            std::span(result).subspan(start, std::min(kTileElements, result.size() - start));
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = terms.shares[i].data() + start;
        kernels::combine_rows(instructions, weights, rows, sums);
        if (dither) dither->add_to(sums);
    }
    return result;
}

std::optional<std::vector<MemberIndex>> first_posters(const Committee& committee,
                                                      std::span<const MemberIndex> excluded) {
    std::vector<MemberIndex> posters;
    for (MemberIndex k = 1; k <= committee.n() && posters.size() <= committee.t(); ++k) {
        if (std::find(excluded.begin(), excluded.end(), k) == excluded.end()) posters.push_back(k);
    }
    if (posters.size() <= committee.t()) return std::nullopt;
    return posters;
}

bool lies_on(std::span<const PostedShare> first, const PostedShare& own) {
    return !check_late_share(first, own).has_value();
}

bool is_optimistic_result(const Committee& committee, std::size_t posters,
                          std::size_t matching_oks) {
    return posters > committee.t() && posters + matching_oks >= 2 * std::size_t{committee.t()} + 1;
}

std::vector<std::int64_t> read_aggregate(std::span<const Element> opened) {
    std::vector<std::int64_t> values;
    values.reserve(opened.size());
    for (const Element value : opened) values.push_back(Field61::centered(value));
    return values;
}

Bytes encode_integers(std::span<const std::int64_t> values) {
    static_assert(std::endian::native == std::endian::little);
    const auto* const words = reinterpret_cast<const std::uint8_t*>(values.data());
    return {words, words + values.size_bytes()};
}

Result<std::vector<std::int64_t>> decode_integers(ByteView bytes, std::size_t count) {
    if (bytes.size() % 8 != 0 || bytes.size() / 8 != count) {
        return make_error(ErrorCode::kMalformed, "not the expected number of integers");
    }
    std::vector<std::int64_t> values(count);
    if (count != 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

Digest aggregate_digest(std::span<const std::int64_t> aggregate) {
    return sha256(encode_integers(aggregate));
}

}  // namespace consilium::smpc
