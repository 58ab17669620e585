// VECOPEN from transactions alone.
#include "explorer/audit_openings.hpp"

#include <algorithm>

#include "contracts/schema/table.hpp"
#include "fl_engine/smpc/coin.hpp"
#include "fl_engine/smpc/field61.hpp"

namespace consilium::explorer {
namespace {

bool is_heard(const Posts& posts, const Post& post) {
    return !post.is_late && post.member != 0 &&
           (posts.excluded & schema::member_bit(post.member)) == 0;
}

std::string name_of(std::uint16_t action) {
    const auto* info =
        schema::find_action(static_cast<std::uint16_t>(schema::Module::kVerification), action);
    return info == nullptr ? "unknown action" : std::string(info->name);
}

}  // namespace

bool are_well_formed(OpeningAudit& audit, const Posts& posts, std::uint16_t action,
                     std::size_t length) {
    schema::MemberSet seen = 0;
    for (const Post& post : posts.all) {
        const bool is_member = post.member >= 1 && post.member <= audit.committee.n();
        const bool is_first = is_member && (seen & schema::member_bit(post.member)) == 0;
        const bool is_vector =
            post.values.size() == length &&
            std::all_of(post.values.begin(), post.values.end(),
                        [](std::uint64_t word) { return word < smpc::Field61::kModulus; });
        if (!is_first || !is_vector) {
            audit.comparison.note(name_of(action) + " share", "one vector of a member",
                                  "member " + std::to_string(post.member) + " with " +
                                      std::to_string(post.values.size()) + " values",
                                  post.transaction);
            return false;
        }
        seen |= schema::member_bit(post.member);
    }
    return true;
}

std::vector<smpc::PostedShare> heard_posts(const Posts& posts) {
    std::vector<smpc::PostedShare> heard;
    for (const Post& post : posts.all) {
        if (is_heard(posts, post)) heard.push_back({post.member, post.values});
    }
    std::sort(heard.begin(), heard.end(),
              [](const auto& a, const auto& b) { return a.member < b.member; });
    return heard;
}

void expect_fault(OpeningAudit& audit, const Posts& posts, std::uint16_t action,
                  const smpc::Fault& fault) {
    const auto poster = std::find_if(posts.all.begin(), posts.all.end(),
                                     [&](const Post& post) { return post.member == fault.member; });
    audit.faults.push_back(
        {{action, audit.label, static_cast<std::uint16_t>(fault.member), fault.coordinate},
         poster == posts.all.end() ? Digest{} : poster->transaction});
}

std::optional<smpc::Opening> reopen(OpeningAudit& audit, const Posts& posts, std::uint16_t action,
                                    std::size_t length) {
    if (!posts.opened || !are_well_formed(audit, posts, action, length)) return std::nullopt;
    const auto heard = heard_posts(posts);
    auto opening = smpc::open_shares(audit.committee, heard);
    if (!opening) {
        audit.comparison.note(name_of(action) + " opening", "WAIT", "opened");
        return std::nullopt;
    }
    for (const smpc::Fault& fault : opening->faults) expect_fault(audit, posts, action, fault);
    std::vector<smpc::PostedShare> base;
    for (const smpc::PostedShare& share : heard) {
        const auto& members = opening->base;
        const bool is_base =
            std::find(members.begin(), members.end(), share.member) != members.end();
        if (is_base) base.push_back(share);
    }
    for (const Post& post : posts.all) {
        if (!post.is_late) continue;
        ++audit.comparison.counts.late_shares;
        const auto fault = smpc::check_late_share(base, {post.member, post.values});
        if (fault) expect_fault(audit, posts, action, *fault);
    }
    return opening;
}

std::optional<Digest> audit_coin(OpeningAudit& audit, const Posts& posts, ByteView label,
                                 const std::optional<Digest>& claimed) {
    if (!claimed) return std::nullopt;
    ++audit.comparison.counts.coins;
    const auto opening = reopen(audit, posts, schema::action::kCoinShare, smpc::kCoinElements);
    if (!opening) return std::nullopt;
    const std::optional<Digest> seed = smpc::coin_seed(label, opening->values);
    audit.comparison.equal("seed", seed, claimed);
    return seed;
}

bool read_words(OpeningAudit& audit, Posts& posts, const BlobContents& blobs,
                std::uint64_t dimension) {
    bool is_complete = true;
    for (Post& post : posts.all) {
        const auto content = blobs.find(post.blob.sha256);
        auto words =
            content == blobs.end()
                ? Result<std::vector<std::uint64_t>>(make_error(ErrorCode::kNotFound, ""))
                : smpc::decode_words(*content->second, static_cast<std::size_t>(dimension));
        if (words) {
            post.values = *std::move(words);
        } else {
            audit.comparison.miss("blob " + post.blob.sha256.hex());
            is_complete = false;
        }
    }
    return is_complete;
}

}  // namespace consilium::explorer
