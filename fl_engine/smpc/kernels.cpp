// Portable forms of the kernels, in 128-bit integers, and the choice between the forms.
#include "fl_engine/smpc/kernels.hpp"

#include <algorithm>

#include "core/secret.hpp"
#include "fl_engine/smpc/kernels_vector.hpp"

namespace consilium::smpc {
namespace {

constexpr std::size_t kFoldTerms = 32;  // 32 products below 2^122 stay below 2^127
constexpr std::size_t kBlock = 512;     // elements that stay in the first-level cache

Element portable_inner_product(const Element* a, const Element* b, std::size_t length) {
    Uint128 total = 0;  // sum of folded blocks, each below 2^61
    for (std::size_t x = 0; x < length;) {
        Uint128 block = 0;
        const std::size_t end = x + std::min(kFoldTerms, length - x);
        for (; x < end; ++x) block += static_cast<Uint128>(a[x]) * b[x];
        total += Field61::reduce(block);
    }
    return Field61::reduce(total);
}

void portable_products(RowPointers rows, std::size_t length, std::span<const RowPair> pairs,
                       std::span<Element> sums) {
    for (std::size_t start = 0; start < length; start += kBlock) {
        const std::size_t size = std::min(kBlock, length - start);
        for (std::size_t q = 0; q < pairs.size(); ++q) {
            const Element product = portable_inner_product(rows[pairs[q].first] + start,
                                                           rows[pairs[q].second] + start, size);
            sums[q] = Field61::add(sums[q], product);
        }
    }
}

void portable_combine(std::span<const Element> coefficients, RowPointers rows, std::size_t start,
                      std::span<Element> out) {
    std::array<Uint128, kBlock> sums;
    for (; start < out.size(); start += kBlock) {
        const std::size_t size = std::min(kBlock, out.size() - start);
        std::fill_n(sums.begin(), size, Uint128{0});
        for (std::size_t r = 0; r < rows.size(); ++r) {
            if (r != 0 && r % kFoldTerms == 0) {
                for (std::size_t x = 0; x < size; ++x) sums[x] = Field61::reduce(sums[x]);
            }
            const Element* const row = rows[r] + start;
            for (std::size_t x = 0; x < size; ++x) {
                sums[x] += static_cast<Uint128>(row[x] & kPrime61) * coefficients[r];
            }
        }
        for (std::size_t x = 0; x < size; ++x) out[start + x] = Field61::reduce(sums[x]);
    }
    erase_memory(sums.data(), sizeof sums);
}

void portable_add(RowPointers rows, std::size_t start, std::span<Element> out) {
    for (std::size_t x = start; x < out.size(); ++x) {
        Uint128 sum = 0;
        for (const Element* const row : rows) sum += row[x] & kPrime61;
        out[x] = Field61::reduce(sum);
    }
}

// nullptr: portable.
const kernels::VectorKernels* vector_kernels([[maybe_unused]] Instructions instructions) {
#ifdef __x86_64__
    if (instructions == Instructions::kAvx2) return &kernels::avx2_kernels();
    if (instructions == Instructions::kAvx512) return &kernels::avx512_kernels();
#endif
    CHECK(instructions == Instructions::kPortable);
    return nullptr;
}

// The elements that a vector form takes; the portable form does the rest.
std::size_t vector_part(const kernels::VectorKernels* vector, std::size_t length) {
    return vector == nullptr ? 0 : length - length % kernels::kVectorStep;
}

}  // namespace

std::vector<Instructions> usable_instructions() {
    std::vector<Instructions> usable{Instructions::kPortable};
#ifdef __x86_64__
    // The library function asks the operating system too whether it keeps the registers.
    if (__builtin_cpu_supports("avx2") != 0) usable.push_back(Instructions::kAvx2);
    if (__builtin_cpu_supports("avx512f") != 0) usable.push_back(Instructions::kAvx512);
#endif
    return usable;
}

Instructions best_instructions() {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") != 0) return Instructions::kAvx512;
    if (__builtin_cpu_supports("avx2") != 0) return Instructions::kAvx2;
#endif
    return Instructions::kPortable;
}

ProductSums::ProductSums(Instructions instructions, std::size_t rows, std::vector<RowPair> pairs)
    : vector_(vector_kernels(instructions)), rows_(rows), pairs_(std::move(pairs)) {
    for (const RowPair& pair : pairs_) CHECK(pair.first < rows && pair.second < rows);
    sums_.assign(pairs_.size() * (vector_ == nullptr ? 1 : vector_->sum_words), 0);
    if (vector_ != nullptr) scratch_.assign(rows * kernels::kScratchWords, 0);
}

void ProductSums::add(RowPointers rows, std::size_t length) {
    CHECK(rows.size() == rows_);
    if (vector_ != nullptr) {
        vector_->add_products(rows, length, pairs_, scratch_, sums_);
    } else {
        portable_products(rows, length, pairs_, sums_);
    }
}

std::vector<Element> ProductSums::values() const {
    if (vector_ == nullptr) return {sums_.begin(), sums_.end()};
    std::vector<Element> products;
    for (std::size_t q = 0; q < pairs_.size(); ++q) {
        products.push_back(vector_->product_of_sums(sums_.data() + q * vector_->sum_words));
    }
    return products;
}

namespace kernels {

Element inner_product(Instructions instructions, std::span<const Element> a,
                      std::span<const Element> b) {
    CHECK(a.size() == b.size());
    const VectorKernels* const vector = vector_kernels(instructions);
    if (vector != nullptr) return vector->inner_product(a, b);
    return portable_inner_product(a.data(), b.data(), a.size());
}

void combine_rows(Instructions instructions, std::span<const Element> coefficients,
                  RowPointers rows, std::span<Element> out) {
    CHECK(coefficients.size() == rows.size());
    const VectorKernels* const vector = vector_kernels(instructions);
    const std::size_t start = vector_part(vector, out.size());
    if (start != 0) vector->combine_rows(coefficients, rows, out.first(start));
    if (start != out.size()) portable_combine(coefficients, rows, start, out);
}

void add_rows(Instructions instructions, RowPointers rows, std::span<Element> out) {
    const VectorKernels* const vector = vector_kernels(instructions);
    const std::size_t start = vector_part(vector, out.size());
    if (start != 0) vector->add_rows(rows, out.first(start));
    portable_add(rows, start, out);
}

}  // namespace kernels
}  // namespace consilium::smpc
