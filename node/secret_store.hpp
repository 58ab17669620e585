// The MPC worker's secrets as sealed files in the node's data folder.
//
// Each name is one file of mode 0600 under `folder`, '/' in a name becomes '_'. Each content is
// sealed under the validator's key and a random key of its own, which stands in `keys.ring`
// (wallet/keystore/erasable_keys.hpp). Replacing and erasing overwrite that random key in place:
// afterwards the validator's key with any copy of the old file opens nothing. Worker's thread only.
// File: magic "CNSLFKY" 0, slot u32, tag 16 bytes, then the sealed form of keystore/sealed.hpp.
#pragma once
#include <string>

#include "node/mpc/worker.hpp"
#include "wallet/keystore/erasable_keys.hpp"
#include "wallet/keystore/sealed.hpp"

namespace consilium::node {

class FileSecretStore final : public mpc::SecretStore {
  public:
    // Makes the folder (mode 0700) if it is missing, and removes what interrupted writes and
    // erasures left in it.
    [[nodiscard]] static Result<std::unique_ptr<FileSecretStore>> open(std::string folder,
                                                                       const KeyPair& validator);

    [[nodiscard]] Result<void> put(const std::string& name, ByteView secret) override;
    [[nodiscard]] Result<SecretBytes> get(const std::string& name) override;
    [[nodiscard]] Result<void> erase(const std::string& name) override;
    [[nodiscard]] Result<std::vector<std::string>> list(const std::string& prefix) override;

  private:
    FileSecretStore(std::string folder, keystore::SealingKey key, keystore::ErasableKeys ring)
        : folder_(std::move(folder)), key_(std::move(key)), ring_(std::move(ring)) {}
    [[nodiscard]] Result<std::string> path_of(const std::string& name) const;
    // Removes files whose key is erased, erases keys of no file.
    [[nodiscard]] Result<void> clean();

    std::string folder_;
    keystore::SealingKey key_;
    keystore::ErasableKeys ring_;
    bool is_clean_ = false;  // false: a write or an erasure stopped half way
};

}  // namespace consilium::node
