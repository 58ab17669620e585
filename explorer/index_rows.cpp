// Rows of the index, by record and by event.
#include "explorer/index_rows.hpp"

#include <algorithm>
#include <string>

#include "contracts/schema/events.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/names.hpp"
#include "contracts/schema/records.hpp"
#include "contracts/schema/reference_set.hpp"
#include "contracts/schema_json/render.hpp"
#include "contracts/schema_json/tables.hpp"

namespace consilium::explorer {
namespace {

using schema::Module;
namespace event = schema::event;

// Rows of one block stay in order and in one number: height * 2^14 + position.
static_assert(kMaxTransactionsPerBlock < (1U << 14U));
std::uint64_t sequence_of(Height height, std::size_t position) {
    return (height.value << 14U) + position;
}

// The big-endian number that ends a key.
std::uint64_t trailing_number(ByteView key, std::size_t size) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : key.last(std::min(size, key.size()))) {
        number = (number << 8U) | byte;
    }
    return number;
}

template <typename T>
std::optional<T> load(const StateReader& state, ByteView key) {
    const auto bytes = state.get(key);
    if (!bytes) return std::nullopt;
    auto record = decode<T>(*bytes);
    if (!record) return std::nullopt;
    return *std::move(record);
}

class EventRows {
  public:
    EventRows(Database& database, const BlockHeader& header)
        : database_(database), header_(header) {}

    void add(const Event& event, const std::optional<Digest>& tx_id) {
        const nlohmann::json rendered = schema::render_event(event);
        const std::string json = rendered.dump();
        database_.run(
            "INSERT INTO events (height, tx_id, module, kind, json) VALUES (?, ?, ?, ?, ?)",
            {header_.height, tx_id, event.module, event.kind, json});
        add_special(event, rendered["payload"].dump());
        ++count_;
    }
    [[nodiscard]] std::size_t count() const { return count_; }

  private:
    void add_special(const Event& event, const std::string& payload) {
        const auto is = [&](Module module, std::uint16_t kind) {
            return event.module == static_cast<std::uint16_t>(module) && event.kind == kind;
        };
        if (is(Module::kRounds, event::kRoundOpened)) {
            if (const auto opened = decode<schema::RoundOpened>(event.payload)) {
                add_phase(opened->label, schema::Phase::kSubmitting);
            }
        } else if (is(Module::kRounds, event::kPhaseChanged)) {
            if (const auto changed = decode<schema::PhaseChanged>(event.payload)) {
                add_phase(changed->label, changed->phase);
            }
        } else if (is(Module::kVerification, event::kStatistics)) {
            if (const auto opened = decode<schema::Statistics>(event.payload)) {
                database_.run(
                    "INSERT OR REPLACE INTO statistics (round, height, json) "
                    "VALUES (?, ?, ?)",
                    {opened->label.round, header_.height, payload});
            }
        } else if (is(Module::kVerification, event::kFault)) {
            add_fault("fault", payload);
        } else if (is(Module::kVerification, event::kEquivocation)) {
            add_fault("equivocation", payload);
        } else if (is(Module::kVerification, event::kAbsent)) {
            add_fault("absent", payload);
        } else if (is(Module::kVerification, event::kBatchDisputed)) {
            add_fault("batch_disputed", payload);
        } else if (is(Module::kVerification, event::kExcluded)) {
            add_fault("excluded", payload);
        } else if (is(Module::kVerification, event::kEpochHalted)) {
            add_fault("epoch_halted", payload);
        } else if (is(Module::kVerification, event::kEpochVoid)) {
            add_fault("epoch_void", payload);
        }
    }
    void add_phase(const schema::RoundLabel& label, schema::Phase phase) {
        database_.run(
            "INSERT OR REPLACE INTO round_phases (round, attempt, height, phase, "
            "time_ms) VALUES (?, ?, ?, ?, ?)",
            {label.round, label.attempt, header_.height, schema::to_string(phase), header_.time});
    }
    void add_fault(const char* kind, const std::string& payload) {
        database_.run("INSERT INTO faults (height, kind, json) VALUES (?, ?, ?)",
                      {header_.height, kind, payload});
    }

    Database& database_;
    const BlockHeader& header_;
    std::size_t count_ = 0;
};

