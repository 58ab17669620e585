// Key files: round trip, every byte changed, cost bounds, places and rights of the file.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/codec.hpp"
#include "tests/wallet/temporary_directory.hpp"
#include "wallet/keystore/hardening.hpp"
#include "wallet/keystore/key_file.hpp"
#include "wallet/keystore/password.hpp"
#include "wallet/keystore/sealed.hpp"
#include "wallet/keystore/secret_file.hpp"

namespace consilium::keystore {
namespace {

using wallet_tests::TemporaryDirectory;

constexpr const char* kPassword = "violet kettle harbour nine";
constexpr std::size_t kKdfOffset = 16;  // magic 8, version 4, length 4

SecretBytes password(const char* text = kPassword) {
    return SecretBytes(as_bytes(text));
}

KeyFileOptions cheap(const std::string& label = "st-anna council") {
    return KeyFileOptions{label, kFloorKdf, false};
}

Bytes file_of(const KeyPair& key) {
    return encrypt_key(key, password(), cheap()).value();
}

void write_plain(const std::string& path, ByteView contents, mode_t mode) {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(contents.data()),
              static_cast<std::streamsize>(contents.size()));
    out.close();
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

mode_t mode_of(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
}

std::size_t entries_in(const TemporaryDirectory& directory) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
        count += entry.exists() ? 1 : 0;
    }
    return count;
}

