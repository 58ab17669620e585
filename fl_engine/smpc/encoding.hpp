// Round parameters, their headroom conditions H1-H6, and masking of integer updates (section 5).
//
// Floats end outside: callers hand in int64 coordinates that they clipped, scaled and rounded.
// B = 2^nu bounds the integer norm; beta = C * 2^hb bounds one blur.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fl_engine/smpc/batch.hpp"

namespace consilium::smpc {

inline constexpr std::uint32_t kMinNormBits = 16;  // nu
inline constexpr std::uint32_t kMaxNormBits = 23;  // H2 and H6
inline constexpr std::uint32_t kDefaultNormBits = 22;
inline constexpr std::uint32_t kMaxDataWeight = 16;                      // dw_i
inline constexpr std::uint64_t kClipNormLimit = std::uint64_t{1} << 56;  // C_r in Q32, exclusive

enum class StatMode : std::uint8_t { kPairwise = 0, kSum = 1 };
[[nodiscard]] constexpr bool is_known(StatMode mode) {
    return mode == StatMode::kPairwise || mode == StatMode::kSum;
}

[[nodiscard]] std::uint64_t isqrt(Uint128 value);            // floor of the square root
[[nodiscard]] std::uint64_t ceil_sqrt(std::uint64_t value);  // isqrt(value - 1) + 1; 0 for 0
[[nodiscard]] constexpr std::uint64_t norm_limit(std::uint32_t norm_bits) {  // B
    return std::uint64_t{1} << norm_bits;
}
// B - ceil(sqrt(d)): integer length of an update whose real norm is C_r.
[[nodiscard]] std::uint64_t encoding_scale(std::uint32_t norm_bits, std::uint64_t dimension);
// hb = 2 nu - 7 - ceil(log2 C), default and maximum.
[[nodiscard]] std::uint32_t default_blur_bits(const Committee& committee, std::uint32_t norm_bits);
// beta = C * 2^hb.
[[nodiscard]] std::int64_t blur_bound(const Committee& committee, std::uint32_t blur_bits);

[[nodiscard]] constexpr std::uint32_t min_accepted(std::uint32_t c_max) {  // m_min
    return c_max + 2 > 3 ? c_max + 2 : 3;
}
[[nodiscard]] constexpr std::uint32_t min_clients(std::uint32_t c_max) {  // n_need
    return 2 * c_max + 1 > min_accepted(c_max) ? 2 * c_max + 1 : min_accepted(c_max);
}

struct RoundParameters {
    std::uint64_t dimension{};  // d
    std::uint32_t norm_bits{};  // nu
    std::uint32_t blur_bits{};  // hb
    std::uint64_t clip_norm{};  // C_r, Q32
    StatMode mode{};
    std::uint32_t c_max{};
    std::vector<std::uint32_t> data_weights;  // dw_i per slot 1..M
    bool is_test_network = false;             // permits d below 16
};

// The validity conditions of R1 and the headroom table; the error names the condition.
[[nodiscard]] Result<void> validate_round(const Committee& committee,
                                          const RoundParameters& parameters);

// Exact squared norm; nullopt beyond 2^127, which no valid update reaches.
[[nodiscard]] std::optional<Uint128> squared_norm(std::span<const std::int64_t> update);

// e = u - sum of the mask streams. `ring`: k_A^{i,b} for every rank. kRefused when the integer norm
// passes B: such an update is never masked.
[[nodiscard]] Result<std::vector<Element>> mask_update(const Kdf& kdf, const Committee& committee,
                                                       std::span<const ClientMaskKey> ring,
                                                       std::span<const std::int64_t> update,
                                                       std::uint32_t norm_bits);
// u = centred(e + masks): what a trainer recomputes from its pledged bytes.
[[nodiscard]] std::vector<std::int64_t> unmask_update(const Kdf& kdf, const Committee& committee,
                                                      std::span<const ClientMaskKey> ring,
                                                      std::span<const Element> masked);

}  // namespace consilium::smpc
