// Checks of posted share vectors.
#include "contracts/verification/shares.hpp"

#include <algorithm>

#include "fl_engine/smpc/aggregate.hpp"

namespace consilium::contracts::verification {

smpc::Committee committee_of(const schema::EpochRecord& epoch) {
    auto committee = smpc::Committee::make(static_cast<std::uint32_t>(epoch.members.size()));
    CHECK(committee.has_value());
    return std::move(*committee);
}

std::vector<smpc::MemberIndex> members_of(schema::MemberSet set) {
    std::vector<smpc::MemberIndex> members;
    for (std::uint16_t member = 1; member <= schema::kMaxCommittee; ++member) {
        if ((set & schema::member_bit(member)) != 0) members.push_back(member);
    }
    return members;
}

std::vector<smpc::MemberIndex> first_posters_of(const schema::EpochRecord& epoch) {
    auto first = smpc::first_posters(committee_of(epoch), members_of(epoch.excluded));
    CHECK(first.has_value());
    return std::move(*first);
}

schema::Code check_words(std::span<const std::uint64_t> values, std::size_t length) {
    if (values.size() != length) return schema::Code::kWrongLength;
    const bool is_in_field = std::all_of(values.begin(), values.end(), [](std::uint64_t word) {
        return word < smpc::Field61::kModulus;
    });
    return is_in_field ? schema::Code::kOk : schema::Code::kWordOutOfRange;
}

}  // namespace consilium::contracts::verification
