// The libFuzzer target of one family of entry points; the first input byte chooses among them.
//
// CONSILIUM_FUZZ_FAMILY names the family's function and comes from the build.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/entry_points.hpp"

// The name and form are libFuzzer's.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto& entries = consilium::fuzz::CONSILIUM_FUZZ_FAMILY();
    if (size == 0) return 0;
    (void)entries[data[0] % entries.size()].run(consilium::ByteView(data, size).subspan(1));
    return 0;
}
