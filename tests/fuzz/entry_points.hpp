// Every decoder that reads bytes from outside, behind one shape, for fuzzing and for mutations.
//
// An entry point must survive any bytes: no crash, no CHECK, no undefined behaviour, no memory
// beyond its limits. What it accepts must encode back to the same bytes; that is a CHECK inside.
#pragma once
#include <string_view>
#include <vector>

#include "core/bytes.hpp"
#include "core/check.hpp"
#include "core/codec.hpp"
#include "tests/fuzz/filler.hpp"

namespace consilium::fuzz {

struct EntryPoint {
    std::string_view name;
    bool (*run)(ByteView data);            // true when the bytes were accepted
    Bytes (*make_sample)(Random& random);  // bytes that it usually accepts
};

// One family per wire: a fuzz target is built for each.
[[nodiscard]] const std::vector<EntryPoint>& core_entry_points();
[[nodiscard]] const std::vector<EntryPoint>& schema_entry_points();
[[nodiscard]] const std::vector<EntryPoint>& wire_entry_points();

template <typename T>
bool run_decoder(ByteView data) {
    const auto value = decode<T>(data);
    if (!value) return false;
    const Bytes again = encode(*value);
    CHECK(again.size() == data.size());
    CHECK(std::equal(again.begin(), again.end(), data.begin()));
    return true;
}

template <typename T>
[[nodiscard]] Bytes encode_sample(Random& random) {
    return encode(make_filled<T>(random));
}

template <typename T>
[[nodiscard]] EntryPoint decoder_of(std::string_view name) {
    return {name, run_decoder<T>, encode_sample<T>};
}

}  // namespace consilium::fuzz
