// Blobs as files: what was put is there as a whole or not at all, and damage is noticed.
#include "node/blob_files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace consilium::node {
namespace {

namespace fs = std::filesystem;

class BlobFilesTest : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
        folder_ = fs::path(::testing::TempDir()) / (std::string("consilium-blobs-") + info->name());
        fs::remove_all(folder_);
        auto opened = BlobFiles::open(folder_.string());
        ASSERT_TRUE(opened) << opened.error().context;
        files_.emplace(std::move(*opened));
    }
    void TearDown() override { fs::remove_all(folder_); }
    static Bytes make_content(std::size_t size, std::uint8_t seed = 1) {
        Bytes content(size);
        for (std::size_t i = 0; i < size; ++i) {
            content[i] = static_cast<std::uint8_t>(i * 31 / 7 + seed);
        }
        return content;
    }
    Digest put(const Bytes& content) const {
        const Digest hash = sha256(content);
        EXPECT_TRUE(files_->put(hash, content).has_value());
        return hash;
    }
    [[nodiscard]] std::set<std::string> names() const {
        std::set<std::string> names;
        for (const auto& entry : fs::directory_iterator(folder_)) {
            names.insert(entry.path().filename().string());
        }
        return names;
    }

    fs::path folder_;
    std::optional<BlobFiles> files_;
};

TEST_F(BlobFilesTest, what_was_put_is_read_as_a_whole_and_in_parts) {
    for (const std::size_t size : {0UL, 1UL, 65'536UL, 200'003UL}) {
        const Bytes content = make_content(size);
        const Digest hash = put(content);
        EXPECT_EQ(files_->size_bytes(hash), size);
        EXPECT_EQ(files_->get(hash).value(), content);
        const auto open = files_->read(hash);
        ASSERT_TRUE(open.has_value());
        EXPECT_EQ((*open)->size_bytes(), size);
        Bytes parts(size);
        for (std::size_t offset = 0; offset < size; offset += 70'000) {
            const auto out =
                std::span(parts).subspan(offset, std::min<std::size_t>(70'000, size - offset));
            ASSERT_TRUE((*open)->read(offset, out).has_value());
        }
        EXPECT_EQ(parts, content);
        ASSERT_TRUE(files_->put(hash, content).has_value());  // again
        EXPECT_EQ(files_->get(hash).value(), content);
    }
    const Digest unknown = sha256(as_bytes("unknown"));
    EXPECT_EQ(files_->get(unknown).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(files_->read(unknown).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(files_->size_bytes(unknown), std::nullopt);
    EXPECT_TRUE(files_->erase(unknown).has_value());
}

TEST_F(BlobFilesTest, damaged_content_is_not_here) {
    const Digest hash = put(make_content(100'000));
    const fs::path path = folder_ / hash.hex();
    {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(99'999);
        file.put('x');
    }
    EXPECT_EQ(files_->get(hash).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(files_->read(hash).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(files_->size_bytes(hash), std::nullopt);
    put(make_content(100'000));  // comes again, over the damaged one
    EXPECT_TRUE(files_->get(hash).has_value());
    EXPECT_EQ(files_->size_bytes(hash), 100'000U);
    fs::resize_file(path, 99'999);
    EXPECT_EQ(files_->get(hash).error().code, ErrorCode::kNotFound);
}

TEST_F(BlobFilesTest, a_file_that_shrinks_while_it_is_read_is_an_error) {
    const Digest hash = put(make_content(100'000));
    const auto open = files_->read(hash).value();
    fs::resize_file(folder_ / hash.hex(), 50'000);
    Bytes out(10);
    EXPECT_TRUE(open->read(0, out).has_value());
    EXPECT_EQ(open->read(49'995, out).error().code, ErrorCode::kInternal);
}

TEST_F(BlobFilesTest, a_blob_that_is_erased_is_still_read_by_who_has_it_open) {
    const Bytes content = make_content(100'000);
    const Digest hash = put(content);
    const auto open = files_->read(hash).value();
    ASSERT_TRUE(files_->erase(hash).has_value());
    EXPECT_TRUE(names().empty());
    Bytes out(content.size());
    ASSERT_TRUE(open->read(0, out).has_value());
    EXPECT_EQ(out, content);
    EXPECT_EQ(files_->get(hash).error().code, ErrorCode::kNotFound);
}

TEST_F(BlobFilesTest, sweeping_leaves_what_is_named_and_what_is_not_ours) {
    const Digest kept = put(make_content(10, 1));
    const Digest gone = put(make_content(10, 2));
    std::ofstream(folder_ / (gone.hex() + ".part")) << "unfinished";
    std::ofstream(folder_ / "notes.txt") << "of an operator";
    ASSERT_TRUE(files_->sweep([&](const Digest& hash) { return hash == kept; }).has_value());
    EXPECT_EQ(names(), (std::set<std::string>{kept.hex(), "notes.txt"}));
}

TEST_F(BlobFilesTest, a_folder_that_is_gone_is_an_error_and_no_crash) {
    fs::remove_all(folder_);
    const Bytes content = make_content(10);
    EXPECT_EQ(files_->put(sha256(content), content).error().code, ErrorCode::kUnavailable);
    EXPECT_FALSE(files_->sweep([](const Digest&) { return true; }).has_value());
}

}  // namespace
}  // namespace consilium::node
