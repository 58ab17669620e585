// The RocksDB store: what was committed is there after reopening, and damage is noticed.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <rocksdb/db.h>

#include "node/rocks_storage.hpp"
#include "node/vote_guard.hpp"

namespace consilium::node {
namespace {

class Storage : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
        folder_ = std::filesystem::path(::testing::TempDir()) /
                  (std::string("consilium-storage-") + info->name());
        std::filesystem::remove_all(folder_);
        reopen();
    }
    void TearDown() override {
        storage_.reset();
        std::filesystem::remove_all(folder_);
    }
    void reopen() {
        storage_.reset();
        auto opened = RocksStorage::open(folder_.string());
        ASSERT_TRUE(opened) << opened.error().context;
        storage_ = std::move(*opened);
    }
    static driver::BlockCommit commit_at(std::uint64_t height) {
        driver::BlockCommit commit;
        commit.block.header.height = Height{height};
        commit.block.header.time = TimeMs{1000 + height};
        Transaction transaction;
        transaction.chain_id = "test";
        transaction.nonce = height;
        commit.block.transactions.push_back(transaction);
        commit.certificate.height = Height{height};
        commit.certificate.digest = header_digest(commit.block.header);
        commit.receipts.receipts.push_back({Digest{}, 7, {}});
        return commit;
    }

    std::filesystem::path folder_;
    std::unique_ptr<RocksStorage> storage_;
};

TEST_F(Storage, empty_store_has_no_head_and_no_votes) {
    const auto head = storage_->load_head();
    ASSERT_TRUE(head);
    EXPECT_FALSE(head->has_value());
    const auto votes = storage_->load_votes();
    ASSERT_TRUE(votes);
    EXPECT_TRUE(votes->records.empty());
    EXPECT_EQ(votes->sequence_guard, 0U);
    EXPECT_EQ(storage_->block_at(Height{0}).error().code, ErrorCode::kNotFound);
}

