// VECOPEN over the protocol's field.
#include "fl_engine/smpc/opening.hpp"

#include "fl_engine/smpc/opening_over.hpp"

namespace consilium::smpc {

std::optional<Opening> open_shares(const Committee& committee,
                                   std::span<const PostedShare> posted) {
    for (const PostedShare& share : posted) CHECK(committee.is_member(share.member));
    return open_shares_over<Field61>(committee.t(), posted);
}

std::optional<Fault> check_late_share(std::span<const PostedShare> base, const PostedShare& late) {
    CHECK(!base.empty());
    CHECK(base.front().values.size() == late.values.size());
    const auto x = first_mismatch<Field61>(base, late);
    if (!x) return std::nullopt;
    return Fault{late.member, *x};
}

std::vector<Element> interpolate_vector(std::span<const PostedShare> base, MemberIndex at) {
    return interpolate_over<Field61>(base, at);
}

}  // namespace consilium::smpc
