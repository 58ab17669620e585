// What every part of the worker works with during one step.
#pragma once
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/schema/dispute_records.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "core/codec.hpp"
#include "fl_engine/smpc/committee.hpp"
#include "fl_engine/smpc/kdf.hpp"
#include "node/mpc/worker.hpp"

namespace consilium::mpc {

struct Context {
    const WorkerOptions& options;
    SecretStore& secrets;
    BlobSource& blobs;
    const StateReader& state;
    const smpc::Kdf& kdf;
    const schema::EpochRecord& epoch;
    const smpc::Committee& committee;
    smpc::MemberIndex self{};
    WorkerStatus& status;
    std::vector<Outgoing>& owed;

    // nullopt: absent, or not this record (the latter cannot be in a state we executed).
    template <typename T>
    [[nodiscard]] std::optional<T> find(const Bytes& key) const {
        const auto bytes = state.get(key);
        if (!bytes) return std::nullopt;
        auto record = decode<T>(*bytes);
        if (!record) return std::nullopt;
        return std::move(*record);
    }
    void refuse(std::string why) const {
        ++status.refusals;
        status.last_problem = std::move(why);
    }
    [[nodiscard]] bool is_mine(schema::MemberSet set) const {
        return (set & schema::member_bit(self)) != 0;
    }
};

[[nodiscard]] inline std::string epoch_name(std::uint64_t mpc_epoch) {
    return "epoch-" + std::to_string(mpc_epoch);
}
// Of the record that EpochKeys holds.
[[nodiscard]] inline std::string epoch_keys_name(const Context& context) {
    return epoch_name(context.epoch.mpc_epoch) + "/keys";
}
// The number that follows `prefix` in a name: 12 for "epoch-12/keys" after "epoch-".
[[nodiscard]] inline std::optional<std::uint64_t> number_after(std::string_view name,
                                                               std::string_view prefix) {
    if (!name.starts_with(prefix)) return std::nullopt;
    const char* const end = name.data() + name.size();
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(name.data() + prefix.size(), end, number);
    if (parsed.ec != std::errc{}) return std::nullopt;
    return number;
}
// The secret of that name, nullopt when there is none; any other error of the store is an error.
[[nodiscard]] inline Result<std::optional<SecretBytes>> find_secret(SecretStore& secrets,
                                                                    const std::string& name) {
    auto found = secrets.get(name);
    if (found) return std::optional<SecretBytes>(std::move(*found));
    if (found.error().code == ErrorCode::kNotFound) return std::optional<SecretBytes>();
    return tl::unexpected(found.error());
}

}  // namespace consilium::mpc
