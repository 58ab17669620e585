// Opening, checking and extending the index.
#include "explorer/index_store.hpp"

#include <utility>

#include "explorer/index_rows.hpp"
#include "explorer/schema.hpp"

namespace consilium::explorer {
namespace {

constexpr std::size_t kLoadBatch = 4'096;  // state keys applied to the tree at once

// Which memberships there were: the first height each one certifies.
constexpr const char* kMembershipPrefix = "membership/";

std::string membership_name(Height first) {
    std::string digits = std::to_string(first.value);
    return kMembershipPrefix + std::string(20 - digits.size(), '0') + digits;  // sorted as text
}

tl::unexpected<Error> damaged(const std::string& what) {
    return make_error(ErrorCode::kMismatch,
                      what + "; start once with --reindex to verify the chain anew from genesis");
}

}  // namespace

IndexStore::IndexStore(Database database, ChainIdentity identity)
    : database_(std::move(database)), identity_(std::move(identity)) {}

Result<IndexStore> IndexStore::open(const std::string& path, const Genesis& genesis,
                                    bool is_reindex) {
    auto first = make_genesis(genesis);
    if (!first) return tl::unexpected(first.error());
    auto database = Database::open(path, Database::Mode::kWriter);
    if (!database) return tl::unexpected(database.error());
    IndexStore store(*std::move(database), genesis.identity());
    if (auto ready = store.prepare(genesis, is_reindex); !ready) {
        return tl::unexpected(ready.error());
    }
    bool has_head = false;
    store.database_.query("SELECT 1 FROM meta WHERE name = 'head'", {},
                          [&](const Row&) { has_head = true; });
    auto done = has_head ? store.load() : store.write_genesis(*std::move(first));
    if (!done) return tl::unexpected(done.error());
    return store;
}

Result<void> IndexStore::prepare(const Genesis& genesis, bool is_reindex) {
    SqlTransaction transaction(database_);
    std::int64_t version = 0;
    database_.query("PRAGMA user_version", {}, [&](const Row& row) { version = row.integer(0); });
    if (is_reindex) database_.run_script(kDropTables);
    if (version != 0 && version != kIndexVersion && !is_reindex) {
        return damaged("the index has version " + std::to_string(version) +
                       ", this program writes version " + std::to_string(kIndexVersion));
    }
    database_.run_script(kCreateTables);
    database_.run_script(("PRAGMA user_version = " + std::to_string(kIndexVersion)).c_str());
    const Digest hash = genesis.hash();
    std::optional<Bytes> stored;
    database_.query("SELECT value FROM meta WHERE name = 'genesis_hash'", {},
                    [&](const Row& row) { stored = to_bytes(row.bytes(0)); });
    if (stored && *stored != to_bytes(hash.view())) {
        return make_error(ErrorCode::kMismatch,
                          "the index is of another chain; choose another data directory");
    }
    database_.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('genesis_hash', ?)", {hash});
    return transaction.commit();
}

void IndexStore::write_head(const ChainHead& head, const StateWrites& writes) {
    for (const auto& [key, value] : writes) {
        if (value) {
            database_.run("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)", {key, *value});
        } else {
            database_.run("DELETE FROM state WHERE key = ?", {key});
        }
    }
    database_.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('head', ?)",
                  {encode(head.header)});
    database_.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('membership', ?)",
                  {encode(head.membership)});
}

Result<void> IndexStore::write_genesis(GenesisBlock genesis) {
    SqlTransaction transaction(database_);
    index_block(database_, {.block = {genesis.head.header, {}}, .certificate = {}}, {},
                genesis.head.membership);
    index_records(database_, genesis.head.header, genesis.writes, genesis.head.state);
    write_head(genesis.head, genesis.writes);
    database_.run("INSERT INTO meta (name, value) VALUES (?, ?)",
                  {membership_name(Height{1}), encode(genesis.head.membership)});
    if (auto written = transaction.commit(); !written) return written;
    head_ = std::move(genesis.head);
    return {};
}

