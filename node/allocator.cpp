// The settings as glibc takes them, mallopt(3).
#include "node/allocator.hpp"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace consilium::node {

void bound_allocator() {
#ifdef __GLIBC__
    constexpr int kMappedBytes = 128 * 1024;
    constexpr int kArenas = 2;
    // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread yet
    (void)mallopt(M_MMAP_THRESHOLD, kMappedBytes);
    (void)mallopt(M_TRIM_THRESHOLD, kMappedBytes);
    (void)mallopt(M_ARENA_MAX, kArenas);
    // NOLINTEND(concurrency-mt-unsafe)
#endif
}

}  // namespace consilium::node
