// The sites of a training, honest and attacking: from the global model to one update each.
//
// Shared by the plaintext laboratory and its sample through the whole protocol.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "fl_engine/attacks/collusion.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "tests/lab/setting.hpp"

namespace consilium::lab {

struct RoundContext {
    std::uint32_t round = 0;
    std::span<const std::int64_t> model;
    fl::EncodingParameters encoding;
};

class Participants {
  public:
    // Attackers: sites, ascending. They train on their poisoned data.
    Participants(const Consortium& consortium, fl::Collusion attack,
                 std::vector<std::size_t> attackers, std::uint64_t seed);

    // Weight of the attackers as a share of the sum for these updates of all sites.
    using Preview = std::function<double(const std::vector<fl::IntegerUpdate>& updates)>;
    // One encoded update per site; rounds in order. Without attackers' sites when they are absent.
    [[nodiscard]] Result<std::vector<fl::IntegerUpdate>> make_updates(const RoundContext& context,
                                                                      const Preview& preview);
    // The update that the reference records give, by the trainer of the chain validators.
    [[nodiscard]] Result<fl::IntegerUpdate> make_reference(const RoundContext& context) const;

    [[nodiscard]] bool is_attacker(std::size_t site) const;

  private:
    [[nodiscard]] Result<fl::RealUpdate> train(const fl::Dataset& data, std::uint64_t owner,
                                               const RoundContext& context) const;

    const Consortium& consortium_;
    std::vector<std::size_t> attackers_;
    std::uint64_t seed_;
    std::vector<fl::Dataset> poisoned_;             // per attacker
    std::vector<std::int64_t> reference_features_;  // units of 2^-32, as a reference set has them
    fl::Conspiracy conspiracy_;
    fl::IntegerModel last_model_;
};

// C of the first round: twice the lower median norm of the honest sites' first updates.
[[nodiscard]] Result<std::uint64_t> first_clip(const Consortium& consortium,
                                               std::span<const std::size_t> attackers,
                                               std::span<const std::int64_t> model,
                                               std::uint64_t seed);

}  // namespace consilium::lab
