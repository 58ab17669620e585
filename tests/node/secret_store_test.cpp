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
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
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
