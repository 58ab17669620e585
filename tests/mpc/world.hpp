// A whole consortium in memory without consensus: workers, contracts, clients, one chain of blocks.
//
// Every block is final at once. Validators are mpc::Worker on stores in memory; clients use the
// functions of smpc as a trainer does. What a worker returns twice under one label must be the
// same bytes; the world records every breach of that instead of hiding it.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "contracts/executor.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/schema/codes.hpp"
#include "contracts/schema/events.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/records.hpp"
#include "core/genesis.hpp"
#include "core/state_tree.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/keys.hpp"
#include "fl_engine/smpc/transport.hpp"
#include "node/mpc/reference_source.hpp"
#include "tests/mpc/memory_store.hpp"

namespace consilium::mpc::testing {

using Update = std::vector<std::int64_t>;

// Blobs that every party sees.
class WorldBlobs final : public contracts::BlobReader {
  public:
    [[nodiscard]] std::optional<Bytes> get(const Digest& hash) const override {
        const auto found = contents.find(hash);
        if (found == contents.end()) return std::nullopt;
        return found->second;
    }
    void put(const Bytes& content) { contents[sha256(content)] = content; }
    std::map<Digest, Bytes> contents;
};

// One member's view of them: it may miss some.
class MemberBlobs final : public BlobSource {
  public:
    explicit MemberBlobs(const WorldBlobs& all) : all_(all) {}
    [[nodiscard]] Result<Bytes> get(const Digest& hash) override {
        auto content = is_blind ? std::nullopt : all_.get(hash);
        if (!content) return make_error(ErrorCode::kNotFound, "not here yet");
        return std::move(*content);
    }
    bool is_blind = false;

  private:
    const WorldBlobs& all_;
};

struct Validator {
    Validator(KeyPair pair, const WorldBlobs& all) : key(std::move(pair)), blobs(all) {}
    KeyPair key;
    MemoryStore store;
    MemberBlobs blobs;
    std::unique_ptr<Worker> worker;
    std::function<void(std::span<std::uint8_t>)> random;
    std::unique_ptr<ReferenceSource> references;
    bool is_silent = false;              // its worker does not run
    std::function<void(Outgoing&)> lie;  // changes what it sends
    // Changes what it sends to another member; false: sends nothing.
    std::function<bool(Letter&)> lie_to_member;
    std::vector<Letter> waiting;             // letters to it; it sees them in the next block
    std::vector<Letter> letters;             // all that it sent
    std::map<std::string, Digest> returned;  // by label: hash of what the worker returned
    std::set<std::string> changed_labels;    // returned with two contents: must stay empty
    std::size_t errors = 0;                  // steps that failed
};

struct Client {
    explicit Client(KeyPair pair) : key(std::move(pair)) {}
    KeyPair key;
    bool is_silent = false;
    bool submits = true;
    bool proves = true;
    // Field elements to send in a round in place of an update, whatever they are.
    std::function<std::optional<std::vector<smpc::Element>>(const schema::RoundRecord&)> cheat;
    // Changes the words of its RANGE blob before it sends them.
    std::function<void(std::vector<smpc::Element>&, const schema::RoundRecord&)> alter_proof;
    std::uint64_t epoch = 0;
    std::optional<smpc::TransportSecretKey> transport;
    std::vector<smpc::ClientChainKey> ring;
    std::uint64_t next_batch = 0;
    std::map<std::pair<std::uint64_t, std::uint64_t>, Bytes> masked;  // by epoch and batch
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<smpc::ClientMaskKey>> masks;
    std::map<std::uint64_t, Update> updates;  // by round
};

struct WorldOptions {
    std::uint32_t validators = 4;
    std::uint32_t clients = 3;
    schema::Mode mode = schema::Mode::kSum;
    std::uint32_t rounds = 2;
    std::uint64_t seed = 1;
    std::uint32_t epoch_rounds_max = 100;
    bool is_wide = false;              // PAIRWISE with d = 129: range proofs in full mode
    bool restarts_every_step = false;  // a new Worker on the same store before every step
    bool replays_every_step = false;   // a second Worker on a copy of the store must answer alike
    bool has_reference = false;        // the task requires one; validators train it
    std::optional<schema::ReferenceSet> reference = {};  // nullopt: reference_set()
    bool is_pool_slow = false;    // transactions wait a block, so workers return them again
    std::uint32_t features = 15;  // SUM mode: the update has one coordinate more
    bool tells_position = false;  // workers compare the chain with what they answered
    std::uint64_t slice_work = std::uint64_t{1} << 27;        // of a worker's step
    std::function<void(schema::TaskSpec&)> adjust_task = {};  // before the council creates it
};

// What a ledger's copy brings back.
struct ChainCopy {
    StateTree state;
    std::map<PublicKey, std::uint64_t> nonces;
    std::vector<Digest> block_digests;
    Height height;
    TimeMs time;
};

class World {
  public:
    explicit World(const WorldOptions& options);

