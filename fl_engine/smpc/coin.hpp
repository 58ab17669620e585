// Common coins (smpc-protocol.md, section 3): labels, a member's shares, the seed.
//
// A coin is the opening (VECOPEN, degree t) of three PRSS elements of domain 6. Its label and its
// keys are used for one coin only: chi has the batch's keys pi_A^b, R and T have keys derived from
// K_A^{coin,r} by kind and attempt. So shares are a function of the label alone, the same whenever
// they are computed, and nobody foresees the seed before an honest member has posted.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/digest.hpp"
#include "fl_engine/smpc/committee.hpp"
#include "fl_engine/smpc/kdf.hpp"

namespace consilium::smpc {

inline constexpr std::size_t kCoinElements = 3;

enum class RoundCoin : std::uint8_t {
    kRange,  // R: the projections, once the submissions are fixed
    kTest,   // T: the challenges of the range proof, once the proofs are fixed
};

// "chi" || le64(ep) || le64(b).
[[nodiscard]] Bytes chi_label(std::uint64_t mpc_epoch, std::uint64_t batch);
// "R" or "T" || le64(ep) || le64(r) || le64(attempt).
struct RoundCoinName {
    RoundCoin coin = RoundCoin::kRange;
    std::uint64_t mpc_epoch{};
    std::uint64_t round{};
    std::uint64_t attempt{};
};
[[nodiscard]] Bytes round_coin_label(const RoundCoinName& name);

// Elements 0..2 of domain 6: the vector of COIN_SHARE. Rings follow Committee::subsets_of(self).
[[nodiscard]] std::vector<Element> chi_coin_shares(const Kdf& kdf, const Committee& committee,
                                                   MemberIndex self,
                                                   std::span<const PrepMaskKey> ring);
// `ring`: K_A^{coin,r} of the name's round.
[[nodiscard]] std::vector<Element> round_coin_shares(const Kdf& kdf, const Committee& committee,
                                                     MemberIndex self,
                                                     std::span<const CoinRoundKey> ring,
                                                     const RoundCoinName& name);

// SHA256("coin" || label || le64(c1) || le64(c2) || le64(c3)).
[[nodiscard]] Digest coin_seed(ByteView label, std::span<const Element> opened);

// The first `count` elements of EXPAND(seed): chi_1..chi_M.
[[nodiscard]] std::vector<Element> expand_seed(const Digest& seed, std::size_t count);

}  // namespace consilium::smpc