void put_u32(Bytes& file, std::size_t offset, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) {
        file[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}

TEST(KeyFile, written_key_is_loaded_again) {
    const TemporaryDirectory directory;
    const KeyPair key = KeyPair::generate();
    const std::string path = directory.file("council.key");
    ASSERT_TRUE(write_key_file(path, key, password(), cheap()));
    const auto loaded = load_key_file(path, password());
    ASSERT_TRUE(loaded) << loaded.error().context;
    EXPECT_EQ(loaded->public_key(), key.public_key());
    EXPECT_TRUE(constant_time_equal(loaded->secret().view(), key.secret().view()));
}

TEST(KeyFile, standard_cost_is_the_recommended_one_and_round_trips) {
    const KeyPair key = KeyPair::generate();
    const auto file = encrypt_key(key, password(), KeyFileOptions{});
    ASSERT_TRUE(file);
    EXPECT_EQ(inspect_key(*file)->kdf, (KdfParameters{65536, 3, 4}));
    EXPECT_EQ(decrypt_key(*file, password())->public_key(), key.public_key());
}

TEST(KeyFile, inspection_tells_key_and_label_without_a_password) {
    const KeyPair key = KeyPair::generate();
    const auto info = inspect_key(file_of(key));
    ASSERT_TRUE(info);
    EXPECT_EQ(info->public_key, key.public_key());
    EXPECT_EQ(info->label, "st-anna council");
}

TEST(KeyFile, secret_and_password_do_not_stand_in_the_file) {
    const KeyPair key = KeyPair::generate();
    const Bytes file = file_of(key);
    const std::string text(file.begin(), file.end());
    const auto secret = key.secret().view();
    EXPECT_EQ(text.find(std::string(secret.begin(), secret.end())), std::string::npos);
    EXPECT_EQ(text.find(kPassword), std::string::npos);
}

TEST(KeyFile, same_key_and_password_never_give_the_same_file) {
    const KeyPair key = KeyPair::generate();
    std::set<Bytes> seals;
    for (int i = 0; i < 3; ++i) {
        const Bytes file = file_of(key);
        seals.insert(Bytes(file.end() - 48, file.end()));
    }
    EXPECT_EQ(seals.size(), 3U);
}

TEST(KeyFile, every_changed_byte_is_refused) {
    const KeyPair key = KeyPair::generate();
    const Bytes file = file_of(key);
    for (std::size_t i = 0; i < file.size(); ++i) {
        Bytes changed = file;
        changed[i] ^= static_cast<std::uint8_t>(1U << (i % 8));
        EXPECT_FALSE(decrypt_key(changed, password())) << "byte " << i;
    }
}

TEST(KeyFile, every_truncation_and_a_trailing_byte_are_refused) {
    const Bytes file = file_of(KeyPair::generate());
    for (std::size_t size = 0; size < file.size(); ++size) {
        EXPECT_FALSE(inspect_key(ByteView(file).first(size))) << size;
    }
    Bytes longer = file;
    longer.push_back(0);
    EXPECT_FALSE(inspect_key(longer));
    EXPECT_FALSE(inspect_key(Bytes(kKeyFileBytesMax + 1)));
}

TEST(KeyFile, wrong_password_and_tampering_are_the_same_error) {
    const Bytes file = file_of(KeyPair::generate());
    const auto wrong = decrypt_key(file, password("another phrase entirely"));
    Bytes changed = file;
    changed.back() ^= 1;
    const auto tampered = decrypt_key(changed, password());
    ASSERT_FALSE(wrong);
    ASSERT_FALSE(tampered);
    EXPECT_EQ(wrong.error().code, ErrorCode::kRefused);
    EXPECT_EQ(wrong.error().code, tampered.error().code);
    EXPECT_EQ(wrong.error().context, tampered.error().context);
}

TEST(KeyFile, cost_below_the_floor_is_refused_on_load) {
    const Bytes file = file_of(KeyPair::generate());
    for (std::size_t field = 0; field < 3; ++field) {
        Bytes weakened = file;
        const std::uint32_t floor[] = {kFloorKdf.memory_kib, kFloorKdf.passes, kFloorKdf.lanes};
        put_u32(weakened, kKdfOffset + 4 * field, floor[field] - 1);
        const auto loaded = decrypt_key(weakened, password());
        ASSERT_FALSE(loaded);
        EXPECT_EQ(loaded.error().code, ErrorCode::kRefused);
        EXPECT_THAT(loaded.error().context, testing::HasSubstr("bounds"));
    }
}

TEST(KeyFile, cost_above_the_ceiling_is_refused_before_memory_is_taken) {
    const Bytes file = file_of(KeyPair::generate());
    for (std::size_t field = 0; field < 3; ++field) {
        Bytes hostile = file;
        put_u32(hostile, kKdfOffset + 4 * field, 0xFFFFFFFFU);
        const auto loaded = decrypt_key(hostile, password());
        ASSERT_FALSE(loaded);
        EXPECT_THAT(loaded.error().context, testing::HasSubstr("bounds"));
    }
}

TEST(KeyFile, cost_out_of_bounds_is_refused_on_writing) {
    const KeyPair key = KeyPair::generate();
    for (const KdfParameters kdf : {KdfParameters{1024, 3, 4}, KdfParameters{65536, 1, 4},
                                    KdfParameters{65536, 3, 0}, KdfParameters{1U << 21, 3, 4}}) {
        EXPECT_FALSE(encrypt_key(key, password(), KeyFileOptions{"", kdf, false}));
    }
}

TEST(KeyFile, short_password_and_bad_label_are_refused_on_writing) {
    const KeyPair key = KeyPair::generate();
    EXPECT_FALSE(encrypt_key(key, password("short"), cheap()));
    EXPECT_FALSE(encrypt_key(key, SecretBytes(kPasswordBytesMax + 1), cheap()));
    EXPECT_FALSE(encrypt_key(key, password(), cheap(std::string(65, 'a'))));
    EXPECT_FALSE(encrypt_key(key, password(), cheap("two\nlines")));
}

TEST(KeyFile, file_is_0600_in_a_0700_directory_whatever_the_umask) {
    const TemporaryDirectory directory;
    const mode_t before = ::umask(0);
    const std::string path = directory.file("keys/council.key");
    const auto written = write_key_file(path, KeyPair::generate(), password(), cheap());
    ::umask(0277);
    const std::string strict = directory.file("keys/second.key");
    const auto second = write_key_file(strict, KeyPair::generate(), password(), cheap());
    ::umask(before);
    ASSERT_TRUE(written) << written.error().context;
    ASSERT_TRUE(second) << second.error().context;
    EXPECT_EQ(mode_of(path), 0600U);
    EXPECT_EQ(mode_of(strict), 0600U);
    EXPECT_EQ(mode_of(directory.file("keys")), 0700U);
}

TEST(KeyFile, file_open_to_group_or_others_is_refused) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("council.key");
    for (const mode_t mode : {0640U, 0604U, 0620U, 0601U}) {
        write_plain(path, file_of(KeyPair::generate()), mode);
        const auto loaded = load_key_file(path, password());
        ASSERT_FALSE(loaded);
        EXPECT_EQ(loaded.error().code, ErrorCode::kRefused);
        EXPECT_THAT(loaded.error().context, testing::HasSubstr("chmod 600"));
    }
}

