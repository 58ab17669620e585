// Inner products over the kernels, and the blob form of vectors.
#include "fl_engine/smpc/field61.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "fl_engine/smpc/kernels.hpp"

namespace consilium::smpc {
namespace {

constexpr std::size_t kWordBytes = 8;

static_assert(std::endian::native == std::endian::little,
              "the words of a blob are read in memory order, which must be little-endian");

std::uint64_t read_word(const std::uint8_t* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, kWordBytes);
    return word;
}

}  // namespace

Element inner_product(std::span<const Element> a, std::span<const Element> b) {
    return kernels::inner_product(best_instructions(), a, b);
}

void add_vectors(std::span<const Element> a, std::span<const Element> b, std::span<Element> out) {
    CHECK(a.size() == b.size());
    CHECK(a.size() == out.size());
    const std::array<const Element*, 2> rows{a.data(), b.data()};
    kernels::add_rows(best_instructions(), rows, out);
}

Bytes encode_words(std::span<const Element> values) {
    const auto* const words = reinterpret_cast<const std::uint8_t*>(values.data());
    return {words, words + values.size_bytes()};
}

bool are_words(ByteView bytes, std::size_t count) {
    if (bytes.size() % kWordBytes != 0 || bytes.size() / kWordBytes != count) return false;
    std::uint64_t largest = 0;
    for (std::size_t x = 0; x < count; ++x) {
        largest = std::max(largest, read_word(bytes.data() + x * kWordBytes));
    }
    return largest < kPrime61;
}

Result<std::vector<Element>> decode_words(ByteView bytes, std::size_t count) {
    if (!are_words(bytes, count)) {
        return make_error(ErrorCode::kMalformed, "not the expected number of field elements");
    }
    std::vector<Element> values(count);
    if (count != 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

}  // namespace consilium::smpc
