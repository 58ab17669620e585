// What survives of each write of a secret.
#include "tests/simulation/mpc/secret_disk.hpp"

namespace consilium::simulation {

void SecretDisk::plan_crash(std::uint64_t writes, CrashPoint point) {
    crash_in_ = writes;
    crash_point_ = point;
}

void SecretDisk::clear_plans() {
    crash_in_ = 0;
    error_in_ = 0;
}

void SecretDisk::on_crash() {
    clear_plans();
    if (defect_ == SecretDefect::kForgetsSynced) content_ = before_last_;
}

void SecretDisk::restore(Content backup) {
    content_ = std::move(backup);
    before_last_ = content_;
}

Result<bool> SecretDisk::begin_write() {
    if (error_in_ > 0 && --error_in_ == 0) {
        return make_error(ErrorCode::kUnavailable, "simulated input/output error");
    }
    if (defect_ == SecretDefect::kForgetsSynced) before_last_ = content_;
    if (crash_in_ == 0 || --crash_in_ > 0) return false;
    if (crash_point_ == CrashPoint::kBeforeSync) throw ProcessCrash{crash_point_};
    return true;
}

Result<void> SecretDisk::put(const std::string& name, ByteView secret) {
    const auto dies = begin_write();
    if (!dies) return tl::unexpected(dies.error());
    content_[name] = to_bytes(secret);
    if (*dies) throw ProcessCrash{CrashPoint::kAfterSync};
    return {};
}

Result<SecretBytes> SecretDisk::get(const std::string& name) {
    const auto found = content_.find(name);
    if (found == content_.end()) return make_error(ErrorCode::kNotFound, name);
    return SecretBytes(ByteView(found->second));
}

Result<void> SecretDisk::erase(const std::string& name) {
    if (!content_.contains(name)) return {};
    const auto dies = begin_write();
    if (!dies) return tl::unexpected(dies.error());
    if (defect_ != SecretDefect::kKeepsErased) content_.erase(name);
    if (*dies) throw ProcessCrash{CrashPoint::kAfterSync};
    return {};
}

Result<std::vector<std::string>> SecretDisk::list(const std::string& prefix) {
    std::vector<std::string> names;
    for (const auto& [name, secret] : content_) {
        if (name.starts_with(prefix)) names.push_back(name);
    }
    return names;
}

}  // namespace consilium::simulation
