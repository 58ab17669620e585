// The place of the range proof within the benchmark: this version has none, and the report says so.
#pragma once
#include <span>
#include <vector>

#include "fl_engine/smpc/statistics.hpp"

namespace consilium::bench {

inline constexpr bool kHasRangeStage = false;

class RangeStage {
  public:
    RangeStage(std::uint64_t /*dimension*/, std::uint32_t /*norm_bits*/) {}
    [[nodiscard]] std::vector<smpc::Element> prove(
        const smpc::Kdf& /*kdf*/, const smpc::Committee& /*committee*/,
        std::span<const smpc::ClientMaskKey> /*ring*/,
        std::span<const smpc::Element> /*masked*/) const {
        return {};
    }
    [[nodiscard]] static bool all_pass(const smpc::Stat1Values& /*values*/) { return true; }
};

struct Stat1Work {
    const smpc::Kdf& kdf;
    const smpc::Committee& committee;
    smpc::MemberIndex self;
    std::span<const std::vector<smpc::ClientMaskKey>> rings;
    std::span<const std::vector<smpc::Element>> proofs;
};
inline std::vector<smpc::Element> stat1_with_range(const RangeStage& /*stage*/,
                                                   const smpc::StatShares& statistics,
                                                   std::span<const smpc::ClientShare> clients,
                                                   const Stat1Work& /*work*/) {
    return statistics.stat1(clients, {});
}

}  // namespace consilium::bench
