// Erasure, comparison and memory of secrets, by OpenSSL.
#include "core/secret.hpp"

#include <openssl/crypto.h>

#include "core/check.hpp"

namespace consilium {
namespace {

// The pages are OpenSSL's secure heap, of which a process has one. OpenSSL takes keys of its own
// from it and fails when it is full, so an eighth is left to it, and no single secret gets more
// than an eighth.
constexpr std::size_t kShare = 8;
constexpr std::size_t kSmallestBlock = 32;  // of the heap; most secrets are keys of 32 bytes
constexpr std::size_t kSmallestHeap = 4096;

// A fact of the process, like the heap itself: written once, before there are threads.
std::size_t reserved_bytes = 0;

bool has_room_for(std::size_t size) {
    return reserved_bytes != 0 && size <= reserved_bytes / kShare &&
           CRYPTO_secure_used() + size <= reserved_bytes - reserved_bytes / kShare;
}

}  // namespace

void erase_memory(void* data, std::size_t size) noexcept {
    if (size != 0) OPENSSL_cleanse(data, size);
}

bool constant_time_equal(ByteView a, ByteView b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

SecretPages reserve_secret_pages(std::size_t size_bytes) {
    CHECK(size_bytes >= kSmallestHeap);
    CHECK((size_bytes & (size_bytes - 1)) == 0);
    CHECK(reserved_bytes == 0);
    const int outcome = CRYPTO_secure_malloc_init(size_bytes, kSmallestBlock);
    if (outcome == 0) return SecretPages::kNone;
    reserved_bytes = size_bytes;
    return outcome == 1 ? SecretPages::kLocked : SecretPages::kUnlocked;
}

std::size_t reserved_secret_bytes() noexcept {
    return reserved_bytes;
}

std::size_t used_secret_bytes() noexcept {
    return reserved_bytes == 0 ? 0 : CRYPTO_secure_used();  // it needs the heap's lock
}

void* allocate_secret(std::size_t size) noexcept {
    void* data = has_room_for(size) ? OPENSSL_secure_malloc(size) : nullptr;
    if (data == nullptr) data = OPENSSL_malloc(size);  // also when the heap is too scattered
    CHECK(data != nullptr);
    return data;
}

void free_secret(void* data, std::size_t size) noexcept {
    OPENSSL_secure_clear_free(data, size);  // tells itself where the memory is from
}

}  // namespace consilium
