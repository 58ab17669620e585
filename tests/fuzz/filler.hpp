// Makes values of any described type from a seed: the samples that mutations start from.
//
// Follows the type's own description (core/codec.hpp), so a new field is filled without work here.
// Enums get known values only; lists get up to three elements, byte strings up to forty bytes.
#pragma once
#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "core/codec.hpp"

namespace consilium::fuzz {

// SplitMix64: small, seeded, the same on every machine.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    [[nodiscard]] std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
        return mixed ^ (mixed >> 31);
    }
    [[nodiscard]] std::size_t below(std::size_t bound) {
        return static_cast<std::size_t>(next() % bound);
    }

  private:
    std::uint64_t state_;
};

class Filler {
  public:
    explicit Filler(Random& random) : random_(random) {}

    template <typename T>
    void operator()(const char* /*name*/, T& value) {
        fill(value);
    }
    template <typename T>
    void operator()(const char* /*name*/, T& values, Limit limit) {
        const std::size_t most =
            std::same_as<typename T::value_type, std::uint8_t> || std::same_as<T, std::string> ? 40
                                                                                               : 3;
        values.resize(random_.below(std::min(limit.count, most) + 1));
        for (auto& value : values) fill(value);
    }

    template <typename T>
    void fill(T& value) {
        if constexpr (std::same_as<T, bool>) {
            value = random_.below(2) == 1;
        } else if constexpr (std::integral<T>) {
            // Small numbers often: they are the ones that pass bounds.
            const std::uint64_t word = random_.next();
            value = static_cast<T>(random_.below(2) == 0 ? word % 8 : word);
        } else if constexpr (std::is_enum_v<T>) {
            fill_enum(value);
        } else if constexpr (codec::IsStrongInt<T>::value) {
            fill(value.value);
        } else if constexpr (codec::FixedBytes<T>) {
            for (auto& byte : value) fill(byte);
        } else if constexpr (codec::WrappedBytes<T>) {
            for (auto& byte : value.bytes) fill(byte);
        } else {
            T::describe(value, *this);
        }
    }
    template <typename T>
    void fill(std::optional<T>& value) {
        value.reset();
        if (random_.below(2) == 1) fill(value.emplace());
    }

  private:
    template <typename T>
    void fill_enum(T& value) {
        using Number = std::make_unsigned_t<std::underlying_type_t<T>>;
        constexpr std::size_t kTries = 1000;  // known values are small numbers, and few
        for (std::size_t i = 0; i < kTries; ++i) {
            value = static_cast<T>(static_cast<Number>(random_.below(i < kTries / 2 ? 16 : 65536)));
            if (is_known(value)) return;
        }
    }

    Random& random_;
};

template <typename T>
[[nodiscard]] T make_filled(Random& random) {
    T value{};
    Filler(random).fill(value);
    return value;
}

}  // namespace consilium::fuzz
