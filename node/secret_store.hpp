// The MPC worker's secrets as sealed files in the node's data folder.
//
// Each name is one file of mode 0600 under `folder`, sealed with a key that the validator's key
// yields; '/' in a name becomes '_'. Erasing overwrites and removes, durably. Worker's thread only.
#pragma once
#include <string>

#include "node/mpc/worker.hpp"
#include "wallet/keystore/sealed.hpp"

namespace consilium::node {

class FileSecretStore final : public mpc::SecretStore {
  public:
    // Makes the folder (mode 0700) if it is missing, and removes what interrupted writes left in
    // it.
    [[nodiscard]] static Result<std::unique_ptr<FileSecretStore>> open(std::string folder,
                                                                       const KeyPair& validator);

    [[nodiscard]] Result<void> put(const std::string& name, ByteView secret) override;
    [[nodiscard]] Result<SecretBytes> get(const std::string& name) override;
    [[nodiscard]] Result<void> erase(const std::string& name) override;
    [[nodiscard]] Result<std::vector<std::string>> list(const std::string& prefix) override;

  private:
    FileSecretStore(std::string folder, keystore::SealingKey key)
        : folder_(std::move(folder)), key_(std::move(key)) {}
    [[nodiscard]] Result<std::string> path_of(const std::string& name) const;

    std::string folder_;
    keystore::SealingKey key_;
};

}  // namespace consilium::node
