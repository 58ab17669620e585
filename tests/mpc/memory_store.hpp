// A secret store in memory that fails on command and can be set back to an older copy.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "node/mpc/worker.hpp"

namespace consilium::mpc::testing {

class MemoryStore final : public SecretStore {
  public:
    enum class Failure { kBefore, kAfter };  // whether the failing call did its work

    [[nodiscard]] Result<void> put(const std::string& name, ByteView secret) override {
        ++puts;
        const bool fails = puts == failing_put;
        if (!fails || failure == Failure::kAfter) {
            contents[name] = Bytes(secret.begin(), secret.end());
        }
        if (fails) return make_error(ErrorCode::kUnavailable, "put fails on command");
        return {};
    }
    [[nodiscard]] Result<SecretBytes> get(const std::string& name) override {
        const auto found = contents.find(name);
        if (found == contents.end()) return make_error(ErrorCode::kNotFound, name);
        return SecretBytes(ByteView(found->second));
    }
    [[nodiscard]] Result<void> erase(const std::string& name) override {
        ++erases;
        const bool fails = erases == failing_erase;
        if (!fails || failure == Failure::kAfter) contents.erase(name);
        if (fails) return make_error(ErrorCode::kUnavailable, "erase fails on command");
        return {};
    }
    [[nodiscard]] Result<std::vector<std::string>> list(const std::string& prefix) override {
        std::vector<std::string> names;
        for (const auto& [name, secret] : contents) {
            if (name.starts_with(prefix)) names.push_back(name);
        }
        return names;
    }

    std::map<std::string, Bytes> contents;
    std::size_t puts = 0;
    std::size_t erases = 0;
    std::size_t failing_put = 0;  // the k-th call ever, from 1; 0: none
    std::size_t failing_erase = 0;
    Failure failure = Failure::kBefore;
};

}  // namespace consilium::mpc::testing
