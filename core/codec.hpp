// The one canonical binary encoding: one byte string per value, one value per byte string.
//
// Grammar:
//   uN, iN          N/8 bytes, little-endian (two's complement)
//   bool            one byte, 0 or 1
//   enum            its underlying unsigned integer, a value for which is_known(e) holds
//   fixed bytes     Digest, PublicKey, Signature, std::array<uint8_t, N>: the bytes
//   string, bytes   u32 count, then the bytes; the count is at most the field's named limit
//   vector<T>       u32 count, then the elements; same limit rule
//   optional<T>     bool, then the value if true
//   struct          its fields in the order of describe(), nothing between them
//
// A struct describes itself once; encoding, decoding and rendering all follow that description:
//
//   struct Vote {
//       std::uint64_t proposal{};
//       Bytes note;
//       template <typename Self, typename Visitor>
//       static void describe(Self& self, Visitor& visit) {
//           visit("proposal", self.proposal);
//           visit("note", self.note, Limit{256});
//       }
//   };
//
// decode() refuses trailing bytes, unknown enum values, other bools than 0 and 1, and counts over
// the limit or over what the remaining bytes can hold, before anything is allocated.
#pragma once
#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/bytes.hpp"
#include "core/digest.hpp"
#include "core/result.hpp"
#include "core/signature.hpp"
#include "core/types.hpp"

namespace consilium {

struct Limit {
    std::size_t count;
};

namespace codec {

struct ProbeVisitor {
    template <typename... Args>
    void operator()(Args&&...) {}
};

template <typename T>
concept Described = requires(T& value, ProbeVisitor& probe) {
    T::describe(value, probe);
};

template <typename T>
struct IsFixedBytes : std::false_type {};
template <std::size_t N>
struct IsFixedBytes<std::array<std::uint8_t, N>> : std::true_type {};

template <typename T>
concept FixedBytes = IsFixedBytes<T>::value;
template <typename T>
concept WrappedBytes =
    std::same_as<T, Digest> || std::same_as<T, PublicKey> || std::same_as<T, Signature>;

template <typename T>
struct IsStrongInt : std::false_type {};
template <typename Tag, typename U>
struct IsStrongInt<StrongInt<Tag, U>> : std::true_type {};

class Writer {
  public:
    template <typename T>
    void operator()(const char* /*name*/, const T& value) {
        write(value);
    }
    template <typename T>
    void operator()(const char* /*name*/, const T& value, Limit limit) {
        write_counted(value, limit);
    }

    template <typename T>
    void write(const T& value) {
        if constexpr (std::same_as<T, bool>) {
            out_.push_back(value ? 1 : 0);
        } else if constexpr (std::integral<T>) {
            write_integer(static_cast<std::make_unsigned_t<T>>(value));
        } else if constexpr (std::is_enum_v<T>) {
            CHECK(is_known(value));
            write_integer(static_cast<std::make_unsigned_t<std::underlying_type_t<T>>>(value));
        } else if constexpr (IsStrongInt<T>::value) {
            write_integer(value.value);
        } else if constexpr (FixedBytes<T>) {
            out_.insert(out_.end(), value.begin(), value.end());
        } else if constexpr (WrappedBytes<T>) {
            out_.insert(out_.end(), value.bytes.begin(), value.bytes.end());
        } else {
            static_assert(Described<T>, "no canonical encoding; counted fields need a Limit");
            T::describe(value, *this);
        }
    }

    template <typename T>
    void write(const std::optional<T>& value) {
        write(value.has_value());
        if (value) write(*value);
    }

    template <typename T>
    void write_counted(const T& values, Limit limit) {
        CHECK(values.size() <= limit.count);
        write_integer(static_cast<std::uint32_t>(values.size()));
        if constexpr (std::same_as<T, Bytes> || std::same_as<T, std::string>) {
            out_.insert(out_.end(), values.begin(), values.end());
        } else {
            for (const auto& value : values) write(value);
        }
    }

    void write_raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    [[nodiscard]] Bytes take() && { return std::move(out_); }

  private:
    template <std::unsigned_integral U>
    void write_integer(U value) {
        for (std::size_t i = 0; i < sizeof(U); ++i) {
            out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        }
    }

