// A block of free ports on loopback: p2p base+i, node API base+100+i, explorer base+200.
//
// The block is held by a socket listening on base+900 as long as the PortBlock lives, so that two
// launchers never take the same one.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/result.hpp"

namespace consilium::devnet {

inline constexpr std::uint16_t kBlockSize = 1'000;

class PortBlock {
  public:
    // The first block from `first` on that is free for that many hospitals. kUnavailable when none
    // of those up to the end of the port range is.
    [[nodiscard]] static Result<PortBlock> find(std::size_t hospitals, std::uint16_t first);
    PortBlock(const PortBlock&) = delete;
    PortBlock& operator=(const PortBlock&) = delete;
    PortBlock(PortBlock&& other) noexcept;
    PortBlock& operator=(PortBlock&& other) noexcept;
    ~PortBlock();

    [[nodiscard]] std::uint16_t base() const { return base_; }
    // Hospitals count from 1.
    [[nodiscard]] std::uint16_t p2p(std::size_t hospital) const { return at(0, hospital); }
    [[nodiscard]] std::uint16_t api(std::size_t hospital) const { return at(100, hospital); }
    [[nodiscard]] std::uint16_t explorer() const { return at(200, 0); }

  private:
    PortBlock(std::uint16_t base, int holder) : base_(base), holder_(holder) {}
    [[nodiscard]] std::uint16_t at(std::size_t offset, std::size_t index) const {
        return static_cast<std::uint16_t>(base_ + offset + index);
    }

    std::uint16_t base_ = 0;
    int holder_ = -1;  // the listening socket
};

}  // namespace consilium::devnet
