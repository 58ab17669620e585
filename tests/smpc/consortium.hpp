// A whole consortium in memory: committee members, clients and their keys, driven step by step.
//
// Keys come from a seed by the real path of section 2.1: openings, sub-roots, bundles, majority.
#pragma once
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/digest.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/keys.hpp"
#include "fl_engine/smpc/range_proof.hpp"
#include "fl_engine/smpc/statistics.hpp"

namespace consilium::smpc::testing {

inline Secret32 secret_from(const std::string& text) {
    const Digest digest = sha256(as_bytes(text));
    return Secret32(std::span(digest.bytes));
}

// A small deterministic generator for test data; the seed stands in the test.
class TestRandom {
  public:
    explicit TestRandom(std::uint64_t seed)
        : stream_(Prg::expand(sha256(as_bytes("test" + std::to_string(seed))))) {}
    std::uint64_t word() {
        std::uint64_t value = 0;
        stream_.fill_words({&value, 1});
        return value;
    }
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(word() % static_cast<std::uint64_t>(high - low + 1));
    }

  private:
    Prg stream_;
};

struct MemberState {
    MemberIndex self{};
    std::vector<std::vector<ClientChainKey>> chains;  // per slot 0..M
    std::vector<PrepChainKey> prep_ring;
    std::vector<CoinRoundKey> coin_ring;
    std::vector<BlurRoundKey> blur_ring;
    std::vector<std::vector<ClientMaskKey>> mask_rings;  // k_A^{i,b} per slot 0..M, in ring order
    std::vector<PrepMaskKey> prep_keys;
    std::vector<std::vector<Element>> masks;  // a_i^(k) per slot
    std::vector<Element> products;
    PrepShares prep;
    std::vector<Element> delta_post;
    std::vector<std::vector<Element>> shares;  // s_i^(k), entry i-1 for client i
};

// What a cheater can say at best about an update of any field elements: its projections modulo p,
// each moved into the range.
inline SecretElements best_effort_message(const RangeStatement& statement,
                                          std::span<const Element> update, Element f0) {
    const RangeShape& shape = statement.shape;
    const RangeProjections rows(shape, statement.seed);
    const std::int64_t width = 2 * shape.bound();
    std::vector<std::int64_t> projections(shape.projections);
    for (std::size_t c = 0; c < projections.size(); ++c) {
        std::vector<Element> unit(shape.projections, 0);
        unit[c] = 1;
        const std::int64_t y = Field61::centered(inner_product(rows.weigh(unit), update));
        projections[c] = ((y + shape.bound()) % width + width) % width - shape.bound();
    }
    return range_message(shape, projections, f0).value();
}

// Masks any field elements, also those that mask_update() refuses.
inline std::vector<Element> mask_elements(const Kdf& kdf, const Committee& committee,
                                          std::span<const ClientMaskKey> ring,
                                          std::vector<Element> update) {
    SecretStream stream(committee, open_streams(kdf, ring, PrgDomain::kUpdateMask));
    std::vector<Element> mask(update.size());
    stream.next(mask);
    for (std::size_t x = 0; x < mask.size(); ++x) update[x] = Field61::sub(update[x], mask[x]);
    return update;
}
// RANGE about any field elements.
inline std::vector<Element> prove_elements(const Kdf& kdf, const Committee& committee,
                                           std::span<const ClientMaskKey> ring,
                                           std::span<const Element> update,
                                           const RangeStatement& statement) {
    const Element f0 = range_point(kdf, committee, ring);
    return mask_range_message(kdf, committee, ring, best_effort_message(statement, update, f0));
}

using Posts = std::map<MemberIndex, std::vector<Element>>;
inline std::vector<PostedShare> posted(const Posts& posts) {
    std::vector<PostedShare> result;
    for (const auto& [member, values] : posts) result.push_back({member, values});
    return result;
}

class Consortium {
  public:
    Consortium(std::uint32_t n, std::uint32_t clients, std::uint64_t dimension,
               const std::string& seed = "seed")
        : committee(*Committee::make(n)), items(clients), kdf("test-chain"), dimension_(dimension) {
        for (MemberIndex k = 1; k <= n; ++k) members.push_back(make_member(k, seed));
        for (ClientIndex i = 1; i <= clients; ++i) client_rings.push_back(receive_bundles(i));
    }

    // P1 and P2 of the next batch, for all members.
    void prepare_batch() {
        for (MemberState& member : members) {
            std::vector<std::vector<Prg>> streams;
            member.mask_rings.clear();
            for (auto& ring : member.chains) {
                auto& keys = member.mask_rings.emplace_back();
                for (ClientChainKey& chain : ring) keys.push_back(step_client_chain(kdf, chain));
                streams.push_back(open_streams<ClientMaskKey>(kdf, keys, PrgDomain::kUpdateMask));
            }
            MaskBuilder builder(committee, member.self, std::move(streams), dimension_);
            member.masks.assign(member.chains.size(), {});
            while (builder.advance()) {
                for (std::uint32_t slot = 0; slot < member.masks.size(); ++slot) {
                    const auto tile = builder.tile(slot);
                    member.masks[slot].insert(member.masks[slot].end(), tile.begin(), tile.end());
                }
            }
            member.products = builder.products();
            member.prep_keys.clear();
            for (PrepChainKey& chain : member.prep_ring) {
                member.prep_keys.push_back(step_prep_chain(kdf, chain));
            }
            member.prep = make_prep_shares(kdf, committee, member.self, member.prep_keys, items);
            member.delta_post = delta_shares(member.products, member.prep);
        }
        mask_rings.clear();
        for (auto& ring : client_rings) {
            std::vector<ClientMaskKey> keys;
            for (ClientChainKey& chain : ring) keys.push_back(step_client_chain(kdf, chain));
            mask_rings.push_back(std::move(keys));
        }
    }

