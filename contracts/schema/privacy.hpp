// Differential privacy in the chain's integers: a task's noise, and what it has cost so far.
//
// Unit of protection: everything that one hospital contributes (zero-out neighbours: its clipped
// update against none, L2 sensitivity B_0). Costs are zero-concentrated (Bun and Steinke 2016): rho
// of several releases adds up, and is turned into epsilon at the task's delta for people. Every
// step rounds up, so what stands on chain is an upper bound.
//
// Two levels are told, because two kinds of reader exist:
//   local    of one noised update. Norms, inner products, verdicts and sums are functions of noised
//            updates, so this holds against everybody who reads the ledger, up to t corrupted
//            validators and all other hospitals together.
//   central  of the sums alone (the models), where other honest hospitals' noise helps. It takes
//            the verdict's weights as given, and counts only noise that is sure to be honest.
// Pure integers.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "core/codec.hpp"
#include "core/types.hpp"

namespace consilium::schema {

// B_0, sigma_c and delta of a task.
struct PrivacyTerms {
    std::uint32_t clip{};       // B_0: exact norm of an update before noise, encoded units
    std::uint32_t noise{};      // sigma_c of the discrete Gaussian in each coordinate, same units
    std::uint8_t delta_bits{};  // delta = 2^-delta_bits
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("clip", self.clip);
        visit("noise", self.noise);
        visit("delta_bits", self.delta_bits);
    }
    friend bool operator==(const PrivacyTerms&, const PrivacyTerms&) = default;
};

inline constexpr std::uint32_t kMinNoise = 16;  // less is coarser than the rounding to integers
inline constexpr std::uint8_t kMinDeltaBits = 10;
inline constexpr std::uint8_t kMaxDeltaBits = 30;  // leaves room for the tail of the noise's norm

// The largest norm that clip and noise together reach but with probability exp(-40) an update: B_0
// + sigma_c max(1.2, 1 + 9/sqrt d) sqrt d, rounded up (Hsu, Kakade and Zhang 2012: the discrete
// Gaussian is sub-Gaussian).
[[nodiscard]] std::uint64_t noised_norm_bound(const PrivacyTerms& terms, std::uint64_t dimension);
// What is wrong with the terms for updates of this length and B = 2^nu, or nullptr.
[[nodiscard]] const char* find_fault(const PrivacyTerms& terms, std::uint64_t dimension,
                                     std::uint8_t nu);

// rho in units of 2^-40, rounded up; additions stop at the largest value.
using Rho = std::uint64_t;
inline constexpr unsigned kRhoBits = 40;

// rho of one noised update: B_0^2 / (2 sigma_c^2).
[[nodiscard]] Rho local_rho(const PrivacyTerms& terms);

// rho of client `index` in the sum of w_j u_j, for weights of the accepted clients. Proven with the
// noise of those whose weight equals its own, c_max of the others taken as dishonest: a change v
// of its coordinate is v = y_1 + ... + y_h in whole numbers, and moving the noise of h clients by y
// is the same sum, so rho <= (B_0^2 / h + d h / 4) / (2 sigma_c^2). Noise under other weights is
// not counted: the sum is then no longer close to a Gaussian on the integers. 0 for weight 0.
[[nodiscard]] Rho central_rho(const PrivacyTerms& terms, std::span<const std::uint32_t> weights,
                              std::size_t index, std::uint16_t malicious_max,
                              std::uint64_t dimension);

// epsilon in millionths, rounded up, at delta = 2^-delta_bits; 1/16 of delta is kept for updates
// that had to be shortened. Canonne, Kamath and Steinke 2020, proposition 12, over a fixed set of
// orders: any order gives a bound, the set costs less than 1 %.
[[nodiscard]] std::uint64_t epsilon_micros(Rho rho, std::uint8_t delta_bits);

// Largest rho whose epsilon is at most the given one.
[[nodiscard]] Rho rho_within(std::uint64_t epsilon_micros, std::uint8_t delta_bits);

// privacy/<task>/<organisation>: what a hospital has spent in one task; task 0: in all of them.
struct PrivacyRecord {
    std::uint32_t task{};
    std::uint32_t organisation{};
    std::uint8_t delta_bits{};      // of the task; of the smallest delta for task 0
    std::uint32_t rounds_opened{};  // statistics of its update began to open
    std::uint32_t rounds_summed{};  // its update was part of a sum that began to open
    std::uint64_t rho_local{};      // units of 2^-40
    std::uint64_t rho_central{};
    std::uint64_t epsilon_local_micros{};
    std::uint64_t epsilon_central_micros{};
    std::uint64_t last_round{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("organisation", self.organisation);
        visit("delta_bits", self.delta_bits);
        visit("rounds_opened", self.rounds_opened);
        visit("rounds_summed", self.rounds_summed);
        visit("rho_local", self.rho_local);
        visit("rho_central", self.rho_central);
        visit("epsilon_local_micros", self.epsilon_local_micros);
        visit("epsilon_central_micros", self.epsilon_central_micros);
        visit("last_round", self.last_round);
    }
    friend bool operator==(const PrivacyRecord&, const PrivacyRecord&) = default;
};

}  // namespace consilium::schema
