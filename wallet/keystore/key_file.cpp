// Argon2id and AES-256-GCM around one secret key.
#include "wallet/keystore/key_file.hpp"

#include <argon2.h>

#include <algorithm>
#include <array>
#include <string>

#include "core/check.hpp"
#include "core/codec.hpp"
#include "core/random.hpp"
#include "wallet/keystore/aead.hpp"
#include "wallet/keystore/secret_file.hpp"

namespace consilium::keystore {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic = {'C', 'N', 'S', 'L', 'K', 'E', 'Y', 0};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSealedBytes = kSecretBytes + kAeadTagBytes;

struct Header {
    KdfParameters kdf;
    std::array<std::uint8_t, 16> salt{};
    AeadNonce nonce{};
    PublicKey public_key;
    std::string label;

    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("kdf", self.kdf);
        visit("salt", self.salt);
        visit("nonce", self.nonce);
        visit("public_key", self.public_key);
        visit("label", self.label, Limit{kLabelBytesMax});
    }
};

struct ParsedFile {
    Header header;
    ByteView associated;  // everything before the sealed part
    ByteView sealed;
};

Result<void> check_kdf(const KdfParameters& kdf) {
    const auto within = [](std::uint32_t value, std::uint32_t low, std::uint32_t high) {
        return low <= value && value <= high;
    };
    if (!within(kdf.memory_kib, kFloorKdf.memory_kib, kCeilingKdf.memory_kib) ||
        !within(kdf.passes, kFloorKdf.passes, kCeilingKdf.passes) ||
        !within(kdf.lanes, kFloorKdf.lanes, kCeilingKdf.lanes)) {
        return make_error(ErrorCode::kRefused,
                          "the key file's password hashing cost is outside the allowed bounds; "
                          "the file was weakened or is hostile: restore it from a backup");
    }
    return {};
}

Result<void> check_label(const std::string& label) {
    const bool fits = label.size() <= kLabelBytesMax;
    const bool printable =
        std::all_of(label.begin(), label.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    if (!fits || !printable) {
        return make_error(ErrorCode::kRefused,
                          "a key's label is at most 64 characters of printable ASCII");
    }
    return {};
}

Result<void> check_new_password(const SecretBytes& password) {
    if (password.size() < kPasswordBytesMin) {
        return make_error(ErrorCode::kRefused,
                          "the password is shorter than 12 bytes; a few "
                          "unrelated words make a good one");
    }
    if (password.size() > kPasswordBytesMax) {
        return make_error(ErrorCode::kRefused, "the password is longer than 1024 bytes");
    }
    return {};
}

Result<AeadKey> derive_key(const SecretBytes& password, const Header& header) {
    AeadKey key;
    const int status = argon2id_hash_raw(
        header.kdf.passes, header.kdf.memory_kib, header.kdf.lanes, password.view().data(),
        password.size(), header.salt.data(), header.salt.size(), key.mutable_view().data(), 32);
    if (status == ARGON2_MEMORY_ALLOCATION_ERROR) {
        return make_error(ErrorCode::kUnavailable,
                          "not enough memory to check the password; free " +
                              std::to_string(header.kdf.memory_kib / 1024) + " MiB and try again");
    }
    if (status != ARGON2_OK) {
        return make_error(ErrorCode::kInternal,
                          std::string("Argon2: ") + argon2_error_message(status));
    }
    return key;
}

Bytes encode_prefix(const Header& header) {
    const Bytes body = encode(header);
    codec::Writer writer;
    writer.write(kMagic);
    writer.write(kVersion);
    writer.write(static_cast<std::uint32_t>(body.size()));
    writer.write_raw(body);
    return std::move(writer).take();
}

Result<ParsedFile> parse(ByteView file) {
    constexpr std::size_t kFixed = kMagic.size() + 4 + 4;
    const auto malformed = [](const char* why) {
        return make_error(ErrorCode::kMalformed,
                          std::string("not a Consilium key file (") + why + ")");
    };
    if (file.size() > kKeyFileBytesMax) return malformed("too long");
    if (file.size() < kFixed + kSealedBytes) return malformed("too short");
    if (!std::equal(kMagic.begin(), kMagic.end(), file.begin())) return malformed("wrong magic");
    codec::Reader reader(file.subspan(kMagic.size(), 8));
    std::uint32_t version = 0;
    std::uint32_t length = 0;
    reader.read(version);
    reader.read(length);
    CHECK(!reader.finish());
    if (version != kVersion) return malformed("unknown version");
    if (length != file.size() - kFixed - kSealedBytes) return malformed("wrong length");
    auto header = decode<Header>(file.subspan(kFixed, length));
    if (!header) return malformed("malformed header");
    if (!check_label(header->label)) return malformed("malformed label");
    if (auto bounds = check_kdf(header->kdf); !bounds) return tl::unexpected(bounds.error());
    return ParsedFile{*std::move(header), file.first(kFixed + length), file.last(kSealedBytes)};
}

// One error for a wrong password, a changed byte and a key that is not the announced one.
tl::unexpected<Error> wrong_password() {
    return make_error(ErrorCode::kRefused,
                      "the key file does not open: wrong password, or the file is damaged");
}

// Signs a test message before first use: a fault in memory or arithmetic shows here.
bool can_sign(const KeyPair& key) {
    const Digest message = tagged_hash("consilium/key-confirmation/v1", key.public_key().view());
    return verify_signature(key.public_key(), message, key.sign(message));
}

}  // namespace

