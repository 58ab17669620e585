// Two-slot counter file, written with pwrite and fdatasync.
#include "node/vote_guard.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/codec.hpp"
#include "node/disk.hpp"

namespace consilium::node {
namespace {

constexpr std::size_t kSlotBytes = 64;
constexpr std::string_view kMagic = "CNSLGRD1";

using Slot = std::array<std::uint8_t, kSlotBytes>;

Slot make_slot(std::uint64_t counter) {
    const Bytes number = encode(counter);
    const Digest digest = tagged_hash("consilium/vote-guard/v1", {as_bytes(kMagic), number});
    Slot slot{};
    auto out = std::copy(kMagic.begin(), kMagic.end(), slot.begin());
    out = std::copy(number.begin(), number.end(), out);
    std::copy(digest.bytes.begin(), digest.bytes.end(), out);
    return slot;
}

std::optional<std::uint64_t> read_slot(const Slot& slot) {
    const auto counter =
        decode<std::uint64_t>(ByteView(slot).subspan(kMagic.size(), sizeof(std::uint64_t)));
    if (!counter || make_slot(*counter) != slot) return std::nullopt;
    return *counter;
}

}  // namespace

Result<VoteGuard> VoteGuard::open(const std::string& path) {
    const bool is_new = !std::filesystem::exists(path);
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return tl::unexpected(system_error("cannot open " + path));
    VoteGuard guard(file, 0);
    if (is_new) {
        auto synced = sync_folder(std::filesystem::path(path).parent_path().string());
        if (!synced) return tl::unexpected(synced.error());
        return guard;
    }
    for (int index = 0; index < 2; ++index) {
        Slot slot{};
        const auto got = ::pread(file, slot.data(), slot.size(), index * off_t{kSlotBytes});
        if (got < 0) return tl::unexpected(system_error("cannot read " + path));
        if (static_cast<std::size_t>(got) != kSlotBytes) continue;
        if (const auto counter = read_slot(slot)) {
            guard.counter_ = std::max(guard.counter_, *counter);
        }
    }
    return guard;
}

VoteGuard::VoteGuard(VoteGuard&& other) noexcept
    : file_(std::exchange(other.file_, -1)), counter_(other.counter_) {}

VoteGuard& VoteGuard::operator=(VoteGuard&& other) noexcept {
    std::swap(file_, other.file_);
    counter_ = other.counter_;
    return *this;
}

VoteGuard::~VoteGuard() {
    if (file_ >= 0) ::close(file_);
}

Result<void> VoteGuard::advance(std::uint64_t counter) {
    const Slot slot = make_slot(counter);
    const auto offset = static_cast<off_t>((counter % 2) * kSlotBytes);
    const auto written = ::pwrite(file_, slot.data(), slot.size(), offset);
    if (written != static_cast<ssize_t>(slot.size()) || ::fdatasync(file_) != 0) {
        return tl::unexpected(system_error("cannot write the vote guard"));
    }
    counter_ = counter;
    return {};
}

}  // namespace consilium::node
