// VECOPEN over the protocol's field.
#include "fl_engine/smpc/opening.hpp"

#include <algorithm>

#include "fl_engine/smpc/opening_over.hpp"

namespace consilium::smpc {

std::optional<Opening> open_shares(const Committee& committee,
                                   std::span<const PostedShare> posted) {
    for (const PostedShare& share : posted) CHECK(committee.is_member(share.member));
    return open_shares_over<Field61>(committee.t(), posted);
}

std::optional<OpenedBase> find_base(const Committee& committee,
                                    std::span<const PostedShare> posted) {
    for (const PostedShare& share : posted) CHECK(committee.is_member(share.member));
    return find_base_over<Field61>(committee.t(), posted);
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

InterpolationStream::InterpolationStream(std::span<const PostedShare> base, MemberIndex at)
    : base_(base.begin(), base.end()), coefficients_(coefficients_to<Field61>(base, at)) {
    CHECK(!base_.empty());
    for (const PostedShare& share : base_) CHECK(share.values.size() == length());
    rows_.resize(base_.size());
}

std::span<const Element> InterpolationStream::next() {
    tile_.resize(std::min(kShareTile, length() - done_));
    if (!tile_.empty()) values_at<Field61>(coefficients_, base_, done_, tile_, rows_);
    done_ += tile_.size();
    return tile_;
}

}  // namespace consilium::smpc