TEST(KeyFile, directory_that_others_may_write_is_refused) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("council.key");
    ASSERT_TRUE(write_key_file(path, KeyPair::generate(), password(), cheap()));
    ASSERT_EQ(::chmod(directory.path().c_str(), 0777), 0);
    EXPECT_FALSE(load_key_file(path, password()));
    EXPECT_FALSE(write_key_file(directory.file("b"), KeyPair::generate(), password(), cheap()));
}

TEST(KeyFile, symbolic_link_pipe_and_directory_are_refused) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("council.key");
    ASSERT_TRUE(write_key_file(path, KeyPair::generate(), password(), cheap()));
    const std::string link = directory.file("link.key");
    ASSERT_EQ(::symlink(path.c_str(), link.c_str()), 0);
    const auto through_link = load_key_file(link, password());
    ASSERT_FALSE(through_link);
    EXPECT_THAT(through_link.error().context, testing::HasSubstr("symbolic link"));
    ASSERT_EQ(::mkfifo(directory.file("pipe").c_str(), 0600), 0);
    EXPECT_FALSE(load_key_file(directory.file("pipe"), password()));
    ASSERT_EQ(::mkdir(directory.file("folder").c_str(), 0700), 0);
    EXPECT_FALSE(load_key_file(directory.file("folder"), password()));
}

TEST(KeyFile, existing_file_is_not_overwritten_unless_asked) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("council.key");
    const KeyPair first = KeyPair::generate();
    const KeyPair second = KeyPair::generate();
    ASSERT_TRUE(write_key_file(path, first, password(), cheap()));
    const auto refused = write_key_file(path, second, password(), cheap());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
    EXPECT_EQ(load_key_file(path, password())->public_key(), first.public_key());
    KeyFileOptions forced = cheap();
    forced.overwrite = true;
    ASSERT_TRUE(write_key_file(path, second, password(), forced));
    EXPECT_EQ(load_key_file(path, password())->public_key(), second.public_key());
    EXPECT_EQ(entries_in(directory), 1U);
}

TEST(KeyFile, dangling_symbolic_link_at_the_target_is_not_followed) {
    const TemporaryDirectory directory;
    const std::string link = directory.file("council.key");
    ASSERT_EQ(::symlink(directory.file("elsewhere").c_str(), link.c_str()), 0);
    EXPECT_FALSE(write_key_file(link, KeyPair::generate(), password(), cheap()));
    EXPECT_FALSE(std::filesystem::exists(directory.file("elsewhere")));
}

TEST(KeyFile, absent_file_is_not_found) {
    const TemporaryDirectory directory;
    const auto loaded = load_key_file(directory.file("none.key"), password());
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::kNotFound);
}

TEST(KeyFile, frozen_file_of_version_1_still_opens) {
    // secret = 32 bytes 0x01; written by the first version of this code.
    const Bytes file = decode_hex(
#include "tests/wallet/key_file_v1.inc"
                           )
                           .value();
    const auto key = decrypt_key(file, password());
    ASSERT_TRUE(key) << key.error().context;
    EXPECT_EQ(key->public_key().hex(),
              "1b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f");
}

