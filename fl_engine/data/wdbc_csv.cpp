// Embeds the Wisconsin Diagnostic Breast Cancer file in the library, byte by byte.
//
// The assembler copies it (the build passes the repository root as its include path): a string
// literal of this size is beyond what C++ compilers must accept.
#include <string_view>

#include "fl_engine/data/source.hpp"

asm(R"(
    .pushsection .rodata
    .balign 8
    .globl consilium_wdbc_csv_begin
consilium_wdbc_csv_begin:
    .incbin "fl_engine/data/wdbc/breast_cancer.csv"
    .globl consilium_wdbc_csv_end
consilium_wdbc_csv_end:
    .byte 0
    .popsection
)");

extern "C" {
extern const char consilium_wdbc_csv_begin[];  // NOLINT(*-avoid-c-arrays): an assembler label
extern const char consilium_wdbc_csv_end[];    // NOLINT(*-avoid-c-arrays): an assembler label
}

namespace consilium::fl {

std::string_view wdbc_csv() {
    return {static_cast<const char*>(consilium_wdbc_csv_begin),
            static_cast<const char*>(consilium_wdbc_csv_end)};
}

}  // namespace consilium::fl
