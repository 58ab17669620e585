// Sealed files by epoch and batch.
#include "fl_engine/trainer/vault.hpp"

#include <charconv>
#include <filesystem>

#include "fl_engine/smpc/secret_codec.hpp"

namespace consilium::trainer {
namespace {

// Belong to no epoch and are never erased.
constexpr const char* kAccountName = "privacy-account";
constexpr const char* kSpentName = "spent-updates";

std::string transport_name(std::uint64_t mpc_epoch) {
    return "epoch-" + std::to_string(mpc_epoch) + "-transport";
}
std::string chains_name(std::uint64_t mpc_epoch) {
    return "epoch-" + std::to_string(mpc_epoch) + "-chains";
}
std::string update_prefix(std::uint64_t mpc_epoch) {
    return "epoch-" + std::to_string(mpc_epoch) + "-update-";
}
std::string ring_prefix(std::uint64_t mpc_epoch) {
    return "epoch-" + std::to_string(mpc_epoch) + "-masks-";
}
std::string proof_prefix(std::uint64_t mpc_epoch) {
    return "epoch-" + std::to_string(mpc_epoch) + "-range-";
}
// The number that is all of `name` after `prefix`.
std::optional<std::uint64_t> number_behind(const std::string& name, const std::string& prefix) {
    if (!name.starts_with(prefix)) return std::nullopt;
    const char* const end = name.data() + name.size();
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(name.data() + prefix.size(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return number;
}

}  // namespace

Result<Vault> Vault::open(std::string folder, const KeyPair& account) {
    if (auto made = keystore::make_secret_directory(folder); !made) {
        return tl::unexpected(made.error());
    }
    return Vault(std::move(folder),
                 keystore::SealingKey::derive(account, "consilium trainer secrets"));
}

Result<std::optional<SecretBytes>> Vault::read(const std::string& name) {
    auto opened = key_.open_file(path_of(name));
    if (opened) return std::optional<SecretBytes>(std::move(*opened));
    if (opened.error().code == ErrorCode::kNotFound) return std::optional<SecretBytes>();
    return tl::unexpected(opened.error());
}

Result<void> Vault::write(const std::string& name, ByteView secret) {
    return key_.seal_file(path_of(name), secret, keystore::WriteMode::kReplace);
}

Result<std::optional<smpc::Secret32>> Vault::transport_key(std::uint64_t mpc_epoch) {
    auto found = read(transport_name(mpc_epoch));
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::optional<smpc::Secret32>();
    smpc::SecretReader reader((*found)->view());
    smpc::Secret32 key = reader.key();
    if (auto done = reader.finish("the transport key"); !done) return tl::unexpected(done.error());
    return std::optional<smpc::Secret32>(std::move(key));
}

Result<void> Vault::store_transport_key(std::uint64_t mpc_epoch, const smpc::Secret32& key) {
    return write(transport_name(mpc_epoch), key.view());
}

Result<void> Vault::erase_transport_key(std::uint64_t mpc_epoch) {
    return keystore::remove_secret_file(path_of(transport_name(mpc_epoch)));
}

Result<std::optional<ClientChains>> Vault::chains(std::uint64_t mpc_epoch) {
    auto found = read(chains_name(mpc_epoch));
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::optional<ClientChains>();
    smpc::SecretReader reader((*found)->view());
    ClientChains chains;
    chains.next_batch = reader.number();
    chains.ring = reader.ring<smpc::ClientChainKey>();
    if (auto done = reader.finish("the mask chains"); !done) return tl::unexpected(done.error());
    return std::optional<ClientChains>(std::move(chains));
}

Result<void> Vault::store_chains(std::uint64_t mpc_epoch, const ClientChains& chains) {
    smpc::SecretWriter writer(8 + smpc::SecretWriter::ring_bytes(chains.ring));
    writer.number(chains.next_batch);
    writer.ring(chains.ring);
    return write(chains_name(mpc_epoch), writer.finish());
}

// Bytes that may leave the process: one-time-padded ciphertexts.
Result<std::optional<Bytes>> Vault::read_bytes(const std::string& name) {
    auto found = read(name);
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::optional<Bytes>();
    return std::optional<Bytes>(to_bytes((*found)->view()));
}

Result<std::optional<Bytes>> Vault::masked_update(std::uint64_t mpc_epoch, std::uint64_t batch) {
    return read_bytes(update_prefix(mpc_epoch) + std::to_string(batch));
}

Result<void> Vault::store_masked_update(std::uint64_t mpc_epoch, std::uint64_t batch,
                                        ByteView update) {
    return write(update_prefix(mpc_epoch) + std::to_string(batch), update);
}

Result<std::optional<std::vector<smpc::ClientMaskKey>>> Vault::mask_ring(std::uint64_t mpc_epoch,
                                                                         std::uint64_t batch) {
    auto found = read(ring_prefix(mpc_epoch) + std::to_string(batch));
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::optional<std::vector<smpc::ClientMaskKey>>();
    smpc::SecretReader reader((*found)->view());
    auto ring = reader.ring<smpc::ClientMaskKey>();
    if (auto done = reader.finish("the mask keys"); !done) return tl::unexpected(done.error());
    return std::optional(std::move(ring));
}

Result<void> Vault::store_mask_ring(std::uint64_t mpc_epoch, std::uint64_t batch,
                                    const std::vector<smpc::ClientMaskKey>& ring) {
    smpc::SecretWriter writer(smpc::SecretWriter::ring_bytes(ring));
    writer.ring(ring);
    return write(ring_prefix(mpc_epoch) + std::to_string(batch), writer.finish());
}

Result<void> Vault::erase_mask_ring(std::uint64_t mpc_epoch, std::uint64_t batch) {
    return keystore::remove_secret_file(path_of(ring_prefix(mpc_epoch) + std::to_string(batch)));
}

Result<std::vector<std::uint64_t>> Vault::mask_rings(std::uint64_t mpc_epoch) {
    const auto names = list();
    if (!names) return tl::unexpected(names.error());
    std::vector<std::uint64_t> batches;
    for (const std::string& name : *names) {
        if (const auto batch = number_behind(name, ring_prefix(mpc_epoch))) {
            batches.push_back(*batch);
        }
    }
    return batches;
}

Result<std::optional<Bytes>> Vault::range_proof(std::uint64_t mpc_epoch, std::uint64_t batch) {
    return read_bytes(proof_prefix(mpc_epoch) + std::to_string(batch));
}

Result<void> Vault::store_range_proof(std::uint64_t mpc_epoch, std::uint64_t batch,
                                      ByteView proof) {
    return write(proof_prefix(mpc_epoch) + std::to_string(batch), proof);
}

Result<bool> Vault::claim_update(std::uint64_t round, const Digest& update) {
    auto found = read(kSpentName);
    if (!found) return tl::unexpected(found.error());
    auto spent =
        *found ? decode<SpentUpdates>((*found)->view()) : Result<SpentUpdates>(SpentUpdates{});
    if (!spent) return tl::unexpected(spent.error());
    for (const SpentUpdate& known : spent->updates) {
        if (known.update == update) return known.round == round;
    }
    if (spent->updates.size() == kMaxSpentUpdates) spent->updates.erase(spent->updates.begin());
    spent->updates.push_back({round, update});
    if (auto written = write(kSpentName, encode(*spent)); !written) {
        return tl::unexpected(written.error());
    }
    return true;
}

Result<SiteAccount> Vault::site_account() {
    auto found = read(kAccountName);
    if (!found) return tl::unexpected(found.error());
    if (!*found) return SiteAccount{};
    return decode<SiteAccount>((*found)->view());
}

Result<void> Vault::store_site_account(const SiteAccount& account) {
    return write(kAccountName, encode(account));
}

Result<std::vector<std::string>> Vault::list() const {
    std::vector<std::string> names;
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, failure)) {
        names.push_back(entry.path().filename().string());
    }
    if (failure) {
        return make_error(ErrorCode::kUnavailable,
                          "cannot list " + folder_ + ": " + failure.message());
    }
    return names;
}

Result<void> Vault::erase_older(std::uint64_t mpc_epoch, std::uint64_t batch) {
    const std::string own_prefix = "epoch-" + std::to_string(mpc_epoch) + "-";
    const auto names = list();
    if (!names) return tl::unexpected(names.error());
    for (const std::string& name : *names) {
        if (!name.starts_with("epoch-")) continue;
        bool is_old = !name.starts_with(own_prefix);
        for (const std::string& prefix :
             {update_prefix(mpc_epoch), ring_prefix(mpc_epoch), proof_prefix(mpc_epoch)}) {
            const auto number = number_behind(name, prefix);
            is_old = is_old || (number && *number < batch);
        }
        if (!is_old) continue;
        if (auto removed = keystore::remove_secret_file(path_of(name)); !removed) return removed;
    }
    return {};
}

}  // namespace consilium::trainer
