// Vectors that are erased before their memory is given back; they start at cache lines.
#pragma once
#include <cstddef>
#include <new>
#include <vector>

#include "core/secret.hpp"
#include "fl_engine/smpc/field61.hpp"

namespace consilium::smpc {

// Frees memory only after erasing it: mask words and shares of masks are secrets.
template <typename T>
struct ErasingAllocator {
    using value_type = T;
    static constexpr std::align_val_t kAlignment{64};  // no vector load crosses a line

    ErasingAllocator() = default;
    template <typename U>
    // NOLINTNEXTLINE(google-explicit-constructor): containers convert allocators
    ErasingAllocator(const ErasingAllocator<U>& /*other*/) {}
    [[nodiscard]] T* allocate(std::size_t count) {
        static_assert(alignof(T) <= static_cast<std::size_t>(kAlignment));
        CHECK(count <= static_cast<std::size_t>(-1) / sizeof(T));
        return static_cast<T*>(::operator new(count * sizeof(T), kAlignment));
    }
    void deallocate(T* data, std::size_t count) noexcept {
        erase_memory(data, count * sizeof(T));
        ::operator delete(data, kAlignment);
    }
    friend bool operator==(const ErasingAllocator&, const ErasingAllocator&) { return true; }
};
using SecretElements = std::vector<Element, ErasingAllocator<Element>>;

}  // namespace consilium::smpc
