// A seeded stream of pseudo-random numbers that is the same with every standard library.
//
// xoshiro256** seeded through splitmix64; the samplers are written here because the standard
// ones differ between libraries. For experiments, shuffling and training only: nothing here is
// fit for keys, masks or noise that must protect somebody.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace consilium::fl {

// A seed for one purpose, independent of the seeds of other purposes and other numbers.
[[nodiscard]] std::uint64_t derive_seed(std::string_view purpose,
                                        std::initializer_list<std::uint64_t> numbers);

class RandomStream {
  public:
    explicit RandomStream(std::uint64_t seed);

    [[nodiscard]] std::uint64_t next();
    // Uniform in [0, bound); bound > 0. Without bias.
    [[nodiscard]] std::uint64_t below(std::uint64_t bound);
    // Uniform in [0, 1), 53 bits.
    [[nodiscard]] double uniform();
    // Standard normal (Box and Muller).
    [[nodiscard]] double normal();
    // Gamma with scale 1; shape > 0 (Marsaglia and Tsang, 2000).
    [[nodiscard]] double gamma(double shape);
    void shuffle(std::span<std::size_t> items);

  private:
    std::array<std::uint64_t, 4> state_{};
};

}  // namespace consilium::fl
