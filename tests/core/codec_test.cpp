// The canonical codec: frozen bytes, round trips, and what it refuses.
#include "core/codec.hpp"

#include <gtest/gtest.h>

namespace consilium {
namespace {

enum class Colour : std::uint8_t { kRed = 1, kBlue = 2 };
constexpr bool is_known(Colour colour) {
    return colour == Colour::kRed || colour == Colour::kBlue;
}

struct Inner {
    std::int64_t amount{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("amount", self.amount);
    }
    friend bool operator==(const Inner&, const Inner&) = default;
};

struct Sample {
    std::uint16_t small{};
    Height height;
    bool flag{};
    Colour colour = Colour::kRed;
    std::string name;
    std::vector<Inner> items;
    std::optional<Digest> digest;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("small", self.small);
        visit("height", self.height);
        visit("flag", self.flag);
        visit("colour", self.colour);
        visit("name", self.name, Limit{8});
        visit("items", self.items, Limit{3});
        visit("digest", self.digest);
    }
    friend bool operator==(const Sample&, const Sample&) = default;
};

Sample make_sample() {
    return {.small = 0x0102,
            .height = Height{7},
            .flag = true,
            .colour = Colour::kBlue,
            .name = "ab",
            .items = {{-1}, {2}},
            .digest = std::nullopt};
}

constexpr const char* kFrozenSample =
    "02010700000000000000010202000000616202000000ffffffffffffffff020000000000000000";

TEST(Codec, frozen_vector_of_every_kind_of_field) {
    EXPECT_EQ(to_hex(encode(make_sample())), kFrozenSample);
}

TEST(Codec, decode_inverts_encode) {
    auto sample = make_sample();
    sample.digest = sha256(as_bytes("x"));
    const auto decoded = decode<Sample>(encode(sample));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, sample);
}

TEST(Codec, every_truncation_is_refused) {
    const Bytes bytes = encode(make_sample());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_FALSE(decode<Sample>(ByteView(bytes).first(length))) << length;
    }
}

TEST(Codec, every_bit_flip_is_refused_or_decodes_to_what_encodes_back) {
    const Bytes bytes = encode(make_sample());
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        Bytes flipped = bytes;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
        const auto decoded = decode<Sample>(flipped);
        if (decoded) {
            EXPECT_EQ(encode(*decoded), flipped) << bit;
        }
    }
}

TEST(Codec, trailing_byte_is_refused) {
    Bytes bytes = encode(make_sample());
    bytes.push_back(0);
    const auto decoded = decode<Sample>(bytes);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::kMalformed);
}

TEST(Codec, count_over_the_limit_is_refused_before_the_elements_are_read) {
    Bytes bytes = encode(make_sample());
    bytes[12] = 9;  // length of "name", limit 8
    const auto decoded = decode<Sample>(bytes);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::kLimitExceeded);
}

TEST(Codec, hexadecimal_text_round_trips_and_refuses_other_characters) {
    EXPECT_EQ(to_hex(*decode_hex("00fFa1")), "00ffa1");
    EXPECT_FALSE(decode_hex("0"));
    EXPECT_FALSE(decode_hex("0g"));
}

TEST(Types, checked_arithmetic_reports_overflow) {
    EXPECT_EQ(checked_add<std::uint8_t>(250, 5), 255);
    EXPECT_FALSE(checked_add<std::uint8_t>(250, 6));
    EXPECT_FALSE(checked_sub<std::uint64_t>(1, 2));
    EXPECT_FALSE(checked_mul<std::int64_t>(INT64_MAX, 2));
    EXPECT_EQ(saturating_sub<std::uint64_t>(1, 2), 0U);
    EXPECT_EQ(saturating_add<std::uint64_t>(UINT64_MAX, 2), UINT64_MAX);
}

}  // namespace
}  // namespace consilium
