// Shares of the weighted sum and its opening.
#include "fl_engine/smpc/aggregate.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace consilium::smpc {
namespace {

constexpr std::uint32_t kMaxDitherBits = 18;  // weights are at most 2^16

// Dither shares of one member, tile by tile: sum over A of f_A(k) * (word >> (63-db)), from which
// the constant sum of f_A(k) * 2^db is subtracted once.
class DitherStream {
  public:
    DitherStream(const Kdf& kdf, const Committee& committee, MemberIndex self,
                 std::span<const BlurRoundKey> ring, std::uint32_t dither_bits)
        : shift_(63 - dither_bits), words_(kTileElements) {
        CHECK(dither_bits <= kMaxDitherBits);
        const auto ranks = committee.subsets_of(self);
        CHECK(ring.size() == ranks.size());
        for (std::size_t a = 0; a < ranks.size(); ++a) {
            const Secret32 key = kdf.derive(ring[a].secret(), "dither");
            streams_.emplace_back(kdf, key, PrgDomain::kDither);
            coefficients_.push_back(committee.coefficient(ranks[a], self));
            offset_ = Field61::add(offset_, coefficients_.back());
        }
        offset_ = Field61::mul(offset_, std::uint64_t{1} << dither_bits);
    }

    // Adds the next tile to sums below 2^90; 495 terms below 2^80 more fit easily.
    void add_to(std::span<Uint128> sums) {
        const auto words = std::span(words_).first(sums.size());
        for (std::size_t a = 0; a < streams_.size(); ++a) {
            streams_[a].fill_words(words);
            for (std::size_t x = 0; x < sums.size(); ++x) {
                sums[x] += static_cast<Uint128>(words[x] >> shift_) * coefficients_[a];
            }
        }
        for (Uint128& sum : sums) sum += Field61::negate(offset_);
    }

  private:
    std::uint32_t shift_;
    std::vector<Prg> streams_;
    std::vector<Element> coefficients_;
    Element offset_ = 0;
    SecretElements words_;
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
    std::vector<Uint128, ErasingAllocator<Uint128>> tile(kTileElements);
    for (std::size_t start = 0; start < result.size(); start += kTileElements) {
        const auto sums = std::span(tile).first(std::min(kTileElements, result.size() - start));
        std::fill(sums.begin(), sums.end(), Uint128{0});
        for (std::size_t i = 0; i < terms.shares.size(); ++i) {
            CHECK(terms.shares[i].size() == result.size());
            const auto share = terms.shares[i].subspan(start, sums.size());
            const std::uint32_t weight = reduced.weights[i];
            CHECK(weight >= 1);
            for (std::size_t x = 0; x < sums.size(); ++x) {
                sums[x] += static_cast<Uint128>(share[x]) * weight;
            }
        }
        if (dither) dither->add_to(sums);
        for (std::size_t x = 0; x < sums.size(); ++x) result[start + x] = Field61::reduce(sums[x]);
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
    Bytes bytes(values.size() * 8);
    for (std::size_t x = 0; x < values.size(); ++x) {
        const auto word = static_cast<std::uint64_t>(values[x]);
        for (std::size_t i = 0; i < 8; ++i) {
            bytes[x * 8 + i] = static_cast<std::uint8_t>(word >> (8 * i));
        }
    }
    return bytes;
}

Result<std::vector<std::int64_t>> decode_integers(ByteView bytes, std::size_t count) {
    if (bytes.size() % 8 != 0 || bytes.size() / 8 != count) {
        return make_error(ErrorCode::kMalformed, "not the expected number of integers");
    }
    std::vector<std::int64_t> values(count);
    for (std::size_t x = 0; x < count; ++x) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < 8; ++i) {
            word |= static_cast<std::uint64_t>(bytes[x * 8 + i]) << (8 * i);
        }
        values[x] = static_cast<std::int64_t>(word);
    }
    return values;
}

Digest aggregate_digest(std::span<const std::int64_t> aggregate) {
    return sha256(encode_integers(aggregate));
}

}  // namespace consilium::smpc
