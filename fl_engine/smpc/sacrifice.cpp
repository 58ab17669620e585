// The random combination of a batch's masks and its linear checks.
#include "fl_engine/smpc/sacrifice.hpp"

#include <algorithm>

#include "fl_engine/smpc/share_formulas.hpp"

namespace consilium::smpc {

SacrificeVector::SacrificeVector(const Committee& committee, MemberIndex self,
                                 std::vector<std::vector<Prg>> slot_streams,
                                 std::uint64_t dimension, std::vector<Element> chi)
    : factors_(combination_factors(chi)), tile_(kTileElements), dimension_(dimension) {
    CHECK(dimension >= 1 && dimension <= kMaxDimension);
    CHECK(slot_streams.size() == chi.size() + 1);
    for (auto& streams : slot_streams) streams_.emplace_back(committee, self, std::move(streams));
    shares_.reserve(dimension);
}

bool SacrificeVector::advance() {
    const std::size_t done = shares_.size();
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(dimension_ - done, kTileElements));
    if (size == 0) return false;
    shares_.resize(done + size, 0);
    const std::span<Element> tile = std::span(tile_).first(size);
    for (std::size_t slot = 0; slot < streams_.size(); ++slot) {
        streams_[slot].next(tile);
        for (std::size_t x = 0; x < size; ++x) {
            Element& share = shares_[done + x];
            share = Field61::add(share, Field61::mul(factors_[slot], tile[x]));
        }
    }
    return true;
}

std::vector<Element> SacrificeVector::take() && {
    CHECK(shares_.size() == dimension_);
    return std::move(shares_);
}

SacrificeProducts::SacrificeProducts(const Committee& committee, MemberIndex self,
                                     std::vector<std::vector<Prg>> slot_streams,
                                     std::vector<Element> opened)
    : tile_(kTileElements), products_(slot_streams.size() - 1, 0), opened_(std::move(opened)) {
    for (std::size_t slot = 1; slot < slot_streams.size(); ++slot) {
        streams_.emplace_back(committee, self, std::move(slot_streams[slot]));
    }
}

bool SacrificeProducts::advance() {
    const std::size_t size = std::min(opened_.size() - done_, kTileElements);
    if (size == 0) return false;
    const std::span<Element> tile = std::span(tile_).first(size);
    const auto opened = std::span<const Element>(opened_).subspan(done_, size);
    for (std::size_t j = 0; j < streams_.size(); ++j) {
        streams_[j].next(tile);
        products_[j] = Field61::add(products_[j], inner_product(opened, tile));
    }
    done_ += size;
    return true;
}

const SecretElements& SacrificeProducts::products() const {
    CHECK(done_ == opened_.size());
    return products_;
}

std::vector<Element> check_shares(const BatchItems& items, const CheckInputs& inputs) {
    CHECK(inputs.chi.size() == items.clients());
    CHECK(inputs.delta.size() == items.size() && inputs.rho.size() == items.size());
    CHECK(inputs.products.size() == items.clients());
    const auto masked = [&](std::uint32_t i, std::uint32_t j) {
        const std::size_t position = items.position(i, j);
        return Field61::add(inputs.delta[position], inputs.rho[position]);
    };
    std::vector<Element> checks;
    for (std::uint32_t j = 1; j <= items.clients(); ++j) {
        std::vector<Element> column;
        for (std::uint32_t i = 0; i <= items.clients(); ++i) column.push_back(masked(i, j));
        checks.push_back(check_share(inputs.chi, column, inputs.products[j - 1]));
    }
    return checks;
}

}  // namespace consilium::smpc
