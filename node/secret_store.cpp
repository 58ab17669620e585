// Sealed files by name.
#include "node/secret_store.hpp"

#include <algorithm>
#include <filesystem>

namespace consilium::node {
namespace {

constexpr std::size_t kMaxNameBytes = 100;
constexpr std::string_view kSuffix = ".sealed";

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '/';
}

// A write that a crash interrupted leaves its sealed content beside the target.
Result<void> remove_leftovers(const std::string& folder) {
    std::error_code failure;
    for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        const bool is_leftover =
            name.starts_with('.') && name.find(std::string(kSuffix) + ".new-") != std::string::npos;
        if (!is_leftover) continue;
        if (auto removed = keystore::remove_secret_file(folder + "/" + name); !removed) {
            return removed;
        }
    }
    if (failure) {
        return make_error(ErrorCode::kUnavailable,
                          "cannot list " + folder + ": " + failure.message());
    }
    return {};
}

std::string file_name_of(std::string name) {
    std::replace(name.begin(), name.end(), '/', '_');
    return name + std::string(kSuffix);
}

}  // namespace

Result<std::unique_ptr<FileSecretStore>> FileSecretStore::open(std::string folder,
                                                               const KeyPair& validator) {
    if (auto made = keystore::make_secret_directory(folder); !made) {
        return tl::unexpected(made.error());
    }
    if (auto cleaned = remove_leftovers(folder); !cleaned) {
        return tl::unexpected(cleaned.error());
    }
    return std::unique_ptr<FileSecretStore>(new FileSecretStore(
        std::move(folder), keystore::SealingKey::derive(validator, "consilium mpc secrets")));
}

Result<std::string> FileSecretStore::path_of(const std::string& name) const {
    if (name.empty() || name.size() > kMaxNameBytes ||
        !std::all_of(name.begin(), name.end(), is_name_character)) {
        return make_error(ErrorCode::kRefused,
                          "a secret's name has 1 to 100 of a-z, 0-9, '-', '/'");
    }
    return folder_ + "/" + file_name_of(name);
}

Result<void> FileSecretStore::put(const std::string& name, ByteView secret) {
    auto path = path_of(name);
    if (!path) return tl::unexpected(path.error());
    return key_.seal_file(*path, secret, keystore::WriteMode::kReplace);
}

Result<SecretBytes> FileSecretStore::get(const std::string& name) {
    auto path = path_of(name);
    if (!path) return tl::unexpected(path.error());
    return key_.open_file(*path);
}

Result<void> FileSecretStore::erase(const std::string& name) {
    auto path = path_of(name);
    if (!path) return tl::unexpected(path.error());
    return keystore::remove_secret_file(*path);
}

Result<std::vector<std::string>> FileSecretStore::list(const std::string& prefix) {
    std::vector<std::string> names;
    std::error_code failure;
    for (std::filesystem::directory_iterator entry(folder_, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        std::string name = entry->path().filename().string();
        if (!name.ends_with(kSuffix)) continue;
        name.resize(name.size() - kSuffix.size());
        std::replace(name.begin(), name.end(), '_', '/');
        if (name.starts_with(prefix)) names.push_back(std::move(name));
    }
    if (failure) {
        return make_error(ErrorCode::kUnavailable,
                          "cannot list " + folder_ + ": " + failure.message());
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace consilium::node
