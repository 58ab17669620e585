// Which links a node keeps, from its file and the chain.
#include <gtest/gtest.h>

#include <algorithm>

#include "contracts/schema/keys.hpp"
#include "contracts/schema/membership.hpp"
#include "core/digest.hpp"
#include "core/state_tree.hpp"
#include "node/peers.hpp"

namespace consilium::node {
namespace {

PublicKey key_of(const std::string& name) {
    PublicKey key;
    key.bytes = sha256(as_bytes(name)).bytes;
    return key;
}

StateTree state_of(const schema::MembershipRecord& record) {
    return StateTree().apply({{schema::keys::membership(), encode(record)}});
}

class Peers : public testing::Test {
  protected:
    // What update() gives, as "name host:port"; names are those of the record.
    std::vector<std::string> update() {
        std::vector<std::string> found;
        for (const PeerConfig& peer : book_.update(state_of(record_))) {
            const auto name = std::find_if(kNames.begin(), kNames.end(),
                                           [&](const auto& it) { return key_of(it) == peer.key; });
            found.push_back(*name + " " + peer.host + ":" + std::to_string(peer.port));
        }
        std::sort(found.begin(), found.end());
        return found;
    }
    static schema::Validator entry(const std::string& name, const std::string& address) {
        return {name, key_of(name), address};
    }

    const std::vector<std::string> kNames{"a", "b", "c", "d", "own"};
    schema::MembershipRecord record_{
        Epoch{0}, {entry("own", "x:1"), entry("a", "a.example:1"), entry("b", "")}, std::nullopt};
    PeerBook book_{{{key_of("a"), "configured", 7}}, key_of("own")};
};

using Strings = std::vector<std::string>;

TEST_F(Peers, the_own_file_wins_and_validators_without_an_address_dial_us) {
    EXPECT_EQ(update(), Strings{"b :0"});
    EXPECT_EQ(update(), Strings{});  // nothing new
}

TEST_F(Peers, those_of_a_change_to_come_are_known_before_it_and_moves_are_followed) {
    (void)update();
    record_.pending = {Epoch{0}, Height{9}, record_.validators};
    record_.pending->validators.push_back(entry("c", "[::1]:27000"));
    EXPECT_EQ(update(), Strings{"c ::1:27000"});
    record_.validators = record_.pending->validators;
    record_.pending.reset();
    EXPECT_EQ(update(), Strings{});
    record_.validators.back().address = "c.example:2";
    EXPECT_EQ(update(), Strings{"c c.example:2"});
}

TEST_F(Peers, who_has_left_is_no_longer_dialled_but_not_shut_out) {
    record_.validators.push_back(entry("d", "d.example:4"));
    (void)update();
    record_.validators.pop_back();
    EXPECT_EQ(update(), Strings{"d :0"});
    EXPECT_EQ(update(), Strings{});
}

TEST_F(Peers, a_state_without_a_record_changes_nothing) {
    EXPECT_TRUE(book_.update(StateTree()).empty());
}

TEST(Address, is_host_and_port_and_nothing_else) {
    using schema::HostAndPort;
    using schema::parse_address;
    EXPECT_EQ(parse_address("node5.example:27000"), (HostAndPort{"node5.example", 27000}));
    EXPECT_EQ(parse_address("10.0.0.1:1"), (HostAndPort{"10.0.0.1", 1}));
    EXPECT_EQ(parse_address("[fe80::1]:65535"), (HostAndPort{"fe80::1", 65535}));
    for (const char* bad : {"",          ":",       "a",    "a:",    ":1",     "a:0",
                            "a:01",      "a:65536", "a:1 ", "a b:1", "a/b:1",  "fe80::1",
                            "fe80::1:1", "[]:1",    "[a:1", "a]:1",  "[zz]:1", "a:99999999999",
                            "a:-1",      "user@a:1"}) {
        EXPECT_EQ(parse_address(bad), std::nullopt) << bad;
    }
    EXPECT_EQ(parse_address(std::string(schema::kMaxAddressBytes, 'a') + ":1"), std::nullopt);
}

}  // namespace
}  // namespace consilium::node
