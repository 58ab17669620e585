// Key majority and recomputation of disputed shares.
#include "fl_engine/smpc/dispute.hpp"

#include <algorithm>

namespace consilium::smpc {
namespace {

constexpr std::size_t kFoldTerms = 32;  // 32 products below 2^122 and a residue fit 128 bits

struct Copy {
    MemberIndex member{};
    std::size_t position{};  // in the member's ring
    const RevealedKey* key{};
};

std::vector<Copy> copies_of(const Committee& committee, SubsetRank rank,
                            std::span<const RevealedRing> rings) {
    std::vector<Copy> copies;
    for (const RevealedRing& ring : rings) {
        const auto ranks = committee.subsets_of(ring.member);
        CHECK(ring.keys.size() == ranks.size());
        const auto found = std::lower_bound(ranks.begin(), ranks.end(), rank);
        if (found == ranks.end() || *found != rank) continue;
        const auto position = static_cast<std::size_t>(found - ranks.begin());
        copies.push_back({ring.member, position, &ring.keys[position]});
    }
    return copies;
}

// Every member's shares of one mask, tile by tile: each stream is expanded once for all members.
class MemberMasks {
  public:
    MemberMasks(const Kdf& kdf, const Committee& committee, std::span<const RevealedKey> keys,
                std::span<const MemberIndex> members, std::uint64_t first)
        : committee_(committee),
          members_(members),
          words_(kTileElements),
          sums_(members.size(), std::vector<Uint128>(kTileElements)),
          shares_(members.size(), std::vector<Element>(kTileElements)) {
        CHECK(keys.size() == committee.subset_count());
        CHECK(first % kTileElements == 0);
        for (const RevealedKey& key : keys) {
            streams_.emplace_back(kdf, Secret32(std::span(key)), PrgDomain::kUpdateMask, first);
        }
    }
    void next(std::size_t size) {
        for (auto& sums : sums_) std::fill(sums.begin(), sums.end(), Uint128{0});
        std::vector<std::size_t> terms(members_.size(), 0);
        const std::span<Element> words(words_.data(), size);
        for (SubsetRank rank = 0; rank < streams_.size(); ++rank) {
            streams_[rank].fill_elements(words);
            for (std::size_t p = 0; p < members_.size(); ++p) {
                if (!committee_.contains(rank, members_[p])) continue;
                if (++terms[p] % kFoldTerms == 0) fold(sums_[p], size);
                const Element factor = committee_.coefficient(rank, members_[p]);
                Uint128* const sums = sums_[p].data();
                for (std::size_t x = 0; x < size; ++x) {
                    sums[x] += static_cast<Uint128>(words[x]) * factor;
                }
            }
        }
        for (std::size_t p = 0; p < members_.size(); ++p) {
            for (std::size_t x = 0; x < size; ++x) shares_[p][x] = Field61::reduce(sums_[p][x]);
        }
        size_ = size;
    }
    [[nodiscard]] std::span<const Element> share(std::size_t p) const {
        return std::span<const Element>(shares_[p]).first(size_);
    }

  private:
    static void fold(std::vector<Uint128>& sums, std::size_t size) {
        for (std::size_t x = 0; x < size; ++x) sums[x] = Field61::reduce(sums[x]);
    }
    const Committee& committee_;
    std::span<const MemberIndex> members_;
    std::vector<Prg> streams_;
    std::vector<Element> words_;
    std::vector<std::vector<Uint128>> sums_;
    std::vector<std::vector<Element>> shares_;
    std::size_t size_ = 0;
};

// Calls visit(offset, size) for each tile of `count` coordinates.
template <typename Visit>
void for_each_tile(std::uint64_t count, Visit visit) {
    for (std::uint64_t done = 0; done < count; done += kTileElements) {
        visit(static_cast<std::size_t>(done),
              static_cast<std::size_t>(std::min<std::uint64_t>(count - done, kTileElements)));
    }
}

}  // namespace

std::optional<AgreedKeys> agree_on_keys(const Committee& committee,
                                        std::span<const RevealedRing> rings) {
    AgreedKeys agreed;
    for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
        const std::vector<Copy> copies = copies_of(committee, rank, rings);
        const auto has_majority = [&](const Copy& copy) {
            const auto equal = std::count_if(copies.begin(), copies.end(), [&](const Copy& other) {
                return *other.key == *copy.key;
            });
            return static_cast<std::size_t>(equal) >= committee.t() + std::size_t{1};
        };
        const auto found = std::find_if(copies.begin(), copies.end(), has_majority);
        if (found == copies.end()) return std::nullopt;
        agreed.keys.push_back(*found->key);
        for (const Copy& copy : copies) {
            if (*copy.key != *found->key) agreed.faults.push_back({copy.member, copy.position});
        }
    }
    return agreed;
}

