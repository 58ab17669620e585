// The label grammar of key derivation.
#include "fl_engine/smpc/kdf.hpp"

#include "fl_engine/smpc/openssl_crypto.hpp"

namespace consilium::smpc {

Secret32 Kdf::derive(const Secret32& key, std::string_view purpose,
                     std::initializer_list<std::uint64_t> args) const {
    Bytes label;
    const auto append = [&label](std::string_view text) {
        label.insert(label.end(), text.begin(), text.end());
    };
    append("FLMPC1|");
    append(chain_id_);
    append("|");
    append(purpose);
    append("|");
    for (const std::uint64_t arg : args) {
        for (unsigned i = 0; i < 8; ++i) label.push_back(static_cast<std::uint8_t>(arg >> (8 * i)));
    }
    Secret32 result;
    hkdf_expand(key.view(), label, result.mutable_view());
    return result;
}

}  // namespace consilium::smpc
