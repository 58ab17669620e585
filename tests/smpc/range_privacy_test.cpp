// What one validator of four sees of a range proof, exactly, over F_5 (section 9, C5; steps R4 to
// R6).
//
// One projection with one digit: nodes 0, 1, 2 and a test point of 3 or 4. The view is e, the RANGE
// blob, everything that members post as lambda, phi and psi, and the opened values; every stream of
// the subset that the validator misses is tried. Every update in range must give the same view.
#include <gtest/gtest.h>

#include <array>

#include "fl_engine/smpc/opening_over.hpp"
#include "fl_engine/smpc/range_formulas.hpp"
#include "fl_engine/smpc/share_formulas.hpp"
#include "tests/smpc/all_streams.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using Tiny = PrimeField<5>;
using Vector = std::vector<Element>;
using testing::TestRandom;

constexpr std::uint32_t kMembers = 4;
constexpr RangeShape kShape{.dimension = 2, .projections = 1, .digits = 1};  // T = 1
constexpr Element kTau = 3;
const Vector kWeights{kTau, kTau};  // Y for the row (1, 1)

// The streams of one subset that belong to one client.
struct ProofStreams {
    Vector mask;   // d
    Vector range;  // Z
    Element point = 0;
};

class TinyProof {
  public:
    TinyProof(Element point, bool has_random_point)
        : committee(*Committee::make(kMembers)),
          forms_(make_range_forms<Tiny>(kShape, std::array{kTau}, point)),
          has_random_point_(has_random_point) {
        TestRandom random(18);
        const auto draw = [&random] { return random.word() % Tiny::kModulus; };
        for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
            ProofStreams& own = streams.emplace_back();
            own.mask = {draw(), draw()};
            own.range.resize(kShape.message_length());
            for (Element& value : own.range) value = draw();
            own.point = draw();
        }
    }

    [[nodiscard]] Vector view(const Vector& update, Element digit) const {
        Element f0 = 0;
        Vector masked = update;
        for (const ProofStreams& own : streams) {
            f0 = Tiny::add(f0, own.point);
            subtract(masked, own.mask);
        }
        const auto message =
            digits_message_over<Tiny>(std::array{digit}, has_random_point_ ? f0 : 0);
        Vector blob(message.begin(), message.end());
        for (const ProofStreams& own : streams) subtract(blob, own.range);
        Vector seen = masked;
        seen.insert(seen.end(), blob.begin(), blob.end());
        std::array<Vector, 3> posts;
        for (MemberIndex k = 1; k <= kMembers; ++k) {
            const Vector update_share = share(k, masked, &ProofStreams::mask);
            const Vector message_share = share(k, blob, &ProofStreams::range);
            const RangeShares own =
                evaluate_range<Tiny>(forms_, combine<Tiny>(kWeights, update_share), message_share);
            posts[0].push_back(own.lambda);
            posts[1].push_back(own.phi);
            posts[2].push_back(own.psi);
        }
        Vector opened;
        for (const Vector& post : posts) {
            seen.insert(seen.end(), post.begin(), post.end());
            const std::vector<PostedShare> base{{1, std::span(&post[0], 1)},
                                                {2, std::span(&post[1], 1)}};
            opened.push_back(interpolate_over<Tiny>(base, 0).front());
        }
        CHECK(opened[0] == 0 && opened[2] == bit_defect<Tiny>(opened[1]));  // an honest client
        seen.insert(seen.end(), opened.begin(), opened.end());
        return seen;
    }

    const Committee committee;
    std::vector<ProofStreams> streams;  // per rank

  private:
    static void subtract(Vector& vector, const Vector& mask) {
        for (std::size_t x = 0; x < vector.size(); ++x) vector[x] = Tiny::sub(vector[x], mask[x]);
    }
    [[nodiscard]] Vector share(MemberIndex k, Vector blob, Vector ProofStreams::*stream) const {
        for (const SubsetRank rank : committee.subsets_of(k)) {
            std::vector<MemberIndex> outside;
            for (MemberIndex z = 1; z <= kMembers; ++z) {
                if (!committee.contains(rank, z)) outside.push_back(z);
            }
            const Element coefficient = subset_coefficient<Tiny>(outside, k);
            for (std::size_t x = 0; x < blob.size(); ++x) {
                blob[x] = Tiny::add(blob[x], Tiny::mul(coefficient, (streams[rank].*stream)[x]));
            }
        }
        return blob;
    }

    RangeForms forms_;
    bool has_random_point_;
};

struct Statement {
    Vector update;  // with x_1 + x_2 in [-1, 0]
    Element digit;  // the sum + T
};

std::vector<Uint128> views_of(const Statement& statement, MemberIndex corrupted, Element point,
                              bool has_random_point = true) {
    TinyProof proof(point, has_random_point);
    ProofStreams& own = proof.streams[testing::missing_rank(proof.committee, {corrupted})];
    testing::Unknown unknown;
    for (Element& value : own.mask) unknown.elements.push_back(&value);
    for (Element& value : own.range) unknown.elements.push_back(&value);
    unknown.elements.push_back(&own.point);
    return testing::all_views<Tiny>(unknown,
                                    [&] { return proof.view(statement.update, statement.digit); });
}

TEST(TinyRangePrivacy, every_update_in_range_gives_the_same_view) {
    const Statement zero{{0, 0}, 1};
    for (MemberIndex corrupted = 1; corrupted <= kMembers; ++corrupted) {
        const Element point = corrupted % 2 == 0 ? 3 : 4;
        const auto views = views_of(zero, corrupted, point);
        EXPECT_EQ(views.size(), 78125U);
        EXPECT_TRUE(views == views_of({{2, 3}, 1}, corrupted, point)) << "member " << corrupted;
        EXPECT_TRUE(views == views_of({{1, 3}, 0}, corrupted, point)) << "member " << corrupted;
    }
}

TEST(TinyRangePrivacy, without_the_random_point_phi_tells_the_digit) {
    const Statement one{{0, 0}, 1};
    EXPECT_FALSE(views_of(one, 1, 3, false) == views_of({{1, 3}, 0}, 1, 3, false));
}

}  // namespace
}  // namespace consilium::smpc
