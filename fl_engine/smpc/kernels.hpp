// The inner loops over long vectors: inner products, Gram tiles, linear combinations of rows.
//
// Everything is exact modulo p = 2^61 - 1, so each instruction set gives the same words. Row words
// are below 2^61, p itself included (it stands for 0); results are canonical, below p. The choice
// of instructions is a pure function of the processor; tests pass it explicitly.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fl_engine/smpc/erasing.hpp"

namespace consilium::smpc {

enum class Instructions : std::uint8_t { kPortable, kAvx2, kAvx512 };
// Every set that this processor has, the fastest last; kPortable is always there.
[[nodiscard]] std::vector<Instructions> usable_instructions();
[[nodiscard]] Instructions best_instructions();  // the last of them

// Rows of one length, by their first elements; no alignment is asked for.
using RowPointers = std::span<const Element* const>;

// Positions of two rows whose product is wanted.
struct RowPair {
    std::uint32_t first{};
    std::uint32_t second{};
};

namespace kernels {
struct VectorKernels;
}

// Adds up inner products of pairs of rows, tile by tile: a Gram matrix in one pass over memory.
// Fastest when pairs with the same `first` stand together. Keeps 4 KiB a row as scratch memory.
class ProductSums {
  public:
    ProductSums(Instructions instructions, std::size_t rows, std::vector<RowPair> pairs);
    // The next `length` elements of every row.
    void add(RowPointers rows, std::size_t length);
    // One value per pair, in the order of the pairs.
    [[nodiscard]] std::vector<Element> values() const;

  private:
    const kernels::VectorKernels* vector_;  // nullptr: portable
    std::size_t rows_;
    std::vector<RowPair> pairs_;
    SecretElements sums_;     // per pair; their form belongs to the instruction set
    SecretElements scratch_;  // per row
};

namespace kernels {

[[nodiscard]] Element inner_product(Instructions instructions, std::span<const Element> a,
                                    std::span<const Element> b);

// out[x] = sum of coefficients[r] * (rows[r][x] mod 2^61), coefficients below p; any number of
// rows. Row words may be any 64-bit words: bits 61..63 are dropped. `out` may be one of the rows.
// Coefficients within 2^28 of 0 or p cost half.
void combine_rows(Instructions instructions, std::span<const Element> coefficients,
                  RowPointers rows, std::span<Element> out);

// The same with every coefficient 1.
void add_rows(Instructions instructions, RowPointers rows, std::span<Element> out);

}  // namespace kernels
}  // namespace consilium::smpc
