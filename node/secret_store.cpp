// Sealed files by name.
#include "node/secret_store.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

namespace consilium::node {
namespace {

constexpr std::size_t kMaxNameBytes = 100;
constexpr std::string_view kSuffix = ".sealed";
constexpr std::string_view kRingName = "keys.ring";
constexpr std::array<std::uint8_t, 8> kMagic = {'C', 'N', 'S', 'L', 'F', 'K', 'Y', 0};
constexpr std::size_t kSlotBytes = 4;
constexpr std::size_t kTagBytes = std::tuple_size_v<decltype(keystore::KeyPlace::tag)>;
constexpr std::size_t kHeaderBytes = kMagic.size() + kSlotBytes + kTagBytes;
constexpr std::size_t kFileBytesMax =
    kHeaderBytes + keystore::kSealedBytesMax + keystore::kSealOverhead;

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '/';
}

Bytes make_header(const keystore::KeyPlace& place) {
    Bytes header(kMagic.begin(), kMagic.end());
    for (std::size_t i = 0; i < kSlotBytes; ++i) {
        header.push_back(static_cast<std::uint8_t>(place.slot >> (8 * i)));
    }
    header.insert(header.end(), place.tag.begin(), place.tag.end());
    return header;
}

Result<keystore::KeyPlace> parse_header(ByteView file, const std::string& path) {
    if (file.size() < kHeaderBytes || !std::equal(kMagic.begin(), kMagic.end(), file.begin())) {
        return make_error(ErrorCode::kMalformed, path + " is not a file of this store");
    }
    keystore::KeyPlace place;
    for (std::size_t i = 0; i < kSlotBytes; ++i) {
        place.slot |= std::uint32_t{file[kMagic.size() + i]} << (8 * i);
    }
    const ByteView tag = file.subspan(kMagic.size() + kSlotBytes, kTagBytes);
    std::copy(tag.begin(), tag.end(), place.tag.begin());
    return place;
}

Result<keystore::KeyPlace> read_place(const std::string& path) {
    const auto file = keystore::read_secret_file(path, kFileBytesMax);
    if (!file) return tl::unexpected(file.error());
    return parse_header(file->view(), path);
}

// A write that a crash interrupted leaves its sealed content beside the target.
Result<void> remove_leftovers(const std::string& folder) {
    std::error_code failure;
    for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        const bool is_leftover =
            name.starts_with('.') && name.find(std::string(kSuffix) + ".new-") != std::string::npos;
        if (!is_leftover) continue;
        if (auto removed = keystore::remove_secret_file(entry->path().string()); !removed) {
            return removed;
        }
    }
    if (failure) {
        return make_error(ErrorCode::kUnavailable,
                          "cannot list " + folder + ": " + failure.message());
    }
    return {};
}

std::string file_name_of(std::string name) {
    std::replace(name.begin(), name.end(), '/', '_');
    return name + std::string(kSuffix);
}

}  // namespace

Result<std::unique_ptr<FileSecretStore>> FileSecretStore::open(std::string folder,
                                                               const KeyPair& validator) {
    if (auto made = keystore::make_secret_directory(folder); !made) {
        return tl::unexpected(made.error());
    }
    if (auto cleaned = remove_leftovers(folder); !cleaned) {
        return tl::unexpected(cleaned.error());
    }
    auto ring = keystore::ErasableKeys::open(folder + "/" + std::string(kRingName));
    if (!ring) return tl::unexpected(ring.error());
    std::unique_ptr<FileSecretStore> store(new FileSecretStore(
        std::move(folder), keystore::SealingKey::derive(validator, "consilium mpc secrets"),
        std::move(*ring)));
    if (auto cleaned = store->clean(); !cleaned) return tl::unexpected(cleaned.error());
    return store;
}

