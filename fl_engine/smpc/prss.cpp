// Tile-wise expansion of replicated keys into shares.
#include "fl_engine/smpc/prss.hpp"

#include <algorithm>

namespace consilium::smpc {
namespace {

constexpr std::size_t kFoldStreams = 32;  // 32 products below 2^122 and a residue fit 128 bits

std::vector<Element> coefficients_of(const Committee& committee, MemberIndex self) {
    std::vector<Element> result;
    for (const SubsetRank rank : committee.subsets_of(self)) {
        result.push_back(committee.coefficient(rank, self));
    }
    return result;
}

}  // namespace

ShareStream::ShareStream(const Committee& committee, MemberIndex self, std::vector<Prg> streams)
    : coefficients_(coefficients_of(committee, self)),
      streams_(std::move(streams)),
      words_(kTileElements),
      sums_(kTileElements) {
    CHECK(streams_.size() == coefficients_.size());
}

void ShareStream::next(std::span<Element> out) {
    while (!out.empty()) {
        const std::size_t size = std::min(out.size(), kTileElements);
        next_tile(out.first(size));
        out = out.subspan(size);
    }
}

void ShareStream::next_tile(std::span<Element> out) {
    const std::span<Uint128> sums(sums_.data(), out.size());
    const std::span<Element> words(words_.data(), out.size());
    std::fill(sums.begin(), sums.end(), Uint128{0});
    for (std::size_t a = 0; a < streams_.size(); ++a) {
        if (a != 0 && a % kFoldStreams == 0) {
            for (Uint128& sum : sums) sum = Field61::reduce(sum);
        }
        streams_[a].fill_words(words);
        const Element coefficient = coefficients_[a];
        // The word p stands for 0 and is not replaced: p times anything is 0 too.
        for (std::size_t x = 0; x < sums.size(); ++x) {
            sums[x] += static_cast<Uint128>(words[x] & kPrime61) * coefficient;
        }
    }
    for (std::size_t x = 0; x < out.size(); ++x) out[x] = Field61::reduce(sums[x]);
}

SecretStream::SecretStream(const Committee& committee, std::vector<Prg> streams)
    : streams_(std::move(streams)), words_(kTileElements) {
    CHECK(streams_.size() == committee.subset_count());
}

void SecretStream::next(std::span<Element> out) {
    while (!out.empty()) {
        const std::size_t size = std::min(out.size(), kTileElements);
        const std::span<Element> words(words_.data(), size);
        std::fill_n(out.begin(), size, Element{0});
        for (Prg& stream : streams_) {
            stream.fill_elements(words);
            for (std::size_t x = 0; x < size; ++x) out[x] = Field61::add(out[x], words[x]);
        }
        out = out.subspan(size);
    }
}

std::vector<Element> zero_shares(const Committee& committee, MemberIndex self,
                                 std::vector<Prg> streams, std::size_t count) {
    const std::vector<Element> coefficients = coefficients_of(committee, self);
    CHECK(streams.size() == coefficients.size());
    const std::size_t t = committee.t();
    std::vector<Element> powers(t, self);  // k^1 .. k^t
    for (std::size_t l = 1; l < t; ++l) powers[l] = Field61::mul(powers[l - 1], self);
    std::vector<Element> shares(count, 0);
    SecretElements random(count * t);
    for (std::size_t a = 0; a < streams.size(); ++a) {
        streams[a].fill_elements(random);
        for (std::size_t x = 0; x < count; ++x) {
            const Element value =
                inner_product(std::span<const Element>(random).subspan(x * t, t), powers);
            shares[x] = Field61::add(shares[x], Field61::mul(value, coefficients[a]));
        }
    }
    return shares;
}

}  // namespace consilium::smpc
