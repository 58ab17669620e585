// X grows with every blame; more than t of them, or a blame of nobody, end the epoch.
#include "explorer/audit_epoch.hpp"

#include <algorithm>
#include <bit>

namespace consilium::explorer {
namespace {

std::string text_of_set(schema::MemberSet members) {
    std::string text;
    for (std::uint16_t member = 1; member <= schema::kMaxCommittee; ++member) {
        if ((members & schema::member_bit(member)) == 0) continue;
        text += (text.empty() ? "" : " ") + std::to_string(member);
    }
    return text.empty() ? "nobody" : text;
}

std::string text_of_halt(const std::optional<HaltClaim>& halt) {
    if (!halt) return "none";
    return "at block " + std::to_string(halt->height.value) + " with " +
           text_of_set(halt->excluded);
}

// X when everything is over, and the first block at which it was too much.
struct Course {
    schema::MemberSet excluded{};
    std::optional<HaltClaim> halt;
};
Course follow(const std::vector<Blame>& blames, std::uint32_t tolerated) {
    Course course;
    for (auto blame = blames.begin(); blame != blames.end();) {
        const Height height = blame->burned;
        bool is_blameless = false;
        for (; blame != blames.end() && blame->burned == height; ++blame) {
            is_blameless = is_blameless || blame->members.empty();
            for (const std::uint16_t member : blame->members) {
                course.excluded |= schema::member_bit(member);
            }
        }
        const bool is_broken =
            is_blameless || static_cast<std::uint32_t>(std::popcount(course.excluded)) > tolerated;
        if (is_broken && !course.halt) course.halt = HaltClaim{height, course.excluded};
    }
    return course;
}

}  // namespace

Comparison audit_epoch(const EpochTranscript& epoch, std::vector<Blame> blames) {
    Comparison comparison("epoch " + std::to_string(epoch.mpc_epoch), epoch.last);
    ++comparison.counts.epochs;
    const auto committee = smpc::Committee::make(static_cast<std::uint32_t>(epoch.members));
    if (!committee) {
        comparison.note("committee", "4 to 13 members", std::to_string(epoch.members));
        return comparison;
    }
    std::stable_sort(blames.begin(), blames.end(),
                     [](const Blame& a, const Blame& b) { return a.burned < b.burned; });
    const Course course = follow(blames, committee->t());
    schema::MemberSet claimed = 0;
    for (const ExclusionClaim& claim : epoch.exclusions) {
        claimed |= schema::member_bit(claim.record.member);
    }
    comparison.equal("excluded", text_of_set(course.excluded), text_of_set(claimed));
    comparison.equal("halt", text_of_halt(course.halt), text_of_halt(epoch.halted));
    if (!epoch.record) {
        comparison.note("epoch record", "a record", "none");
        return comparison;
    }
    comparison.equal("epoch record excluded", text_of_set(course.excluded),
                     text_of_set(epoch.record->excluded));
    comparison.equal("epoch record is_halted", course.halt.has_value(), epoch.record->is_halted);
    return comparison;
}

}  // namespace consilium::explorer