Result<std::string> FileSecretStore::path_of(const std::string& name) const {
    if (name.empty() || name.size() > kMaxNameBytes ||
        !std::all_of(name.begin(), name.end(), is_name_character)) {
        return make_error(ErrorCode::kRefused,
                          "a secret's name has 1 to 100 of a-z, 0-9, '-', '/'");
    }
    return folder_ + "/" + file_name_of(name);
}

Result<void> FileSecretStore::clean() {
    if (is_clean_) return {};
    auto names = list("");
    if (!names) return tl::unexpected(names.error());
    std::vector<keystore::KeyPlace> places;
    for (const std::string& name : *names) {
        const std::string path = folder_ + "/" + file_name_of(name);
        const auto place = read_place(path);
        // A damaged file stays, for somebody to look at it; get() says what it is.
        if (!place && place.error().code == ErrorCode::kMalformed) continue;
        if (!place) return tl::unexpected(place.error());
        const auto key = ring_.find(*place);
        if (key) {
            places.push_back(*place);
        } else if (key.error().code != ErrorCode::kNotFound) {
            return tl::unexpected(key.error());
        } else if (auto removed = keystore::remove_secret_file(path); !removed) {
            return removed;
        }
    }
    if (auto kept = ring_.keep_only(places); !kept) return kept;
    is_clean_ = true;
    return {};
}

Result<void> FileSecretStore::put(const std::string& name, ByteView secret) {
    auto path = path_of(name);
    if (!path) return tl::unexpected(path.error());
    if (auto cleaned = clean(); !cleaned) return cleaned;
    const auto old = read_place(*path);
    is_clean_ = false;
    auto drawn = ring_.draw();
    if (!drawn) return tl::unexpected(drawn.error());
    auto sealed = key_.combine(drawn->key).seal(secret, file_name_of(name));
    if (!sealed) return tl::unexpected(sealed.error());
    Bytes content = make_header(drawn->place);
    content.insert(content.end(), sealed->begin(), sealed->end());
    if (auto written = keystore::write_secret_file(*path, content, keystore::WriteMode::kReplace);
        !written) {
        return written;
    }
    if (old) {
        if (auto erased = ring_.erase(*old); !erased) return erased;
    }
    is_clean_ = old || old.error().code == ErrorCode::kNotFound;
    return clean();
}

Result<SecretBytes> FileSecretStore::get(const std::string& name) {
    auto path = path_of(name);
    if (!path) return tl::unexpected(path.error());
    const auto file = keystore::read_secret_file(*path, kFileBytesMax);
    if (!file) return tl::unexpected(file.error());
    const auto place = parse_header(file->view(), *path);
    if (!place) return tl::unexpected(place.error());
    const auto key = ring_.find(*place);
    if (!key) return tl::unexpected(key.error());
    return key_.combine(*key).open(file->view().subspan(kHeaderBytes), file_name_of(name));
}

Result<void> FileSecretStore::erase(const std::string& name) {
    auto path = path_of(name);
    if (!path) return tl::unexpected(path.error());
    // The key first: from then on the file is useless, wherever its blocks have been.
    const bool was_clean = std::exchange(is_clean_, false);
    const auto place = read_place(*path);
    if (place) {
        if (auto erased = ring_.erase(*place); !erased) return erased;
    }
    if (auto removed = keystore::remove_secret_file(*path); !removed) return removed;
    is_clean_ = was_clean && (place || place.error().code == ErrorCode::kNotFound);
    return clean();
}

Result<std::vector<std::string>> FileSecretStore::list(const std::string& prefix) {
    std::vector<std::string> names;
    std::error_code failure;
    for (std::filesystem::directory_iterator entry(folder_, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        std::string name = entry->path().filename().string();
        if (!name.ends_with(kSuffix)) continue;
        name.resize(name.size() - kSuffix.size());
        std::replace(name.begin(), name.end(), '_', '/');
        if (name.starts_with(prefix)) names.push_back(std::move(name));
    }
    if (failure) {
        return make_error(ErrorCode::kUnavailable,
                          "cannot list " + folder_ + ": " + failure.message());
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace consilium::node
