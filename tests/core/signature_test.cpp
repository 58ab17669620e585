// BIP340: the official vectors, and what a signature must not verify for.
#include "core/signature.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace consilium {
namespace {

template <typename T>
T fixed_from_hex(const std::string& text) {
    T value;
    const auto bytes = decode_hex(text);
    EXPECT_TRUE(bytes);
    EXPECT_EQ(bytes->size(), value.bytes.size());
    std::copy(bytes->begin(), bytes->end(), value.bytes.begin());
    return value;
}

std::vector<std::string> split(const std::string& line) {
    std::vector<std::string> cells;
    std::stringstream stream(line);
    for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
    return cells;
}

TEST(Signature, official_bip340_vectors_of_32_byte_messages) {
    std::ifstream file(std::string(CONSILIUM_TEST_VECTORS) + "/bip340.csv");
    ASSERT_TRUE(file);
    std::string line;
    std::getline(file, line);  // header
    std::size_t checked = 0;
    std::size_t signed_again = 0;
    while (std::getline(file, line)) {
        const auto cells = split(line);
        ASSERT_GE(cells.size(), 7U) << line;
        if (cells[4].size() != 64) continue;  // the project signs 32-byte digests only
        const auto key = fixed_from_hex<PublicKey>(cells[2]);
        const auto message = fixed_from_hex<Digest>(cells[4]);
        const auto signature = fixed_from_hex<Signature>(cells[5]);
        EXPECT_EQ(verify_signature(key, message, signature), cells[6] == "TRUE") << line;
        if (!cells[1].empty()) {
            const auto secret = fixed_from_hex<Digest>(cells[1]);
            const auto auxiliary = fixed_from_hex<Digest>(cells[3]);
            const auto pair = KeyPair::from_secret(secret.bytes);
            ASSERT_TRUE(pair);
            EXPECT_EQ(pair->public_key(), key);
            EXPECT_EQ(pair->sign_with_auxiliary(message, auxiliary.bytes), signature);
            ++signed_again;
        }
        ++checked;
    }
    EXPECT_EQ(checked, 15U);
    EXPECT_EQ(signed_again, 4U);
}

TEST(Signature, verifies_for_its_own_key_and_message_only) {
    const auto alice = KeyPair::generate();
    const auto bob = KeyPair::generate();
    const Digest message = tagged_hash("test", as_bytes("m"));
    Signature signature = alice.sign(message);
    EXPECT_TRUE(verify_signature(alice.public_key(), message, signature));
    EXPECT_FALSE(verify_signature(bob.public_key(), message, signature));
    EXPECT_FALSE(
        verify_signature(alice.public_key(), tagged_hash("other", as_bytes("m")), signature));
    signature.bytes[10] ^= 1U;
    EXPECT_FALSE(verify_signature(alice.public_key(), message, signature));
}

TEST(Signature, secret_key_outside_the_group_order_is_refused) {
    const std::array<std::uint8_t, 32> zero{};
    std::array<std::uint8_t, 32> too_large{};
    too_large.fill(0xff);
    EXPECT_FALSE(KeyPair::from_secret(zero));
    EXPECT_FALSE(KeyPair::from_secret(too_large));
}

TEST(Digest, tagged_hash_follows_bip340) {
    const Digest tag = sha256(as_bytes("BIP0340/challenge"));
    Bytes input = to_bytes(tag.view());
    input.insert(input.end(), tag.bytes.begin(), tag.bytes.end());
    input.push_back('x');
    EXPECT_EQ(tagged_hash("BIP0340/challenge", as_bytes("x")), sha256(input));
}

}  // namespace
}  // namespace consilium
