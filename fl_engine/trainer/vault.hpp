// What a trainer must not lose or leak: transport key, mask chains, mask keys of the batch at hand,
// masked updates and range proofs; sealed files.
//
// Every file of `folder` (mode 0700) is sealed under a key that the trainer's account key yields.
// Durable before anything that depends on it is sent. One (epoch, batch) has at most one masked
// update, for ever: whoever restores an old disk finds the chain's pledge in the way.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/signature.hpp"
#include "fl_engine/smpc/kdf.hpp"
#include "fl_engine/trainer/site_account.hpp"
#include "fl_engine/trainer/spent_updates.hpp"
#include "wallet/keystore/sealed.hpp"

namespace consilium::trainer {

struct ClientChains {
    std::uint64_t next_batch = 0;
    std::vector<smpc::ClientChainKey> ring;  // c_A^{i,next_batch} for every rank
};

class Vault {
  public:
    [[nodiscard]] static Result<Vault> open(std::string folder, const KeyPair& account);

    // nullopt: none stored.
    [[nodiscard]] Result<std::optional<smpc::Secret32>> transport_key(std::uint64_t mpc_epoch);
    [[nodiscard]] Result<void> store_transport_key(std::uint64_t mpc_epoch,
                                                   const smpc::Secret32& key);
    [[nodiscard]] Result<void> erase_transport_key(std::uint64_t mpc_epoch);

    [[nodiscard]] Result<std::optional<ClientChains>> chains(std::uint64_t mpc_epoch);
    [[nodiscard]] Result<void> store_chains(std::uint64_t mpc_epoch, const ClientChains& chains);

    // The masked update e_i as it is (or will be) pledged.
    [[nodiscard]] Result<std::optional<Bytes>> masked_update(std::uint64_t mpc_epoch,
                                                             std::uint64_t batch);
    [[nodiscard]] Result<void> store_masked_update(std::uint64_t mpc_epoch, std::uint64_t batch,
                                                   ByteView update);
    // k_A^{i,b} of a batch, from the masking of its update until the batch is over.
    [[nodiscard]] Result<std::optional<std::vector<smpc::ClientMaskKey>>> mask_ring(
        std::uint64_t mpc_epoch, std::uint64_t batch);
    [[nodiscard]] Result<void> store_mask_ring(std::uint64_t mpc_epoch, std::uint64_t batch,
                                               const std::vector<smpc::ClientMaskKey>& ring);
    [[nodiscard]] Result<void> erase_mask_ring(std::uint64_t mpc_epoch, std::uint64_t batch);
    // Batches of the epoch whose mask keys are held.
    [[nodiscard]] Result<std::vector<std::uint64_t>> mask_rings(std::uint64_t mpc_epoch);

    // The only RANGE blob that is ever sent about the update of that batch.
    [[nodiscard]] Result<std::optional<Bytes>> range_proof(std::uint64_t mpc_epoch,
                                                           std::uint64_t batch);
    [[nodiscard]] Result<void> store_range_proof(std::uint64_t mpc_epoch, std::uint64_t batch,
                                                 ByteView proof);
    // Whether this update may serve the round: false when an earlier one had the very same, whose
    // sum would differ from this round's by what the other clients changed. Durable before it says
    // yes; attempts of one round count as one.
    [[nodiscard]] Result<bool> claim_update(std::uint64_t round, const Digest& update);
    // What the site has spent of its privacy; an empty account when nothing was counted yet. One
    // that does not open is an error, never an empty account.
    [[nodiscard]] Result<SiteAccount> site_account();
    [[nodiscard]] Result<void> store_site_account(const SiteAccount& account);
    // Files of other epochs, and masked updates, keys and proofs of batches below `batch`.
    [[nodiscard]] Result<void> erase_older(std::uint64_t mpc_epoch, std::uint64_t batch);

  private:
    Vault(std::string folder, keystore::SealingKey key)
        : folder_(std::move(folder)), key_(std::move(key)) {}
    [[nodiscard]] std::string path_of(const std::string& name) const {
        return folder_ + "/" + name;
    }
    [[nodiscard]] Result<std::optional<SecretBytes>> read(const std::string& name);
    [[nodiscard]] Result<std::optional<Bytes>> read_bytes(const std::string& name);
    [[nodiscard]] Result<std::vector<std::string>> list() const;
    [[nodiscard]] Result<void> write(const std::string& name, ByteView secret);

    std::string folder_;
    keystore::SealingKey key_;
};

}  // namespace consilium::trainer
