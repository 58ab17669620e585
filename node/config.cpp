// Reads the node's configuration from flags, environment and a TOML file.
#include "node/config.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <set>
#include <sstream>

#include <toml++/toml.h>

namespace consilium::node {
namespace {

template <typename Integer>
Result<void> parse_integer(Integer& target, const std::string& text, Integer lowest,
                           Integer highest) {
    Integer value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < lowest ||
        value > highest) {
        return make_error(ErrorCode::kMalformed, "'" + text + "' is not a whole number from " +
                                                     std::to_string(lowest) + " to " +
                                                     std::to_string(highest));
    }
    target = value;
    return {};
}

ConfigKey text_key(std::string name, std::string meaning, std::string NodeConfig::*field) {
    ConfigKey key;
    key.name = std::move(name);
    key.meaning = std::move(meaning);
    const NodeConfig defaults;
    key.fallback = defaults.*field;
    key.set = [field](NodeConfig& config, const std::string& text) -> Result<void> {
        if (text.empty()) return make_error(ErrorCode::kMalformed, "is empty");
        config.*field = text;
        return {};
    };
    return key;
}

template <typename Integer>
ConfigKey integer_key(std::string name, std::string meaning, Integer NodeConfig::*field,
                      Integer lowest, Integer highest = std::numeric_limits<Integer>::max()) {
    ConfigKey key;
    key.name = std::move(name);
    key.meaning = std::move(meaning);
    const NodeConfig defaults;
    key.fallback = std::to_string(defaults.*field);
    key.set = [field, lowest, highest](NodeConfig& config,
                                       const std::string& text) -> Result<void> {
        Integer& target = config.*field;
        return parse_integer(target, text, lowest, highest);
    };
    return key;
}

Result<void> set_log_level(NodeConfig& config, const std::string& text) {
    static const std::set<std::string> levels = {"trace", "debug", "info", "warn", "error"};
    if (!levels.contains(text)) {
        return make_error(ErrorCode::kMalformed,
                          "'" + text + "' is not one of trace, debug, info, warn, error");
    }
    config.log_level = text;
    return {};
}

Result<void> set_mpc_enabled(NodeConfig& config, const std::string& text) {
    if (text != "true" && text != "false") {
        return make_error(ErrorCode::kMalformed, "'" + text + "' is not true or false");
    }
    config.is_mpc_enabled = text == "true";
    return {};
}

Result<void> set_allowed_hosts(NodeConfig& config, const std::string& text) {
    std::vector<std::string> hosts;
    std::stringstream stream(text);
    for (std::string host; std::getline(stream, host, ',');) {
        if (host.empty()) return make_error(ErrorCode::kMalformed, "has an empty host name");
        hosts.push_back(host);
    }
    config.api_allowed_hosts = std::move(hosts);
    return {};
}

// The file's scalar values by dotted key, as text; arrays of strings joined by commas.
class FileReader {
  public:
    explicit FileReader(std::vector<std::string>& problems) : problems_(problems) {}

    void walk(const toml::table& table, const std::string& prefix) {
        for (const auto& [key, node] : table) {
            const std::string name = prefix + std::string(key.str());
            if (const auto* child = node.as_table()) {
                walk(*child, name + ".");
            } else if (name != "peers") {
                values[name] = text_of(node, name);
            }
        }
    }

    std::map<std::string, std::string> values;

  private:
    std::string text_of(const toml::node& node, const std::string& name) {
        if (const auto* text = node.as_string()) return text->get();
        if (const auto* number = node.as_integer()) return std::to_string(number->get());
        if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
        if (const auto* array = node.as_array()) {
            std::string joined;
            for (const auto& element : *array) {
                if (!element.is_string()) problems_.push_back(name + ": only texts in this list");
                joined += (joined.empty() ? "" : ",") + element.value_or(std::string());
            }
            return joined;
        }
        problems_.push_back(name + ": neither text, whole number, true, false nor a list of texts");
        return {};
    }

