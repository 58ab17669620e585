// Inner products and the blob form of vectors.
#include "fl_engine/smpc/field61.hpp"

#include <algorithm>

namespace consilium::smpc {
namespace {

constexpr std::size_t kFoldTerms = 32;  // 32 products below 2^122 stay below 2^127
constexpr std::size_t kWordBytes = 8;

std::uint64_t read_word(const std::uint8_t* bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < kWordBytes; ++i) {
        word |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    }
    return word;
}

}  // namespace

Element inner_product(std::span<const Element> a, std::span<const Element> b) {
    CHECK(a.size() == b.size());
    Uint128 total = 0;  // sum of folded blocks, each below 2^61
    std::size_t x = 0;
    for (; x + kFoldTerms <= a.size(); x += kFoldTerms) {
        Uint128 block = 0;
        for (std::size_t i = 0; i < kFoldTerms; ++i) {
            block += static_cast<Uint128>(a[x + i]) * b[x + i];
        }
        total += Field61::reduce(block);
    }
    Uint128 tail = 0;
    for (; x < a.size(); ++x) tail += static_cast<Uint128>(a[x]) * b[x];
    return Field61::reduce(total + Field61::reduce(tail));
}

void add_vectors(std::span<const Element> a, std::span<const Element> b, std::span<Element> out) {
    CHECK(a.size() == b.size());
    CHECK(a.size() == out.size());
    for (std::size_t x = 0; x < out.size(); ++x) out[x] = Field61::add(a[x], b[x]);
}

Bytes encode_words(std::span<const Element> values) {
    Bytes bytes(values.size() * kWordBytes);
    for (std::size_t x = 0; x < values.size(); ++x) {
        for (std::size_t i = 0; i < kWordBytes; ++i) {
            bytes[x * kWordBytes + i] = static_cast<std::uint8_t>(values[x] >> (8 * i));
        }
    }
    return bytes;
}

bool are_words(ByteView bytes, std::size_t count) {
    if (bytes.size() % kWordBytes != 0 || bytes.size() / kWordBytes != count) return false;
    for (std::size_t x = 0; x < count; ++x) {
        if (read_word(bytes.data() + x * kWordBytes) >= kPrime61) return false;
    }
    return true;
}

Result<std::vector<Element>> decode_words(ByteView bytes, std::size_t count) {
    if (!are_words(bytes, count)) {
        return make_error(ErrorCode::kMalformed, "not the expected number of field elements");
    }
    std::vector<Element> values(count);
    for (std::size_t x = 0; x < count; ++x) values[x] = read_word(bytes.data() + x * kWordBytes);
    return values;
}

}  // namespace consilium::smpc
