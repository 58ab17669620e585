// getrandom(2), called until the buffer is full.
#include "core/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstddef>

#include "core/check.hpp"

namespace consilium {

void fill_random(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        const ssize_t got = getrandom(out.data(), out.size(), 0);
        if (got < 0) {
            CHECK(errno == EINTR);
            continue;
        }
        out = out.subspan(static_cast<std::size_t>(got));
    }
}

}  // namespace consilium
