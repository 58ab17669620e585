// Tile-wise expansion of replicated keys into shares.
#include "fl_engine/smpc/prss.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "fl_engine/smpc/kernels.hpp"
#include "fl_engine/smpc/share_formulas.hpp"

namespace consilium::smpc {
namespace {

// So many streams are expanded side by side, each for as many elements, in 64 KiB.
constexpr std::size_t kGroupStreams = 8;
constexpr std::size_t kChunkElements = 1024;

// Calls `tile` for consecutive parts of `out`.
template <typename Tile>
void for_each_chunk(std::span<Element> out, const Tile& tile) {
    while (!out.empty()) {
        const std::size_t size = std::min(out.size(), kChunkElements);
        tile(out.first(size));
        out = out.subspan(size);
    }
}

// Rows of one group of streams; the output itself may be one more, with what it holds already.
struct Group {
    std::array<const Element*, kGroupStreams + 1> rows{};
    std::array<Element, kGroupStreams + 1> coefficients{};
    std::size_t size = 0;

    void add(const Element* row, Element coefficient) {
        rows.at(size) = row;
        coefficients.at(size) = coefficient;
        ++size;
    }
    [[nodiscard]] RowPointers row_view() const { return RowPointers(rows).first(size); }
    [[nodiscard]] std::span<const Element> coefficient_view() const {
        return std::span<const Element>(coefficients).first(size);
    }
};

std::vector<Element> coefficients_of(const Committee& committee, MemberIndex self) {
    std::vector<Element> result;
    for (const SubsetRank rank : committee.subsets_of(self)) {
        result.push_back(committee.coefficient(rank, self));
    }
    return result;
}

}  // namespace

ShareStream::ShareStream(const Committee& committee, MemberIndex self, std::vector<Prg> streams,
                         std::uint32_t shift)
    : coefficients_(coefficients_of(committee, self)),
      streams_(std::move(streams)),
      shift_(shift),
      words_(std::min(kGroupStreams, streams_.size()) * kChunkElements) {
    CHECK(streams_.size() == coefficients_.size());
    CHECK(shift < 64);
}

void ShareStream::next(std::span<Element> out) {
    for_each_chunk(out, [this](std::span<Element> tile) { next_tile(tile, false); });
}

void ShareStream::add_next(std::span<Element> out) {
    for_each_chunk(out, [this](std::span<Element> tile) { next_tile(tile, true); });
}

void ShareStream::next_tile(std::span<Element> out, bool adds) {
    const Instructions instructions = best_instructions();
    for (std::size_t first = 0; first < streams_.size(); first += kGroupStreams) {
        Group group;
        const std::size_t end = std::min(first + kGroupStreams, streams_.size());
        for (std::size_t a = first; a < end; ++a) {
            const auto words = std::span(words_).subspan((a - first) * kChunkElements, out.size());
            streams_[a].fill_words(words);
            if (shift_ != 0) {
                for (Element& word : words) word >>= shift_;
            }
            group.add(words.data(), coefficients_[a]);
        }
        if (adds || first != 0) group.add(out.data(), 1);
        // The word p stands for 0 and is not replaced: p times anything is 0 too.
        kernels::combine_rows(instructions, group.coefficient_view(), group.row_view(), out);
    }
}

Result<SecretElements> add_stream_to_blob(ShareStream& stream, ByteView blob, std::size_t count) {
    if (!are_words(blob, count)) {
        return make_error(ErrorCode::kMalformed, "not the expected number of field elements");
    }
    SecretElements share(count);
    for (std::size_t start = 0; start < count; start += kTileElements) {
        const auto tile = std::span(share).subspan(start, std::min(kTileElements, count - start));
        std::memcpy(tile.data(), blob.data() + start * sizeof(Element), tile.size_bytes());
        stream.add_next(tile);
    }
    return share;
}

SecretStream::SecretStream(const Committee& committee, std::vector<Prg> streams)
    : streams_(std::move(streams)),
      words_(std::min(kGroupStreams, streams_.size()) * kChunkElements) {
    CHECK(streams_.size() == committee.subset_count());
}

void SecretStream::next(std::span<Element> out) {
    for_each_chunk(out, [this](std::span<Element> tile) { next_tile(tile); });
}

void SecretStream::next_tile(std::span<Element> out) {
    const Instructions instructions = best_instructions();
    for (std::size_t first = 0; first < streams_.size(); first += kGroupStreams) {
        Group group;
        const std::size_t end = std::min(first + kGroupStreams, streams_.size());
        for (std::size_t a = first; a < end; ++a) {
            const auto words = std::span(words_).subspan((a - first) * kChunkElements, out.size());
            streams_[a].fill_words(words);
            group.add(words.data(), 1);
        }
        if (first != 0) group.add(out.data(), 1);
        kernels::add_rows(instructions, group.row_view(), out);
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
            const auto part = std::span<const Element>(random).subspan(x * t, t);
            shares[x] = Field61::add(shares[x], zero_share_part(coefficients[a], part, powers));
        }
    }
    return shares;
}

}  // namespace consilium::smpc
