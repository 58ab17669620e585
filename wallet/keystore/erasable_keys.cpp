// Slots of a file, each written in one piece.
#include "wallet/keystore/erasable_keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/check.hpp"
#include "core/random.hpp"
#include "wallet/keystore/secret_file.hpp"

namespace consilium::keystore {
namespace {

constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kKeyBytes = 32;
// The file grows in steps, so that erasing and drawing mostly overwrite blocks that exist.
constexpr std::size_t kSlotsPerGrowth = 64;

template <typename Slot>
bool is_free(const Slot& content) {
    const auto tag = content.view().first(kTagBytes);
    return std::all_of(tag.begin(), tag.end(), [](std::uint8_t byte) { return byte == 0; });
}
template <typename Slot>
bool has_tag(const Slot& content, const KeyPlace& place) {
    return !is_free(content) &&
           std::equal(place.tag.begin(), place.tag.end(), content.view().begin());
}

}  // namespace

Result<ErasableKeys> ErasableKeys::open(const std::string& path) {
    // The directory and an existing file are checked as those of every secret file.
    auto content = read_secret_file(path, kSlotsMax * kSlotBytes);
    if (!content) {
        if (content.error().code != ErrorCode::kNotFound) return tl::unexpected(content.error());
        const Bytes empty(kSlotsPerGrowth * kSlotBytes);
        if (auto made = write_secret_file(path, empty, WriteMode::kCreateNew); !made) {
            return tl::unexpected(made.error());
        }
        content = SecretBytes(ByteView(empty));
    }
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (!file.is_open()) return system_failure("cannot open " + path, errno);
    ErasableKeys keys(std::move(file), path);
    for (std::size_t at = 0; at + kSlotBytes <= content->size(); at += kSlotBytes) {
        const auto tag = content->view().subspan(at, kTagBytes);
        keys.is_used_.push_back(
            std::any_of(tag.begin(), tag.end(), [](std::uint8_t byte) { return byte != 0; }));
    }
    return keys;
}

Result<ErasableKeys::Slot> ErasableKeys::read(std::size_t slot) const {
    Slot content;
    const auto buffer = content.mutable_view();
    const ssize_t got =
        ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(slot * kSlotBytes));
    if (got != static_cast<ssize_t>(kSlotBytes)) {
        return system_failure("cannot read " + path_, got < 0 ? errno : EIO);
    }
    return content;
}

Result<void> ErasableKeys::write(std::size_t slot, const Slot& content) {
    const ssize_t written = ::pwrite(file_.get(), content.view().data(), kSlotBytes,
                                     static_cast<off_t>(slot * kSlotBytes));
    if (written != static_cast<ssize_t>(kSlotBytes)) {
        return system_failure("cannot write " + path_, written < 0 ? errno : EIO);
    }
    return {};
}

Result<void> ErasableKeys::sync() const {
    // A failed fsync is never tried again: the kernel may have dropped the dirty pages.
    if (::fdatasync(file_.get()) != 0) return system_failure("cannot sync " + path_, errno);
    return {};
}

Result<std::size_t> ErasableKeys::find_free_slot() {
    const auto found = std::find(is_used_.begin(), is_used_.end(), false);
    if (found != is_used_.end()) return static_cast<std::size_t>(found - is_used_.begin());
    const std::size_t first = is_used_.size();
    if (first + kSlotsPerGrowth > kSlotsMax) {
        return make_error(ErrorCode::kLimitExceeded, path_ + " holds as many keys as it may");
    }
    Slot zeros;
    (void)zeros.mutable_view();
    for (std::size_t slot = first; slot < first + kSlotsPerGrowth; ++slot) {
        if (auto written = write(slot, zeros); !written) return tl::unexpected(written.error());
    }
    is_used_.resize(first + kSlotsPerGrowth, false);
    return first;
}

Result<ErasableKeys::Drawn> ErasableKeys::draw() {
    const auto slot = find_free_slot();
    if (!slot) return tl::unexpected(slot.error());
    Drawn drawn;
    drawn.place.slot = static_cast<std::uint32_t>(*slot);
    do {
        fill_random(drawn.place.tag);
    } while (std::all_of(drawn.place.tag.begin(), drawn.place.tag.end(),
                         [](std::uint8_t byte) { return byte == 0; }));
    fill_random(drawn.key.mutable_view());
    Slot content;
    const auto buffer = content.mutable_view();
    std::copy(drawn.place.tag.begin(), drawn.place.tag.end(), buffer.begin());
    std::copy(drawn.key.view().begin(), drawn.key.view().end(), buffer.begin() + kTagBytes);
    // Whatever a failed write left behind is overwritten by the next one or by keep_only().
    is_used_[*slot] = true;
    if (auto written = write(*slot, content); !written) return tl::unexpected(written.error());
    if (auto synced = sync(); !synced) return tl::unexpected(synced.error());
    return drawn;
}

Result<SecretArray<32>> ErasableKeys::find(const KeyPlace& place) const {
    const auto erased = make_error(ErrorCode::kNotFound, "the key of this file is erased");
    if (place.slot >= is_used_.size()) return erased;
    const auto content = read(place.slot);
    if (!content) return tl::unexpected(content.error());
    if (!has_tag(*content, place)) return erased;
    return SecretArray<32>(content->view().subspan<kTagBytes, kKeyBytes>());
}

Result<void> ErasableKeys::erase(const KeyPlace& place) {
    if (place.slot >= is_used_.size()) return {};
    const auto content = read(place.slot);
    if (!content) return tl::unexpected(content.error());
    if (!has_tag(*content, place)) return {};
    Slot zeros;
    (void)zeros.mutable_view();
    if (auto written = write(place.slot, zeros); !written) return written;
    if (auto synced = sync(); !synced) return synced;
    is_used_[place.slot] = false;
    return {};
}

Result<void> ErasableKeys::keep_only(const std::vector<KeyPlace>& places) {
    Slot zeros;
    (void)zeros.mutable_view();
    std::vector<std::size_t> freed;
    for (std::size_t slot = 0; slot < is_used_.size(); ++slot) {
        if (!is_used_[slot]) continue;
        const auto content = read(slot);
        if (!content) return tl::unexpected(content.error());
        const bool is_kept = std::any_of(places.begin(), places.end(), [&](const KeyPlace& place) {
            return place.slot == slot && has_tag(*content, place);
        });
        if (is_kept) continue;
        if (auto written = write(slot, zeros); !written) return written;
        freed.push_back(slot);
    }
    if (freed.empty()) return {};
    if (auto synced = sync(); !synced) return synced;
    for (const std::size_t slot : freed) is_used_[slot] = false;
    return {};
}

std::size_t ErasableKeys::size() const {
    return static_cast<std::size_t>(std::count(is_used_.begin(), is_used_.end(), true));
}

}  // namespace consilium::keystore