Result<void> IndexStore::load() {
    Result<BlockHeader> header = make_error(ErrorCode::kNotFound, "no head");
    Result<Membership> membership = make_error(ErrorCode::kNotFound, "no membership");
    database_.query("SELECT name, value FROM meta WHERE name IN ('head', 'membership')", {},
                    [&](const Row& row) {
                        if (row.text(0) == "head") {
                            header = decode<BlockHeader>(row.bytes(1));
                        } else {
                            membership = decode<Membership>(row.bytes(1));
                        }
                    });
    StateTree state;
    StateWrites batch;
    database_.query("SELECT key, value FROM state", {}, [&](const Row& row) {
        batch.emplace(to_bytes(row.bytes(0)), to_bytes(row.bytes(1)));
        if (batch.size() < kLoadBatch) return;
        state = state.apply(batch);
        batch.clear();
    });
    if (auto read = database_.outcome(); !read) return read;
    state = state.apply(batch);
    if (!header || !membership) return damaged("the index has no readable head");
    if (state.root() != header->state_root) {
        return damaged("the stored state is not that of block " +
                       std::to_string(header->height.value));
    }
    if (membership->hash() != header->membership_hash) {
        return damaged("the stored membership is not that of the newest block");
    }
    const auto stored = digest_at(header->height);
    if (!stored) return tl::unexpected(stored.error());
    if (*stored != header_digest(*header)) return damaged("the newest block is not the head");
    head_ = {*header, *std::move(membership), std::move(state)};
    return {};
}

Result<void> IndexStore::commit(VerifiedBlock verified) {
    const BlockHeader& header = verified.next.header;
    CHECK(header.height == head_.header.height.next());
    SqlTransaction transaction(database_);
    index_block(database_, verified.certified, verified.receipts, head_.membership);
    index_records(database_, header, verified.writes, verified.next.state);
    write_head(verified.next, verified.writes);
    if (verified.next.membership != head_.membership) {
        database_.run("INSERT INTO meta (name, value) VALUES (?, ?)",
                      {membership_name(header.height.next()), encode(verified.next.membership)});
    }
    for (const Bytes& content : verified.blobs) {
        database_.run("INSERT OR IGNORE INTO blobs (sha256, content, is_derived) VALUES (?, ?, 1)",
                      {sha256(content), content});
    }
    database_.run("UPDATE divergences SET is_open = 0 WHERE is_open = 1 AND height <= ?",
                  {header.height});
    if (auto written = transaction.commit(); !written) return written;
    head_ = std::move(verified.next);
    return {};
}

std::optional<Bytes> IndexStore::get(const Digest& hash) const {
    database_.clear_error();
    std::optional<Bytes> content;
    database_.query("SELECT content FROM blobs WHERE sha256 = ?", {hash},
                    [&](const Row& row) { content = to_bytes(row.bytes(0)); });
    // A damaged file must not change what execution computes: then the blob is fetched again.
    if (content && sha256(*content) != hash) return std::nullopt;
    return content;
}

Result<void> IndexStore::put_blob(const Digest& hash, ByteView content) {
    CHECK(sha256(content) == hash);
    database_.clear_error();
    database_.run("INSERT OR REPLACE INTO blobs (sha256, content, is_derived) VALUES (?, ?, 0)",
                  {hash, content});
    return database_.outcome();
}

Result<void> IndexStore::add_divergence(const DivergenceRecord& record) {
    database_.clear_error();
    // The same finding again, after a restart or at the next look, is not another one.
    database_.run(
        "DELETE FROM divergences WHERE height = ? AND kind = ? AND node = ? AND check_name = ? "
        "AND found = ?",
        {record.what.height, record.kind, record.node, record.what.check, record.what.found});
    database_.run(
        "INSERT INTO divergences (height, kind, node, check_name, expected, found, time_ms, "
        "is_open) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        {record.what.height, record.kind, record.node, record.what.check, record.what.expected,
         record.what.found, record.time, record.is_open});
    return database_.outcome();
}

