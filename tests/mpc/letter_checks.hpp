// What every kind of letter between members must bear.
#pragma once
#include <gtest/gtest.h>

#include <initializer_list>

#include "node/mpc/key_letters.hpp"

namespace consilium::mpc::testing {

// Round trip; no truncation, no longer form; what decodes after a flipped bit has that one
// encoding.
inline void expect_canonical(std::initializer_list<KeyLetter> letters) {
    for (const KeyLetter& letter : letters) {
        const Bytes bytes = encode_letter(letter);
        EXPECT_EQ(decode_letter(bytes).value(), letter);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_FALSE(decode_letter(ByteView(bytes).first(size))) << size;
        }
        Bytes longer = bytes;
        longer.push_back(0);
        EXPECT_FALSE(decode_letter(longer));
        for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
            Bytes flipped = bytes;
            flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
            const auto decoded = decode_letter(flipped);
            if (decoded) {
                EXPECT_EQ(encode_letter(*decoded), flipped);
            }
        }
    }
}

}  // namespace consilium::mpc::testing
