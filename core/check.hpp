// Assertions that are always on: a failed CHECK stops the process.
//
// CHECK states what must hold whoever attacks us. Outside input never reaches one: it is
// validated first and refused with a Result.
#pragma once

namespace consilium {

// Prints where and what failed to stderr (no values: they may be secret), then aborts.
[[noreturn]] void fail_check(const char* file, int line, const char* condition) noexcept;

}  // namespace consilium

// NOLINTBEGIN(cppcoreguidelines-macro-usage): needs the source line and text of the condition
#define CHECK(condition)                                             \
    do {                                                             \
        if (!(condition)) {                                          \
            ::consilium::fail_check(__FILE__, __LINE__, #condition); \
        }                                                            \
    } while (false)
#define UNREACHABLE() ::consilium::fail_check(__FILE__, __LINE__, "unreachable")
// NOLINTEND(cppcoreguidelines-macro-usage)
