// A hand-driven TLS peer for tests: it can misbehave at every step.
//
// Blocking (the test runner's time limit ends a hanging test); exceptions of Asio mean a broken
// test or a closed connection.
#pragma once
#include <poll.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "p2p/frame.hpp"
#include "p2p/tls_identity.hpp"

namespace consilium::p2p::test {

namespace asio = boost::asio;
// NOLINTNEXTLINE(readability-identifier-naming): Asio's own name
using tcp = asio::ip::tcp;

inline tcp::endpoint loopback(std::uint16_t port) {
    return {asio::ip::make_address("127.0.0.1"), port};
}

// False when nothing can be read from the plain socket in time.
inline bool wait_readable(tcp::socket& socket, int patience_ms = 20'000) {
    pollfd entry{socket.native_handle(), POLLIN, 0};
    return ::poll(&entry, 1, patience_ms) > 0;
}

class RawPeer {
  public:
    explicit RawPeer(int receive_buffer = 0)
        : identity_(*TlsIdentity::generate()),
          context_(identity_.client_context()),
          stream_(io_, context_),
          receive_buffer_(receive_buffer) {}

    // TCP and TLS; false when refused.
    bool connect(std::uint16_t port) {
        boost::system::error_code error;
        stream_.next_layer().open(tcp::v4());
        if (receive_buffer_ != 0) {
            stream_.next_layer().set_option(
                asio::socket_base::receive_buffer_size(receive_buffer_));
        }
        stream_.next_layer().connect(loopback(port), error);
        if (error) return false;
        stream_.handshake(asio::ssl::stream_base::client, error);
        return !error;
    }
    void send_proof(const KeyPair& key, const Digest& genesis, TlsRole role = TlsRole::kClient) {
        const auto exporter = *export_channel_binding(stream_.native_handle());
        Bytes frame;
        append_frame(frame, kIdentityKind,
                     encode_identity_frame(
                         make_identity_proof(make_identity_signer(key), genesis, role, exporter)));
        send(frame);
    }
    // Connects, proves itself and takes the other's proof.
    bool join(std::uint16_t port, const KeyPair& key, const Digest& genesis) {
        if (!connect(port)) return false;
        send_proof(key, genesis);
        const auto frame = read_frame();
        return frame && frame->kind == kIdentityKind && decode_identity_frame(frame->payload);
    }
    bool send(ByteView bytes) {
        boost::system::error_code error;
        asio::write(stream_, asio::buffer(bytes.data(), bytes.size()), error);
        return !error;
    }
    // nullopt when the connection is closed.
    std::optional<Frame> read_frame() {
        for (;;) {
            while (next_ < frames_.size()) {
                Frame frame = std::move(frames_[next_++]);
                if (frame.kind != kPingKind) return frame;
            }
            frames_.clear();
            next_ = 0;
            std::array<std::uint8_t, 4096> buffer{};
            boost::system::error_code error;
            const std::size_t size = stream_.read_some(asio::buffer(buffer), error);
            if (error || !reader_.feed(ByteView(buffer).first(size), frames_)) return std::nullopt;
        }
    }
    // True when the other end closes the connection without sending another frame than pings.
    bool is_closed_by_peer() { return !read_frame().has_value(); }
    void close() {
        boost::system::error_code ignored;
        stream_.next_layer().close(ignored);
    }

  private:
    asio::io_context io_;
    TlsIdentity identity_;
    asio::ssl::context context_;
    asio::ssl::stream<tcp::socket> stream_;
    int receive_buffer_;
    FrameReader reader_;
    std::vector<Frame> frames_;
    std::size_t next_ = 0;
};

}  // namespace consilium::p2p::test
