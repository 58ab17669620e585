// Prints a failed assertion and stops the process.
#include "core/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace consilium {

void fail_check(const char* file, int line, const char* condition) noexcept {
    (void)std::fprintf(stderr, "CHECK failed at %s:%d: %s\n", file, line, condition);
    std::abort();
}

}  // namespace consilium
