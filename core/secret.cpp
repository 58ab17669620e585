// Erasure and comparison of secrets, by OpenSSL.
#include "core/secret.hpp"

#include <openssl/crypto.h>

namespace consilium {

void erase_memory(void* data, std::size_t size) noexcept {
    if (size != 0) OPENSSL_cleanse(data, size);
}

bool constant_time_equal(ByteView a, ByteView b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace consilium
