// Shares of the weighted sum and its opening.
#include "fl_engine/smpc/aggregate.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>

namespace consilium::smpc {
namespace {

constexpr std::uint32_t kMaxDitherBits = 18;  // weights are at most 2^16

std::vector<Prg> dither_streams(const Kdf& kdf, std::span<const BlurRoundKey> ring) {
    std::vector<Prg> streams;
    for (const BlurRoundKey& key : ring) {
        streams.emplace_back(kdf, kdf.derive(key.secret(), "dither"), PrgDomain::kDither);
    }
    return streams;
}

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

AggregateStream::AggregateStream(const Kdf& kdf, const Committee& committee, MemberIndex self,
                                 std::span<const BlurRoundKey> blur_ring,
                                 const AggregateTerms& terms)
    : shares_(terms.shares) {
    CHECK(terms.shares.size() == terms.weights.size());
    CHECK(!terms.shares.empty() && terms.shares.size() <= kMaxClients);
    CHECK(blur_ring.size() == committee.subsets_of(self).size());
    for (const auto& share : shares_) CHECK(share.size() == length());
    const ReducedWeights reduced = reduce_weights(terms.weights);
    for (const std::uint32_t weight : reduced.weights) CHECK(weight >= 1);
    weights_.assign(reduced.weights.begin(), reduced.weights.end());
    if (!reduced.dither_bits) return;
    // Sum over A of f_A(k) * ((word >> (63-db)) - 2^db); the constant part is one offset.
    CHECK(*reduced.dither_bits <= kMaxDitherBits);
    dither_.emplace(committee, self, dither_streams(kdf, blur_ring), 63 - *reduced.dither_bits);
    for (const SubsetRank rank : committee.subsets_of(self)) {
        dither_offset_ = Field61::add(dither_offset_, committee.coefficient(rank, self));
    }
    dither_offset_ = Field61::mul(dither_offset_, std::uint64_t{1} << *reduced.dither_bits);
}

void AggregateStream::next(std::span<Element> out) {
    CHECK(out.size() <= length() - done_);
    const Instructions instructions = best_instructions();
    std::vector<const Element*> rows(shares_.size());
    while (!out.empty()) {
        const auto sums = out.first(std::min(kTileElements, out.size()));
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = shares_[i].data() + done_;
        kernels::combine_rows(instructions, weights_, rows, sums);
        if (dither_) {
            dither_->add_next(sums);
            for (Element& sum : sums) sum = Field61::sub(sum, dither_offset_);
        }
        done_ += sums.size();
        out = out.subspan(sums.size());
    }
}

std::vector<Element> aggregate_share(const Kdf& kdf, const Committee& committee, MemberIndex self,
                                     std::span<const BlurRoundKey> blur_ring,
                                     const AggregateTerms& terms) {
    AggregateStream stream(kdf, committee, self, blur_ring, terms);
    std::vector<Element> result(stream.length());
    stream.next(result);
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

Digest opened_digest(std::span<const Element> opened) {
    Sha256 hash;
    for (std::size_t start = 0; start < opened.size(); start += kTileElements) {
        const auto tile = opened.subspan(start, std::min(kTileElements, opened.size() - start));
        hash.update(encode_integers(read_aggregate(tile)));
    }
    return hash.finish();
}

Digest interpolated_digest(std::span<const PostedShare> base) {
    Sha256 hash;
    InterpolationStream sum(base, 0);
    for (auto tile = sum.next(); !tile.empty(); tile = sum.next()) {
        hash.update(encode_integers(read_aggregate(tile)));
    }
    return hash.finish();
}

}  // namespace consilium::smpc
