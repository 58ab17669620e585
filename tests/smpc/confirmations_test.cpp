// AGG_OK against what its sender may have seen: nobody honest is ever named, whatever t liars post
// and however X grows meanwhile.
#include "fl_engine/smpc/confirmations.hpp"

#include <gtest/gtest.h>

#include "fl_engine/smpc/aggregate.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc::testing {
namespace {

using Sets = std::vector<std::vector<MemberIndex>>;

Element random_element(TestRandom& random) {
    return random.word() % Field61::kModulus;
}

// A polynomial of degree `degree` and its value at x.
std::vector<Element> random_polynomial(TestRandom& random, std::uint32_t degree) {
    std::vector<Element> coefficients(degree + 1);
    for (Element& coefficient : coefficients) coefficient = random_element(random);
    return coefficients;
}
Element value_of(std::span<const Element> coefficients, MemberIndex x) {
    Element value = 0;
    for (std::size_t i = coefficients.size(); i-- > 0;) {
        value = Field61::add(Field61::mul(value, x), coefficients[i]);
    }
    return value;
}

TEST(PossibleFirstPosters, are_those_under_every_subset_of_the_excluded_each_once) {
    const auto committee = Committee::make(7).value();
    EXPECT_EQ(possible_first_posters(committee, {}), (Sets{{1, 2, 3}}));
    const std::vector<MemberIndex> first{1};
    EXPECT_EQ(possible_first_posters(committee, first), (Sets{{1, 2, 3}, {2, 3, 4}}));
    const std::vector<MemberIndex> last{6, 7};  // never among them
    EXPECT_EQ(possible_first_posters(committee, last), (Sets{{1, 2, 3}}));
    const std::vector<MemberIndex> both{2, 4};
    EXPECT_EQ(possible_first_posters(committee, both), (Sets{{1, 2, 3}, {1, 3, 4}, {1, 3, 5}}));
    const std::vector<MemberIndex> all{1, 2, 3, 4, 5, 6, 7};  // too few are left under most
    for (const auto& set : possible_first_posters(committee, all)) EXPECT_EQ(set.size(), 3U);
}

// One sum under attack: a true sharing, liars with errors that vanish at members of their choice, X
// that grows by liars in one order, and what each member confirms in each of its stages.
struct Attack {
    Attack(std::uint32_t n, std::uint64_t seed) : committee(Committee::make(n).value()) {
        TestRandom random(seed);
        std::vector<MemberIndex> members(n);
        for (std::uint32_t k = 0; k < n; ++k) members[k] = k + 1;
        for (std::size_t i = members.size(); i-- > 1;) {
            std::swap(members[i], members[random.word() % (i + 1)]);
        }
        const std::uint32_t t = committee.t();
        // Half of the attacks have their liars among the first posters, where they matter.
        const bool is_low = random.word() % 2 == 0;
        liars.assign(members.begin(), members.begin() + t);
        if (is_low) {
            for (std::uint32_t k = 0; k < t; ++k) liars[k] = k + 1;
        }
        std::vector<Element> bend{random_element(random)};  // the product of (x - zero)
        for (std::uint32_t zero = 0; zero < t; ++zero) {
            const Element at = 1 + random.word() % n;
            std::vector<Element> next(bend.size() + 1, 0);
            for (std::size_t i = 0; i < bend.size(); ++i) {
                next[i + 1] = Field61::add(next[i + 1], bend[i]);
                next[i] = Field61::sub(next[i], Field61::mul(at, bend[i]));
            }
            bend = std::move(next);
        }
        for (std::size_t x = 0; x < kLength; ++x) {
            const auto polynomial = random_polynomial(random, t);
            for (MemberIndex k = 1; k <= n; ++k) {
                const Element share = value_of(polynomial, k);
                truth[k].push_back(share);
                const bool lies = x >= kRight && is_liar(k);
                posts[k].push_back(lies ? Field61::add(share, value_of(bend, k)) : share);
            }
        }
        stages = random.word() % (t + 1);
    }
    [[nodiscard]] bool is_liar(MemberIndex member) const {
        return std::find(liars.begin(), liars.end(), member) != liars.end();
    }
    // The first so many liars.
    [[nodiscard]] std::vector<MemberIndex> excluded(std::size_t stage) const {
        return {liars.begin(), liars.begin() + static_cast<std::ptrdiff_t>(stage)};
    }
    [[nodiscard]] static Posts of(const Posts& all, std::span<const MemberIndex> members) {
        Posts chosen;
        for (const MemberIndex member : members) chosen[member] = all.at(member);
        return chosen;
    }
    static constexpr std::size_t kLength = 5;
    static constexpr std::size_t kRight = 2;  // coordinates without a lie

    Committee committee;
    std::vector<MemberIndex> liars;
    Posts truth;
    Posts posts;
    std::size_t stages = 0;
};

class Confirmations : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(Confirmations, of_honest_members_are_never_faults_and_those_of_others_are) {
    std::size_t in_good_faith = 0;  // of a false sum
    std::size_t lies = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const Attack attack(GetParam(), seed);
        const std::vector<MemberIndex> now = attack.excluded(attack.stages);
        std::vector<MemberIndex> honest;
        for (MemberIndex k = 1; k <= GetParam(); ++k) {
            if (!attack.is_liar(k)) honest.push_back(k);
        }
        const Posts true_base = Attack::of(
            attack.truth, std::span(honest).first(attack.committee.t() + std::size_t{1}));
        const auto base = posted(true_base);
        const Digest right = opened_digest(interpolate_vector(base, 0));
        std::vector<Confirmation> good;
        std::vector<Confirmation> bad;
        std::vector<Fault> expected;
        for (std::size_t stage = 0; stage <= attack.stages; ++stage) {
            const auto first = first_posters(attack.committee, attack.excluded(stage)).value();
            const Posts vectors = Attack::of(attack.posts, first);
            const Digest seen = opened_digest(interpolate_vector(posted(vectors), 0));
            if (seen == right) continue;
            for (MemberIndex k = 1; k <= GetParam(); ++k) {
                if (std::find(first.begin(), first.end(), k) != first.end()) continue;
                const auto vectors_seen = posted(vectors);
                if (lies_on(vectors_seen, {k, attack.truth.at(k)})) {
                    good.push_back({k, seen});
                } else if (attack.stages == 0) {
                    bad.push_back({k, seen});
                    expected.push_back({k, Attack::kRight});
                }
            }
        }
        const Posts all = attack.posts;
        const auto on_chain = posted(all);
        EXPECT_TRUE(false_confirmations(attack.committee, now, on_chain, base, good).empty());
        EXPECT_EQ(false_confirmations(attack.committee, now, on_chain, base, bad), expected);
        const std::vector<Confirmation> invented{{honest.front(), sha256(as_bytes("none"))}};
        EXPECT_EQ(false_confirmations(attack.committee, now, on_chain, base, invented),
                  (std::vector<Fault>{{honest.front(), 0}}));
        in_good_faith += good.size();
        lies += bad.size();
    }
    EXPECT_GT(lies, 50U);
    // With t = 1 a liar's error has its one zero at the other first poster.
    EXPECT_EQ(in_good_faith > 20, GetParam() >= 7) << in_good_faith;
}

INSTANTIATE_TEST_SUITE_P(Committees, Confirmations, ::testing::Values(4U, 7U, 10U, 13U));

}  // namespace
}  // namespace consilium::smpc::testing
