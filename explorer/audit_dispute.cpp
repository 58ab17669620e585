// Agreement on revealed keys, honest shares from them, and who posted something else.
#include "explorer/audit_dispute.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "fl_engine/smpc/batch.hpp"
#include "fl_engine/smpc/coin.hpp"
#include "fl_engine/smpc/prss.hpp"

namespace consilium::explorer {
namespace {

using schema::DisputeKind;
using schema::ExclusionRecord;
using schema::KeyBytes;
using smpc::Field61;
using Words = std::vector<std::uint64_t>;
namespace action = schema::action;

// One value for each subset, by rank: of the asked slots in ascending order, then pi.
struct AgreedKeys {
    std::vector<std::vector<KeyBytes>> masks;
    std::vector<KeyBytes> prep;
};

std::vector<std::uint16_t> asked_slots(const schema::BatchDisputed& dispute) {
    if (dispute.kind == DisputeKind::kCheck || dispute.first == dispute.second) {
        return {dispute.second};
    }
    return {dispute.first, dispute.second};
}

// The members outside X at the start of a block.
bool is_heard_at(const BatchTranscript& batch, std::uint16_t member, Height height) {
    const auto since = batch.excluded_since.find(member);
    return since == batch.excluded_since.end() || since->second >= height;
}

bool are_well_formed(OpeningAudit& audit, const BatchTranscript& batch, std::size_t slots) {
    std::set<std::uint16_t> seen;
    const std::size_t ring = audit.committee.subsets_of(1).size();
    for (const RevealPost& reveal : batch.reveals) {
        const bool is_member = reveal.member >= 1 && reveal.member <= audit.committee.n();
        const bool is_whole = reveal.masks.size() == slots * ring && reveal.prep.size() == ring;
        if (is_member && is_whole && seen.insert(reveal.member).second) continue;
        audit.comparison.note("prep_reveal", "one ring of keys of a member",
                              "member " + std::to_string(reveal.member) + " with " +
                                  std::to_string(reveal.masks.size()) + " and " +
                                  std::to_string(reveal.prep.size()) + " keys",
                              reveal.transaction);
        return false;
    }
    return true;
}

// The values of one kind of key: the subset's value is the one that t+1 of its members revealed.
// `first_position`: of the kind's keys in a message. Every reveal is of another member.
class KeyCount {
  public:
    KeyCount(const smpc::Committee& committee, std::size_t first_position)
        : committee_(committee), first_position_(first_position) {}

    void add(std::uint16_t member, std::span<const KeyBytes> ring) {
        const auto ranks = committee_.subsets_of(member);
        for (std::size_t i = 0; i < ring.size(); ++i) {
            copies_[ranks[i]][ring[i]].push_back({member, first_position_ + i});
        }
    }
    // By rank; nullopt while a subset has no such value.
    [[nodiscard]] std::optional<std::vector<KeyBytes>> agreed() const {
        std::vector<KeyBytes> keys;
        for (smpc::SubsetRank rank = 0; rank < committee_.subset_count(); ++rank) {
            const auto copies = copies_.find(rank);
            if (copies == copies_.end()) return std::nullopt;
            const auto found =
                std::find_if(copies->second.begin(), copies->second.end(),
                             [&](const auto& copy) { return copy.second.size() > committee_.t(); });
            if (found == copies->second.end()) return std::nullopt;
            keys.push_back(found->first);
        }
        return keys;
    }
    // Members and positions of other values than the agreed ones.
    [[nodiscard]] std::vector<smpc::Fault> others(const std::vector<KeyBytes>& agreed) const {
        std::vector<smpc::Fault> faults;
        for (const auto& [rank, copies] : copies_) {
            for (const auto& [key, holders] : copies) {
                if (key == agreed[rank]) continue;
                faults.insert(faults.end(), holders.begin(), holders.end());
            }
        }
        return faults;
    }

