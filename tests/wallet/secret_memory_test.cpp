// Where secrets live: locked pages that are in no core file, and what happens when they are full.
//
// A process reserves its pages once, so each test does it in a child of its own; the child's exit
// code is the line of the expectation that failed.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/secret.hpp"
#include "core/signature.hpp"
#include "tests/wallet/temporary_directory.hpp"
#include "wallet/keystore/hardening.hpp"

namespace consilium::keystore {
namespace {

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): needs the line of the expectation
#define EXPECT_IN_CHILD(condition)                     \
    do {                                               \
        if (!(condition)) ::_exit(__LINE__ % 200 + 1); \
    } while (false)

SecretArray<32> key_named(const std::string& name) {
    const Digest bytes = sha256(as_bytes(name));
    return SecretArray<32>(std::span(bytes.bytes));
}

int in_child(const std::function<void()>& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        body();
        ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// VmFlags of the mapping that holds the address.
std::string flags_at(const void* address) {
    std::ifstream maps("/proc/self/smaps");
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    bool is_inside = false;
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t first = 0;
        std::uintptr_t end = 0;
        char dash = 0;
        std::istringstream head(line);
        if (head >> std::hex >> first >> dash >> end && dash == '-') {
            is_inside = first <= wanted && wanted < end;
        } else if (is_inside && line.starts_with("VmFlags:")) {
            return line + " ";
        }
    }
    return {};
}
bool has_flag(const std::string& flags, const std::string& flag) {
    return flags.find(" " + flag + " ") != std::string::npos;
}
bool is_protected(const void* address) {
    const std::string flags = flags_at(address);
    return has_flag(flags, "lo") && has_flag(flags, "dd");
}

TEST(SecretMemory, keys_and_sealed_content_lie_in_locked_pages_that_no_core_file_holds) {
    EXPECT_EQ(in_child([] {
                  // 64 KiB may be locked by anybody.
                  EXPECT_IN_CHILD(reserve_secret_pages(32 * 1024) == SecretPages::kLocked);
                  const SecretArray<32> key = key_named("key");
                  EXPECT_IN_CHILD(is_protected(key.view().data()));
                  SecretArray<32> filled;
                  filled.mutable_view()[0] = 1;
                  EXPECT_IN_CHILD(is_protected(filled.view().data()));
                  const SecretArray<32> moved = std::move(filled);
                  EXPECT_IN_CHILD(is_protected(moved.view().data()));
                  const SecretBytes record(3000);
                  EXPECT_IN_CHILD(is_protected(record.view().data()));
                  const SecretBytes copy = record.clone();
                  EXPECT_IN_CHILD(is_protected(copy.view().data()));
                  const KeyPair pair = KeyPair::generate();
                  EXPECT_IN_CHILD(is_protected(pair.secret().view().data()));
                  // Keys that a container moves about stay there.
                  std::vector<SecretArray<32>> ring;
                  for (int i = 0; i < 100; ++i) ring.push_back(key.clone());
                  for (const auto& one : ring) EXPECT_IN_CHILD(is_protected(one.view().data()));
                  // The test would notice ordinary memory.
                  const std::vector<int> ordinary(1000);
                  EXPECT_IN_CHILD(!is_protected(ordinary.data()));
              }),
              0);
}

TEST(SecretMemory, full_pages_give_way_to_ordinary_memory_and_leave_a_share_to_openssl) {
    EXPECT_EQ(in_child([] {
                  constexpr std::size_t kPages = 64 * 1024;
                  EXPECT_IN_CHILD(reserve_secret_pages(kPages) != SecretPages::kNone);
                  const std::size_t before = used_secret_bytes();
                  std::vector<SecretArray<32>> keys;
                  for (int i = 0; i < 4000; ++i) {
                      keys.push_back(key_named(std::to_string(i)));
                  }
                  EXPECT_IN_CHILD(used_secret_bytes() <= kPages - kPages / 8);
                  EXPECT_IN_CHILD(used_secret_bytes() > kPages / 2);
                  for (int i = 0; i < 4000; ++i) {
                      const Digest expected = sha256(as_bytes(std::to_string(i)));
                      EXPECT_IN_CHILD(constant_time_equal(keys[static_cast<std::size_t>(i)].view(),
                                                          expected.view()));
                  }
                  SecretBytes large(kPages);  // larger than all of them
                  large.mutable_view()[kPages - 1] = 1;
                  EXPECT_IN_CHILD(KeyPair::generate().secret().view().size() == 32);
                  keys.clear();
                  EXPECT_IN_CHILD(used_secret_bytes() == before);
              }),
              0);
}

TEST(SecretMemory, secret_is_erased_when_it_goes_and_when_it_is_moved_from) {
    EXPECT_EQ(in_child([] {
                  EXPECT_IN_CHILD(reserve_secret_pages(4096) != SecretPages::kNone);
                  const std::uint8_t* place = nullptr;
                  {
                      SecretArray<32> key = key_named("key");
                      place = key.view().data();
                      SecretArray<32> other = std::move(key);
                      EXPECT_IN_CHILD(other.view().data() == place);
                      for (const std::uint8_t byte : key.view()) EXPECT_IN_CHILD(byte == 0);
                      other.erase();
                      for (const std::uint8_t byte : other.view()) EXPECT_IN_CHILD(byte == 0);
                  }
                  // The heap keeps its list in the first bytes of a free block.
                  const Digest key = sha256(as_bytes("key"));
                  const Bytes tail(key.bytes.begin() + 24, key.bytes.end());
                  const auto* const found = ::memmem(place, 32, tail.data(), tail.size());
                  EXPECT_IN_CHILD(found == nullptr);
              }),
              0);
}

TEST(SecretMemory, without_a_lock_limit_the_program_runs_and_says_so) {
    EXPECT_EQ(in_child([] {
                  const rlimit none{0, 0};
                  EXPECT_IN_CHILD(::setrlimit(RLIMIT_MEMLOCK, &none) == 0);
                  // Root may lock whatever the limit is.
                  constexpr uid_t kNobody = 65534;
                  EXPECT_IN_CHILD(::geteuid() != 0 || ::setuid(kNobody) == 0);
                  const auto warning = keep_secrets_in_memory();
                  EXPECT_IN_CHILD(warning.has_value());
                  EXPECT_IN_CHILD(warning->find("ulimit -l") != std::string::npos);
                  const SecretBytes secret(100);
                  EXPECT_IN_CHILD(has_flag(flags_at(secret.view().data()), "dd"));
              }),
              0);
}

TEST(SecretMemory, as_much_is_reserved_as_the_limit_allows) {
    constexpr std::size_t kKib = 1024;
    EXPECT_EQ(secret_bytes_for(0), 4 * kKib);
    EXPECT_EQ(secret_bytes_for(64 * kKib), 32 * kKib);
    EXPECT_EQ(secret_bytes_for(8192 * kKib), 4096 * kKib);
    EXPECT_EQ(secret_bytes_for(8191 * kKib), 2048 * kKib);
    EXPECT_EQ(secret_bytes_for(static_cast<std::size_t>(-1)), 16384 * kKib);
}

// The whole of a program's start, and a core that the kernel is told to write: there is none.
TEST(SecretMemory, hardened_program_that_dies_leaves_no_core) {
    const wallet_tests::TemporaryDirectory folder;
    const pid_t child = ::fork();
    if (child == 0) {
        if (::chdir(folder.path().c_str()) != 0) ::_exit(1);
        if (!harden_process()) ::_exit(2);
        (void)keep_secrets_in_memory();
        const SecretBytes secret(100);
        ::signal(SIGABRT, SIG_DFL);
        ::abort();
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGABRT);
    EXPECT_FALSE(WCOREDUMP(status));
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace consilium::keystore
