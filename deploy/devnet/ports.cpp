// Finds free ports by listening on them for a moment.
#include "deploy/devnet/ports.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>
#include <vector>

namespace consilium::devnet {
namespace {

constexpr std::uint16_t kHolderOffset = 900;
constexpr unsigned kHighestPort = 65'535;

// The listening socket, or -1 when the port is taken.
int listen_on(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return -1;
    // As the programs do: a port in TIME_WAIT is free for them.
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool is_bound =
        ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(socket, 1) == 0;
    if (is_bound) return socket;
    ::close(socket);
    return -1;
}

bool is_free(std::uint16_t port) {
    const int socket = listen_on(port);
    if (socket < 0) return false;
    ::close(socket);
    return true;
}

}  // namespace

Result<PortBlock> PortBlock::find(std::size_t hospitals, std::uint16_t first) {
    for (unsigned base = first; base + kBlockSize <= kHighestPort; base += kBlockSize) {
        const int holder = listen_on(static_cast<std::uint16_t>(base + kHolderOffset));
        if (holder < 0) continue;
        PortBlock block(static_cast<std::uint16_t>(base), holder);
        bool is_whole = is_free(block.explorer());
        for (std::size_t i = 1; i <= hospitals && is_whole; ++i) {
            is_whole = is_free(block.p2p(i)) && is_free(block.api(i));
        }
        if (is_whole) return block;
    }
    return make_error(ErrorCode::kUnavailable,
                      "every block of ports from " + std::to_string(first) +
                          " to 65000 has a busy one; stop what listens there (ss -ltnp shows it)");
}

PortBlock::PortBlock(PortBlock&& other) noexcept
    : base_(other.base_), holder_(std::exchange(other.holder_, -1)) {}

PortBlock& PortBlock::operator=(PortBlock&& other) noexcept {
    if (this != &other) {
        if (holder_ >= 0) ::close(holder_);
        base_ = other.base_;
        holder_ = std::exchange(other.holder_, -1);
    }
    return *this;
}

PortBlock::~PortBlock() {
    if (holder_ >= 0) ::close(holder_);
}

}  // namespace consilium::devnet