  private:
    const smpc::Committee& committee_;
    std::size_t first_position_;
    std::map<smpc::SubsetRank, std::map<KeyBytes, std::vector<smpc::Fault>>> copies_;
};

struct Agreement {
    AgreedKeys keys;
    Height height;
    std::map<std::uint16_t, std::uint64_t> faults;  // a member's first wrong key
};

// What was agreed with the reveals of the blocks up to `height`.
std::optional<Agreement> agree_at(const OpeningAudit& audit, const BatchTranscript& batch,
                                  std::size_t slots, Height height) {
    const std::size_t ring = audit.committee.subsets_of(1).size();
    Agreement agreement;
    agreement.height = height;
    for (std::size_t kind = 0; kind <= slots; ++kind) {  // the asked slots, then pi
        const bool is_prep = kind == slots;
        KeyCount count(audit.committee, kind * ring);
        for (const RevealPost& reveal : batch.reveals) {
            if (reveal.height > height || !is_heard_at(batch, reveal.member, height)) continue;
            const std::span<const KeyBytes> masks(reveal.masks);
            count.add(reveal.member, is_prep ? std::span<const KeyBytes>(reveal.prep)
                                             : masks.subspan(kind * ring, ring));
        }
        auto keys = count.agreed();
        if (!keys) return std::nullopt;
        for (const smpc::Fault& fault : count.others(*keys)) {
            const auto member = static_cast<std::uint16_t>(fault.member);
            const auto known = agreement.faults.emplace(member, fault.coordinate).first;
            known->second = std::min(known->second, fault.coordinate);
        }
        if (is_prep) {
            agreement.keys.prep = std::move(*keys);
        } else {
            agreement.keys.masks.push_back(std::move(*keys));
        }
    }
    return agreement;
}

// A reveal behind the agreement, while the recomputation still runs, is compared with what was
// agreed.
void add_late_reveals(OpeningAudit& audit, const BatchTranscript& batch, Agreement& agreement) {
    const std::size_t ring = audit.committee.subsets_of(1).size();
    for (const RevealPost& reveal : batch.reveals) {
        if (reveal.height <= agreement.height) continue;
        ++audit.comparison.counts.late_shares;
        const auto note_other = [&](std::span<const KeyBytes> keys,
                                    const std::vector<KeyBytes>& agreed, std::size_t position) {
            const auto ranks = audit.committee.subsets_of(reveal.member);
            for (std::size_t i = 0; i < keys.size(); ++i) {
                // The first wrong key of a member is the one that counts.
                if (keys[i] != agreed[ranks[i]]) {
                    agreement.faults.emplace(reveal.member, position + i);
                }
            }
        };
        const std::span<const KeyBytes> masks(reveal.masks);
        for (std::size_t slot = 0; slot < agreement.keys.masks.size(); ++slot) {
            note_other(masks.subspan(slot * ring, ring), agreement.keys.masks[slot], slot * ring);
        }
        note_other(reveal.prep, agreement.keys.prep, masks.size());
    }
}

// At the first block whose reveals suffice.
std::optional<Agreement> agree(OpeningAudit& audit, const BatchTranscript& batch,
                               std::size_t slots) {
    std::set<Height> heights;
    for (const RevealPost& reveal : batch.reveals) heights.insert(reveal.height);
    for (const Height height : heights) {
        auto agreement = agree_at(audit, batch, slots, height);
        if (!agreement) continue;
        add_late_reveals(audit, batch, *agreement);
        return agreement;
    }
    return std::nullopt;
}

void expect_reveal_faults(OpeningAudit& audit, const BatchTranscript& batch,
                          const Agreement& agreement) {
    for (const auto& [member, position] : agreement.faults) {
        const auto reveal =
            std::find_if(batch.reveals.begin(), batch.reveals.end(),
                         [&, who = member](const auto& post) { return post.member == who; });
        audit.faults.push_back(
            {{action::kPrepReveal, audit.label, member, position}, reveal->transaction});
    }
}

// The disputed combination as terms (position of an item, factor); see dispute types 1 and 2.
struct Term {
    std::size_t position{};
    std::uint64_t factor{};
};
std::vector<Term> terms_of(const DisputeInput& input, const smpc::BatchItems& items) {
    const schema::BatchDisputed& dispute = *input.batch.dispute;
    if (dispute.kind == DisputeKind::kShares) {
        return {{items.position(dispute.first, dispute.second), 1}};
    }
    std::vector<Term> terms{{items.position(0, dispute.second), Field61::negate(1)}};
    const auto chi = smpc::expand_seed(*input.seed, items.clients());
    for (std::uint32_t i = 1; i <= items.clients(); ++i) {
        terms.push_back({items.position(i, dispute.second), chi[i - 1]});
    }
    return terms;
}

std::uint64_t combine(std::span<const std::uint64_t> values, const std::vector<Term>& terms) {
    std::uint64_t sum = 0;
    for (const Term& term : terms) {
        sum = Field61::add(sum, Field61::mul(term.factor, values[term.position]));
    }
    return sum;
}

// What an honest member does with its ring of keys.
class HonestMember {
  public:
    HonestMember(const smpc::Kdf& kdf, const smpc::Committee& committee, smpc::MemberIndex self)
        : kdf_(kdf), committee_(committee), self_(self) {}

