// Configuration of a node: every key typed and checked, all errors reported at once.
//
// Order: command line flag > environment variable > file (TOML) > default. The key
// `p2p.listen_port` is the flag --p2p-listen-port and the variable CONSILIUM_NODE_P2P_LISTEN_PORT.
// Unknown keys in the file are errors: a misspelt key must not silently leave a default in force.
// Relative paths in the file are taken from the file's folder.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/signature.hpp"

namespace consilium::node {

struct PeerConfig {
    PublicKey key;  // validator key
    std::string host;
    std::uint16_t port{};
};

struct NodeConfig {
    std::string data_dir;
    std::string genesis_file;
    std::string keystore_file;
    std::string password_file;  // empty: ask on the terminal
    std::string log_level = "info";
    bool is_mpc_enabled = true;  // takes part in secure computation when in the committee
    std::string p2p_listen_host = "127.0.0.1";
    std::uint16_t p2p_listen_port = 27000;
    std::uint16_t p2p_max_observers = 16;
    std::vector<PeerConfig> peers;
    std::string api_listen_host = "127.0.0.1";
    std::uint16_t api_listen_port = 27100;
    std::vector<std::string> api_allowed_hosts = {"localhost", "127.0.0.1"};
    std::uint32_t consensus_base_timeout_ms = 2000;  // first view timeout; doubles up to 30 s
    std::uint32_t consensus_heartbeat_ms = 10'000;   // between blocks when nothing waits
    std::uint32_t client_blob_blocks = 100;          // see driver::DriverOptions
    std::uint16_t signature_threads = 2;
};

// One configuration key as users see it.
struct ConfigKey {
    std::string name;      // in the file, dots separate tables
    std::string meaning;   // for --help
    std::string fallback;  // default as text; empty when the key must be given
    std::function<Result<void>(NodeConfig&, const std::string& text)> set;
};
[[nodiscard]] const std::vector<ConfigKey>& config_keys();
[[nodiscard]] std::string flag_name(const ConfigKey& key);         // --p2p-listen-port
[[nodiscard]] std::string environment_name(const ConfigKey& key);  // CONSILIUM_NODE_P2P_LISTEN_PORT

struct ConfigSources {
    std::optional<std::string> file;           // path of the TOML file
    std::map<std::string, std::string> flags;  // by key name
    std::function<std::optional<std::string>(const std::string&)> environment;
};

// The configuration, or one error whose context lists every problem, one a line.
[[nodiscard]] Result<NodeConfig> load_config(const ConfigSources& sources);

}  // namespace consilium::node
