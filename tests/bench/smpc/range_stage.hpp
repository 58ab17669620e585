// The range proof within the benchmark: what a client and a validator do for it in one round.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "core/digest.hpp"
#include "fl_engine/smpc/range_check.hpp"
#include "fl_engine/smpc/range_proof.hpp"
#include "fl_engine/smpc/statistics.hpp"

namespace consilium::bench {

inline constexpr bool kHasRangeStage = true;

class RangeStage {
  public:
    RangeStage(std::uint64_t dimension, std::uint32_t norm_bits)
        : shape_(smpc::range_shape(dimension, norm_bits)) {
        if (!shape_.is_small()) seed_r_ = sha256(as_bytes("seed R"));
    }
    // The RANGE blob of a pledged update.
    [[nodiscard]] std::vector<smpc::Element> prove(const smpc::Kdf& kdf,
                                                   const smpc::Committee& committee,
                                                   std::span<const smpc::ClientMaskKey> ring,
                                                   std::span<const smpc::Element> masked) const {
        return smpc::make_range_proof(kdf, committee, ring, {shape_, seed_r_}, masked).value();
    }
    // A validator's weights of the round; every validator computes its own.
    [[nodiscard]] smpc::RangeVerifier make_verifier() const {
        return {shape_, seed_r_, sha256(as_bytes("seed T"))};
    }
    [[nodiscard]] static bool all_pass(const smpc::Stat1Values& values) {
        for (const bool is_in_range : values.is_in_range) {
            if (!is_in_range) return false;
        }
        return true;
    }

  private:
    smpc::RangeShape shape_;
    std::optional<Digest> seed_r_;
};

// STAT1 of one validator, the shares of the proofs included.
struct Stat1Work {
    const smpc::Kdf& kdf;
    const smpc::Committee& committee;
    smpc::MemberIndex self;
    std::span<const std::vector<smpc::ClientMaskKey>> rings;  // per client
    std::span<const std::vector<smpc::Element>> proofs;       // per client
};
inline std::vector<smpc::Element> stat1_with_range(const RangeStage& stage,
                                                   const smpc::StatShares& statistics,
                                                   std::span<const smpc::ClientShare> clients,
                                                   const Stat1Work& work) {
    const smpc::RangeVerifier verifier = stage.make_verifier();
    std::vector<smpc::RangeShares> shares;
    for (std::size_t i = 0; i < clients.size(); ++i) {
        const smpc::SecretElements message = smpc::range_message_share(
            work.kdf, work.committee, work.self, work.rings[i], work.proofs[i]);
        shares.push_back(verifier.evaluate(clients[i].values, message));
    }
    return statistics.stat1(clients, shares, {});
}

}  // namespace consilium::bench
