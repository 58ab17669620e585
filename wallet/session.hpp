// One run of the wallet: its options, and what commands need, made when first asked for.
//
// Commands never touch sockets, the terminal or the process: they get there through Surroundings,
// which tests replace. Not thread-safe.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/genesis.hpp"
#include "core/secret.hpp"
#include "core/signature.hpp"
#include "core/transaction.hpp"
#include "core/types.hpp"
#include "p2p/client/node_pool.hpp"
#include "p2p/client/transaction_sender.hpp"
#include "p2p/client/verified_reader.hpp"
#include "wallet/keystore/password.hpp"
#include "wallet/outcome.hpp"

namespace consilium::wallet {

inline constexpr std::size_t kInputFileBytesMax = std::size_t{1} << 20;  // JSON a user hands in

struct Surroundings {
    std::ostream& out;  // the result, nothing else
    std::ostream& err;  // progress and errors
    std::function<std::unique_ptr<p2p::ApiChannel>(const p2p::NodePoolOptions&)> connect;
    std::function<Result<SecretBytes>(const keystore::PasswordSource&)> read_password;
    std::function<TimeMs()> wall_time;
};
// The real ones: TLS, terminal, std::cout and std::cerr.
[[nodiscard]] Surroundings real_surroundings();

enum class Wait : std::uint8_t { kNone, kAccepted, kCommitted, kProven };

struct GlobalOptions {
    std::vector<std::string> nodes{"127.0.0.1:27100"};
    std::vector<std::string> node_keys;  // hex; empty: any validator of the genesis
    std::string genesis_file;
    std::string keystore_file;
    std::string password_file;
    int password_descriptor = -1;
    bool is_json = false;
    Wait wait = Wait::kCommitted;
    std::uint64_t timeout_s = 60;
    std::uint64_t expiry_blocks = 100;
    bool is_generate_only = false;
    std::string sender;  // hex; with is_generate_only instead of a key file
};

// Which action a command sends, and what it says meanwhile.
struct Order {
    std::string_view module;  // names of the action table
    std::string_view action;
    Bytes arguments;
    std::string doing;  // for the progress line: "approving 3a1f..."
    Bytes blob{};       // that the arguments name; uploaded once a node has the transaction
};

class Session {
  public:
    explicit Session(Surroundings surroundings);

    GlobalOptions options;
    std::function<CommandResult()> command;  // set by the parser of the chosen subcommand

    [[nodiscard]] Fallible<const Genesis*> genesis();
    [[nodiscard]] Fallible<p2p::ApiChannel*> channel();
    [[nodiscard]] Fallible<p2p::VerifiedReader*> reader();
    [[nodiscard]] Fallible<p2p::TransactionSender*> sender();

    // Public key of --keystore, without a password; with --generate-only also of --sender.
    [[nodiscard]] Fallible<PublicKey> own_key();
    // Asks for the password and opens --keystore.
    [[nodiscard]] Fallible<KeyPair> unlock();
    [[nodiscard]] Fallible<SecretBytes> password(const std::string& prompt, bool is_new);

    // Signs and sends the order and waits as far as --wait says; with --generate-only the unsigned
    // transaction instead.
    [[nodiscard]] CommandResult carry_out(const Order& order);
    [[nodiscard]] CommandResult send_signed(const Transaction& transaction);

    void progress(const std::string& line);
    [[nodiscard]] Surroundings& surroundings() { return surroundings_; }

  private:
    [[nodiscard]] CommandResult carry_out_with_blob(const Order& order, const KeyPair& key);
    [[nodiscard]] CommandResult conclude(const p2p::SendOutcome& outcome);
    [[nodiscard]] CommandResult conclude_committed(const p2p::SendOutcome& outcome);
    [[nodiscard]] CommandResult generate(const Order& order);

    Surroundings surroundings_;
    std::optional<Genesis> genesis_;
    std::unique_ptr<p2p::ApiChannel> channel_;
    std::unique_ptr<p2p::VerifiedReader> reader_;
    std::unique_ptr<p2p::TransactionSender> sender_;
};

// The whole of a text file, or of standard input for "-".
[[nodiscard]] Fallible<std::string> read_input(const std::string& path);
[[nodiscard]] Fallible<nlohmann::json> read_json_input(const std::string& path);

// A transaction as a document that people can look at before they sign or send it.
[[nodiscard]] nlohmann::json transaction_document(const Transaction& transaction);
// The document's transaction; its readable fields are for reading only and not consulted.
[[nodiscard]] Fallible<Transaction> read_transaction_document(const std::string& path);

}  // namespace consilium::wallet