    [[nodiscard]] Posts delta_posts() const {
        Posts posts;
        for (const MemberState& member : members) posts[member.self] = member.delta_post;
        return posts;
    }
    BatchDecision certify() {
        const Posts posts = delta_posts();
        BatchDecision decision = decide_batch(committee, posted(posts), 0);
        delta = decision.delta;
        return decision;
    }

    // R2 for all clients: masks the updates and gives every member its shares.
    void submit(const std::vector<std::vector<std::int64_t>>& updates, std::uint32_t norm_bits) {
        masked.clear();
        for (std::size_t i = 0; i < updates.size(); ++i) {
            masked.push_back(
                mask_update(kdf, committee, mask_rings[i], updates[i], norm_bits).value());
        }
        spread();
    }
    // The shares s_i^(k) that follow from `masked`.
    void spread() {
        for (MemberState& member : members) {
            member.shares.assign(masked.size(), std::vector<Element>(dimension_));
            for (std::size_t i = 0; i < masked.size(); ++i) {
                add_vectors(masked[i], member.masks[i + 1], member.shares[i]);
            }
        }
    }
    [[nodiscard]] std::vector<Element> mask_anything(ClientIndex client,
                                                     std::vector<Element> update) const {
        return mask_elements(kdf, committee, mask_rings[client - 1], std::move(update));
    }

    // RANGE of every client; fills `proofs`. `seed_r` is ignored in small mode.
    void prove(std::uint32_t norm_bits, const Digest& seed_r) {
        const RangeStatement statement = range_statement(norm_bits, seed_r);
        proofs.clear();
        for (std::size_t i = 0; i < masked.size(); ++i) {
            proofs.push_back(
                make_range_proof(kdf, committee, mask_rings[i], statement, masked[i]).value());
        }
    }
    [[nodiscard]] std::vector<Element> prove_anything(ClientIndex client,
                                                      std::span<const Element> update,
                                                      const RangeStatement& statement) const {
        return prove_elements(kdf, committee, mask_rings[client - 1], update, statement);
    }
    [[nodiscard]] RangeStatement range_statement(std::uint32_t norm_bits,
                                                 const Digest& seed_r) const {
        const RangeShape shape = range_shape(dimension_, norm_bits);
        return {shape, shape.is_small() ? std::nullopt : std::optional(seed_r)};
    }
    // A member's lambda, phi and psi of the given clients.
    [[nodiscard]] std::vector<RangeShares> range_shares(const MemberState& member,
                                                        const std::vector<ClientIndex>& ids,
                                                        const RangeVerifier& verifier) const {
        std::vector<RangeShares> result;
        for (const ClientIndex id : ids) {
            const SecretElements message = range_message_share(
                kdf, committee, member.self, member.mask_rings[id], proofs[id - 1]);
            result.push_back(verifier.evaluate(member.shares[id - 1], message));
        }
        return result;
    }

    [[nodiscard]] StatShares stat_shares(const MemberState& member, std::uint32_t blur_bits) const {
        return StatShares(
            kdf, committee, items,
            {member.self, blur_bits, member.products, delta, member.prep.rho, member.blur_ring});
    }
    [[nodiscard]] static std::vector<ClientShare> client_shares(
        const MemberState& member, const std::vector<ClientIndex>& ids) {
        std::vector<ClientShare> result;
        for (const ClientIndex id : ids) result.push_back({id, member.shares[id - 1]});
        return result;
    }
    void step_blur_keys() {
        for (MemberState& member : members) {
            for (BlurRoundKey& key : member.blur_ring) step_round_key(kdf, key);
        }
    }

    Committee committee;
    BatchItems items;
    Kdf kdf;
    std::vector<MemberState> members;                       // entry k-1 for member k
    std::vector<std::vector<ClientChainKey>> client_rings;  // entry i-1 for client i
    std::vector<std::vector<ClientMaskKey>> mask_rings;
    std::vector<std::vector<Element>> masked;  // e_i
    std::vector<std::vector<Element>> proofs;  // RANGE blobs, entry i-1 for client i
    std::vector<Element> delta;

  private:
    MemberState make_member(MemberIndex k, const std::string& seed) {
        MemberState member;
        member.self = k;
        member.chains.resize(items.clients() + std::size_t{1});
        for (const SubsetRank rank : committee.subsets_of(k)) {
            SubRoots roots =
                derive_sub_roots(kdf, SubsetKey(secret_from(seed + "|" + std::to_string(rank))));
            for (ClientIndex slot = 0; slot <= items.clients(); ++slot) {
                member.chains[slot].push_back(start_client_chain(kdf, roots.client, slot));
            }
            member.prep_ring.push_back(std::move(roots.prep));
            member.coin_ring.push_back(std::move(roots.coin));
            member.blur_ring.push_back(std::move(roots.blur));
        }
        return member;
    }
    std::vector<ClientChainKey> receive_bundles(ClientIndex client) {
        std::vector<ClientBundle> bundles;
        for (const MemberState& member : members) {
            bundles.push_back({member.self, encode_client_bundle(member.chains[client])});
        }
        return combine_client_bundles(committee, bundles).value();
    }

    std::uint64_t dimension_;
};

}  // namespace consilium::smpc::testing