// Runs `body` in a child process whose files may not grow beyond 10 bytes: the write breaks off.
template <typename Body>
int run_with_tiny_file_limit(Body body) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit tiny{10, 10};
        ::setrlimit(RLIMIT_FSIZE, &tiny);
        ::_exit(body() ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(SecretFile, write_that_breaks_off_leaves_the_old_file_and_no_litter) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("store");
    ASSERT_TRUE(write_secret_file(path, as_bytes("old contents"), WriteMode::kCreateNew));
    const Bytes longer(100, 7);
    EXPECT_EQ(run_with_tiny_file_limit([&] {
                  return !write_secret_file(path, longer, WriteMode::kReplace).has_value();
              }),
              0);
    EXPECT_EQ(to_bytes(read_secret_file(path, 100)->view()), to_bytes(as_bytes("old contents")));
    EXPECT_EQ(entries_in(directory), 1U);
}

TEST(SecretFile, litter_of_a_crashed_write_does_not_hinder_the_next) {
    const TemporaryDirectory directory;
    write_plain(directory.file(".store.new-0011223344556677"), as_bytes("half"), 0600);
    const std::string path = directory.file("store");
    ASSERT_TRUE(write_secret_file(path, as_bytes("whole"), WriteMode::kCreateNew));
    EXPECT_EQ(to_bytes(read_secret_file(path, 100)->view()), to_bytes(as_bytes("whole")));
}

TEST(SecretFile, longer_file_than_allowed_is_refused) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("store");
    ASSERT_TRUE(write_secret_file(path, Bytes(11, 1), WriteMode::kCreateNew));
    EXPECT_EQ(read_secret_file(path, 10).error().code, ErrorCode::kLimitExceeded);
    EXPECT_TRUE(read_secret_file(path, 11));
}

TEST(SecretFile, removed_file_is_gone_and_removing_again_is_success) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("store");
    ASSERT_TRUE(write_secret_file(path, Bytes(9000, 1), WriteMode::kCreateNew));
    EXPECT_TRUE(remove_secret_file(path));
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(remove_secret_file(path));
}

TEST(SecretFile, bad_paths_are_refused) {
    EXPECT_FALSE(write_secret_file("", {}, WriteMode::kReplace));
    EXPECT_FALSE(write_secret_file("/", {}, WriteMode::kReplace));
    EXPECT_FALSE(write_secret_file("a/..", {}, WriteMode::kReplace));
    EXPECT_FALSE(read_secret_file(std::string("a\0b", 3), 10));
}

TEST(SecretFile, open_directory_is_refused_as_a_secret_directory) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("secrets");
    ASSERT_TRUE(make_secret_directory(path));
    EXPECT_EQ(mode_of(path), 0700U);
    ASSERT_TRUE(make_secret_directory(path));
    ASSERT_EQ(::chmod(path.c_str(), 0750), 0);
    EXPECT_FALSE(make_secret_directory(path));
}

TEST(Sealed, sealed_bytes_open_with_the_same_key_purpose_and_context) {
    const KeyPair account = KeyPair::generate();
    const SealingKey key = SealingKey::derive(account, "mpc-secrets");
    for (const std::size_t size : {0U, 1U, 1000U}) {
        const Bytes plain(size, 9);
        const auto sealed = key.seal(plain, "batch 7");
        ASSERT_TRUE(sealed);
        EXPECT_EQ(sealed->size(), size + kSealOverhead);
        const auto opened = SealingKey::derive(account, "mpc-secrets").open(*sealed, "batch 7");
        ASSERT_TRUE(opened) << opened.error().context;
        EXPECT_EQ(to_bytes(opened->view()), plain);
    }
}

TEST(Sealed, other_account_purpose_or_context_is_refused) {
    const KeyPair account = KeyPair::generate();
    const SealingKey key = SealingKey::derive(account, "mpc-secrets");
    const Bytes sealed = key.seal(as_bytes("share"), "batch 7").value();
    EXPECT_FALSE(SealingKey::derive(KeyPair::generate(), "mpc-secrets").open(sealed, "batch 7"));
    EXPECT_FALSE(SealingKey::derive(account, "trainer").open(sealed, "batch 7"));
    EXPECT_FALSE(key.open(sealed, "batch 8"));
}