Result<Bytes> encrypt_key(const KeyPair& key, const SecretBytes& password,
                          const KeyFileOptions& options) {
    if (auto fine = check_new_password(password); !fine) return tl::unexpected(fine.error());
    if (auto fine = check_label(options.label); !fine) return tl::unexpected(fine.error());
    if (auto fine = check_kdf(options.kdf); !fine) return tl::unexpected(fine.error());
    Header header;
    header.kdf = options.kdf;
    fill_random(header.salt);
    fill_random(header.nonce);
    header.public_key = key.public_key();
    header.label = options.label;
    auto derived = derive_key(password, header);
    if (!derived) return tl::unexpected(derived.error());
    Bytes file = encode_prefix(header);
    auto sealed = aead_seal(*derived, header.nonce, file, key.secret().view());
    if (!sealed) return tl::unexpected(sealed.error());
    file.insert(file.end(), sealed->begin(), sealed->end());
    CHECK(file.size() <= kKeyFileBytesMax);
    return file;
}

Result<KeyPair> decrypt_key(ByteView file, const SecretBytes& password) {
    auto parsed = parse(file);
    if (!parsed) return tl::unexpected(parsed.error());
    if (password.size() > kPasswordBytesMax) return wrong_password();
    auto derived = derive_key(password, parsed->header);
    if (!derived) return tl::unexpected(derived.error());
    auto secret = aead_open(*derived, parsed->header.nonce, parsed->associated, parsed->sealed);
    if (!secret) return wrong_password();
    CHECK(secret->size() == kSecretBytes);
    auto key = KeyPair::from_secret(secret->view().first<kSecretBytes>());
    if (!key || key->public_key() != parsed->header.public_key || !can_sign(*key)) {
        return wrong_password();
    }
    return key;
}

Result<KeyFileInfo> inspect_key(ByteView file) {
    auto parsed = parse(file);
    if (!parsed) return tl::unexpected(parsed.error());
    return KeyFileInfo{parsed->header.public_key, parsed->header.label, parsed->header.kdf};
}

Result<void> write_key_file(const std::string& path, const KeyPair& key,
                            const SecretBytes& password, const KeyFileOptions& options) {
    auto file = encrypt_key(key, password, options);
    if (!file) return tl::unexpected(file.error());
    return write_secret_file(path, *file,
                             options.overwrite ? WriteMode::kReplace : WriteMode::kCreateNew);
}

Result<KeyPair> load_key_file(const std::string& path, const SecretBytes& password) {
    auto file = read_secret_file(path, kKeyFileBytesMax);
    if (!file) return tl::unexpected(file.error());
    auto key = decrypt_key(file->view(), password);
    if (!key) return make_error(key.error().code, path + ": " + key.error().context);
    return key;
}

Result<KeyFileInfo> inspect_key_file(const std::string& path) {
    auto file = read_secret_file(path, kKeyFileBytesMax);
    if (!file) return tl::unexpected(file.error());
    auto info = inspect_key(file->view());
    if (!info) return make_error(info.error().code, path + ": " + info.error().context);
    return info;
}

}  // namespace consilium::keystore
