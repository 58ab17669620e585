// Steps of the parties, each made of the product's functions.
#include "tests/bench/smpc/parties.hpp"

#include "fl_engine/models/fixed_point.hpp"

namespace consilium::bench {
namespace {

smpc::Secret32 secret_of(const std::string& text) {
    const Digest digest = sha256(as_bytes(text));
    return smpc::Secret32(std::span(digest.bytes));
}

smpc::StatMode mode_of(std::uint64_t dimension) {
    return dimension >= 16 * (kMaliciousClients + 1) ? smpc::StatMode::kPairwise
                                                     : smpc::StatMode::kSum;
}

}  // namespace

Public::Public(const Setup& setup, std::uint64_t batch_number)
    : committee(*smpc::Committee::make(setup.members)),
      items(setup.clients),
      kdf("bench"),
      dimension(setup.dimension),
      batch(batch_number),
      blur_bits(smpc::default_blur_bits(committee, kNormBits)),
      mode(mode_of(setup.dimension)),
      range(setup.dimension, kNormBits) {}

smpc::SubRoots Public::sub_roots(smpc::SubsetRank rank) const {
    const std::string name = std::to_string(rank) + "|" + std::to_string(batch);
    return smpc::derive_sub_roots(kdf, smpc::SubsetKey(secret_of(name)));
}

smpc::ClientMaskKey Public::mask_key(smpc::SubsetRank rank, std::uint32_t slot) const {
    const smpc::SubRoots roots = sub_roots(rank);
    smpc::ClientChainKey chain = smpc::start_client_chain(kdf, roots.client, slot);
    return smpc::step_client_chain(kdf, chain);
}

Blob make_blob(std::span<const smpc::Element> words) {
    Blob blob{smpc::encode_words(words), {}};
    blob.hash = sha256(blob.bytes);
    return blob;
}

// Updates that share a direction, as those of honest clients do.
Client::Client(const Public& world, smpc::ClientIndex self) : delta_(world.dimension) {
    for (smpc::SubsetRank rank = 0; rank < world.committee.subset_count(); ++rank) {
        ring_.push_back(world.mask_key(rank, self));
    }
    for (std::size_t x = 0; x < delta_.size(); ++x) {
        const auto common = static_cast<double>(x * 7919 % 4001) - 2000;
        const auto own = static_cast<double>((x + 17 * self) * 104729 % 2003) - 1001;
        delta_[x] = (common + own) * 1e-6;
    }
}

void Client::submit(const Public& world) {
    update_ = fl::encode_update(delta_, {.norm_bits = kNormBits, .clip = kClipNorm}).value();
    const auto masked =
        smpc::mask_update(world.kdf, world.committee, ring_, update_, kNormBits).value();
    update_blob_ = make_blob(masked);
    range_blob_ = make_blob(world.range.prove(world.kdf, world.committee, ring_, masked));
}

Validator::Validator(const Public& world, smpc::MemberIndex self) : self_(self) {
    masks_.resize(world.clients() + std::size_t{1});
    for (const smpc::SubsetRank rank : world.committee.subsets_of(self)) {
        for (std::uint32_t slot = 0; slot <= world.clients(); ++slot) {
            masks_[slot].push_back(world.mask_key(rank, slot));
        }
        smpc::SubRoots roots = world.sub_roots(rank);
        prep_ring_.push_back(smpc::step_prep_chain(world.kdf, roots.prep));
        blur_ring_.push_back(std::move(roots.blur));
    }
}

std::vector<smpc::Element> Validator::prepare(const Public& world) {
    std::vector<std::vector<smpc::Prg>> streams;
    for (const auto& ring : masks_) {
        streams.push_back(
            smpc::open_streams<smpc::ClientMaskKey>(world.kdf, ring, smpc::PrgDomain::kUpdateMask));
    }
    smpc::MaskBuilder builder(world.committee, self_, std::move(streams), world.dimension);
    while (builder.advance()) {
    }
    products_ = builder.products();
    prep_ = smpc::make_prep_shares(world.kdf, world.committee, self_, prep_ring_, world.items);
    return smpc::delta_shares(products_, prep_);
}

void Validator::take_update(const Public& world, const Bytes& blob) {
    const auto& ring = masks_.at(shares_.size() + 1);
    smpc::ShareStream stream(
        world.committee, self_,
        smpc::open_streams<smpc::ClientMaskKey>(world.kdf, ring, smpc::PrgDomain::kUpdateMask));
    shares_.push_back(smpc::add_stream_to_blob(stream, blob, world.dimension).value());
}

void Validator::take_proof(const Bytes& blob, std::size_t length) {
    proofs_.push_back(smpc::decode_words(blob, length).value());
}

smpc::StatShares Validator::statistics(const Public& world) const {
    return {world.kdf,
            world.committee,
            world.items,
            {self_, world.blur_bits, products_, delta_, prep_.rho, blur_ring_}};
}

std::vector<smpc::ClientShare> Validator::client_shares() const {
    std::vector<smpc::ClientShare> shares;
    for (std::uint32_t i = 0; i < shares_.size(); ++i) shares.push_back({i + 1, shares_[i]});
    return shares;
}

std::vector<smpc::Element> Validator::stat1(const Public& world) const {
    return stat1_with_range(
        world.range, statistics(world), client_shares(),
        {world.kdf, world.committee, self_, std::span(masks_).subspan(1), proofs_});
}

std::vector<smpc::Element> Validator::stat2(const Public& world,
                                            std::span<const std::int64_t> norms) const {
    if (world.mode == smpc::StatMode::kPairwise) {
        return statistics(world).stat2_pairwise(client_shares());
    }
    const auto omega =
        smpc::clip_weights(norms, smpc::blur_bound(world.committee, world.blur_bits));
    return statistics(world).stat2_sum(client_shares(), omega);
}

smpc::AggregateStream Validator::aggregate(const Public& world,
                                           std::span<const std::uint32_t> weights) const {
    smpc::AggregateTerms terms;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (weights[i] == 0) continue;
        terms.shares.emplace_back(shares_.at(i));
        terms.weights.push_back(weights[i]);
    }
    return {world.kdf, world.committee, self_, blur_ring_, terms};
}

}  // namespace consilium::bench
