// A validator's part in the secure computation: from the final state of the chain to the
// transactions that this validator owes.
//
// step() looks at a state that is final (rule F: never at a proposal) and returns what the chain
// does not have yet from us: EPK, KEY_COMMIT, KEY_ACK, CLIENT_KEYS, PREP_SHARE, COIN_SHARE, PREP_W,
// PREP_CHK, PREP_REVEAL, REF, STAT1, STAT2, AGG, AGG_OK. It is driven by state alone: missing some
// states (while away, after a restart) loses nothing, because every ratchet is stepped to where the
// state's records say.
//
// When the store has lost the keys of an active epoch they are had from the other members.
//
// Secrets live in the SecretStore, durable before anything that depends on them is returned, and
// are erased there when the state says that their batch, round or epoch is over. Messages that
// are randomised are stored and returned again byte by byte; all others are recomputed alike.
//
// No thread, clock or socket. One thread at a time.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/blob_content.hpp"
#include "core/bytes.hpp"
#include "core/membership.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"
#include "core/state.hpp"
#include "node/mpc/mailbox.hpp"

namespace consilium::mpc {

// Durable secrets by name ([a-z0-9/-], at most 100 characters). Implementations encrypt them.
class SecretStore {
  public:
    SecretStore() = default;
    SecretStore(const SecretStore&) = delete;
    SecretStore& operator=(const SecretStore&) = delete;
    SecretStore(SecretStore&&) = delete;
    SecretStore& operator=(SecretStore&&) = delete;
    virtual ~SecretStore() = default;

    // Synced and atomic per name.
    [[nodiscard]] virtual Result<void> put(const std::string& name, ByteView secret) = 0;
    // kNotFound when there is none.
    [[nodiscard]] virtual Result<SecretBytes> get(const std::string& name) = 0;
    // Overwrites what it can, then removes; done before it returns. No error when absent.
    [[nodiscard]] virtual Result<void> erase(const std::string& name) = 0;
    [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& prefix) = 0;
};

class BlobSource {
  public:
    BlobSource() = default;
    BlobSource(const BlobSource&) = delete;
    BlobSource& operator=(const BlobSource&) = delete;
    BlobSource(BlobSource&&) = delete;
    BlobSource& operator=(BlobSource&&) = delete;
    virtual ~BlobSource() = default;

    // kNotFound: not here yet; the worker comes back at its next step.
    [[nodiscard]] virtual Result<Bytes> get(const Digest& hash) = 0;
    // The same, to be read in parts.
    [[nodiscard]] virtual Result<std::unique_ptr<BlobContent>> open(const Digest& hash) {
        auto content = get(hash);
        if (!content) return tl::unexpected(content.error());
        return std::make_unique<HeldBlob>(std::move(*content));
    }
};

// One transaction to be signed with the validator key and submitted.
struct Outgoing {
    std::string label;  // the same for a repetition; one transaction per label is ever on the chain
    std::uint16_t module{};
    std::uint16_t action{};
    Bytes arguments;           // canonical encoding
    std::vector<Bytes> blobs;  // that the arguments name
};

// Which final state a step looks at.
struct ChainPosition {
    Height height;
    Digest block;  // digest of its header
};

struct WorkerStatus {
    std::uint64_t mpc_epoch{};       // 0: none
    std::uint32_t batches{};         // whose keys are held
    std::uint64_t refusals{};        // times the worker kept silent to protect a secret
    std::string last_problem;        // for people; never a secret
    bool has_work_left{};            // a pass over a batch is unfinished: call step() again soon
    std::uint64_t recoveries{};      // epochs whose lost keys were had from the other members
    std::uint64_t contradictions{};  // epochs whose members contradict each other about lost keys
    std::uint64_t keys_given{};      // letters with keys for members that have lost theirs
    std::string last_receiver;       // of those: validator key, 16 hex characters
    bool is_behind{};    // the chain has not come to the state yet that was looked at last
    bool is_set_back{};  // the chain forgot a state that was answered: its epoch is void
};

struct WorkerOptions {
    ChainIdentity identity;
    PublicKey own_key;                                    // validator key
    std::function<void(std::span<std::uint8_t>)> random;  // fill_random, or seeded in a test
    // Multiplications of preparation in one step, about 0.2 s: how long a round may wait for it.
    std::uint64_t slice_work = std::uint64_t{1} << 27;
    // With the validator key; for requests to other members. Absent: lost keys are not asked for.
    std::function<Signature(const Digest&)> sign = {};
    // Digest of the final block at a height that this node's chain has; nullopt: it has none.
    // Needed for steps with a position.
    std::function<std::optional<Digest>(Height)> block_at = {};
};

class ReferenceSource;  // reference_source.hpp

class Worker {
  public:
    // `references` nullptr: this validator computes no reference updates and posts no REF.
    Worker(WorkerOptions options, SecretStore& secrets, BlobSource& blobs,
           ReferenceSource* references = nullptr);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    Worker(Worker&&) = delete;
    Worker& operator=(Worker&&) = delete;
    ~Worker();

    // What is owed in this final state, in the order in which it should be sent. An error is one of
    // the SecretStore's: nothing may be sent, the caller tries again at the next block.
    // With a position the chain is compared with what was answered before (chain_mark.hpp).
    [[nodiscard]] Result<std::vector<Outgoing>> step(const StateReader& state,
                                                     const std::optional<ChainPosition>& at = {});
    [[nodiscard]] WorkerStatus status() const;

    // A letter of another validator, whose key the link has proved; the next step() looks at it.
    // Any bytes: what is no good, or too much, is dropped.
    void receive(Letter letter);
    // Letters to other validators, each on its authenticated link; they may be lost.
    [[nodiscard]] std::vector<Letter> take_letters();

  private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace consilium::mpc
