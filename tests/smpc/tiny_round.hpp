// A round of M clients over a tiny field: everything that all members post, and what it opens to.
//
// The formulas are those of the product (share_formulas.hpp, range_formulas.hpp), instantiated for
// the field. The streams are plain values that a test sets: those that a coalition misses take all
// their values, the others are fixed from a seed. A leak leaves one mask out or uses one twice.
#pragma once
#include <algorithm>
#include <array>
#include <vector>

#include "fl_engine/smpc/batch.hpp"
#include "fl_engine/smpc/opening_over.hpp"
#include "fl_engine/smpc/range_formulas.hpp"
#include "fl_engine/smpc/share_formulas.hpp"
#include "tests/smpc/all_streams.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc::testing {

using Vector = std::vector<Element>;

// PrimeField without its 128-bit remainder: products of small elements fit 64 bits.
template <std::uint64_t P>
struct SmallField : PrimeField<P> {
    static_assert(P < (std::uint64_t{1} << 32));
    [[nodiscard]] static constexpr Element mul(Element a, Element b) { return a * b % P; }
};

struct TinyShape {
    std::uint32_t clients = 1;
    std::uint32_t members = 4;
    std::size_t dimension = 2;
    std::size_t projections = 1;  // of the range proof
    std::uint32_t digits = 1;     // L: projections in [-2^(L-1), 2^(L-1))
    Element point = 3;            // r*, above 2 * projections * digits
};

// What goes wrong in a control.
enum class Leak {
    kNothing,
    kNoRho,           // delta_ij is the product of the masks
    kNoZeta,          // shares of delta_ij are those of the product
    kNoSlotZero,      // w is not masked
    kSameRho,         // one label of rho for all pairs of clients
    kSameZeta,        // one label of zeta for all pairs of clients
    kSameMask,        // clients 1 and 2 have the same mask
    kNoProofMask,     // the RANGE blob is the message
    kSameProofMask,   // clients 1 and 2 mask their RANGE blobs alike
    kProofMaskIsRho,  // the streams of the domains of RANGE and rho are one
    kNoRandomPoint,   // F_0 = 0
};

// The streams of one subset, of a batch and a round.
struct SubsetStreams {
    std::vector<Vector> masks;                   // per slot 0..M
    Vector rho;                                  // per item
    Vector zeta;                                 // t per item
    std::vector<std::uint64_t> blurs;            // per item: the raw word
    std::vector<std::uint64_t> reference_blurs;  // per client
    std::vector<std::uint64_t> dithers;          // per coordinate
    std::vector<std::uint64_t> sum_blurs;        // per client, of sigma_i
    std::vector<Vector> proof_masks;             // per client: Z elements
    Vector points;                               // per client: F_0
};

