// Posted share vectors: loading them from the state, and the checks that all of them get.
#pragma once
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "fl_engine/smpc/opening.hpp"

namespace consilium::contracts::verification {

[[nodiscard]] constexpr std::size_t count_members(schema::MemberSet set) {
    return static_cast<std::size_t>(std::popcount(set));
}
// Without the members of X, who count as silent.
[[nodiscard]] constexpr schema::MemberSet heard_of(const schema::EpochRecord& epoch,
                                                   schema::MemberSet posters) {
    return static_cast<schema::MemberSet>(posters & ~epoch.excluded);
}
// Of members given as numbers of any width.
template <typename Members>
[[nodiscard]] schema::MemberSet set_of(const Members& members) {
    schema::MemberSet set = 0;
    for (const auto member : members) {
        set |= schema::member_bit(static_cast<std::uint16_t>(member));
    }
    return set;
}
[[nodiscard]] std::vector<smpc::MemberIndex> members_of(schema::MemberSet set);  // ascending
[[nodiscard]] smpc::Committee committee_of(const schema::EpochRecord& epoch);
// The members whose AGG comes first; the epoch is not halted.
[[nodiscard]] std::vector<smpc::MemberIndex> first_posters_of(const schema::EpochRecord& epoch);

// Owns vectors and shows them the way the openings want them.
class SharePosts {
  public:
    void add(std::uint16_t member, std::vector<std::uint64_t> values) {
        members_.push_back(member);
        values_.push_back(std::move(values));
    }
    // Valid until the next add().
    [[nodiscard]] std::vector<smpc::PostedShare> spans() const {
        std::vector<smpc::PostedShare> posts;
        for (std::size_t i = 0; i < members_.size(); ++i)
            posts.push_back({members_[i], values_[i]});
        return posts;
    }
    [[nodiscard]] std::size_t size() const { return members_.size(); }

  private:
    std::vector<std::uint16_t> members_;
    std::vector<std::vector<std::uint64_t>> values_;
};

// The ShareRecords of the members of the set, ascending; `key_of` names each record.
template <typename KeyOf>
[[nodiscard]] SharePosts load_posts(const StateView& state, schema::MemberSet members,
                                    KeyOf key_of) {
    SharePosts posts;
    for (std::uint16_t member = 1; member <= schema::kMaxCommittee; ++member) {
        if ((members & schema::member_bit(member)) == 0) continue;
        posts.add(member, state.load<schema::ShareRecord>(key_of(member)).values);
    }
    return posts;
}

// kWrongLength or kWordOutOfRange unless these are `length` field elements.
[[nodiscard]] schema::Code check_words(std::span<const std::uint64_t> values, std::size_t length);

}  // namespace consilium::contracts::verification
