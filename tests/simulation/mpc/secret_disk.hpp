// A store of secrets that loses what was not synced, dies when told, and never tears.
//
// Every put and erase is a write and its sync. A crash is planned for the k-th one: before its sync
// nothing of it survives, after it all does and the caller never learns. Used for a validator's
// secrets and for a trainer's vault.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "node/mpc/worker.hpp"
#include "tests/simulation/disk.hpp"

namespace consilium::simulation {

// Defects planted into the store.
enum class SecretDefect {
    kNone,
    kForgetsSynced,  // a crash takes the newest synced write with it
    kKeepsErased     // erasing does nothing
};

class SecretDisk final : public mpc::SecretStore {
  public:
    using Content = std::map<std::string, Bytes>;

    explicit SecretDisk(SecretDefect defect = SecretDefect::kNone) : defect_(defect) {}
    void plan_crash(std::uint64_t writes, CrashPoint point);
    void plan_error(std::uint64_t writes) { error_in_ = writes; }
    void clear_plans();
    // The process that used it is gone.
    void on_crash();
    void restore(Content backup);
    [[nodiscard]] const Content& content() const { return content_; }

    [[nodiscard]] Result<void> put(const std::string& name, ByteView secret) override;
    [[nodiscard]] Result<SecretBytes> get(const std::string& name) override;
    [[nodiscard]] Result<void> erase(const std::string& name) override;
    [[nodiscard]] Result<std::vector<std::string>> list(const std::string& prefix) override;

  private:
    // True: the write is synced, and then the process dies. An error for a failing disk.
    [[nodiscard]] Result<bool> begin_write();

    SecretDefect defect_;
    Content content_;
    Content before_last_;  // kept for kForgetsSynced only
    std::uint64_t crash_in_ = 0;
    std::uint64_t error_in_ = 0;
    CrashPoint crash_point_ = CrashPoint::kBeforeSync;
};

}  // namespace consilium::simulation
