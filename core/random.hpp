// Randomness for cryptography, from the operating system.
#pragma once
#include <cstdint>
#include <span>

namespace consilium {

// Fills `out` from getrandom(2); stops the process when the system has none to give.
void fill_random(std::span<std::uint8_t> out);

}  // namespace consilium
