// What a simulated trainer keeps in its vault, and under which names.
#pragma once
#include <string>

#include "contracts/schema/arguments.hpp"
#include "tests/simulation/mpc/secret_disk.hpp"

namespace consilium::simulation::vault {

[[nodiscard]] inline std::string epoch_name(std::uint64_t mpc_epoch) {
    return "epoch-" + std::to_string(mpc_epoch);
}
[[nodiscard]] inline std::string transport_name(std::uint64_t mpc_epoch) {
    return epoch_name(mpc_epoch) + "/transport";
}
[[nodiscard]] inline std::string chains_name(std::uint64_t mpc_epoch) {
    return epoch_name(mpc_epoch) + "/chains";
}
// The mask keys of the batch, for the range proof.
[[nodiscard]] inline std::string ring_name(const schema::RoundLabel& label) {
    return epoch_name(label.mpc_epoch) + "/ring-" + std::to_string(label.batch);
}
[[nodiscard]] inline std::string update_name(const schema::RoundLabel& label) {
    return epoch_name(label.mpc_epoch) + "/update-" + std::to_string(label.batch);
}
[[nodiscard]] inline std::string range_name(const schema::RoundLabel& label) {
    return epoch_name(label.mpc_epoch) + "/range-" + std::to_string(label.batch);
}

// In a simulation the vault fails by a crash only.
inline void put(SecretDisk& disk, const std::string& name, ByteView secret) {
    CHECK(disk.put(name, secret).has_value());
}

}  // namespace consilium::simulation::vault
