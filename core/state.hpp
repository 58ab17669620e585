// Reading the key-value state of the chain, and the writes of one block.
#pragma once
#include <map>
#include <optional>

#include "core/bytes.hpp"

namespace consilium {

inline constexpr std::size_t kMaxStateKeyBytes = 128;

// Writes by key; nullopt deletes. Ordered, so that every node walks them alike.
using StateWrites = std::map<Bytes, std::optional<Bytes>>;

class StateReader {
  public:
    StateReader() = default;
    StateReader(const StateReader&) = default;
    StateReader& operator=(const StateReader&) = default;
    StateReader(StateReader&&) = default;
    StateReader& operator=(StateReader&&) = default;
    virtual ~StateReader() = default;

    [[nodiscard]] virtual std::optional<Bytes> get(ByteView key) const = 0;
};

}  // namespace consilium