void index_signers(Database& database, const Certificate& certificate,
                   const Membership& membership) {
    for (std::uint16_t id = 0; id < membership.size(); ++id) {
        if (((certificate.signers >> id) & 1U) == 0) continue;
        const Member& member = membership.members[id];
        database.run("INSERT INTO signers (height, replica, name, key) VALUES (?, ?, ?, ?)",
                     {certificate.height, id, member.name, member.validator_key});
    }
}

class RecordRows {
  public:
    RecordRows(Database& database, const BlockHeader& header, const StateReader& state)
        : database_(database), header_(header), state_(state) {}

    void write(ByteView key, ByteView value) {
        const std::string_view name = schema::keys::record_name(key);
        if (name == "organisation") with<schema::OrganisationRecord>(key, value);
        if (name == "account") with<schema::AccountRecord>(key, value);
        if (name == "task") with<schema::TaskRecord>(key, value);
        if (name == "round") with<schema::RoundRecord>(key, value);
        if (name == "verdict") with<schema::VerdictRecord>(key, value);
        if (name == "model") with<schema::ModelRecord>(key, value);
        if (name == "reference_set") with<schema::ReferenceSetRecord>(key, value);
        if (name == "metrics") with<schema::MetricsRecord>(key, value);
        if (name == "privacy") with<schema::PrivacyRecord>(key, value);
    }

  private:
    template <typename Record>
    void with(ByteView key, ByteView value) {
        if (const auto record = decode<Record>(value)) put(key, *record);
    }

    void put(ByteView key, const schema::OrganisationRecord& record) {
        database_.run(
            "INSERT INTO organisations (id, name, folded, height) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, folded = excluded.folded",
            {trailing_number(key, sizeof(std::uint32_t)), record.name,
             schema::fold_name(record.name).value_or(record.name), header_.height});
    }

    void put(ByteView key, const schema::AccountRecord& record) {
        database_.run(
            "INSERT OR REPLACE INTO accounts (key, organisation, role, status, number, "
            "registered, changed) VALUES (?, ?, ?, ?, ?, ?, ?)",
            {key.last(PublicKey::kSize), record.organisation, schema::to_string(record.role),
             schema::to_string(record.status), record.index, record.registered, record.changed});
    }

    void put(ByteView /*key*/, const schema::TaskRecord& record) {
        const std::string json = schema::to_json_value(record).dump();
        database_.run(
            "INSERT OR REPLACE INTO tasks (id, name, status, created, json) "
            "VALUES (?, ?, ?, ?, ?)",
            {record.id, record.spec.name, schema::to_string(record.status), record.created, json});
    }

    void put(ByteView /*key*/, const schema::RoundRecord& record) {
        const std::string json = schema::to_json_value(record).dump();
        const std::uint64_t round = record.label.round;
        database_.run(
            "INSERT INTO rounds (round, attempt, task, phase, reason, first_opened, "
            "changed, json) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (round) DO UPDATE SET attempt = excluded.attempt, "
            "phase = excluded.phase, reason = excluded.reason, "
            "changed = excluded.changed, json = excluded.json",
            {round, record.label.attempt, record.terms.task, schema::to_string(record.phase),
             schema::to_string(record.reason), record.opened, header_.height, json});
        // Another attempt may have other clients in its slots.
        database_.run("DELETE FROM round_clients WHERE round = ? AND attempt <> ?",
                      {round, record.label.attempt});
        const auto epoch =
            load<schema::EpochRecord>(state_, schema::keys::epoch(record.label.mpc_epoch));
        if (!epoch) return;
        for (std::uint16_t slot = 1; slot <= epoch->clients.size(); ++slot) {
            const schema::SlotSet bit = schema::slot_bit(slot);
            database_.run(
                "INSERT INTO round_clients (round, slot, attempt, trainer, pledged, submitted, "
                "ranged) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (round, slot) DO UPDATE SET "
                "pledged = excluded.pledged, submitted = excluded.submitted, "
                "ranged = excluded.ranged",
                {round, slot, record.label.attempt, epoch->clients[slot - 1U],
                 (record.pledged & bit) != 0, (record.submitted & bit) != 0,
                 (record.ranged & bit) != 0});
        }
    }