std::optional<Fault> check_late_ring(const Committee& committee,
                                     std::span<const RevealedKey> agreed,
                                     const RevealedRing& late) {
    CHECK(agreed.size() == committee.subset_count());
    const auto ranks = committee.subsets_of(late.member);
    CHECK(late.keys.size() == ranks.size());
    for (std::size_t position = 0; position < ranks.size(); ++position) {
        if (late.keys[position] != agreed[ranks[position]]) return Fault{late.member, position};
    }
    return std::nullopt;
}

std::uint64_t recomputation_work(const Committee& committee, std::size_t slots) {
    return std::uint64_t{slots} * committee.n() * committee.subsets_of(1).size();
}

void add_pair_products(const Kdf& kdf, const Committee& committee,
                       std::span<const RevealedKey> first, std::span<const RevealedKey> second,
                       std::span<const MemberIndex> members, const CoordinateRange& range,
                       std::span<Element> sums) {
    CHECK(sums.size() == members.size());
    MemberMasks left(kdf, committee, first, members, range.first);
    std::optional<MemberMasks> right;
    if (first.data() != second.data()) right.emplace(kdf, committee, second, members, range.first);
    for_each_tile(range.count, [&](std::size_t, std::size_t size) {
        left.next(size);
        if (right) right->next(size);
        for (std::size_t p = 0; p < members.size(); ++p) {
            const auto other = right ? right->share(p) : left.share(p);
            sums[p] = Field61::add(sums[p], inner_product(left.share(p), other));
        }
    });
}

void add_weight_products(const Kdf& kdf, const Committee& committee,
                         std::span<const RevealedKey> keys, std::span<const PostedShare> base,
                         std::span<const MemberIndex> members, const CoordinateRange& range,
                         std::span<Element> sums) {
    CHECK(sums.size() == members.size());
    CHECK(base.size() == committee.t() + std::size_t{1});
    MemberMasks masks(kdf, committee, keys, members, range.first);
    for_each_tile(range.count, [&](std::size_t offset, std::size_t size) {
        masks.next(size);
        std::vector<PostedShare> tile;
        for (const PostedShare& post : base) {
            tile.push_back({post.member, post.values.in_memory().subspan(offset, size)});
        }
        for (std::size_t p = 0; p < members.size(); ++p) {
            const std::vector<Element> weights = interpolate_vector(tile, members[p]);
            sums[p] = Field61::add(sums[p], inner_product(weights, masks.share(p)));
        }
    });
}

std::vector<DisputeTerm> check_terms(const BatchItems& items, std::uint32_t j,
                                     std::span<const Element> chi) {
    CHECK(chi.size() == items.clients());
    std::vector<DisputeTerm> terms{{items.position(0, j), Field61::negate(1)}};
    for (std::uint32_t i = 1; i <= items.clients(); ++i) {
        terms.push_back({items.position(i, j), chi[i - 1]});
    }
    return terms;
}

std::vector<Element> combine_prep(const Kdf& kdf, const Committee& committee,
                                  std::span<const RevealedKey> prep, const BatchItems& items,
                                  std::span<const DisputeTerm> terms,
                                  std::span<const MemberIndex> members) {
    CHECK(prep.size() == committee.subset_count());
    const std::size_t t = committee.t();
    std::uint64_t last = 0;
    for (const DisputeTerm& term : terms) {
        last = std::max(last, items.index(items.at(term.position)));
    }
    std::vector<Element> rho(last + 1);
    std::vector<Element> zeta((last + 1) * t);
    std::vector<Element> sums(members.size(), 0);
    for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
        const Secret32 key{std::span(prep[rank])};
        Prg(kdf, key, PrgDomain::kRho).fill_elements(rho);
        Prg(kdf, key, PrgDomain::kZeta).fill_elements(zeta);
        for (std::size_t p = 0; p < members.size(); ++p) {
            if (!committee.contains(rank, members[p])) continue;
            Element sum = 0;
            for (const DisputeTerm& term : terms) {
                const auto index = static_cast<std::size_t>(items.index(items.at(term.position)));
                Element value = Field61::negate(rho[index]);
                Element power = 1;
                for (std::size_t l = 0; l < t; ++l) {
                    power = Field61::mul(power, members[p]);
                    value = Field61::add(value, Field61::mul(zeta[index * t + l], power));
                }
                sum = Field61::add(sum, Field61::mul(term.factor, value));
            }
            const Element coefficient = committee.coefficient(rank, members[p]);
            sums[p] = Field61::add(sums[p], Field61::mul(sum, coefficient));
        }
    }
    return sums;
}

Element combine_posted(std::span<const Element> delta, std::span<const DisputeTerm> terms) {
    Element sum = 0;
    for (const DisputeTerm& term : terms) {
        sum = Field61::add(sum, Field61::mul(term.factor, delta[term.position]));
    }
    return sum;
}

}  // namespace consilium::smpc
