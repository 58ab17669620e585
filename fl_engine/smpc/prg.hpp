// Pseudo-random streams: AES-256-CTR with IV 0, read as 64-bit little-endian words.
//
// PRG(key, domain) and EXPAND(seed) of smpc-protocol.md, section 2. A stream is read in order and
// never repeats a word. Movable, not copyable.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "core/digest.hpp"
#include "fl_engine/smpc/field61.hpp"
#include "fl_engine/smpc/kdf.hpp"

namespace consilium::smpc {

enum class PrgDomain : std::uint64_t {
    kUpdateMask = 1,  // d elements
    kRangeMask = 2,   // mask of the range proof
    kRho = 3,         // PRSS of a batch
    kZeta = 4,        // PRZS of a batch
    kBlur = 5,        // raw words
    kCoin = 6,
    kDither = 7,      // raw words
    kRangePoint = 8,  // F_0 of the range proof
};

class Prg {
  public:
    // `first_word`: where to begin, an even number.
    Prg(const Kdf& kdf, const Secret32& key, PrgDomain domain, std::uint64_t first_word = 0);
    // EXPAND(seed) for public seeds.
    [[nodiscard]] static Prg expand(const Digest& seed);

    Prg(Prg&&) noexcept;
    Prg& operator=(Prg&&) noexcept;
    Prg(const Prg&) = delete;
    Prg& operator=(const Prg&) = delete;
    ~Prg();

    // The next words as they come (blur, dither).
    void fill_words(std::span<std::uint64_t> out);
    // The next words as field elements.
    void fill_elements(std::span<Element> out);

  private:
    struct State;
    explicit Prg(std::span<const std::uint8_t, kKeyBytes> aes_key, std::uint64_t first_word = 0);
    std::unique_ptr<State> state_;
};

}  // namespace consilium::smpc
