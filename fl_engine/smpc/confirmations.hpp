// AGG_OK: what its sender may have seen, and when it proves a lie (step R9).
//
// An honest member sends AGG_OK with the hash of the sum through the first posters' vectors when
// its own share lies on their polynomial. With t >= 2 that polynomial can be a false one and still
// pass through an honest share: two liars beside one honest first poster are free to choose the
// index of one more member. So a hash of another sum than the opened one is no proof of a lie by
// itself. It is one when the sender cannot have seen that sum with its own share on it; its own
// share is known, because the opened polynomial is the true one. Pure.
#pragma once
#include <span>
#include <vector>

#include "core/digest.hpp"
#include "fl_engine/smpc/committee.hpp"
#include "fl_engine/smpc/opening.hpp"

namespace consilium::smpc {

struct Confirmation {
    MemberIndex member{};
    Digest sha256;  // aggregate_digest of the sum that it names
};

// Every set of first posters that was in force or may have been while `excluded` grew to what it is
// now; each ascending, no two alike. X never shrinks within an epoch, so these are the first
// posters under its subsets.
[[nodiscard]] std::vector<std::vector<MemberIndex>> possible_first_posters(
    const Committee& committee, std::span<const MemberIndex> excluded);

// Of confirmations of another sum than the opened one, those that no honest member sends, in their
// order. `posted`: every vector on chain, also of members excluded since; `base`: t+1 of them on
// the opened polynomial. The coordinate is the first one at which the sender's true share is off
// the polynomial whose sum it confirmed; 0 when no first posters' vectors give that sum.
[[nodiscard]] std::vector<Fault> false_confirmations(const Committee& committee,
                                                     std::span<const MemberIndex> excluded,
                                                     std::span<const PostedShare> posted,
                                                     std::span<const PostedShare> base,
                                                     std::span<const Confirmation> confirmations);

}  // namespace consilium::smpc
