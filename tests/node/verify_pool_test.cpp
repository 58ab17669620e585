// The pool answers like the library, in order, for batches of every size.
#include "node/verify_pool.hpp"

#include <gtest/gtest.h>

#include <future>

namespace consilium::node {
namespace {

std::vector<driver::SignatureCheck> make_checks(std::size_t count) {
    const KeyPair key = KeyPair::generate();
    std::vector<driver::SignatureCheck> checks;
    for (std::size_t i = 0; i < count; ++i) {
        const Digest message = sha256(encode(static_cast<std::uint64_t>(i)));
        checks.push_back({key.public_key(), message, key.sign(message)});
        if (i % 3 == 1) checks.back().signature.bytes[5] ^= 1U;
    }
    return checks;
}

TEST(VerifyPool, answers_stand_in_the_order_of_the_checks) {
    VerifyPool pool(2);
    for (const std::size_t count : {0U, 1U, 4U, 5U, 37U}) {
        const auto answers = pool.verify_all(make_checks(count));
        ASSERT_EQ(answers.size(), count);
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(answers[i], i % 3 != 1) << i;
    }
}

TEST(VerifyPool, later_checks_are_answered_while_urgent_ones_run) {
    VerifyPool pool(2);
    std::promise<std::vector<bool>> later;
    pool.check_later(make_checks(7),
                     [&](std::vector<bool> answers) { later.set_value(std::move(answers)); });
    EXPECT_EQ(pool.verify_all(make_checks(20)).size(), 20U);
    const auto answers = later.get_future().get();
    ASSERT_EQ(answers.size(), 7U);
    EXPECT_TRUE(answers[0]);
    EXPECT_FALSE(answers[1]);
}

TEST(VerifyPool, destruction_with_queued_checks_does_not_hang) {
    VerifyPool pool(1);
    for (int i = 0; i < 50; ++i) pool.check_later(make_checks(2), [](const auto&) {});
}

}  // namespace
}  // namespace consilium::node
