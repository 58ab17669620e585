// Mask batches, steps P1 to P3 of section 4: products of masks, delta shares, the decision. P4 and
// P5 are sacrifice.hpp and dispute.hpp.
//
// All work of degree 2t happens here, before any input exists. A batch of M clients has slots
// 0..M; its items are the pairs (0,j) and (i,j), i <= j, in ascending order of i*(M+1)+j. Every
// vector over items follows that order. Gamma used online must be the value stored here.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fl_engine/smpc/kernels.hpp"
#include "fl_engine/smpc/opening.hpp"
#include "fl_engine/smpc/prss.hpp"

namespace consilium::smpc {

inline constexpr std::uint64_t kMaxDimension = std::uint64_t{1} << 20;  // d; H1 and blob sizes

struct BatchItem {
    std::uint32_t first{};   // 0..M
    std::uint32_t second{};  // 1..M, not below first
    friend bool operator==(const BatchItem&, const BatchItem&) = default;
};

class BatchItems {
  public:
    explicit BatchItems(std::uint32_t clients);  // 1..64
    [[nodiscard]] std::uint32_t clients() const { return clients_; }
    [[nodiscard]] std::size_t size() const { return items_.size(); }  // M(M+1)/2 + M
    [[nodiscard]] BatchItem at(std::size_t position) const { return items_.at(position); }
    // Position of (i,j) or (j,i); not both zero.
    [[nodiscard]] std::size_t position(std::uint32_t i, std::uint32_t j) const;
    // it(i,j), the element of rho and the index of zeta.
    [[nodiscard]] std::uint64_t index(const BatchItem& item) const;

  private:
    std::uint32_t clients_;
    std::vector<BatchItem> items_;
};

// P1, tile by tile: expands a_i^(k) for every slot and adds up the local products Gamma.
//   while (builder.advance()) for each slot: store builder.tile(slot);  then products().
class MaskBuilder {
  public:
    // slot_streams[i]: PRG streams of k_A^{i,b}, domain kUpdateMask, in the member's ring order.
    MaskBuilder(const Committee& committee, MemberIndex self,
                std::vector<std::vector<Prg>> slot_streams, std::uint64_t dimension);
    // Expands the next tile; false when the whole length is done.
    [[nodiscard]] bool advance();
    [[nodiscard]] std::span<const Element> tile(std::uint32_t slot) const;
    // Gamma in item order, once advance() returned false.
    [[nodiscard]] const std::vector<Element>& products() const;

  private:
    BatchItems items_;
    std::vector<ShareStream> streams_;
    SecretElements tiles_;  // per slot
    ProductSums sums_;
    std::vector<Element> products_;
    std::uint64_t remaining_;
    std::size_t tile_size_ = 0;
};

// rho and zeta of one member, in item order.
struct PrepShares {
    std::vector<Element> rho;
    std::vector<Element> zeta;
};
[[nodiscard]] PrepShares make_prep_shares(const Kdf& kdf, const Committee& committee,
                                          MemberIndex self, std::span<const PrepMaskKey> ring,
                                          const BatchItems& items);

// P2: delta = Gamma - rho + zeta, the vector of PREP_SHARE.
[[nodiscard]] std::vector<Element> delta_shares(std::span<const Element> products,
                                                const PrepShares& prep);

enum class BatchOutcome : std::uint8_t {
    kWait,        // fewer than 2t+1 posters
    kIncomplete,  // consistent, but too few to prove that nobody lied: wait, or SACRIFICE
    kCertified,
    kDisputed,
};

struct BatchDecision {
    BatchOutcome outcome = BatchOutcome::kWait;
    std::size_t bad_item = 0;    // position of the first bad item when disputed
    std::vector<Element> delta;  // opened values in item order when certified or incomplete
};

// P3. `posted`: PREP_SHARE vectors of members outside X; `excluded` = |X|.
[[nodiscard]] BatchDecision decide_batch(const Committee& committee,
                                         std::span<const PostedShare> posted,
                                         std::uint32_t excluded);

// A PREP_SHARE that came after CERTIFIED, against the polynomial of the 2t+1 smallest posters.
[[nodiscard]] std::optional<Fault> check_late_delta(const Committee& committee,
                                                    std::span<const PostedShare> certified,
                                                    const PostedShare& late);

}  // namespace consilium::smpc
