// Mask batches, step P4 of section 4: the check of a batch that not everybody has prepared.
//
// With a member missing the posted shares have no redundancy. Members open one random combination
// w of all masks, hidden by the mask of slot 0, and with it linear checks of every delta: all zero
// means that all products are right, except with probability M/p. chi and w are opened at most once
// per batch. All vectors over items follow BatchItems; everything here has degree t.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "fl_engine/smpc/batch.hpp"

namespace consilium::smpc {

// P4.2: w^(k) = sum of chi_i a_i^(k) over i = 1..M, minus a_0^(k); the vector of PREP_W.
class SacrificeVector {
  public:
    // slot_streams[i]: PRG streams of k_A^{i,b}, domain kUpdateMask, in ring order, i = 0..M.
    SacrificeVector(const Committee& committee, MemberIndex self,
                    std::vector<std::vector<Prg>> slot_streams, std::uint64_t dimension,
                    std::vector<Element> chi);
    // Expands the next tile; false when the whole length is done.
    [[nodiscard]] bool advance();
    [[nodiscard]] std::vector<Element> take() &&;  // once advance() returned false

  private:
    std::vector<ShareStream> streams_;
    std::vector<Element> factors_;  // per slot: -1, chi_1, ..., chi_M
    SecretElements tile_;
    std::vector<Element> shares_;
    std::uint64_t dimension_;
};

// <w, a_j^(k)> for j = 1..M, tile by tile.
class SacrificeProducts {
  public:
    // slot_streams as above; `opened` is w.
    SacrificeProducts(const Committee& committee, MemberIndex self,
                      std::vector<std::vector<Prg>> slot_streams, std::vector<Element> opened);
    [[nodiscard]] bool advance();
    [[nodiscard]] const SecretElements& products() const;  // once advance() returned false

  private:
    std::vector<ShareStream> streams_;  // of slots 1..M
    SecretElements tile_;
    SecretElements products_;
    std::vector<Element> opened_;
    std::size_t done_ = 0;
};

// P4.3: chk_j^(k) = sum of chi_i (delta_ij + rho_ij^(k)) - (delta_0j + rho_0j^(k)) - <w, a_j^(k)>,
// j = 1..M: the vector of PREP_CHK.
struct CheckInputs {
    std::span<const Element> chi;       // M
    std::span<const Element> delta;     // opened from the frozen posters, in item order
    std::span<const Element> rho;       // own, in item order
    std::span<const Element> products;  // <w, a_j^(k)>, j = 1..M
};
[[nodiscard]] std::vector<Element> check_shares(const BatchItems& items, const CheckInputs& inputs);

}  // namespace consilium::smpc
