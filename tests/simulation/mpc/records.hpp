// Reading the records of the secure computation from a state.
#pragma once
#include <optional>

#include "contracts/schema/keys.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "core/state.hpp"
#include "fl_engine/smpc/committee.hpp"

namespace consilium::simulation {

template <typename T>
[[nodiscard]] std::optional<T> read_record(const StateReader& state, const Bytes& key) {
    const auto bytes = state.get(key);
    if (!bytes) return std::nullopt;
    return decode<T>(*bytes).value();
}

[[nodiscard]] inline std::optional<schema::EpochRecord> current_epoch(const StateReader& state) {
    const auto mpc = read_record<schema::MpcRecord>(state, schema::keys::mpc());
    if (!mpc || !mpc->current) return std::nullopt;
    return read_record<schema::EpochRecord>(state, schema::keys::epoch(*mpc->current));
}

[[nodiscard]] inline std::optional<schema::RoundRecord> current_round(const StateReader& state) {
    const auto rounds = read_record<schema::RoundsRecord>(state, schema::keys::rounds());
    if (!rounds || !rounds->current) return std::nullopt;
    return read_record<schema::RoundRecord>(state, schema::keys::round(*rounds->current));
}

[[nodiscard]] inline smpc::Committee committee_of(const schema::EpochRecord& epoch) {
    return smpc::Committee::make(static_cast<std::uint32_t>(epoch.members.size())).value();
}

}  // namespace consilium::simulation