TEST(Sealed, every_changed_bit_and_truncation_is_refused) {
    const SealingKey key = SealingKey::derive(KeyPair::generate(), "test");
    const Bytes sealed = key.seal(as_bytes("share"), "").value();
    for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
        Bytes changed = sealed;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_FALSE(key.open(changed, "")) << bit;
    }
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        EXPECT_FALSE(key.open(ByteView(sealed).first(size), "")) << size;
    }
}

TEST(Sealed, files_cannot_be_swapped) {
    const TemporaryDirectory directory;
    const SealingKey key = SealingKey::derive(KeyPair::generate(), "test");
    ASSERT_TRUE(key.seal_file(directory.file("a"), as_bytes("one"), WriteMode::kReplace));
    ASSERT_TRUE(key.open_file(directory.file("a")));
    std::filesystem::rename(directory.file("a"), directory.file("b"));
    EXPECT_FALSE(key.open_file(directory.file("b")));
}

TEST(Password, file_gives_its_first_line) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("password");
    write_plain(path, as_bytes("violet kettle\r\nsecond line\n"), 0600);
    const auto read = read_password(PasswordSource{std::nullopt, path, "", false});
    ASSERT_TRUE(read) << read.error().context;
    EXPECT_EQ(to_bytes(read->view()), to_bytes(as_bytes("violet kettle")));
}

TEST(Password, open_empty_and_overlong_files_are_refused) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("password");
    const PasswordSource source{std::nullopt, path, "", false};
    EXPECT_EQ(read_password(source).error().code, ErrorCode::kNotFound);
    write_plain(path, as_bytes("violet kettle\n"), 0644);
    EXPECT_EQ(read_password(source).error().code, ErrorCode::kRefused);
    write_plain(path, as_bytes("\n"), 0600);
    EXPECT_EQ(read_password(source).error().code, ErrorCode::kRefused);
    write_plain(path, Bytes(kPasswordBytesMax + 1, 'a'), 0600);
    EXPECT_EQ(read_password(source).error().code, ErrorCode::kLimitExceeded);
}

TEST(Password, descriptor_is_read_up_to_the_line_end_only) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe(ends), 0);
    const std::string text = "violet kettle\nrest";
    ASSERT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(ends[1]);
    const auto read = read_password(PasswordSource{ends[0], std::nullopt, "", false});
    ASSERT_TRUE(read);
    EXPECT_EQ(to_bytes(read->view()), to_bytes(as_bytes("violet kettle")));
    char rest[8] = {};
    EXPECT_EQ(::read(ends[0], rest, sizeof rest), 4);
    ::close(ends[0]);
}

TEST(Password, without_a_terminal_the_error_names_the_cure) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::setsid();  // leaves the controlling terminal
        const auto read = read_password(PasswordSource{});
        const bool fine = !read && read.error().code == ErrorCode::kUnavailable &&
                          read.error().context.find("password file") != std::string::npos;
        ::_exit(fine ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(Hardening, core_files_are_switched_off) {
    const pid_t child = ::fork();
    if (child == 0) {
        rlimit limit{};
        const bool fine = harden_process().has_value() && ::getrlimit(RLIMIT_CORE, &limit) == 0 &&
                          limit.rlim_cur == 0;
        ::_exit(fine ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(Hardening, protected_pages_are_usable_and_wiped_in_a_child) {
    auto pages = ProtectedPages::allocate(100);
    ASSERT_TRUE(pages);
    static_cast<std::uint8_t*>(pages->data())[0] = 42;
    const ProtectedPages moved = std::move(*pages);
    EXPECT_EQ(static_cast<std::uint8_t*>(moved.data())[0], 42);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(static_cast<std::uint8_t*>(moved.data())[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace consilium::keystore
