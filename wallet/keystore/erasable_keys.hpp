// Keys of files that can be erased for good: one small file that is only overwritten in place.
//
// What is sealed under such a key is gone with it, wherever copies of the sealed bytes have stayed:
// in blocks that a rename freed, in a journal, in a backup. The file is an array of slots of 512
// bytes, the least that a disk writes at once: tag (16), key (32), zeros; a free slot is all zeros.
// A tag names a key once; so a slot that was used again does not stand for an older key. Draw and
// erase are durable before they return.
//
// The limit: overwriting reaches the old bytes only where the file system and the disk write in
// place. Copy-on-write file systems, snapshots and the reserve of an SSD may keep them. There the
// partition needs encryption of its own.
// Not thread-safe; one process at a time.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/secret.hpp"
#include "wallet/keystore/file_descriptor.hpp"

namespace consilium::keystore {

struct KeyPlace {
    std::uint32_t slot{};
    std::array<std::uint8_t, 16> tag{};
    friend bool operator==(const KeyPlace&, const KeyPlace&) = default;
};

class ErasableKeys {
  public:
    static constexpr std::size_t kSlotBytes = 512;
    static constexpr std::size_t kSlotsMax = 4096;  // 2 MiB; a node holds about a hundred

    // Opens the file or makes an empty one (mode 0600) in an existing directory.
    [[nodiscard]] static Result<ErasableKeys> open(const std::string& path);

    struct Drawn {
        KeyPlace place;
        SecretArray<32> key;
    };
    // A fresh random key. kLimitExceeded when kSlotsMax are in use.
    [[nodiscard]] Result<Drawn> draw();
    // kNotFound: erased.
    [[nodiscard]] Result<SecretArray<32>> find(const KeyPlace& place) const;
    // No error when it is erased already.
    [[nodiscard]] Result<void> erase(const KeyPlace& place);
    // Erases all others.
    [[nodiscard]] Result<void> keep_only(const std::vector<KeyPlace>& places);
    [[nodiscard]] std::size_t size() const;  // keys in use

  private:
    using Slot = SecretArray<kSlotBytes>;
    ErasableKeys(FileDescriptor file, std::string path)
        : file_(std::move(file)), path_(std::move(path)) {}
    [[nodiscard]] Result<Slot> read(std::size_t slot) const;
    [[nodiscard]] Result<void> write(std::size_t slot, const Slot& content);
    [[nodiscard]] Result<void> sync() const;
    [[nodiscard]] Result<std::size_t> find_free_slot();

    FileDescriptor file_;
    std::string path_;
    std::vector<bool> is_used_;  // by slot
};

}  // namespace consilium::keystore
