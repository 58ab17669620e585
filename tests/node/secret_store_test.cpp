// The sealed files of the secure computation: names, durability, erasure, who can open them.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "node/secret_store.hpp"

namespace consilium::node {
namespace {

KeyPair key_of(const std::string& name) {
    const Digest secret = sha256(as_bytes(name));
    return KeyPair::from_secret(std::span(secret.bytes)).value();
}

class SecretFiles : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
        folder_ = std::filesystem::path(::testing::TempDir()) /
                  (std::string("consilium-secrets-") + info->name());
        std::filesystem::remove_all(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    [[nodiscard]] std::unique_ptr<FileSecretStore> open(const std::string& account = "a") const {
        return FileSecretStore::open(folder_.string(), key_of(account)).value();
    }
    [[nodiscard]] Bytes content_of(const std::string& file) const {
        std::ifstream in(folder_ / file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    void write(const std::string& file, const Bytes& content) const {
        std::ofstream out(folder_ / file, std::ios::binary);
        out.write(reinterpret_cast<const char*>(content.data()),
                  static_cast<std::streamsize>(content.size()));
        out.close();
        std::filesystem::permissions(folder_ / file, std::filesystem::perms::owner_read |
                                                         std::filesystem::perms::owner_write);
    }
    [[nodiscard]] std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
            names.push_back(entry.path().filename().string());
        }
        std::sort(names.begin(), names.end());
        return names;
    }
    // What the validator's key and every 32 bytes of every file of the folder open of an old file.
    [[nodiscard]] std::size_t openings_of(const Bytes& old, const std::string& file) const {
        constexpr std::size_t kHeader = 8 + 4 + 16;
        const auto own = keystore::SealingKey::derive(key_of("a"), "consilium mpc secrets");
        const ByteView sealed = ByteView(old).subspan(kHeader);
        std::size_t found = own.open(sealed, file) ? 1 : 0;
        std::size_t tried = 0;
        for (const std::string& name : files()) {
            const Bytes content = content_of(name);
            for (std::size_t at = 0; at + 32 <= content.size(); ++at, ++tried) {
                const SecretArray<32> candidate(
                    std::span<const std::uint8_t, 32>(content.data() + at, 32));
                if (own.combine(candidate).open(sealed, file)) ++found;
            }
        }
        EXPECT_GT(tried, 10'000U);
        return found;
    }
    std::filesystem::path folder_;
    const Bytes secret_ = Bytes(200, 0x5a);
};

Bytes bytes_of(const SecretBytes& secret) {
    return {secret.view().begin(), secret.view().end()};
}

TEST_F(SecretFiles, stored_secret_is_there_after_reopening_and_the_last_one_counts) {
    {
        const auto store = open();
        ASSERT_TRUE(store->put("epoch-1/keys", Bytes(10, 1)));
        ASSERT_TRUE(store->put("epoch-1/keys", secret_));
    }
    EXPECT_EQ(bytes_of(open()->get("epoch-1/keys").value()), secret_);
    EXPECT_EQ(open()->get("epoch-1/other").error().code, ErrorCode::kNotFound);
}

TEST_F(SecretFiles, names_outside_the_grammar_are_refused) {
    const auto store = open();
    for (const std::string name : {"", "a_b", "A", "a.b", "../x", "a\n"}) {
        EXPECT_EQ(store->put(name, secret_).error().code, ErrorCode::kRefused) << name;
        EXPECT_EQ(store->get(name).error().code, ErrorCode::kRefused) << name;
        EXPECT_EQ(store->erase(name).error().code, ErrorCode::kRefused) << name;
    }
    EXPECT_FALSE(store->put(std::string(101, 'a'), secret_));
    EXPECT_TRUE(store->put(std::string(100, 'a'), secret_));
}

TEST_F(SecretFiles, list_gives_the_names_with_the_prefix_in_order) {
    const auto store = open();
    for (const std::string name : {"epoch-2/keys", "epoch-1/keys", "epoch-1/batch-3", "other"}) {
        ASSERT_TRUE(store->put(name, secret_));
    }
    EXPECT_EQ(store->list("epoch-1/").value(),
              (std::vector<std::string>{"epoch-1/batch-3", "epoch-1/keys"}));
    EXPECT_EQ(store->list("").value().size(), 4U);
    EXPECT_TRUE(store->list("epoch-3/").value().empty());
}

TEST_F(SecretFiles, erase_removes_the_file_and_may_be_repeated) {
    const auto store = open();
    ASSERT_TRUE(store->put("epoch-1/keys", secret_));
    ASSERT_TRUE(std::filesystem::exists(folder_ / "epoch-1_keys.sealed"));
    ASSERT_TRUE(store->erase("epoch-1/keys"));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "epoch-1_keys.sealed"));
    EXPECT_EQ(files(), (std::vector<std::string>{"keys.ring"}));
    EXPECT_TRUE(store->erase("epoch-1/keys"));
    EXPECT_EQ(store->get("epoch-1/keys").error().code, ErrorCode::kNotFound);
}

TEST_F(SecretFiles, content_is_sealed_and_only_its_owner_may_read_the_file) {
    const auto store = open();
    ASSERT_TRUE(store->put("epoch-1/keys", secret_));
    const Bytes content = content_of("epoch-1_keys.sealed");
    const ByteView part = ByteView(secret_).first(8);
    EXPECT_EQ(std::search(content.begin(), content.end(), part.begin(), part.end()), content.end());
    ASSERT_TRUE(store->put("epoch-1/keys", secret_));
    EXPECT_NE(content_of("epoch-1_keys.sealed"), content);  // sealed under a fresh salt
    const auto mode = std::filesystem::status(folder_ / "epoch-1_keys.sealed").permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(SecretFiles, another_key_or_another_name_opens_nothing) {
    ASSERT_TRUE(open()->put("epoch-1/keys", secret_));
    EXPECT_FALSE(open("b")->get("epoch-1/keys"));
    std::filesystem::rename(folder_ / "epoch-1_keys.sealed", folder_ / "epoch-2_keys.sealed");
    const auto moved = open()->get("epoch-2/keys");
    ASSERT_FALSE(moved);
    EXPECT_NE(moved.error().code, ErrorCode::kNotFound);
}

// Somebody has copied the folder, and later gets the validator's key and the folder as it is then.
TEST_F(SecretFiles, copy_of_a_replaced_or_erased_file_opens_with_nothing_that_is_left) {
    const auto store = open();
    ASSERT_TRUE(store->put("epoch-1/keys", secret_));
    ASSERT_TRUE(store->put("epoch-1/batch-0", secret_));
    const std::string keys = "epoch-1_keys.sealed";
    const std::string batch = "epoch-1_batch-0.sealed";
    const Bytes old_keys = content_of(keys);
    const Bytes old_batch = content_of(batch);
    EXPECT_EQ(openings_of(old_keys, keys), 1U);  // its key stands in the ring: the search works
    ASSERT_TRUE(store->put("epoch-1/keys", Bytes(200, 0x77)));
    ASSERT_TRUE(store->erase("epoch-1/batch-0"));
    EXPECT_EQ(openings_of(old_keys, keys), 0U);
    EXPECT_EQ(openings_of(old_batch, batch), 0U);
    // Put back beside the ring of now, as a restored backup would.
    write(keys, old_keys);
    write(batch, old_batch);
    EXPECT_EQ(store->get("epoch-1/keys").error().code, ErrorCode::kNotFound);
    const auto again = open();
    EXPECT_EQ(again->get("epoch-1/keys").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(again->get("epoch-1/batch-0").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(files(), (std::vector<std::string>{"keys.ring"}));
}

TEST_F(SecretFiles, erasure_that_a_crash_stopped_between_key_and_file_is_finished_on_opening) {
    const std::string file = "epoch-1_keys.sealed";
    Bytes copy;
    {
        const auto store = open();
        ASSERT_TRUE(store->put("epoch-1/keys", secret_));
        ASSERT_TRUE(store->put("other", secret_));
        copy = content_of(file);
        ASSERT_TRUE(store->erase("epoch-1/keys"));
    }
    write(file, copy);  // the key is gone, the file is still there
    const auto store = open();
    EXPECT_EQ(files(), (std::vector<std::string>{"keys.ring", "other.sealed"}));
    EXPECT_EQ(bytes_of(store->get("other").value()), secret_);
    ASSERT_TRUE(store->put("epoch-1/keys", secret_));
    EXPECT_EQ(bytes_of(store->get("epoch-1/keys").value()), secret_);
}

// The new file is in place, the old key not yet erased; or the new key is drawn, the file not
// there.
TEST_F(SecretFiles, key_of_no_file_is_erased_on_opening) {
    keystore::KeyPlace orphan;
    {
        const auto store = open();
        ASSERT_TRUE(store->put("epoch-1/keys", secret_));
        auto ring = keystore::ErasableKeys::open((folder_ / "keys.ring").string()).value();
        orphan = ring.draw().value().place;
        EXPECT_EQ(ring.size(), 2U);
    }
    const auto store = open();
    EXPECT_EQ(bytes_of(store->get("epoch-1/keys").value()), secret_);
    const auto ring = keystore::ErasableKeys::open((folder_ / "keys.ring").string()).value();
    EXPECT_EQ(ring.size(), 1U);
    EXPECT_EQ(ring.find(orphan).error().code, ErrorCode::kNotFound);
}

// The damaged head of a file no longer tells which key is its own.
TEST_F(SecretFiles, key_of_a_damaged_file_is_erased_when_the_file_is_replaced_or_erased) {
    const std::string file = "epoch-1_keys.sealed";
    for (const bool is_replaced : {true, false}) {
        const auto store = open();
        ASSERT_TRUE(store->put("other", secret_));
        ASSERT_TRUE(store->put("epoch-1/keys", secret_));
        const Bytes old = content_of(file);
        ASSERT_EQ(openings_of(old, file), 1U);
        Bytes damaged = old;
        damaged[0] ^= 1;
        write(file, damaged);
        ASSERT_TRUE(is_replaced ? store->put("epoch-1/keys", Bytes(200, 0x77))
                                : store->erase("epoch-1/keys"));
        EXPECT_EQ(openings_of(old, file), 0U);
        EXPECT_EQ(bytes_of(store->get("other").value()), secret_);
        EXPECT_EQ(store->get("epoch-1/keys").has_value(), is_replaced);
    }
}

TEST_F(SecretFiles, store_without_its_ring_is_empty_and_takes_secrets_again) {
    ASSERT_TRUE(open()->put("epoch-1/keys", secret_));
    std::filesystem::remove(folder_ / "keys.ring");
    const auto store = open();
    EXPECT_TRUE(store->list("").value().empty());
    ASSERT_TRUE(store->put("epoch-1/keys", secret_));
    EXPECT_EQ(bytes_of(open()->get("epoch-1/keys").value()), secret_);
}

TEST_F(SecretFiles, every_damaged_byte_of_a_file_is_an_error_and_no_other_secret) {
    const auto store = open();
    ASSERT_TRUE(store->put("epoch-1/keys", Bytes(40, 0x5a)));
    const std::string file = "epoch-1_keys.sealed";
    const Bytes good = content_of(file);
    for (std::size_t at = 0; at < good.size(); ++at) {
        Bytes bad = good;
        bad[at] ^= 1;
        write(file, bad);
        EXPECT_FALSE(store->get("epoch-1/keys")) << at;
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
        write(file, {good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
        EXPECT_FALSE(store->get("epoch-1/keys")) << size;
    }
    write(file, good);
    EXPECT_TRUE(store->get("epoch-1/keys"));
}

TEST_F(SecretFiles, files_half_written_before_a_crash_are_gone_after_opening) {
    ASSERT_TRUE(open()->put("epoch-1/keys", secret_));
    const auto stale = folder_ / ".epoch-1_keys.sealed.new-0011223344556677";
    std::filesystem::copy_file(folder_ / "epoch-1_keys.sealed", stale);
    const auto store = open();
    EXPECT_FALSE(std::filesystem::exists(stale));
    EXPECT_EQ(bytes_of(store->get("epoch-1/keys").value()), secret_);
}

}  // namespace
}  // namespace consilium::node