TEST_F(Storage, committed_blocks_survive_reopening_with_all_that_belongs_to_them) {
    auto genesis = commit_at(0);
    genesis.next_membership = Membership{Epoch{0}, {{"a", PublicKey{}}}};
    genesis.writes = {{Bytes{1}, Bytes{10}}, {Bytes{2}, Bytes{20}}};
    ASSERT_TRUE(storage_->commit_block(genesis));
    auto first = commit_at(1);
    first.next_membership = genesis.next_membership;
    first.writes = {{Bytes{1}, std::nullopt}, {Bytes{3}, Bytes{30}}};
    first.blobs = {Bytes(10'000, 5)};
    ASSERT_TRUE(storage_->commit_block(first));
    reopen();

    const auto head = storage_->load_head();
    ASSERT_TRUE(head && head->has_value());
    EXPECT_EQ((*head)->header, first.block.header);
    EXPECT_EQ((*head)->membership, genesis.next_membership);
    std::map<Bytes, Bytes> state;
    ASSERT_TRUE(storage_->load_state(
        [&](ByteView key, ByteView value) { state[to_bytes(key)] = to_bytes(value); }));
    EXPECT_EQ(state, (std::map<Bytes, Bytes>{{{2}, {20}}, {{3}, {30}}}));
    const auto block = storage_->block_at(Height{1});
    ASSERT_TRUE(block);
    EXPECT_EQ(block->block, first.block);
    EXPECT_EQ(storage_->receipts_at(Height{1})->receipts[0].code, 7);
    const auto where = storage_->find_transaction(transaction_id(first.block.transactions[0]));
    ASSERT_TRUE(where && where->has_value());
    EXPECT_EQ((*where)->height, Height{1});
    EXPECT_TRUE(storage_->has_blob(sha256(first.blobs[0])));
    EXPECT_EQ(*storage_->get_blob(sha256(first.blobs[0])), first.blobs[0]);
}

TEST_F(Storage, membership_of_a_height_is_the_newest_written_below_it) {
    auto genesis = commit_at(0);
    genesis.next_membership = Membership{Epoch{0}, {{"a", PublicKey{}}}};
    ASSERT_TRUE(storage_->commit_block(genesis));
    auto fifth = commit_at(5);
    fifth.next_membership = Membership{Epoch{1}, {{"b", PublicKey{}}}};
    ASSERT_TRUE(storage_->commit_block(fifth));
    EXPECT_EQ(storage_->membership_at(Height{5})->epoch, Epoch{0});
    EXPECT_EQ(storage_->membership_at(Height{6})->epoch, Epoch{1});
}

driver::VoteWrite vote(std::uint64_t sequence, std::uint64_t height) {
    return {{sequence, Height{height}, Bytes{static_cast<std::uint8_t>(sequence)}}, std::nullopt};
}

TEST_F(Storage, votes_bodies_and_guard_survive_reopening) {
    auto with_body = vote(2, 9);
    with_body.body = commit_at(9).block;
    ASSERT_TRUE(storage_->write_votes({vote(1, 9), with_body}));
    ASSERT_TRUE(storage_->write_votes({vote(3, 9)}));
    reopen();
    const auto votes = storage_->load_votes();
    ASSERT_TRUE(votes);
    ASSERT_EQ(votes->records.size(), 3U);
    EXPECT_EQ(votes->records[2].sequence, 3U);
    EXPECT_EQ(votes->records[2].content, Bytes{3});
    ASSERT_EQ(votes->bodies.size(), 1U);
    EXPECT_EQ(votes->bodies[0], *with_body.body);
    EXPECT_EQ(votes->sequence_guard, 4U);
}

TEST_F(Storage, commit_drops_votes_of_its_height_but_the_newest) {
    ASSERT_TRUE(storage_->commit_block(commit_at(0)));
    auto with_body = vote(1, 1);
    with_body.body = commit_at(1).block;
    ASSERT_TRUE(storage_->write_votes({with_body, vote(2, 1), vote(3, 1)}));
    ASSERT_TRUE(storage_->commit_block(commit_at(1)));
    for (int pass = 0; pass < 2; ++pass) {
        const auto votes = storage_->load_votes();
        ASSERT_TRUE(votes);
        ASSERT_EQ(votes->records.size(), 1U);
        EXPECT_EQ(votes->records[0].sequence, 3U);
        EXPECT_TRUE(votes->bodies.empty());
        reopen();
    }
}

TEST_F(Storage, copy_of_an_older_journal_is_behind_its_guard) {
    ASSERT_TRUE(storage_->write_votes({vote(1, 1)}));
    storage_.reset();
    const auto backup = folder_.string() + "-backup";
    std::filesystem::copy(folder_ / "ledger", backup, std::filesystem::copy_options::recursive);
    reopen();
    ASSERT_TRUE(storage_->write_votes({vote(2, 1)}));
    storage_.reset();
    std::filesystem::remove_all(folder_ / "ledger");
    std::filesystem::rename(backup, folder_ / "ledger");
    reopen();
    const auto votes = storage_->load_votes();
    ASSERT_TRUE(votes && votes->records.size() == 1);
    EXPECT_EQ(votes->records[0].sequence, 1U);
    EXPECT_EQ(votes->sequence_guard, 3U);
}

TEST_F(Storage, distrust_of_votes_survives_reopening_until_a_vote_is_written) {
    ASSERT_TRUE(storage_->distrust_votes());
    reopen();
    EXPECT_EQ(storage_->load_votes()->sequence_guard, 1U);
    ASSERT_TRUE(storage_->write_votes({vote(1, 1)}));
    reopen();
    const auto votes = storage_->load_votes();
    ASSERT_EQ(votes->records.size(), 1U);
    EXPECT_EQ(votes->records[0].sequence + 1, votes->sequence_guard);
}

TEST_F(Storage, blob_under_a_wrong_hash_is_refused) {
    const Bytes content(100, 1);
    EXPECT_FALSE(storage_->put_blob(Digest{}, content));
    EXPECT_FALSE(storage_->put_client_blob({Digest{}, {1, 0}}, content));
    EXPECT_TRUE(storage_->client_blobs()->empty());
}

driver::ClientBlob client_blob(const Bytes& content, std::uint64_t batch = 3) {
    return {sha256(content), {1, batch}};
}

TEST_F(Storage, blob_of_a_client_is_listed_with_its_batch_until_it_is_erased) {
    const Bytes first(100, 1);
    const Bytes second(5'000, 2);
    const Bytes of_member(100, 3);
    ASSERT_TRUE(storage_->put_client_blob(client_blob(first), first));
    ASSERT_TRUE(storage_->put_client_blob(client_blob(second, 4), second));
    ASSERT_TRUE(storage_->put_blob(sha256(of_member), of_member));
    std::vector<driver::ClientBlob> expected = {client_blob(first), client_blob(second, 4)};
    std::ranges::sort(expected, {}, &driver::ClientBlob::hash);
    for (int pass = 0; pass < 2; ++pass) {
        EXPECT_EQ(storage_->client_blobs().value(), expected);
        EXPECT_EQ(storage_->get_blob(sha256(first)), first);
        EXPECT_TRUE(storage_->has_blob(sha256(second)));
        reopen();
    }
    // Others than clients' are never erased this way.
    ASSERT_TRUE(storage_->erase_client_blobs({sha256(first), sha256(of_member), Digest{}}));
    for (int pass = 0; pass < 2; ++pass) {
        EXPECT_FALSE(storage_->has_blob(sha256(first)));
        EXPECT_EQ(storage_->get_blob(sha256(first)).error().code, ErrorCode::kNotFound);
        EXPECT_EQ(storage_->get_blob(sha256(of_member)), of_member);
        EXPECT_EQ(storage_->client_blobs().value(),
                  std::vector<driver::ClientBlob>{client_blob(second, 4)});
        reopen();
    }
}

TEST_F(Storage, blob_that_a_member_named_too_is_kept) {
    const Bytes content(5'000, 1);
    ASSERT_TRUE(storage_->put_client_blob(client_blob(content), content));
    ASSERT_TRUE(storage_->keep_client_blob(sha256(content)));
    ASSERT_TRUE(storage_->keep_client_blob(sha256(content)));
    ASSERT_TRUE(storage_->keep_client_blob(Digest{}));
    EXPECT_TRUE(storage_->client_blobs()->empty());
    // And the other way round: what is kept does not become a client's.
    ASSERT_TRUE(storage_->put_client_blob(client_blob(content, 9), content));
    EXPECT_TRUE(storage_->client_blobs()->empty());
    ASSERT_TRUE(storage_->erase_client_blobs({sha256(content)}));
    EXPECT_EQ(storage_->get_blob(sha256(content)), content);
}

std::uintmax_t size_of(const std::filesystem::path& folder) {
    std::uintmax_t size = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file()) size += entry.file_size();
    }
    return size;
}

// Forty rounds of four updates of 1 MiB, each with a blob of a member among them; the last round's
// updates stay.
TEST_F(Storage, erasing_blobs_of_clients_returns_their_space) {
    constexpr std::size_t kBytes = std::size_t{1} * 1024 * 1024;
    constexpr std::size_t kRounds = 40;
    std::mt19937_64 words(1);  // not compressible
    const auto random_blob = [&] {
        std::vector<std::uint64_t> content(kBytes / 8);
        for (std::uint64_t& word : content) word = words();
        Bytes bytes(kBytes);
        std::memcpy(bytes.data(), content.data(), kBytes);
        return bytes;
    };
    std::vector<Digest> held;
    for (std::size_t round = 0; round < kRounds; ++round) {
        std::vector<Digest> spent = std::exchange(held, {});
        for (int client = 0; client < 4; ++client) {
            const Bytes content = random_blob();
            ASSERT_TRUE(storage_->put_client_blob(client_blob(content, round), content));
            held.push_back(sha256(content));
        }
        const Bytes of_member = random_blob();
        ASSERT_TRUE(storage_->put_blob(sha256(of_member), of_member));
        ASSERT_TRUE(storage_->erase_client_blobs(spent));
    }
    storage_.reset();
    // 40 blobs of members and 4 of clients are live. The log holds up to 64 MiB more, and a file of
    // 16 MiB goes with its last blob.
    EXPECT_LT(size_of(folder_), (kRounds + 4 + 16) * kBytes + 64U * 1024 * 1024);
    EXPECT_GT(size_of(folder_), (kRounds + 4) * kBytes);
    reopen();
    for (const Digest& hash : held) EXPECT_TRUE(storage_->get_blob(hash).has_value());
}

Bytes large(std::uint8_t seed) {
    return Bytes(RocksStorage::kFileBytes, seed);
}

TEST_F(Storage, a_large_blob_is_a_file_and_is_read_in_parts) {
    const Bytes of_member = large(1);
    const Bytes of_client = large(2);
    auto genesis = commit_at(0);
    genesis.blobs = {large(3)};
    ASSERT_TRUE(storage_->put_blob(sha256(of_member), of_member));
    ASSERT_TRUE(storage_->put_client_blob(client_blob(of_client), of_client));
    ASSERT_TRUE(storage_->commit_block(genesis));
    for (int pass = 0; pass < 2; ++pass) {
        for (const Bytes& content : {of_member, of_client, large(3)}) {
            const Digest hash = sha256(content);
            EXPECT_TRUE(std::filesystem::exists(folder_ / "ledger" / "blobs" / hash.hex()));
            EXPECT_TRUE(storage_->has_blob(hash));
            EXPECT_EQ(storage_->get_blob(hash), content);
            const auto open = storage_->open_blob(hash);
            ASSERT_TRUE(open.has_value());
            Bytes last(10);
            ASSERT_TRUE((*open)->read(content.size() - last.size(), last).has_value());
            EXPECT_EQ(last, Bytes(10, content.back()));
        }
        reopen();
    }
    const Bytes small(RocksStorage::kFileBytes - 1, 4);
    ASSERT_TRUE(storage_->put_blob(sha256(small), small));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "ledger" / "blobs" / sha256(small).hex()));
    EXPECT_EQ((*storage_->open_blob(sha256(small)))->size_bytes(), small.size());
    EXPECT_EQ(storage_->open_blob(Digest{}).error().code, ErrorCode::kNotFound);
}