template <typename Field>
class TinyRound {
  public:
    TinyRound(const TinyShape& shape, std::uint64_t seed, Leak leak = Leak::kNothing)
        : committee(*Committee::make(shape.members)),
          items(shape.clients),
          shape_(shape),
          range_{shape.dimension, shape.projections, shape.digits},
          forms_(make_range_forms<Field>(
              range_, std::span<const Element>(tau_).first(shape.projections), shape.point)),
          leak_(leak),
          coefficients_(shape.members),
          members_(shape.members) {
        TestRandom random(seed);
        const auto draw = [&random] { return random.word() % Field::kModulus; };
        for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) draw_streams(random);
        for (Element& factor : chi_) factor = draw();
        for (MemberIndex k = 1; k <= committee.n(); ++k) {
            for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
                std::vector<MemberIndex> outside;
                for (MemberIndex z = 1; z <= committee.n(); ++z) {
                    if (!committee.contains(rank, z)) outside.push_back(z);
                }
                coefficients_[k - 1].push_back(subset_coefficient<Field>(outside, k));
            }
        }
        for (std::uint32_t degree : {committee.t(), 2 * committee.t()}) {
            std::vector<MemberIndex> nodes;
            for (MemberIndex k = 1; k <= degree + 1; ++k) nodes.push_back(k);
            at_zero_.push_back(lagrange_coefficients<Field>(nodes, 0));
        }
        make_projection();
    }

    // Whether a later step is part of the view.
    struct Steps {
        bool preparation = true;
        bool slot_zero = true;  // the items (0,j) of the preparation
        bool sacrifice = false;
        bool range = false;  // RANGE of all clients and lambda, phi, psi
        bool statistics = false;
        Vector omega = {};      // SUM: norms and sigma_i with these weights; empty: all products
        Vector reference = {};  // g, when there is one; also opened with the statistics
        bool sum = false;
        Vector weights = {};  // of the sum, which then has a dither; empty: plain
    };

    // e and RANGE of the clients, then what all members post and what it opens to.
    [[nodiscard]] Vector view(const std::vector<Vector>& updates, const Steps& steps) {
        Vector seen;
        std::vector<Vector> masked;
        std::vector<Vector> proofs;
        for (std::size_t i = 0; i < updates.size(); ++i) {
            const Vector& blob = masked.emplace_back(mask(updates[i], i));
            seen.insert(seen.end(), blob.begin(), blob.end());
            if (!steps.range) continue;
            const Vector& proof = proofs.emplace_back(prove(updates[i], i));
            seen.insert(seen.end(), proof.begin(), proof.end());
        }
        expand();
        if (steps.preparation) prepare(seen, steps.slot_zero);
        if (steps.sacrifice) sacrifice(seen);
        for (Member& member : members_) unmask(masked, member);
        if (steps.range) check_range(proofs, seen);
        if (steps.statistics) statistics(steps, seen);
        if (!steps.reference.empty()) compare(steps.reference, seen);
        if (steps.sum) sum(steps.weights, seen);
        return seen;
    }

    // R_c: rows of 1 and -1, all different for the first two coordinates.
    [[nodiscard]] static Element row(std::size_t c, std::size_t x) {
        return (c & x & 1) != 0 ? Field::negate(1) : 1;
    }

    const Committee committee;
    const BatchItems items;
    std::vector<SubsetStreams> streams;  // per rank

  private:
    struct Member {
        std::vector<Vector> masks;  // a_i^(k)
        Vector gamma;
        Vector rho;
        std::vector<Vector> shares;  // s_i^(k)
    };

    [[nodiscard]] std::span<const Element> tau() const {
        return std::span<const Element>(tau_).first(shape_.projections);
    }
    void make_projection() {
        projection_.assign(shape_.dimension, 0);
        for (std::size_t x = 0; x < projection_.size(); ++x) {
            for (std::size_t c = 0; c < shape_.projections; ++c) {
                projection_[x] = Field::add(projection_[x], Field::mul(tau()[c], row(c, x)));
            }
        }
    }

    void draw_streams(TestRandom& random) {
        const auto draw = [&random] { return random.word() % Field::kModulus; };
        SubsetStreams& own = streams.emplace_back();
        own.masks.assign(shape_.clients + 1, Vector(shape_.dimension));
        for (Vector& mask : own.masks) std::generate(mask.begin(), mask.end(), draw);
        for (std::size_t x = 0; x < items.size(); ++x) {
            own.rho.push_back(draw());
            for (std::uint32_t l = 0; l < committee.t(); ++l) own.zeta.push_back(draw());
            own.blurs.push_back(random.word());
        }
        for (std::uint32_t i = 0; i < shape_.clients; ++i) {
            own.reference_blurs.push_back(random.word());
            own.sum_blurs.push_back(random.word());
            Vector& mask = own.proof_masks.emplace_back(range_.message_length());
            std::generate(mask.begin(), mask.end(), draw);
            own.points.push_back(draw());
        }
        for (std::size_t x = 0; x < shape_.dimension; ++x) own.dithers.push_back(random.word());
    }

    // The streams as they are used; i counts clients from 0.
    [[nodiscard]] Element mask_of(const SubsetStreams& own, std::size_t slot, std::size_t x) const {
        return own.masks[leak_ == Leak::kSameMask && slot == 2 ? 1 : slot][x];
    }
    [[nodiscard]] Element rho_of(const SubsetStreams& own, std::size_t item) const {
        if (leak_ == Leak::kNoRho) return 0;
        return own.rho[leak_ == Leak::kSameRho ? label_in_common(item) : item];
    }
    [[nodiscard]] std::size_t zeta_label(std::size_t item) const {
        return leak_ == Leak::kSameZeta ? label_in_common(item) : item;
    }
    [[nodiscard]] std::size_t label_in_common(std::size_t item) const {
        return items.at(item).first == 0 ? item : items.position(1, 1);
    }
    [[nodiscard]] Element proof_mask_of(const SubsetStreams& own, std::size_t i,
                                        std::size_t x) const {
        if (leak_ == Leak::kNoProofMask) return 0;
        if (leak_ == Leak::kProofMaskIsRho && x < own.rho.size()) return own.rho[x];
        return own.proof_masks[leak_ == Leak::kSameProofMask && i == 1 ? 0 : i][x];
    }

    [[nodiscard]] Element coefficient(SubsetRank rank, MemberIndex k) const {
        return coefficients_[k - 1][rank];
    }
    // PRSS share of k of what `take` finds in the streams of a subset.
    template <typename Take>
    [[nodiscard]] Element share_of(MemberIndex k, const Take& take) const {
        Element share = 0;
        for (const SubsetRank rank : committee.subsets_of(k)) {
            share = Field::add(share, Field::mul(coefficient(rank, k), take(streams[rank])));
        }
        return share;
    }
    [[nodiscard]] Element zero_share(MemberIndex k, std::size_t item) const {
        Vector powers{k % Field::kModulus};
        while (powers.size() < committee.t()) {
            powers.push_back(Field::mul(powers.back(), powers.front()));
        }
        Element share = 0;
        for (const SubsetRank rank : committee.subsets_of(k)) {
            const std::span<const Element> zeta(streams[rank].zeta);
            const std::size_t start = zeta_label(item) * powers.size();
            const Element part = zero_share_part<Field>(coefficient(rank, k),
                                                        zeta.subspan(start, powers.size()), powers);
            share = Field::add(share, part);
        }
        return share;
    }

    // Appends the posts of all members and the value of their polynomial of degree t, or 2t, at 0.
    Element open(const Vector& posts, std::uint32_t factor, Vector& seen) const {
        seen.insert(seen.end(), posts.begin(), posts.end());
        const Vector& weights = at_zero_[factor - 1];
        seen.push_back(combine<Field>(weights, std::span(posts).first(weights.size())));
        return seen.back();
    }
    template <typename Share>
    Element post(std::uint32_t factor, Vector& seen, const Share& share) const {
        Vector posts(committee.n());
        for (MemberIndex k = 1; k <= committee.n(); ++k) posts[k - 1] = share(k, members_[k - 1]);
        return open(posts, factor, seen);
    }

    [[nodiscard]] Vector mask(Vector update, std::size_t i) const {
        for (std::size_t x = 0; x < update.size(); ++x) {
            for (const SubsetStreams& own : streams) {
                update[x] = Field::sub(update[x], mask_of(own, i + 1, x));
            }
        }
        return update;
    }

    [[nodiscard]] Vector prove(const Vector& update, std::size_t i) const {
        Vector digits;
        for (std::size_t c = 0; c < shape_.projections; ++c) {
            Element value = static_cast<Element>(range_.bound());
            for (std::size_t x = 0; x < update.size(); ++x) {
                value = Field::add(value, Field::mul(row(c, x), update[x]));
            }
            CHECK(value < std::uint64_t{1} << shape_.digits);  // in range: an honest client
            for (std::uint32_t l = 0; l < shape_.digits; ++l) digits.push_back(value >> l & 1);
        }
        Element f0 = 0;
        for (const SubsetStreams& own : streams) f0 = Field::add(f0, own.points[i]);
        if (leak_ == Leak::kNoRandomPoint) f0 = 0;
        const auto message = digits_message_over<Field>(digits, f0);
        Vector blob(message.begin(), message.end());
        for (std::size_t x = 0; x < blob.size(); ++x) {
            for (const SubsetStreams& own : streams) {
                blob[x] = Field::sub(blob[x], proof_mask_of(own, i, x));
            }
        }
        return blob;
    }

    void expand() {
        for (MemberIndex k = 1; k <= committee.n(); ++k) {
            Member& own = members_[k - 1];
            own.masks.assign(items.clients() + 1, Vector(shape_.dimension));
            for (std::size_t slot = 0; slot < own.masks.size(); ++slot) {
                for (std::size_t x = 0; x < shape_.dimension; ++x) {
                    own.masks[slot][x] =
                        share_of(k, [&](const auto& from) { return mask_of(from, slot, x); });
                }
            }
            own.gamma.resize(items.size());
            own.rho.resize(items.size());
            for (std::size_t x = 0; x < items.size(); ++x) {
                const BatchItem item = items.at(x);
                own.gamma[x] = combine<Field>(own.masks[item.first], own.masks[item.second]);
                own.rho[x] = share_of(k, [&](const auto& from) { return rho_of(from, x); });
            }
        }
    }

    void prepare(Vector& seen, bool with_slot_zero) {
        delta_.resize(items.size());
        for (std::size_t x = 0; x < items.size(); ++x) {
            if (items.at(x).first == 0 && !with_slot_zero) continue;
            delta_[x] = post(2, seen, [&](MemberIndex k, const Member& own) {
                const Element zeta = leak_ == Leak::kNoZeta ? 0 : zero_share(k, x);
                return delta_share<Field>(own.gamma[x], own.rho[x], zeta);
            });
        }
    }

    void sacrifice(Vector& seen) {
        const std::uint32_t clients = items.clients();
        const auto chi = std::span<const Element>(chi_).first(clients);
        Vector factors = combination_factors<Field>(chi);
        if (leak_ == Leak::kNoSlotZero) factors.front() = 0;
        Vector w;
        for (std::size_t x = 0; x < shape_.dimension; ++x) {
            w.push_back(post(1, seen, [&](MemberIndex, const Member& own) {
                Vector column;
                for (const Vector& mask : own.masks) column.push_back(mask[x]);
                return combine<Field>(factors, column);
            }));
        }
        for (std::uint32_t j = 1; j <= clients; ++j) {
            const Element opened = post(1, seen, [&](MemberIndex, const Member& own) {
                Vector masked;
                for (std::uint32_t i = 0; i <= clients; ++i) {
                    const std::size_t item = items.position(i, j);
                    masked.push_back(Field::add(delta_[item], own.rho[item]));
                }
                return check_share<Field>(chi, masked, combine<Field>(w, own.masks[j]));
            });
            CHECK(leak_ != Leak::kNothing || opened == 0);  // nobody lies
        }
    }

    void unmask(const std::vector<Vector>& masked, Member& own) {
        own.shares = masked;
        for (std::size_t i = 0; i < masked.size(); ++i) {
            for (std::size_t x = 0; x < shape_.dimension; ++x) {
                Element& share = own.shares[i][x];
                share = Field::add(share, own.masks[i + 1][x]);
            }
        }
    }

    // lambda, phi and psi of all clients.
    void check_range(const std::vector<Vector>& proofs, Vector& seen) {
        for (std::size_t i = 0; i < proofs.size(); ++i) {
            std::vector<RangeShares> own;
            for (MemberIndex k = 1; k <= committee.n(); ++k) {
                Vector message = proofs[i];
                for (std::size_t x = 0; x < message.size(); ++x) {
                    const Element share =
                        share_of(k, [&](const auto& from) { return proof_mask_of(from, i, x); });
                    message[x] = Field::add(message[x], share);
                }
                const Element projected = combine<Field>(projection_, members_[k - 1].shares[i]);
                own.push_back(evaluate_range<Field>(forms_, projected, message));
            }
            const auto opened = [&](Element RangeShares::*part) {
                return post(1, seen,
                            [&](MemberIndex k, const Member&) { return own[k - 1].*part; });
            };
            CHECK(opened(&RangeShares::lambda) == 0);
            const Element phi = opened(&RangeShares::phi);
            CHECK(opened(&RangeShares::psi) == bit_defect<Field>(phi));
        }
    }

    // gamma_ij without blur.
    [[nodiscard]] Element pair_share(const Member& own, std::size_t x) const {
        const BatchItem item = items.at(x);
        const Element product =
            combine<Field>(own.shares[item.first - 1], own.shares[item.second - 1]);
        return product_share<Field>(product, own.gamma[x], delta_[x], own.rho[x]);
    }

    // gamma_ij of all pairs i <= j; in SUM mode of i = j alone, and sigma_i.
    void statistics(const Steps& steps, Vector& seen) {
        for (std::size_t x = 0; x < items.size(); ++x) {
            const BatchItem item = items.at(x);
            const bool is_norm = item.first == item.second;
            if (item.first == 0 || (!steps.omega.empty() && !is_norm)) continue;
            post(1, seen, [&](MemberIndex k, const Member& own) {
                return Field::add(pair_share(own, x),
                                  noise_share(k, [&](const auto& from) { return from.blurs[x]; }));
            });
        }
        for (std::uint32_t i = 0; i < steps.omega.size(); ++i) {
            post(1, seen, [&](MemberIndex k, const Member& own) {
                Element share = noise_share(k, [&](const auto& from) { return from.sum_blurs[i]; });
                for (std::uint32_t j = 0; j < steps.omega.size(); ++j) {
                    if (i == j) continue;
                    const Element product = pair_share(own, items.position(i + 1, j + 1));
                    share = Field::add(share, Field::mul(steps.omega[j], product));
                }
                return share;
            });
        }
    }

    // c_i of all clients, with one bit of blur.
    void compare(const Vector& reference, Vector& seen) {
        for (std::uint32_t i = 0; i < items.clients(); ++i) {
            post(1, seen, [&](MemberIndex k, const Member& own) {
                return Field::add(
                    combine<Field>(reference, own.shares[i]),
                    noise_share(k, [&](const auto& from) { return from.reference_blurs[i]; }));
            });
        }
    }

    // Noise in {-1, 0} per subset, of the raw words that `take` finds.
    template <typename Take>
    [[nodiscard]] Element noise_share(MemberIndex k, const Take& take) const {
        Element share = 0;
        for (const SubsetRank rank : committee.subsets_of(k)) {
            share = Field::add(
                share, blur_share_part<Field>(coefficient(rank, k), take(streams[rank]), 0));
        }
        return share;
    }

    // The aggregate of all clients: plain, or weighted with one bit of dither.
    void sum(const Vector& weights, Vector& seen) {
        for (std::size_t x = 0; x < shape_.dimension; ++x) {
            post(1, seen, [&](MemberIndex k, const Member& own) {
                Element share = 0;
                for (std::size_t i = 0; i < own.shares.size(); ++i) {
                    const Element weight = weights.empty() ? 1 : weights[i];
                    share = Field::add(share, Field::mul(weight, own.shares[i][x]));
                }
                if (weights.empty()) return share;
                return Field::add(
                    share, noise_share(k, [&](const auto& from) { return from.dithers[x]; }));
            });
        }
    }

    TinyShape shape_;
    RangeShape range_;
    std::array<Element, 4> tau_{1, 2, 3, 4};
    RangeForms forms_;
    Leak leak_;
    std::array<Element, kMaxClients> chi_{};
    Vector projection_;                 // Y
    std::vector<Vector> coefficients_;  // per member and rank
    std::vector<Member> members_;
    std::vector<Vector> at_zero_;  // Lagrange coefficients of degree t and 2t
    Vector delta_;
};

}  // namespace consilium::smpc::testing
