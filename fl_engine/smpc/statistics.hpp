// STAT1 and STAT2, steps R6 and R7: layouts, a member's shares, and what the opened values mean.
//
// Shares are affine in the members' shares of u_i, hence of degree t and correctable online. The
// layout of the vectors is stated here only. Clients are given ascending by index; every function
// with client vectors expects s_i^(k) = e_i + a_i^(k) of the round's batch.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "fl_engine/smpc/encoding.hpp"
#include "fl_engine/smpc/range_check.hpp"

namespace consilium::smpc {

// STAT1 holds, per client of V0 ascending: lambda_i, phi_i and psi_i of the range proof, gamma_ii
// and, with a reference, c_i.
class Stat1Layout {
  public:
    Stat1Layout(std::size_t clients, bool with_reference)
        : clients_(clients), with_reference_(with_reference) {}
    [[nodiscard]] std::size_t length() const { return clients_ * stride(); }
    [[nodiscard]] std::size_t lambda(std::size_t position) const { return position * stride(); }
    [[nodiscard]] std::size_t phi(std::size_t position) const { return lambda(position) + 1; }
    [[nodiscard]] std::size_t psi(std::size_t position) const { return lambda(position) + 2; }
    [[nodiscard]] std::size_t norm(std::size_t position) const { return lambda(position) + 3; }
    [[nodiscard]] std::size_t reference(std::size_t position) const { return lambda(position) + 4; }
    [[nodiscard]] std::size_t clients() const { return clients_; }
    [[nodiscard]] bool has_reference() const { return with_reference_; }

  private:
    [[nodiscard]] std::size_t stride() const { return with_reference_ ? 5 : 4; }
    std::size_t clients_;
    bool with_reference_;
};

// STAT2 holds gamma_ij for i < j in V1, lexicographic (PAIRWISE), or sigma_i for i in V1 (SUM).
class Stat2Layout {
  public:
    Stat2Layout(StatMode mode, std::size_t clients) : mode_(mode), clients_(clients) {}
    [[nodiscard]] std::size_t length() const;
    // PAIRWISE: position of the pair of V1 positions x != y.
    [[nodiscard]] std::size_t pair(std::size_t x, std::size_t y) const;
    [[nodiscard]] StatMode mode() const { return mode_; }
    [[nodiscard]] std::size_t clients() const { return clients_; }

  private:
    StatMode mode_;
    std::size_t clients_;
};

// What member `self` kept of the batch, in item order, and its keys of the round.
struct StatInputs {
    MemberIndex self{};
    std::uint32_t blur_bits{};          // hb
    std::span<const Element> products;  // Gamma of P1
    std::span<const Element> delta;     // opened at CERTIFIED
    std::span<const Element> rho;       // PrepShares::rho
    std::span<const BlurRoundKey> blur_ring;
};

struct ClientShare {
    ClientIndex client{};
    std::span<const Element> values;  // s_i^(k)
};

class StatShares {
  public:
    StatShares(const Kdf& kdf, const Committee& committee, const BatchItems& items,
               const StatInputs& inputs);
    // `range`: of the same clients, from RangeVerifier. `reference` empty: none in this round.
    [[nodiscard]] std::vector<Element> stat1(std::span<const ClientShare> v0,
                                             std::span<const RangeShares> range,
                                             std::span<const Element> reference) const;
    [[nodiscard]] std::vector<Element> stat2_pairwise(std::span<const ClientShare> v1) const;
    // `omega`: clip weights of V1 from clip_weights(), public after STAT1.
    [[nodiscard]] std::vector<Element> stat2_sum(std::span<const ClientShare> v1,
                                                 std::span<const std::uint32_t> omega) const;

  private:
    [[nodiscard]] Element product_share(const ClientShare& a, const ClientShare& b) const;
    [[nodiscard]] Element share_of_product(const ClientShare& a, const ClientShare& b,
                                           Element product) const;
    // Of all pairs in the order of STAT2, from one pass over the clients' vectors.
    [[nodiscard]] std::vector<Element> pair_shares(std::span<const ClientShare> clients) const;
    [[nodiscard]] Element blur_share(std::uint64_t i, std::uint64_t j, std::uint32_t bits) const;

    const Kdf& kdf_;
    const Committee& committee_;
    const BatchItems& items_;
    StatInputs inputs_;
};

// The second label of the blur of c_i and of sigma_i; no client has these indices.
inline constexpr std::uint64_t kReferenceBlurLabel = 0xFFFFFFFF;
inline constexpr std::uint64_t kSumBlurLabel = 0xFFFFFFFE;
inline constexpr std::uint32_t kSumBlurExtraBits = 8;

struct Stat1Values {
    std::vector<bool> is_in_range;        // per client of V0: the proof holds
    std::vector<std::int64_t> norms;      // blurred, per client of V0
    std::vector<std::int64_t> reference;  // blurred <u_i, g>; empty without a reference
};
[[nodiscard]] Stat1Values read_stat1(const Stat1Layout& layout, std::span<const Element> opened);

// PAIRWISE: the symmetric matrix row by row, zeros on the diagonal. SUM: sigma.
[[nodiscard]] std::vector<std::int64_t> read_stat2(const Stat2Layout& layout,
                                                   std::span<const Element> opened);

// -B^2/128 <= norm <= B^2 + B^2/128.
[[nodiscard]] bool norm_passes(std::int64_t blurred_norm, std::uint32_t norm_bits);

}  // namespace consilium::smpc
