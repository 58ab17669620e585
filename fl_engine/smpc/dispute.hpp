// Mask batches, step P5 of section 4: whose share of a disputed batch is wrong.
//
// The batch's keys are public by now and it serves no round (Invariant I), so nothing here is a
// secret. Keys are agreed by majority; then every poster's share of the disputed item is computed
// again and compared with what it posted. The work is one pass over the masks of at most two slots,
// in pieces: add_pair_products() and add_weight_products() go over any range of coordinates, and
// sums over ranges simply add up. Cost per coordinate and slot: C(n,t) stream words and
// n * C(n-1,t) multiplications (recomputation_work()).
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fl_engine/smpc/batch.hpp"

namespace consilium::smpc {

using RevealedKey = std::array<std::uint8_t, kKeyBytes>;

// The keys that one member revealed, in its ring order.
struct RevealedRing {
    MemberIndex member{};
    std::span<const RevealedKey> keys;
};
struct AgreedKeys {
    std::vector<RevealedKey> keys;  // by rank
    std::vector<Fault> faults;      // members that revealed another value; position in their ring
};
// For each subset the value with at least t+1 identical copies from its members; nullopt while some
// subset has none. Every ring has the member's C(n-1,t) keys, each member once.
[[nodiscard]] std::optional<AgreedKeys> agree_on_keys(const Committee& committee,
                                                      std::span<const RevealedRing> rings);

// The first position of a ring that came after the agreement and is not what was agreed (`agreed`:
// AgreedKeys::keys).
[[nodiscard]] std::optional<Fault> check_late_ring(const Committee& committee,
                                                   std::span<const RevealedKey> agreed,
                                                   const RevealedRing& late);

// Multiplications for one coordinate of `slots` masks.
[[nodiscard]] std::uint64_t recomputation_work(const Committee& committee, std::size_t slots);

struct CoordinateRange {
    std::uint64_t first{};  // a multiple of kTileElements
    std::uint64_t count{};
};

// Type 1: sums[p] += <a_i^(k), a_j^(k)> over the range, for k = members[p]. `first` and `second`:
// agreed keys k_A^{i,b}, k_A^{j,b} by rank; the same span for i = j.
void add_pair_products(const Kdf& kdf, const Committee& committee,
                       std::span<const RevealedKey> first, std::span<const RevealedKey> second,
                       std::span<const MemberIndex> members, const CoordinateRange& range,
                       std::span<Element> sums);
// Type 2: sums[p] += <w^(k), a_j^(k)>, w^(k) = the polynomial through the base of PREP_W at k. The
// values of `base` are those of the range only.
void add_weight_products(const Kdf& kdf, const Committee& committee,
                         std::span<const RevealedKey> keys, std::span<const PostedShare> base,
                         std::span<const MemberIndex> members, const CoordinateRange& range,
                         std::span<Element> sums);

// One delta of the disputed combination, with its factor.
struct DisputeTerm {
    std::size_t position{};  // of the item
    Element factor{};
};
// Type 1: the item itself. Type 2: chi_i for (i,j), i = 1..M, and -1 for (0,j).
[[nodiscard]] std::vector<DisputeTerm> check_terms(const BatchItems& items, std::uint32_t j,
                                                   std::span<const Element> chi);

// sum of factor * (zeta^(k) - rho^(k)) for k = members[p], from the agreed keys pi_A^b by rank.
[[nodiscard]] std::vector<Element> combine_prep(const Kdf& kdf, const Committee& committee,
                                                std::span<const RevealedKey> prep,
                                                const BatchItems& items,
                                                std::span<const DisputeTerm> terms,
                                                std::span<const MemberIndex> members);
// sum of factor * delta^(k) of what one member posted.
[[nodiscard]] Element combine_posted(std::span<const Element> delta,
                                     std::span<const DisputeTerm> terms);

}  // namespace consilium::smpc
