// Everything a devnet needs before anything runs: data, keys, genesis, configuration files.
//
// Layout of the folder (each hospital reads only its own part and genesis.json):
//   genesis.json task.json network.json report of pids and ports
//   reference.csv reference.toml    public records and their schema; reference.bin is made of them
//   hospital-i/{data.csv, schema.toml, node.toml}, policy.toml with --privacy
//   hospital-i/{validator,council,trainer}.{key,password}   encrypted keys, random passwords, 0600
//   hospital-i/{node,trainer}/ and .log                     what the processes keep and say
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contracts/schema/task.hpp"
#include "core/genesis.hpp"
#include "core/result.hpp"
#include "deploy/devnet/directory.hpp"
#include "deploy/devnet/options.hpp"
#include "deploy/devnet/ports.hpp"
#include "fl_engine/data/dataset.hpp"
#include "fl_engine/training/recipe.hpp"
#include "p2p/client/node_pool.hpp"

namespace consilium::devnet {

// The share of its rows that a hospital keeps for the metrics that go on chain.
inline constexpr double kHoldOut = 0.2;

struct Hospital {
    std::size_t number = 0;  // from 1
    std::string name;
    std::filesystem::path folder;  // relative to the devnet's
    PublicKey validator;
    PublicKey council;
    PublicKey trainer;
    std::uint64_t seed = 0;  // of its trainer
    bool is_attacker = false;
    fl::Dataset training;  // all rows it has; its trainer holds a fifth of them out
};

struct Setup {
    Options options;
    Directory directory;
    PortBlock ports;
    std::string source;  // "wdbc", "heart" or a folder
    Genesis genesis;
    std::vector<Hospital> hospitals;
    fl::Recipe recipe;
    schema::TaskSpec task;  // task.privacy: when --privacy was given
    fl::Dataset test;       // rows that no hospital has
    std::optional<fl::Dataset> reference;

    [[nodiscard]] std::filesystem::path path(const std::filesystem::path& inside) const {
        return directory.path() / inside;
    }
    // "127.0.0.1:27101" of a hospital's node.
    [[nodiscard]] std::string node_address(const Hospital& hospital) const;
    // All nodes, for a client that moves on when one does not answer; the given one comes first.
    [[nodiscard]] p2p::NodePoolOptions all_nodes(std::size_t first = 1) const;
    [[nodiscard]] p2p::NodePoolOptions only_node(const Hospital& hospital) const;
    [[nodiscard]] const Hospital* find_trainer(const PublicKey& key) const;
};

// Makes the task name the reference set of that hash, and writes task.json again.
[[nodiscard]] Result<void> name_reference(Setup& setup, const Digest& reference_set);

// Reads and deals the data, makes keys and genesis, and writes all files. `say` gets plain words.
[[nodiscard]] Result<std::unique_ptr<Setup>> prepare(
    const Options& options, const std::function<void(const std::string&)>& say);

}  // namespace consilium::devnet
