// The book of owed messages: nonces, repeats, expiry, refusals.
#include "node/mpc/outbox.hpp"

#include <gtest/gtest.h>

namespace consilium::mpc {
namespace {

struct Book {
    std::uint64_t next = 7;  // what the node answers
    std::size_t asked = 0;
    Outbox outbox{{"chain", {}}, {}, [](const Digest&) { return Signature{}; }};

    std::vector<HandIn> plan(const std::vector<Outgoing>& owed, std::uint64_t height,
                             std::uint64_t now_ms) {
        return outbox.plan(owed, {Height{height}, now_ms}, [this] {
            ++asked;
            return std::optional(next);
        });
    }
    std::vector<std::uint64_t> nonces(const std::vector<HandIn>& due) const {
        std::vector<std::uint64_t> found;
        for (const HandIn& one : due) {
            found.push_back(decode<Transaction>(one.message->transaction).value().nonce);
        }
        return found;
    }
};

Outgoing message(const std::string& label) {
    return {.label = label, .module = 5, .action = 1, .arguments = {1, 2}, .blobs = {{3}}};
}

TEST(Outbox, fresh_messages_get_nonces_in_order_after_those_on_their_way) {
    Book book;
    EXPECT_EQ(book.nonces(book.plan({message("b"), message("a")}, 1, 0)),
              (std::vector<std::uint64_t>{7, 8}));
    const auto due = book.plan({message("b"), message("a"), message("c")}, 2, 10);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_EQ(due[0].label, "c");
    EXPECT_EQ(book.nonces(due), (std::vector<std::uint64_t>{9}));
    EXPECT_EQ(due[0].message->blobs, (std::vector<Bytes>{{3}}));
}

TEST(Outbox, what_stays_owed_is_handed_in_again_as_the_same_bytes) {
    Book book;
    const auto first = book.plan({message("a")}, 1, 0);
    EXPECT_TRUE(book.plan({message("a")}, 2, Outbox::kResubmitMs - 1).empty());
    const auto again = book.plan({message("a")}, 3, Outbox::kResubmitMs);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].message, first[0].message);
}

TEST(Outbox, an_expired_one_is_signed_anew) {
    Book book;
    const auto first = book.plan({message("a")}, 1, 0);
    const std::uint64_t late = 1 + Outbox::kExpiryBlocks + 1;
    const auto again = book.plan({message("a")}, late, 5);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_NE(again[0].message->transaction, first[0].message->transaction);
}

TEST(Outbox, a_lost_nonce_makes_everything_be_signed_again) {
    Book book;
    ASSERT_EQ(book.plan({message("a"), message("b")}, 1, 0).size(), 2U);
    book.next = 6;  // nobody holds the transaction of nonce 6 any more
    EXPECT_EQ(book.nonces(book.plan({message("a"), message("b")}, 2, 10)),
              (std::vector<std::uint64_t>{6, 7}));
}

TEST(Outbox, what_is_no_longer_owed_is_forgotten) {
    Book book;
    ASSERT_EQ(book.plan({message("a"), message("b")}, 1, 0).size(), 2U);
    book.next = 9;  // both wait in the node
    EXPECT_TRUE(book.plan({message("b")}, 2, 10).empty());
    EXPECT_EQ(book.outbox.size(), 1U);
    EXPECT_TRUE(book.plan({}, 3, 20).empty());
    EXPECT_EQ(book.outbox.size(), 0U);
}

TEST(Outbox, without_an_answer_about_the_nonce_nothing_is_signed) {
    Outbox outbox({"chain", {}}, {}, [](const Digest&) { return Signature{}; });
    EXPECT_TRUE(outbox.plan({message("a")}, {Height{1}, 0}, [] { return std::nullopt; }).empty());
    EXPECT_EQ(outbox.size(), 0U);
}

}  // namespace
}  // namespace consilium::mpc