TEST_F(Storage, the_file_of_an_erased_blob_goes_at_once_and_that_of_a_kept_one_stays) {
    ASSERT_TRUE(storage_->put_client_blob(client_blob(large(1)), large(1)));
    ASSERT_TRUE(storage_->put_client_blob(client_blob(large(2)), large(2)));
    ASSERT_TRUE(storage_->keep_client_blob(sha256(large(2))));
    ASSERT_TRUE(storage_->erase_client_blobs({sha256(large(1)), sha256(large(2))}));
    for (int pass = 0; pass < 2; ++pass) {
        EXPECT_FALSE(storage_->has_blob(sha256(large(1))));
        EXPECT_FALSE(
            std::filesystem::exists(folder_ / "ledger" / "blobs" / sha256(large(1)).hex()));
        EXPECT_EQ(storage_->get_blob(sha256(large(2))), large(2));
        EXPECT_TRUE(storage_->client_blobs()->empty());
        reopen();
    }
}

// A crash between the file and the list that names it, and a disk that lost a file.
TEST_F(Storage, a_file_that_no_list_names_is_removed_and_a_lost_one_is_not_held) {
    const auto blobs = folder_ / "ledger" / "blobs";
    ASSERT_TRUE(storage_->put_blob(sha256(large(1)), large(1)));
    ASSERT_TRUE(storage_->put_client_blob(client_blob(large(2)), large(2)));
    ASSERT_TRUE(storage_->put_blob(sha256(large(3)), large(3)));
    storage_.reset();
    const auto orphan = blobs / sha256(large(9)).hex();
    std::filesystem::copy_file(blobs / sha256(large(1)).hex(), orphan);
    std::filesystem::remove(blobs / sha256(large(3)).hex());
    reopen();
    EXPECT_FALSE(std::filesystem::exists(orphan));
    EXPECT_TRUE(storage_->has_blob(sha256(large(1))));
    EXPECT_TRUE(storage_->has_blob(sha256(large(2))));
    EXPECT_FALSE(storage_->has_blob(sha256(large(3))));
    EXPECT_EQ(storage_->get_blob(sha256(large(3))).error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(storage_->put_blob(sha256(large(3)), large(3)));
    EXPECT_TRUE(storage_->has_blob(sha256(large(3))));
}

// Whoever wants it asks has_blob() before it fetches it again.
TEST_F(Storage, a_damaged_blob_is_held_again_when_it_has_come_again) {
    const Digest hash = sha256(large(1));
    ASSERT_TRUE(storage_->put_blob(hash, large(1)));
    {
        std::fstream file(folder_ / "ledger" / "blobs" / hash.hex(),
                          std::ios::in | std::ios::out | std::ios::binary);
        file.put('x');
    }
    EXPECT_TRUE(storage_->has_blob(hash));  // nobody has read it
    EXPECT_EQ(storage_->open_blob(hash).error().code, ErrorCode::kNotFound);
    EXPECT_FALSE(storage_->has_blob(hash));
    ASSERT_TRUE(storage_->put_blob(hash, large(1)));
    EXPECT_TRUE(storage_->has_blob(hash));
    EXPECT_EQ(storage_->get_blob(hash).value(), large(1));
}

// Opens the database as RocksDB does, without the store.
class RawLedger {
  public:
    explicit RawLedger(const std::filesystem::path& folder) {
        std::vector<std::string> names;
        const auto path = (folder / "ledger").string();
        EXPECT_TRUE(rocksdb::DB::ListColumnFamilies({}, path, &names).ok());
        std::vector<rocksdb::ColumnFamilyDescriptor> families;
        for (const std::string& name : names)
            families.emplace_back(name, rocksdb::ColumnFamilyOptions());
        rocksdb::DB* db = nullptr;
        EXPECT_TRUE(rocksdb::DB::Open({}, path, families, &handles_, &db).ok());
        db_.reset(db);
    }
    RawLedger(const RawLedger&) = delete;
    RawLedger& operator=(const RawLedger&) = delete;
    RawLedger(RawLedger&&) = delete;
    RawLedger& operator=(RawLedger&&) = delete;
    ~RawLedger() {
        for (auto* handle : handles_) (void)db_->DestroyColumnFamilyHandle(handle);
    }
    void put(const std::string& family, ByteView key, ByteView value) {
        EXPECT_TRUE(db_->Put({}, handle(family), slice(key), slice(value)).ok());
    }
    [[nodiscard]] bool has(const std::string& family, ByteView key) {
        std::string value;
        return db_->Get({}, handle(family), slice(key), &value).ok();
    }

  private:
    static rocksdb::Slice slice(ByteView bytes) {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    [[nodiscard]] rocksdb::ColumnFamilyHandle* handle(const std::string& family) const {
        for (auto* handle : handles_) {
            if (handle->GetName() == family) return handle;
        }
        return nullptr;
    }
    std::unique_ptr<rocksdb::DB> db_;
    std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

TEST_F(Storage, blobs_that_an_earlier_version_stored_become_files) {
    storage_.reset();
    const Bytes content = large(1);
    const Bytes of_client = large(2);
    const Bytes small = Bytes(100, 3);
    {
        RawLedger ledger(folder_);
        for (const Bytes& blob : {content, small}) {
            ledger.put("blobs", sha256(blob).view(), blob);
            ledger.put("blob_sizes", sha256(blob).view(),
                       encode(static_cast<std::uint64_t>(blob.size())));
        }
        ledger.put("client_blobs", sha256(of_client).view(), of_client);
        ledger.put("client_blob_names", sha256(of_client).view(),
                   encode(client_blob(of_client).batch));
        ledger.put("default", as_bytes("format"), encode(std::uint32_t{1}));
    }
    reopen();
    for (const Bytes& blob : {content, of_client, small}) {
        EXPECT_TRUE(storage_->has_blob(sha256(blob)));
        EXPECT_EQ(storage_->get_blob(sha256(blob)), blob);
    }
    EXPECT_EQ(storage_->client_blobs().value(),
              std::vector<driver::ClientBlob>{client_blob(of_client)});
    storage_.reset();
    {
        RawLedger ledger(folder_);
        EXPECT_FALSE(ledger.has("blobs", sha256(content).view()));
        EXPECT_FALSE(ledger.has("client_blobs", sha256(of_client).view()));
        EXPECT_TRUE(ledger.has("blobs", sha256(small).view()));
        ledger.put("default", as_bytes("format"), encode(std::uint32_t{3}));
    }
    EXPECT_EQ(RocksStorage::open(folder_.string()).error().code, ErrorCode::kRefused);
}

// More than the write buffers hold goes into all of the large families; each flush takes a moment,
// so a little more than the bound may lie in memory at a time.
TEST_F(Storage, write_buffers_stay_within_their_bound) {
    std::uint64_t largest = 0;
    ASSERT_TRUE(storage_->commit_block(commit_at(0)));
    for (std::uint64_t i = 1; i <= 200; ++i) {
        auto commit = commit_at(i);
        commit.block.transactions[0].arguments = Bytes(60'000, static_cast<std::uint8_t>(i));
        commit.writes = {{Bytes{static_cast<std::uint8_t>(i)}, Bytes(60'000, 1)}};
        Bytes small(30'000, static_cast<std::uint8_t>(i));
        Bytes of_client = small;
        of_client.back() ^= 1;
        ASSERT_TRUE(storage_->commit_block(commit));
        ASSERT_TRUE(storage_->put_blob(sha256(small), small));
        ASSERT_TRUE(storage_->put_client_blob(client_blob(of_client), of_client));
        largest = std::max(largest, storage_->memory().write_buffer_bytes);
    }
    EXPECT_GT(largest, RocksStorage::kWriteBufferBytes / 4);
    EXPECT_LE(largest, 2 * RocksStorage::kWriteBufferBytes);
    EXPECT_LE(storage_->memory().cache_bytes, 2 * RocksStorage::kBlockCacheBytes);
}

TEST_F(Storage, second_process_on_the_same_folder_is_refused) {
    EXPECT_FALSE(RocksStorage::open(folder_.string()));
}

TEST(VoteGuard, torn_slot_falls_back_to_the_other) {
    const std::string path = ::testing::TempDir() + "consilium-guard";
    std::filesystem::remove(path);
    {
        auto guard = VoteGuard::open(path);
        ASSERT_TRUE(guard);
        ASSERT_TRUE(guard->advance(6));
        ASSERT_TRUE(guard->advance(7));
    }
    {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(64 + 20);  // 7 stands in the second slot
        file.put('x');
    }
    const auto guard = VoteGuard::open(path);
    ASSERT_TRUE(guard);
    EXPECT_EQ(guard->counter(), 6U);
    std::filesystem::remove(path);
}

TEST_F(Storage, evidence_is_there_after_a_restart_in_the_order_of_arrival) {
    PublicKey offender;
    offender.bytes[0] = 9;
    EXPECT_TRUE(storage_->load_evidence()->empty());
    for (std::uint8_t i = 0; i < 3; ++i) {
        ASSERT_TRUE(storage_->add_evidence({offender, TimeMs{i}, Bytes{i}}).has_value());
    }
    reopen();
    ASSERT_TRUE(storage_->add_evidence({offender, TimeMs{3}, Bytes{3}}).has_value());
    const auto records = storage_->load_evidence();
    ASSERT_TRUE(records.has_value());
    ASSERT_EQ(records->size(), 4U);
    for (std::uint8_t i = 0; i < 4; ++i) {
        EXPECT_EQ(records->at(i), (driver::EvidenceRecord{offender, TimeMs{i}, Bytes{i}}));
    }
}

TEST_F(Storage, reopened_store_has_what_was_written_and_reads_go_on_beside) {
    const Bytes blob = {1, 2, 3};
    ASSERT_TRUE(storage_->put_blob(sha256(blob), blob).has_value());
    std::atomic<bool> is_done{false};
    std::atomic<std::size_t> good{0};
    std::thread reader([&] {
        while (!is_done) {
            if (storage_->get_blob(sha256(blob)) == blob) ++good;
        }
    });
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(storage_->reopen().has_value());
    is_done = true;
    reader.join();
    EXPECT_EQ(storage_->get_blob(sha256(blob)), blob);
    EXPECT_FALSE(storage_->has_background_error());
    EXPECT_FALSE(storage_->is_out_of_space());
}

}  // namespace
}  // namespace consilium::node