    [[nodiscard]] smpc::ShareStream mask(const std::vector<KeyBytes>& keys) const {
        const auto ring = ring_of<smpc::ClientMaskKey>(keys);
        return {committee_, self_,
                smpc::open_streams<smpc::ClientMaskKey>(kdf_, ring, smpc::PrgDomain::kUpdateMask)};
    }
    // zeta - rho of every item.
    [[nodiscard]] Words prep(const std::vector<KeyBytes>& keys,
                             const smpc::BatchItems& items) const {
        const auto ring = ring_of<smpc::PrepMaskKey>(keys);
        const auto shares = smpc::make_prep_shares(kdf_, committee_, self_, ring, items);
        return smpc::delta_shares(Words(items.size(), 0), shares);
    }

  private:
    template <typename Key>
    [[nodiscard]] std::vector<Key> ring_of(const std::vector<KeyBytes>& keys) const {
        std::vector<Key> ring;
        for (const smpc::SubsetRank rank : committee_.subsets_of(self_)) {
            ring.push_back(Key(std::span<const std::uint8_t, smpc::kKeyBytes>(keys[rank])));
        }
        return ring;
    }
    const smpc::Kdf& kdf_;
    const smpc::Committee& committee_;
    smpc::MemberIndex self_;
};

// Calls visit(offset, size) for each tile of the length.
template <typename Visit>
void for_each_tile(std::uint64_t length, Visit visit) {
    for (std::uint64_t done = 0; done < length; done += smpc::kTileElements) {
        visit(static_cast<std::size_t>(done), static_cast<std::size_t>(std::min<std::uint64_t>(
                                                  length - done, smpc::kTileElements)));
    }
}

// <a_i^(k), a_j^(k)> of type 1.
std::uint64_t pair_product(const HonestMember& member, const AgreedKeys& keys,
                           std::uint64_t dimension) {
    auto left = member.mask(keys.masks.front());
    auto right = member.mask(keys.masks.back());
    Words a(smpc::kTileElements);
    Words b(smpc::kTileElements);
    std::uint64_t sum = 0;
    for_each_tile(dimension, [&](std::size_t, std::size_t size) {
        left.next(std::span(a).first(size));
        right.next(std::span(b).first(size));
        sum = Field61::add(sum,
                           smpc::inner_product(std::span(a).first(size), std::span(b).first(size)));
    });
    return sum;
}

std::vector<smpc::PostedShare> base_of(const DisputeInput& input) {
    std::vector<smpc::PostedShare> base;
    for (const smpc::MemberIndex member : input.weight_base) {
        for (const Post& post : input.batch.weights.all) {
            if (post.member == member) base.push_back({member, post.values});
        }
    }
    return base;
}

// <w^(k), a_j^(k)> of type 2, w^(k) = the polynomial of PREP_W at k.
std::uint64_t weight_product(const HonestMember& member, smpc::MemberIndex self,
                             const DisputeInput& input, const AgreedKeys& keys) {
    auto mask = member.mask(keys.masks.front());
    const auto base = base_of(input);
    Words a(smpc::kTileElements);
    std::uint64_t sum = 0;
    for_each_tile(input.batch.dimension, [&](std::size_t offset, std::size_t size) {
        std::vector<smpc::PostedShare> tile;
        for (const smpc::PostedShare& share : base) {
            tile.push_back({share.member, share.values.in_memory().subspan(offset, size)});
        }
        mask.next(std::span(a).first(size));
        const auto weights = smpc::interpolate_vector(tile, self);
        sum = Field61::add(sum, smpc::inner_product(weights, std::span(a).first(size)));
    });
    return sum;
}

// What every poster should have posted, and did.
struct Judged {
    std::vector<std::uint64_t> products;
    std::vector<ExclusionRecord> liars;
};
Judged judge(const OpeningAudit& audit, const DisputeInput& input, const AgreedKeys& keys) {
    const BatchTranscript& batch = input.batch;
    const schema::BatchDisputed& dispute = *batch.dispute;
    const smpc::BatchItems items(static_cast<std::uint32_t>(batch.parties.clients.size()));
    const smpc::Kdf kdf(input.chain_id);
    const auto terms = terms_of(input, items);
    Judged judged;
    for (const smpc::PostedShare& share : heard_posts(batch.shares)) {
        const HonestMember member(kdf, audit.committee, share.member);
        const std::uint64_t product = dispute.kind == DisputeKind::kShares
                                          ? pair_product(member, keys, batch.dimension)
                                          : weight_product(member, share.member, input, keys);
        judged.products.push_back(product);
        const std::uint64_t expected =
            Field61::add(product, combine(member.prep(keys.prep, items), terms));
        const std::uint64_t posted = combine(share.values.in_memory(), terms);
        if (expected == posted) continue;
        judged.liars.push_back({batch.label, dispute.kind, dispute.first, dispute.second,
                                static_cast<std::uint16_t>(share.member), expected, posted});
    }
    return judged;
}

std::string text_of(const ExclusionRecord& record) {
    return std::string(schema::to_string(record.kind)) + " of " + std::to_string(record.first) +
           ", " + std::to_string(record.second) + ": member " + std::to_string(record.member) +
           " expected " + std::to_string(record.expected) + " posted " +
           std::to_string(record.posted);
}

// An exclusion is recorded once, by the first dispute that proves it.
void compare_exclusions(Comparison& comparison, const BatchTranscript& batch,
                        const std::vector<ExclusionRecord>& liars) {
    std::vector<std::string> expected;
    std::vector<std::string> found;
    std::vector<std::string> recorded;
    for (const ExclusionRecord& liar : liars) {
        if (is_heard_at(batch, liar.member, batch.last)) expected.push_back(text_of(liar));
    }
    for (const ExclusionClaim& claim : batch.exclusions) {
        found.push_back(text_of(claim.record));
        comparison.equal("exclusion height", batch.last.value, claim.height.value);
    }
    for (const auto& [member, record] : batch.exclusion_records) {
        recorded.push_back(text_of(record));
    }
    comparison.equal("exclusion", expected, found);
    comparison.equal("exclusion record", expected, recorded);
}

void compare_record(Comparison& comparison, const BatchTranscript& batch, const Judged& judged) {
    if (!batch.dispute_record) return comparison.note("dispute record", "a record", "none");
    schema::MemberSet revealed = 0;
    for (const RevealPost& reveal : batch.reveals) revealed |= schema::member_bit(reveal.member);
    const schema::DisputeRecord& record = *batch.dispute_record;
    comparison.equal("dispute record revealed", revealed, record.revealed);
    comparison.equal("dispute record recomputed", batch.dimension, record.recomputed);
    comparison.equal("dispute record product", judged.products, record.sums);
}

// What the recomputation of type 2 starts from was found here.
bool has_input(OpeningAudit& audit, const DisputeInput& input) {
    if (input.batch.dispute->kind == DisputeKind::kShares) return true;
    const auto base = base_of(input);
    const bool is_whole = base.size() == audit.committee.t() + std::size_t{1} &&
                          std::all_of(base.begin(), base.end(), [&](const auto& share) {
                              return share.values.size() == input.batch.dimension;
                          });
    if (is_whole && input.seed) return true;
    audit.comparison.note("blame", "chi and w opened", "a check without them");
    return false;
}

bool are_slots_known(OpeningAudit& audit, const BatchTranscript& batch) {
    const std::size_t clients = batch.parties.clients.size();
    const schema::BatchDisputed& dispute = *batch.dispute;
    const bool is_known =
        dispute.first <= dispute.second && dispute.second >= 1 && dispute.second <= clients;
    if (!is_known) audit.comparison.note("dispute", "slots of the batch", "others");
    return is_known;
}

}  // namespace

std::optional<Blame> audit_dispute(OpeningAudit& audit, const DisputeInput& input) {
    const BatchTranscript& batch = input.batch;
    Comparison& comparison = audit.comparison;
    if (!batch.dispute || !are_slots_known(audit, batch)) return std::nullopt;
    const std::size_t slots = asked_slots(*batch.dispute).size();
    if (!are_well_formed(audit, batch, slots)) return std::nullopt;
    const auto agreement = agree(audit, batch, slots);
    if (agreement) expect_reveal_faults(audit, batch, *agreement);
    const bool has_burned = batch.has_burned();
    if (!has_burned) {
        comparison.equal("exclusion", std::size_t{0}, batch.exclusions.size());
        return std::nullopt;
    }
    if (!agreement) {
        comparison.note("blame", "WAIT for keys", "burned");
        return std::nullopt;
    }
    if (!has_input(audit, input)) return std::nullopt;
    ++comparison.counts.disputes;
    const Judged judged = judge(audit, input, agreement->keys);
    comparison.counts.exclusions += judged.liars.size();
    compare_exclusions(comparison, batch, judged.liars);
    compare_record(comparison, batch, judged);
    Blame blame{batch.last, {}};
    for (const ExclusionRecord& liar : judged.liars) blame.members.push_back(liar.member);
    return blame;
}

std::optional<Blame> adopt_blame(const BatchTranscript& batch) {
    if (!batch.has_burned()) return std::nullopt;
    Blame blame{batch.last, {}};
    for (const ExclusionClaim& claim : batch.exclusions) {
        blame.members.push_back(claim.record.member);
    }
    // It may have blamed somebody who was in X already; only nobody at all would halt the epoch.
    for (const auto& [member, since] : batch.excluded_since) {
        if (since < batch.last) blame.members.push_back(member);
    }
    return blame;
}

}  // namespace consilium::explorer
