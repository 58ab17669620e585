// Typed reading and writing of the state, in two layers: the block's writes and one transaction's.
//
// A refused transaction is rolled back, so it writes nothing. Records that stand in the state were
// written by these contracts: one that does not decode is a CHECK.
#pragma once
#include <optional>
#include <utility>

#include "core/check.hpp"
#include "core/codec.hpp"
#include "core/state.hpp"

namespace consilium::contracts {

class StateView {
  public:
    explicit StateView(const StateReader& base) : base_(base) {}

    template <typename T>
    [[nodiscard]] std::optional<T> find(const Bytes& key) const {
        const std::optional<Bytes> value = get(key);
        if (!value) return std::nullopt;
        auto record = decode<T>(*value);
        CHECK(record.has_value());
        return std::move(*record);
    }
    // For records that genesis or an earlier step has written for certain.
    template <typename T>
    [[nodiscard]] T load(const Bytes& key) const {
        auto record = find<T>(key);
        CHECK(record.has_value());
        return std::move(*record);
    }
    [[nodiscard]] bool contains(const Bytes& key) const { return get(key).has_value(); }

    template <typename T>
    void store(const Bytes& key, const T& record) {
        CHECK(key.size() <= kMaxStateKeyBytes);
        pending_[key] = encode(record);
    }
    void erase(const Bytes& key) {
        if (contains(key)) pending_[key] = std::nullopt;
    }

    void commit();     // the pending writes belong to the block from now on
    void roll_back();  // forgets the pending writes
    // The block's writes; whatever equals the base is left out.
    [[nodiscard]] StateWrites take() &&;

  private:
    [[nodiscard]] std::optional<Bytes> get(const Bytes& key) const;

    const StateReader& base_;
    StateWrites block_;
    StateWrites pending_;
};

}  // namespace consilium::contracts