    void put(ByteView /*key*/, const schema::VerdictRecord& record) {
        const std::string json = schema::to_json_value(record).dump();
        database_.run("INSERT OR REPLACE INTO verdicts (round, height, json) VALUES (?, ?, ?)",
                      {record.label.round, header_.height, json});
        for (const schema::ClientOutcome& client : record.clients) {
            database_.run(
                "UPDATE round_clients SET code = ?, is_suspect = ?, weight = ?, "
                "reduced_weight = ? WHERE round = ? AND slot = ?",
                {schema::to_string(client.code), client.is_suspect, client.weight,
                 client.reduced_weight, record.label.round, client.slot});
        }
    }

    void put(ByteView /*key*/, const schema::ModelRecord& record) {
        const std::string json = schema::to_json_value(record).dump();
        database_.run(
            "INSERT INTO models (task, version, parent, round, sha256, created, json) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task, version) DO UPDATE SET "
            "parent = excluded.parent, round = excluded.round, sha256 = excluded.sha256, "
            "created = excluded.created, json = excluded.json",
            {record.task, record.version, record.parent, record.round, record.parameters.sha256,
             record.created, json});
    }

    void put(ByteView /*key*/, const schema::ReferenceSetRecord& record) {
        const std::string json = schema::to_json_value(record).dump();
        database_.run(
            "INSERT OR REPLACE INTO reference_sets (sha256, approved, json) VALUES (?, ?, ?)",
            {record.blob.sha256, record.approved, json});
    }

    // One row an account, ordered by task and then by hospital.
    void put(ByteView /*key*/, const schema::PrivacyRecord& record) {
        const std::string json = schema::to_json_value(record).dump();
        const std::uint64_t sequence = (std::uint64_t{record.task} << 32U) | record.organisation;
        database_.run(
            "INSERT INTO privacy (sequence, task, organisation, first_height, json) "
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT (sequence) DO UPDATE SET json = excluded.json",
            {sequence, record.task, record.organisation, header_.height, json});
    }

    void put(ByteView key, const schema::MetricsRecord& record) {
        constexpr std::size_t kNumber = sizeof(std::uint32_t);
        const std::uint64_t version = trailing_number(key, kNumber);
        const std::uint64_t task = trailing_number(key.first(key.size() - kNumber), kNumber);
        for (const schema::MetricsEntry& entry : record.entries) {
            database_.run(
                "INSERT OR REPLACE INTO metrics (task, version, trainer, auc_micros, "
                "accuracy_micros, balanced_accuracy_micros, rows_log2, height) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                {task, version, entry.trainer, entry.auc_micros, entry.accuracy_micros,
                 entry.balanced_accuracy_micros, entry.rows_log2, entry.height});
        }
    }

    Database& database_;
    const BlockHeader& header_;
    const StateReader& state_;
};

}  // namespace

void index_block(Database& database, const CertifiedBlock& certified, const BlockReceipts& receipts,
                 const Membership& membership) {
    const BlockHeader& header = certified.block.header;
    const auto& transactions = certified.block.transactions;
    EventRows events(database, header);
    // The order in which things happened: transactions first, then what followed from them.
    for (std::size_t i = 0; i < transactions.size(); ++i) {
        const Transaction& transaction = transactions[i];
        const Receipt& receipt = receipts.receipts.at(i);
        const std::uint64_t sequence = sequence_of(header.height, i);
        database.run(
            "INSERT INTO transactions (sequence, id, height, position, sender, module, action, "
            "body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            {sequence, receipt.tx_id, header.height, i, transaction.sender, transaction.module,
             transaction.action, encode(transaction)});
        database.run("INSERT INTO receipts (sequence, code, body) VALUES (?, ?, ?)",
                     {sequence, receipt.code, encode(receipt)});
        for (const Event& event : receipt.events) events.add(event, receipt.tx_id);
    }
    for (const Event& event : receipts.events) events.add(event, std::nullopt);
    database.run(
        "INSERT INTO blocks (height, digest, time_ms, proposer, view, state_root, transactions, "
        "events, header, certificate) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {header.height, header_digest(header), header.time, header.proposer.value,
         certified.certificate.view.value, header.state_root, transactions.size(), events.count(),
         encode(header), encode(certified.certificate)});
    index_signers(database, certified.certificate, membership);
}

void index_records(Database& database, const BlockHeader& header, const StateWrites& writes,
                   const StateReader& state) {
    RecordRows rows(database, header, state);
    for (const auto& [key, value] : writes) {
        if (value) rows.write(key, *value);
    }
}

}  // namespace consilium::explorer
