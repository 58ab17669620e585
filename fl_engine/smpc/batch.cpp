// Items, local products, delta shares and the decision over a mask batch.
#include "fl_engine/smpc/batch.hpp"

#include <algorithm>

#include "fl_engine/smpc/opening_over.hpp"
#include "fl_engine/smpc/share_formulas.hpp"

namespace consilium::smpc {
namespace {

// Up to 65 * 65 elements of rho, t times as many of zeta.
std::uint64_t item_slots(const BatchItems& items) {
    const std::uint64_t row = std::uint64_t{items.clients()} + 1;
    return row * row;
}

std::vector<RowPair> pairs_of(const BatchItems& items) {
    std::vector<RowPair> pairs;
    for (std::size_t position = 0; position < items.size(); ++position) {
        const BatchItem item = items.at(position);
        pairs.push_back({item.first, item.second});
    }
    return pairs;
}

}  // namespace

BatchItems::BatchItems(std::uint32_t clients) : clients_(clients) {
    CHECK(clients >= 1 && clients <= kMaxClients);
    for (std::uint32_t i = 0; i <= clients; ++i) {
        for (std::uint32_t j = std::max(i, 1U); j <= clients; ++j) items_.push_back({i, j});
    }
}

std::size_t BatchItems::position(std::uint32_t i, std::uint32_t j) const {
    const auto [first, second] = std::minmax(i, j);
    CHECK(second >= 1 && second <= clients_);
    if (first == 0) return second - 1;
    // Row 0 has M items; row r >= 1 starts after rows of M, M-1, ... items.
    const std::size_t full_rows = first - 1;
    const std::size_t skipped = full_rows * (2 * std::size_t{clients_} + 1 - full_rows) / 2;
    return clients_ + skipped + (second - first);
}

std::uint64_t BatchItems::index(const BatchItem& item) const {
    return std::uint64_t{item.first} * (std::uint64_t{clients_} + 1) + item.second;
}

MaskBuilder::MaskBuilder(const Committee& committee, MemberIndex self,
                         std::vector<std::vector<Prg>> slot_streams, std::uint64_t dimension)
    : items_(static_cast<std::uint32_t>(slot_streams.size()) - 1),
      tiles_(slot_streams.size() * kTileElements),
      sums_(best_instructions(), slot_streams.size(), pairs_of(items_)),
      remaining_(dimension) {
    CHECK(dimension >= 1 && dimension <= kMaxDimension);
    for (auto& streams : slot_streams) streams_.emplace_back(committee, self, std::move(streams));
}

bool MaskBuilder::advance() {
    tile_size_ = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, kTileElements));
    if (tile_size_ == 0) {
        if (products_.empty()) products_ = sums_.values();
        return false;
    }
    remaining_ -= tile_size_;
    std::vector<const Element*> rows;
    for (std::size_t slot = 0; slot < streams_.size(); ++slot) {
        const auto tile = std::span(tiles_).subspan(slot * kTileElements, tile_size_);
        streams_[slot].next(tile);
        rows.push_back(tile.data());
    }
    sums_.add(rows, tile_size_);
    return true;
}

std::span<const Element> MaskBuilder::tile(std::uint32_t slot) const {
    CHECK(slot < streams_.size());
    return std::span<const Element>(tiles_).subspan(slot * kTileElements, tile_size_);
}

const std::vector<Element>& MaskBuilder::products() const {
    CHECK(!products_.empty());
    return products_;
}

PrepShares make_prep_shares(const Kdf& kdf, const Committee& committee, MemberIndex self,
                            std::span<const PrepMaskKey> ring, const BatchItems& items) {
    const std::uint64_t slots = item_slots(items);
    ShareStream rho(committee, self, open_streams(kdf, ring, PrgDomain::kRho));
    SecretElements all_rho(slots);
    rho.next(all_rho);
    const std::vector<Element> all_zeta =
        zero_shares(committee, self, open_streams(kdf, ring, PrgDomain::kZeta), slots);
    PrepShares result;
    for (std::size_t position = 0; position < items.size(); ++position) {
        const std::uint64_t index = items.index(items.at(position));
        result.rho.push_back(all_rho[index]);
        result.zeta.push_back(all_zeta[index]);
    }
    return result;
}

std::vector<Element> delta_shares(std::span<const Element> products, const PrepShares& prep) {
    CHECK(products.size() == prep.rho.size());
    CHECK(products.size() == prep.zeta.size());
    std::vector<Element> shares(products.size());
    for (std::size_t x = 0; x < shares.size(); ++x) {
        shares[x] = delta_share(products[x], prep.rho[x], prep.zeta[x]);
    }
    return shares;
}

BatchDecision decide_batch(const Committee& committee, std::span<const PostedShare> posted,
                           std::uint32_t excluded) {
    BatchDecision decision;
    const std::size_t t = committee.t();
    const std::vector<PostedShare> sorted = sorted_posters(posted);
    if (excluded > t || sorted.size() < 2 * t + 1) return decision;
    const auto base = std::span<const PostedShare>(sorted).first(2 * t + 1);
    std::optional<std::uint64_t> first_bad;
    for (const PostedShare& share : std::span<const PostedShare>(sorted).subspan(2 * t + 1)) {
        const auto x = first_mismatch<Field61>(base, share);
        if (x) first_bad = std::min(*x, first_bad.value_or(*x));
    }
    if (first_bad) {
        decision.outcome = BatchOutcome::kDisputed;
        decision.bad_item = static_cast<std::size_t>(*first_bad);
    } else {
        const bool is_enough = sorted.size() >= 3 * t + 1 - excluded;
        decision.outcome = is_enough ? BatchOutcome::kCertified : BatchOutcome::kIncomplete;
        decision.delta = interpolate_over<Field61>(base, 0);
    }
    return decision;
}

std::optional<Fault> check_late_delta(const Committee& committee,
                                      std::span<const PostedShare> certified,
                                      const PostedShare& late) {
    const std::vector<PostedShare> sorted = sorted_posters(certified);
    const std::size_t needed = 2 * std::size_t{committee.t()} + 1;
    CHECK(sorted.size() >= needed);
    return check_late_share(std::span<const PostedShare>(sorted).first(needed), late);
}

}  // namespace consilium::smpc