    Bytes out_;
};

// Reads fields until the first error; after it every read leaves its target unchanged.
class Reader {
  public:
    explicit Reader(ByteView data) : data_(data), remaining_(data) {}

    template <typename T>
    void operator()(const char* name, T& value) {
        field_ = name;
        read(value);
    }
    template <typename T>
    void operator()(const char* name, T& value, Limit limit) {
        field_ = name;
        read_counted(value, limit);
    }

    template <typename T>
    void read(T& value) {
        if (error_) return;
        if constexpr (std::same_as<T, bool>) {
            std::uint8_t byte = 0;
            read_integer(byte);
            if (byte > 1) return fail(ErrorCode::kMalformed, "a bool is 0 or 1");
            value = byte == 1;
        } else if constexpr (std::integral<T>) {
            std::make_unsigned_t<T> raw{};
            read_integer(raw);
            value = static_cast<T>(raw);
        } else if constexpr (std::is_enum_v<T>) {
            std::make_unsigned_t<std::underlying_type_t<T>> raw{};
            read_integer(raw);
            if (error_) return;
            const T candidate = static_cast<T>(raw);
            if (!is_known(candidate)) return fail(ErrorCode::kMalformed, "unknown enum value");
            value = candidate;
        } else if constexpr (IsStrongInt<T>::value) {
            read_integer(value.value);
        } else if constexpr (FixedBytes<T>) {
            read_fixed(value.data(), value.size());
        } else if constexpr (WrappedBytes<T>) {
            read_fixed(value.bytes.data(), value.bytes.size());
        } else {
            static_assert(Described<T>, "no canonical encoding; counted fields need a Limit");
            T::describe(value, *this);
        }
    }

    template <typename T>
    void read(std::optional<T>& value) {
        bool present = false;
        read(present);
        if (error_ || !present) {
            value.reset();
            return;
        }
        read(value.emplace());
    }

    template <typename T>
    void read_counted(T& values, Limit limit) {
        std::uint32_t count = 0;
        read_integer(count);
        if (error_) return;
        if (count > limit.count) return fail(ErrorCode::kLimitExceeded, "count over the limit");
        if (count > remaining_.size()) return fail(ErrorCode::kMalformed, "count over the length");
        values.clear();
        if constexpr (std::same_as<T, Bytes> || std::same_as<T, std::string>) {
            values.assign(remaining_.begin(), remaining_.begin() + count);
            remaining_ = remaining_.subspan(count);
        } else {
            for (std::uint32_t i = 0; i < count && !error_; ++i) {
                read(values.emplace_back());
            }
        }
    }

    // For rules between fields: the first call decides the error of the whole decode.
    void fail(ErrorCode code, const char* why);
    [[nodiscard]] bool has_failed() const { return error_.has_value(); }
    [[nodiscard]] std::size_t remaining() const { return remaining_.size(); }
    [[nodiscard]] std::size_t consumed() const { return data_.size() - remaining_.size(); }
    // The error of the first failed read, or that bytes are left over.
    [[nodiscard]] std::optional<Error> finish();

  private:
    template <std::unsigned_integral U>
    void read_integer(U& value) {
        if (error_) return;
        if (remaining_.size() < sizeof(U)) return fail(ErrorCode::kMalformed, "bytes end early");
        std::uint64_t assembled = 0;
        for (std::size_t i = 0; i < sizeof(U); ++i) {
            assembled |= static_cast<std::uint64_t>(remaining_[i]) << (8 * i);
        }
        value = static_cast<U>(assembled);
        remaining_ = remaining_.subspan(sizeof(U));
    }
    void read_fixed(std::uint8_t* out, std::size_t size);

    ByteView data_;
    ByteView remaining_;
    const char* field_ = "";
    std::optional<Error> error_;
};

}  // namespace codec

template <typename T>
[[nodiscard]] Bytes encode(const T& value) {
    codec::Writer writer;
    writer.write(value);
    return std::move(writer).take();
}

// The value whose canonical encoding is exactly `data`.
template <typename T>
[[nodiscard]] Result<T> decode(ByteView data) {
    codec::Reader reader(data);
    T value{};
    reader.read(value);
    if (auto error = reader.finish()) return tl::unexpected(std::move(*error));
    return value;
}

}  // namespace consilium