    [[nodiscard]] ChainCopy copy_chain() const;
    // All ledgers are restored from the copy; processes restart, secrets stay. Trainers look at the
    // chain anew, too.
    void set_back(const ChainCopy& copy);
    [[nodiscard]] ChainPosition position() const { return {height, block_digests.back()}; }

    // One block: everybody acts on the final state, then all of it is executed.
    void advance();
    // False when `until` does not hold after so many blocks.
    [[nodiscard]] bool run_until(const std::function<bool()>& until, std::size_t blocks = 120);
    [[nodiscard]] bool run_rounds(std::size_t results, std::size_t blocks = 200);
    void restart(std::size_t validator);

    template <typename T>
    [[nodiscard]] std::optional<T> find(const Bytes& key) const {
        const auto value = state.get(key);
        if (!value) return std::nullopt;
        return decode<T>(*value).value();
    }
    [[nodiscard]] std::optional<schema::EpochRecord> epoch() const;
    [[nodiscard]] std::optional<schema::RoundRecord> round() const;  // the current one
    [[nodiscard]] bool is_in(schema::Phase phase) const;
    [[nodiscard]] bool is_active() const;
    [[nodiscard]] std::size_t certified_batches() const;
    [[nodiscard]] std::optional<schema::BatchRecord> batch(std::uint64_t number) const;
    template <typename T>
    [[nodiscard]] std::vector<T> events_of(std::uint16_t kind) const {
        std::vector<T> found;
        for (const Event& event : events) {
            const bool is_wanted =
                event.module == static_cast<std::uint16_t>(schema::Module::kVerification) &&
                event.kind == kind;
            if (is_wanted) found.push_back(decode<T>(event.payload).value());
        }
        return found;
    }
    [[nodiscard]] std::vector<schema::RoundResult> results() const {
        return events_of<schema::RoundResult>(schema::event::kResult);
    }
    [[nodiscard]] std::vector<schema::FaultProved> faults() const {
        return events_of<schema::FaultProved>(schema::event::kFault);
    }
    [[nodiscard]] schema::VerdictRecord verdict(std::uint64_t round) const;
    // Nobody contradicted itself: no EQUIVOCATION, no label with two contents.
    [[nodiscard]] bool is_consistent() const;
    // Compares result, aggregate and model of a round with the plain sum of the clients' updates.
    void expect_result_is_plain_sum(const schema::RoundResult& result) const;

    void register_client(const std::string& name);
    // A worker whose key is registered as validator; returns its position.
    std::size_t add_validator(const std::string& organisation);
    void send(const KeyPair& key, schema::Module module, std::uint16_t action, Bytes arguments);
    // The council decides at once, at the next block.
    void decide(schema::ProposalKind kind, Bytes payload);

    WorldOptions options;
    Genesis genesis;
    StateTree state;
    WorldBlobs blobs;
    std::vector<std::unique_ptr<Validator>> validators;
    std::vector<KeyPair> council;
    std::vector<std::unique_ptr<Client>> clients;  // in the order of registration
    // The update of a client (by position) in a round; the default is similar ones.
    std::function<Update(std::size_t client, const schema::RoundRecord& round)> make_update;
    std::vector<Event> events;           // all of the chain's
    std::vector<schema::Code> refusals;  // of keys and shares: codes other than OK
    std::map<std::uint64_t, std::map<smpc::MemberIndex, std::vector<smpc::Element>>>
        aggregate_posts;  // by round and member
    Height height{0};
    TimeMs time{1'000'000};
    std::vector<Digest> block_digests;  // by height

  private:
    void act(Validator& validator);
    void deliver_letters(Validator& from);
    void note(Validator& validator, const Outgoing& outgoing);
    void replay(Validator& validator, const std::vector<Outgoing>& owed);
    void act(Client& client, std::size_t position);
    void receive_bundles(Client& client, const schema::EpochRecord& record, std::uint16_t slot);
    void take_part(Client& client, std::size_t position, std::uint16_t slot);
    void submit(Client& client, std::size_t position, std::uint16_t slot,
                const schema::RoundRecord& current);
    void mask(Client& client, std::size_t position, const schema::RoundRecord& current);
    void prove(Client& client, std::uint16_t slot, const schema::RoundRecord& current);
    // Of the present epoch.
    [[nodiscard]] smpc::Committee committee() const {
        return smpc::Committee::make(static_cast<std::uint32_t>(epoch()->members.size())).value();
    }
    void run_block();
    void note_aggregate(const Transaction& transaction);

    std::map<PublicKey, std::uint64_t> nonces_;
    std::vector<Transaction> pool_;
    std::vector<Transaction> arriving_;  // in the pool after one more block
    std::set<std::pair<PublicKey, std::string>> client_labels_;
    smpc::Kdf kdf_;
};

// Seventy records of which the first column tells the class: the worlds' reference set.
[[nodiscard]] schema::ReferenceSet reference_set(std::size_t columns);
// d coordinates around a common direction of the round, a little different for every client.
[[nodiscard]] Update similar_update(std::uint64_t seed, std::size_t client,
                                    const schema::RoundRecord& round);
[[nodiscard]] bool holds(ByteView text, ByteView part);

}  // namespace consilium::mpc::testing
