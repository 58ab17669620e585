// Shares and seeds of coins.
#include "fl_engine/smpc/coin.hpp"

#include <initializer_list>
#include <string_view>

#include "fl_engine/smpc/prss.hpp"

namespace consilium::smpc {
namespace {

void append_le64(Bytes& out, std::uint64_t value) {
    for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

Bytes make_label(std::string_view kind, std::initializer_list<std::uint64_t> numbers) {
    Bytes label = to_bytes(as_bytes(kind));
    for (const std::uint64_t number : numbers) append_le64(label, number);
    return label;
}

std::string_view kind_of(RoundCoin coin) {
    return coin == RoundCoin::kRange ? "R" : "T";
}

std::vector<Element> open_first_elements(const Committee& committee, MemberIndex self,
                                         std::vector<Prg> streams) {
    ShareStream stream(committee, self, std::move(streams));
    std::vector<Element> shares(kCoinElements);
    stream.next(shares);
    return shares;
}

}  // namespace

Bytes chi_label(std::uint64_t mpc_epoch, std::uint64_t batch) {
    return make_label("chi", {mpc_epoch, batch});
}

Bytes round_coin_label(const RoundCoinName& name) {
    return make_label(kind_of(name.coin), {name.mpc_epoch, name.round, name.attempt});
}

std::vector<Element> chi_coin_shares(const Kdf& kdf, const Committee& committee, MemberIndex self,
                                     std::span<const PrepMaskKey> ring) {
    return open_first_elements(committee, self, open_streams(kdf, ring, PrgDomain::kCoin));
}

std::vector<Element> round_coin_shares(const Kdf& kdf, const Committee& committee, MemberIndex self,
                                       std::span<const CoinRoundKey> ring,
                                       const RoundCoinName& name) {
    std::vector<Prg> streams;
    streams.reserve(ring.size());
    for (const CoinRoundKey& key : ring) {
        const Secret32 coin_key = kdf.derive(key.secret(), kind_of(name.coin), {name.attempt});
        streams.emplace_back(kdf, coin_key, PrgDomain::kCoin);
    }
    return open_first_elements(committee, self, std::move(streams));
}

Digest coin_seed(ByteView label, std::span<const Element> opened) {
    CHECK(opened.size() == kCoinElements);
    Bytes bytes = to_bytes(as_bytes("coin"));
    bytes.insert(bytes.end(), label.begin(), label.end());
    for (const Element value : opened) append_le64(bytes, value);
    return sha256(bytes);
}

std::vector<Element> expand_seed(const Digest& seed, std::size_t count) {
    std::vector<Element> elements(count);
    Prg::expand(seed).fill_elements(elements);
    return elements;
}

}  // namespace consilium::smpc