    std::vector<std::string>& problems_;
};

std::optional<PeerConfig> read_peer(const toml::table& table, const std::string& where,
                                    std::vector<std::string>& problems) {
    for (const auto& [key, node] : table) {
        if (key.str() != "key" && key.str() != "host" && key.str() != "port") {
            problems.push_back(where + "." + std::string(key.str()) + ": unknown key");
        }
    }
    PeerConfig peer;
    const auto key = decode_public_key_hex(table["key"].value_or(std::string()));
    if (!key) {
        problems.push_back(where + ".key: " + key.error().context);
        return std::nullopt;
    }
    peer.key = *key;
    peer.host = table["host"].value_or(std::string());
    const auto port = table["port"].value_or(std::int64_t{0});
    if (peer.host.empty()) problems.push_back(where + ".host: is missing");
    if (port < 1 || port > 65535) {
        problems.push_back(where + ".port: is not a whole number from 1 to 65535");
        return std::nullopt;
    }
    peer.port = static_cast<std::uint16_t>(port);
    return peer;
}

void read_peers(const toml::table& root, NodeConfig& config, std::vector<std::string>& problems) {
    const auto* node = root.get("peers");
    if (node == nullptr) return;
    const auto* list = node->as_array();
    if (list == nullptr) {
        problems.emplace_back("peers: write each peer as [[peers]] with key, host and port");
        return;
    }
    std::size_t index = 0;
    for (const auto& element : *list) {
        const std::string where = "peers[" + std::to_string(index++) + "]";
        const auto* table = element.as_table();
        if (table == nullptr) {
            problems.push_back(where + ": is not a table");
            continue;
        }
        if (auto peer = read_peer(*table, where, problems)) config.peers.push_back(*peer);
    }
}

std::string from_folder_of(const std::string& file, const std::string& path) {
    const std::filesystem::path given(path);
    if (given.is_absolute()) return path;
    return (std::filesystem::path(file).parent_path() / given).lexically_normal().string();
}

bool is_path_key(const std::string& name) {
    return name == "data_dir" || name == "genesis_file" || name == "keystore_file" ||
           name == "password_file";
}

std::map<std::string, std::string> read_file(const std::string& file, NodeConfig& config,
                                             std::vector<std::string>& problems) {
    toml::table parsed;
    try {
        parsed = toml::parse_file(file);
    } catch (const toml::parse_error& error) {
        problems.push_back(file + ": " + std::string(error.description()) + " (line " +
                           std::to_string(error.source().begin.line) + ")");
        return {};
    }
    FileReader reader(problems);
    reader.walk(parsed, "");
    read_peers(parsed, config, problems);
    for (auto& value : reader.values) {
        const std::string& name = value.first;
        std::string& text = value.second;
        const auto& keys = config_keys();
        if (std::none_of(keys.begin(), keys.end(),
                         [&](const ConfigKey& key) { return key.name == name; })) {
            problems.push_back(std::string(name).append(": unknown key in ").append(file));
        }
        if (is_path_key(name) && !text.empty()) text = from_folder_of(file, text);
    }
    return reader.values;
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
    static const std::vector<ConfigKey> all_keys = [] {
        std::vector<ConfigKey> keys;
        keys.push_back(text_key("data_dir", "folder of the ledger and of the node's secrets",
                                &NodeConfig::data_dir));
        keys.push_back(
            text_key("genesis_file", "genesis of the chain (JSON)", &NodeConfig::genesis_file));
        keys.push_back(
            text_key("keystore_file", "encrypted validator key", &NodeConfig::keystore_file));
        keys.push_back(text_key("password_file",
                                "file with the keystore's password; without it the node asks",
                                &NodeConfig::password_file));
        keys.push_back({"log_level", "trace, debug, info, warn or error", "info", set_log_level});
        keys.push_back({"mpc.enabled", "take part in secure computation: true or false", "true",
                        set_mpc_enabled});
        keys.push_back(text_key("p2p.listen_host", "address for other validators",
                                &NodeConfig::p2p_listen_host));
        keys.push_back(integer_key<std::uint16_t>("p2p.listen_port", "port for other validators",
                                                  &NodeConfig::p2p_listen_port, 1));
        keys.push_back(integer_key<std::uint16_t>("p2p.max_observers",
                                                  "links of nodes that are no validators",
                                                  &NodeConfig::p2p_max_observers, 0, 256));
        keys.push_back(
            text_key("api.listen_host", "address of the node API", &NodeConfig::api_listen_host));
        keys.push_back(integer_key<std::uint16_t>("api.listen_port", "port of the node API",
                                                  &NodeConfig::api_listen_port, 1));
        keys.push_back({"api.allowed_hosts", "Host names that API requests may use",
                        "localhost,127.0.0.1", set_allowed_hosts});
        keys.push_back(integer_key<std::uint32_t>(
            "consensus.base_timeout_ms", "first view timeout, doubles up to 30000",
            &NodeConfig::consensus_base_timeout_ms, 100, 30'000));
        keys.push_back(integer_key<std::uint32_t>(
            "consensus.heartbeat_ms", "time between blocks when nothing waits",
            &NodeConfig::consensus_heartbeat_ms, 1000, 3'600'000));
        keys.push_back(integer_key<std::uint32_t>(
            "client_blob_blocks",
            "blocks for which masked updates and range proofs outlive their attempt",
            &NodeConfig::client_blob_blocks, 0));
        keys.push_back(integer_key<std::uint16_t>("signature_threads",
                                                  "threads that check signatures",
                                                  &NodeConfig::signature_threads, 1, 64));
        return keys;
    }();
    return all_keys;
}

std::string flag_name(const ConfigKey& key) {
    std::string name = "--" + key.name;
    std::replace(name.begin(), name.end(), '.', '-');
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
}

std::string environment_name(const ConfigKey& key) {
    std::string name = "CONSILIUM_NODE_" + key.name;
    for (char& c : name) {
        if (c == '.') c = '_';
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return name;
}

Result<NodeConfig> load_config(const ConfigSources& sources) {
    NodeConfig config;
    std::vector<std::string> problems;
    std::map<std::string, std::string> from_file;
    if (sources.file) from_file = read_file(*sources.file, config, problems);
    for (const ConfigKey& key : config_keys()) {
        std::optional<std::string> text;
        std::string source = "default";
        if (const auto found = from_file.find(key.name); found != from_file.end()) {
            text = found->second;
            source = *sources.file;
        }
        if (sources.environment) {
            if (auto value = sources.environment(environment_name(key))) {
                text = std::move(value);
                source = environment_name(key);
            }
        }
        if (const auto found = sources.flags.find(key.name); found != sources.flags.end()) {
            text = found->second;
            source = flag_name(key);
        }
        if (!text) {
            if (key.fallback.empty() && key.name != "password_file") {
                problems.push_back(key.name + ": is missing; give it in the file, as " +
                                   flag_name(key) + " or as " + environment_name(key));
            }
            continue;
        }
        if (auto set = key.set(config, *text); !set) {
            problems.push_back(key.name + " (" + source + "): " + set.error().context);
        }
    }
    if (problems.empty()) return config;
    std::string all;
    for (const std::string& problem : problems) all += (all.empty() ? "" : "\n") + problem;
    return make_error(ErrorCode::kMalformed, all);
}

}  // namespace consilium::node