Result<std::optional<DivergenceRecord>> IndexStore::open_divergence() {
    database_.clear_error();
    std::optional<DivergenceRecord> record;
    database_.query(
        "SELECT height, kind, node, check_name, expected, found, time_ms FROM divergences "
        "WHERE is_open = 1 ORDER BY sequence LIMIT 1",
        {}, [&](const Row& row) {
            record = DivergenceRecord{
                .what = {Height{row.number(0)}, row.text(3), row.text(4), row.text(5)},
                .kind = row.text(1),
                .node = row.text(2),
                .time = TimeMs{row.number(6)},
                .is_open = true};
        });
    if (auto read = database_.outcome(); !read) return tl::unexpected(read.error());
    return record;
}

Result<std::optional<Digest>> IndexStore::digest_at(Height height) {
    database_.clear_error();
    std::optional<Digest> digest;
    database_.query("SELECT digest FROM blocks WHERE height = ?", {height}, [&](const Row& row) {
        const ByteView bytes = row.bytes(0);
        if (bytes.size() != Digest::kSize) return;
        std::copy(bytes.begin(), bytes.end(), digest.emplace().bytes.begin());
    });
    if (auto read = database_.outcome(); !read) return tl::unexpected(read.error());
    return digest;
}

Result<Membership> IndexStore::membership_at(Height height) {
    database_.clear_error();
    Result<Membership> membership = make_error(ErrorCode::kNotFound, "no membership");
    database_.query(
        "SELECT value FROM meta WHERE name LIKE 'membership/%' AND name <= ? "
        "ORDER BY name DESC LIMIT 1",
        {membership_name(height)},
        [&](const Row& row) { membership = decode<Membership>(row.bytes(0)); });
    if (auto read = database_.outcome(); !read) return tl::unexpected(read.error());
    return membership;
}

Result<Membership> IndexStore::membership_of(Epoch epoch) {
    database_.clear_error();
    Result<Membership> membership = make_error(ErrorCode::kNotFound, "no such epoch");
    // Few: the council changes the validators seldom.
    database_.query("SELECT value FROM meta WHERE name LIKE 'membership/%'", {},
                    [&](const Row& row) {
                        auto found = decode<Membership>(row.bytes(0));
                        if (found && found->epoch == epoch) membership = std::move(found);
                    });
    if (auto read = database_.outcome(); !read) return tl::unexpected(read.error());
    return membership;
}

Result<void> IndexStore::add_evidence(const EvidenceRow& row) {
    database_.clear_error();
    database_.run(
        "INSERT OR IGNORE INTO evidence (id, kind, epoch, height, view, offender, name, "
        "first_claim, second_claim, content, node, time_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {row.id, row.kind, row.epoch.value, row.height, row.view.value, row.offender, row.name,
         row.first_claim, row.second_claim, row.content, row.node, row.time});
    return database_.outcome();
}

Result<bool> IndexStore::has_evidence(const Digest& id) {
    database_.clear_error();
    bool is_there = false;
    database_.query("SELECT 1 FROM evidence WHERE id = ?", {id},
                    [&](const Row&) { is_there = true; });
    if (auto read = database_.outcome(); !read) return tl::unexpected(read.error());
    return is_there;
}

Result<std::size_t> IndexStore::count_evidence(const PublicKey& offender) {
    database_.clear_error();
    std::size_t count = 0;
    database_.query("SELECT COUNT(*) FROM evidence WHERE offender = ?", {offender},
                    [&](const Row& row) { count = static_cast<std::size_t>(row.number(0)); });
    if (auto read = database_.outcome(); !read) return tl::unexpected(read.error());
    return count;
}

}  // namespace consilium::explorer
