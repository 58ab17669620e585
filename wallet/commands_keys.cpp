// key new | show | list | export-public: works without a node.
#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include <CLI/CLI.hpp>

#include "wallet/commands.hpp"
#include "wallet/keystore/key_file.hpp"

namespace consilium::wallet {
namespace {

using nlohmann::json;

constexpr std::size_t kListedFilesMax = 10'000;  // a mistyped directory must not take for ever

struct NewKey {
    std::string label;
    bool overwrite = false;
    std::string cost = "standard";
};
struct Directory {
    std::string path = ".";
};
struct Nothing {};

json describe(const std::string& path, const keystore::KeyFileInfo& info) {
    return {{"file", path},
            {"public_key", info.public_key.hex()},
            {"label", info.label},
            {"argon2id",
             {{"memory_kib", info.kdf.memory_kib},
              {"passes", info.kdf.passes},
              {"lanes", info.kdf.lanes}}}};
}

Fallible<std::string> key_path(const Session& session) {
    if (session.options.keystore_file.empty()) {
        return fail_usage("which file? none was given",
                          "add --keystore FILE (or set CONSILIUM_KEYSTORE)");
    }
    return session.options.keystore_file;
}

CommandResult make_key(Session& session, const NewKey& values) {
    const auto path = key_path(session);
    if (!path) return tl::unexpected(path.error());
    std::error_code ignored;
    if (!values.overwrite && std::filesystem::exists(*path, ignored)) {
        return tl::unexpected(Failure{ExitCode::kFailed, "keystore", *path + " exists already",
                                      "choose another file; --force replaces it, and the key in it "
                                      "is then lost"});
    }
    auto password = session.password("New password for " + *path + ": ", true);
    if (!password) return tl::unexpected(password.error());
    const KeyPair key = KeyPair::generate();
    keystore::KeyFileOptions options;
    options.label = values.label;
    options.overwrite = values.overwrite;
    options.kdf = values.cost == "floor" ? keystore::kFloorKdf : keystore::kStandardKdf;
    if (auto written = keystore::write_key_file(*path, key, *password, options); !written) {
        return fail_with(ErrorSource::kKeyFile, written.error());
    }
    session.progress("key written to " + *path +
                     "; keep a copy of the file and its password in two places");
    return Answer{describe(*path, {key.public_key(), values.label, options.kdf}),
                  key.public_key().hex() + "\n"};
}

CommandResult show_key(Session& session, const Nothing& /*values*/) {
    const auto path = key_path(session);
    if (!path) return tl::unexpected(path.error());
    const auto info = keystore::inspect_key_file(*path);
    if (!info) return fail_with(ErrorSource::kKeyFile, info.error());
    return Answer{describe(*path, *info), ""};
}

CommandResult export_public(Session& session, const Nothing& /*values*/) {
    const auto key = session.own_key();
    if (!key) return tl::unexpected(key.error());
    return Answer{{{"public_key", key->hex()}}, key->hex() + "\n"};
}

CommandResult list_keys(Session& session, const Directory& values) {
    std::error_code error;
    std::map<std::string, json> found;  // by file name
    std::size_t seen = 0;
    auto entry = std::filesystem::directory_iterator(values.path, error);
    for (; !error && entry != std::filesystem::directory_iterator() && seen < kListedFilesMax;
         entry.increment(error), ++seen) {
        std::error_code ignored;
        if (!entry->is_regular_file(ignored) || entry->is_symlink(ignored)) continue;
        const std::string path = entry->path().string();
        const auto info = keystore::inspect_key_file(path);
        if (info) {
            found.emplace(path, describe(path, *info));
        } else if (info.error().code == ErrorCode::kRefused) {
            session.progress("left out: " + info.error().context);
        }
    }
    if (error) {
        return fail_usage("cannot list " + values.path + ": " + error.message(),
                          "give a directory that you may read");
    }
    json list = json::array();
    std::string text;
    for (const auto& [path, description] : found) {
        list.push_back(description);
        text += description["public_key"].get<std::string>() + "  " + path + "  " +
                description["label"].get<std::string>() + "\n";
    }
    return Answer{{{"keys", std::move(list)}}, text.empty() ? "no key files\n" : text};
}

}  // namespace

void add_key_commands(CLI::App& app, Session& session) {
    CLI::App* key = app.add_subcommand("key", "make and show key files (no node needed)");
    key->require_subcommand(1);
    CLI::App* make = key->add_subcommand("new", "make a key in the encrypted file --keystore");
    NewKey& made = bind_command<NewKey>(*make, session, make_key);
    make->add_option("--label", made.label, "what you call this key, such as \"st-anna council\"");
    make->add_flag("--force", made.overwrite, "replace an existing file; the key in it is lost");
    make->add_option("--cost", made.cost,
                     "of guessing the password: standard (64 MiB), or floor (19 MiB, for networks "
                     "of a day)")
        ->check(CLI::IsMember({"standard", "floor"}))
        ->capture_default_str();
    make->footer(
        "Example: consilium-wallet key new --keystore council.key --label \"st-anna council\"\n"
        "Asks for a password twice; --password-file FILE takes it from a 0600 file instead.");
    bind_command<Nothing>(*key->add_subcommand("show", "public key, label and cost of --keystore"),
                          session, show_key);
    bind_command<Nothing>(
        *key->add_subcommand("export-public", "only the public key, for others to approve"),
        session, export_public);
    CLI::App* list = key->add_subcommand("list", "all key files of a directory");
    Directory& directory = bind_command<Directory>(*list, session, list_keys);
    list->add_option("directory", directory.path, "where to look")->capture_default_str();
}

}  // namespace consilium::wallet
