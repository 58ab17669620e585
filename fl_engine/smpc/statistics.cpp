// Shares of norms, inner products and blurred sums.
#include "fl_engine/smpc/statistics.hpp"

#include <algorithm>

#include "fl_engine/smpc/share_formulas.hpp"

namespace consilium::smpc {

std::size_t Stat2Layout::length() const {
    return mode_ == StatMode::kSum ? clients_
                                   : clients_ * (clients_ - std::min<std::size_t>(clients_, 1)) / 2;
}

std::size_t Stat2Layout::pair(std::size_t x, std::size_t y) const {
    CHECK(mode_ == StatMode::kPairwise);
    const auto [low, high] = std::minmax(x, y);
    CHECK(low < high && high < clients_);
    // Rows of m-1, m-2, ... entries lie before row `low`.
    return low * (2 * clients_ - low - 1) / 2 + (high - low - 1);
}

StatShares::StatShares(const Kdf& kdf, const Committee& committee, const BatchItems& items,
                       const StatInputs& inputs)
    : kdf_(kdf), committee_(committee), items_(items), inputs_(inputs) {
    CHECK(inputs.products.size() == items.size());
    CHECK(inputs.delta.size() == items.size());
    CHECK(inputs.rho.size() == items.size());
    CHECK(inputs.blur_ring.size() == committee.subsets_of(inputs.self).size());
}

Element StatShares::product_share(const ClientShare& a, const ClientShare& b) const {
    return share_of_product(a, b, inner_product(a.values, b.values));
}

Element StatShares::share_of_product(const ClientShare& a, const ClientShare& b,
                                     Element product) const {
    const std::size_t item = items_.position(a.client, b.client);
    return smpc::product_share(product, inputs_.products[item], inputs_.delta[item],
                               inputs_.rho[item]);
}

std::vector<Element> StatShares::pair_shares(std::span<const ClientShare> clients) const {
    const Stat2Layout layout(StatMode::kPairwise, clients.size());
    std::vector<RowPair> pairs;
    std::vector<const Element*> rows;
    for (std::uint32_t x = 0; x < clients.size(); ++x) {
        CHECK(clients[x].values.size() == clients.front().values.size());
        rows.push_back(clients[x].values.data());
        for (std::uint32_t y = x + 1; y < clients.size(); ++y) pairs.push_back({x, y});
    }
    CHECK(pairs.size() == layout.length());
    if (pairs.empty()) return {};
    ProductSums sums(best_instructions(), rows.size(), pairs);
    sums.add(rows, clients.front().values.size());
    std::vector<Element> shares = sums.values();
    for (std::size_t q = 0; q < pairs.size(); ++q) {
        shares[q] = share_of_product(clients[pairs[q].first], clients[pairs[q].second], shares[q]);
    }
    return shares;
}

Element StatShares::blur_share(std::uint64_t i, std::uint64_t j, std::uint32_t bits) const {
    CHECK(bits < 63);
    const auto ranks = committee_.subsets_of(inputs_.self);
    Element sum = 0;
    for (std::size_t a = 0; a < ranks.size(); ++a) {
        const Secret32 key = kdf_.derive(inputs_.blur_ring[a].secret(), "blur", {i, j});
        Prg stream(kdf_, key, PrgDomain::kBlur);
        std::uint64_t word = 0;
        stream.fill_words({&word, 1});
        const Element coefficient = committee_.coefficient(ranks[a], inputs_.self);
        sum = Field61::add(sum, blur_share_part(coefficient, word, bits));
    }
    return sum;
}

std::vector<Element> StatShares::stat1(std::span<const ClientShare> v0,
                                       std::span<const RangeShares> range,
                                       std::span<const Element> reference) const {
    CHECK(range.size() == v0.size());
    const Stat1Layout layout(v0.size(), !reference.empty());
    std::vector<Element> shares(layout.length());
    for (std::size_t x = 0; x < v0.size(); ++x) {
        const ClientShare& own = v0[x];
        shares[layout.lambda(x)] = range[x].lambda;
        shares[layout.phi(x)] = range[x].phi;
        shares[layout.psi(x)] = range[x].psi;
        shares[layout.norm(x)] = Field61::add(
            product_share(own, own), blur_share(own.client, own.client, inputs_.blur_bits));
        if (layout.has_reference()) {
            shares[layout.reference(x)] =
                Field61::add(inner_product(reference, own.values),
                             blur_share(own.client, kReferenceBlurLabel, inputs_.blur_bits));
        }
    }
    return shares;
}

std::vector<Element> StatShares::stat2_pairwise(std::span<const ClientShare> v1) const {
    const Stat2Layout layout(StatMode::kPairwise, v1.size());
    std::vector<Element> shares = pair_shares(v1);
    for (std::size_t x = 0; x < v1.size(); ++x) {
        for (std::size_t y = x + 1; y < v1.size(); ++y) {
            CHECK(v1[x].client < v1[y].client);
            Element& share = shares[layout.pair(x, y)];
            share = Field61::add(share, blur_share(v1[x].client, v1[y].client, inputs_.blur_bits));
        }
    }
    return shares;
}

std::vector<Element> StatShares::stat2_sum(std::span<const ClientShare> v1,
                                           std::span<const std::uint32_t> omega) const {
    CHECK(omega.size() == v1.size());
    const std::uint32_t bits = inputs_.blur_bits + kSumBlurExtraBits;
    const Stat2Layout layout(StatMode::kPairwise, v1.size());
    const std::vector<Element> products = pair_shares(v1);
    std::vector<Element> shares(v1.size(), 0);
    for (std::size_t x = 0; x < v1.size(); ++x) {
        for (std::size_t y = x + 1; y < v1.size(); ++y) {
            const Element product = products[layout.pair(x, y)];
            shares[x] = Field61::add(shares[x], Field61::mul(omega[y], product));
            shares[y] = Field61::add(shares[y], Field61::mul(omega[x], product));
        }
        const Element blur = blur_share(v1[x].client, kSumBlurLabel, bits);
        shares[x] = Field61::add(shares[x], blur);
    }
    return shares;
}

Stat1Values read_stat1(const Stat1Layout& layout, std::span<const Element> opened) {
    CHECK(opened.size() == layout.length());
    Stat1Values values;
    for (std::size_t x = 0; x < layout.clients(); ++x) {
        values.is_in_range.push_back(
            range_passes({opened[layout.lambda(x)], opened[layout.phi(x)], opened[layout.psi(x)]}));
        values.norms.push_back(Field61::centered(opened[layout.norm(x)]));
        if (layout.has_reference()) {
            values.reference.push_back(Field61::centered(opened[layout.reference(x)]));
        }
    }
    return values;
}

std::vector<std::int64_t> read_stat2(const Stat2Layout& layout, std::span<const Element> opened) {
    CHECK(opened.size() == layout.length());
    const std::size_t m = layout.clients();
    std::vector<std::int64_t> values;
    if (layout.mode() == StatMode::kSum) {
        for (const Element value : opened) values.push_back(Field61::centered(value));
        return values;
    }
    values.resize(m * m, 0);
    for (std::size_t x = 0; x < m; ++x) {
        for (std::size_t y = 0; y < m; ++y) {
            if (x != y) values[x * m + y] = Field61::centered(opened[layout.pair(x, y)]);
        }
    }
    return values;
}

bool norm_passes(std::int64_t blurred_norm, std::uint32_t norm_bits) {
    CHECK(norm_bits >= kMinNormBits && norm_bits <= kMaxNormBits);
    const std::int64_t limit = std::int64_t{1} << (2 * norm_bits);
    return blurred_norm >= -(limit / 128) && blurred_norm <= limit + limit / 128;
}

}  // namespace consilium::smpc
