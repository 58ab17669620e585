// A TCP connection with or without TLS, as one type: what reads and writes it compiles once.
//
// Internal to p2p. Beast's WebSocket runs on it through the three free functions at the end.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>
#include <memory>
#include <utility>

#include "p2p/asio.hpp"

namespace consilium::p2p {

class AnyStream {
  public:
    // NOLINTNEXTLINE(readability-identifier-naming): the name that Asio asks for
    using executor_type = asio::any_io_executor;

    explicit AnyStream(tcp::socket socket)
        : socket_(std::make_shared<tcp::socket>(std::move(socket))) {}
    AnyStream(tcp::socket socket, asio::ssl::context& context)
        : socket_(std::make_shared<tcp::socket>(std::move(socket))),
          tls_(std::make_unique<asio::ssl::stream<tcp::socket&>>(*socket_, context)) {}

    [[nodiscard]] executor_type get_executor() const { return socket_->get_executor(); }
    [[nodiscard]] tcp::socket& socket() { return *socket_; }
    // For closing it after the stream was moved away.
    [[nodiscard]] std::shared_ptr<tcp::socket> share_socket() const { return socket_; }
    [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }
    // Only when is_tls().
    [[nodiscard]] ssl_st* native_tls() { return tls_->native_handle(); }

    [[nodiscard]] Task<error_code> handshake(asio::ssl::stream_base::handshake_type side) {
        auto [error] = co_await tls_->async_handshake(side, kUse);
        co_return error;
    }

    template <typename Buffers, typename Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return asio::async_initiate<Token, void(error_code, std::size_t)>(
            [](auto handler, AnyStream* self, const Buffers& into) {
                if (self->tls_ != nullptr) {
                    self->tls_->async_read_some(into, std::move(handler));
                } else {
                    self->socket_->async_read_some(into, std::move(handler));
                }
            },
            token, this, buffers);
    }
    template <typename Buffers, typename Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return asio::async_initiate<Token, void(error_code, std::size_t)>(
            [](auto handler, AnyStream* self, const Buffers& from) {
                if (self->tls_ != nullptr) {
                    self->tls_->async_write_some(from, std::move(handler));
                } else {
                    self->socket_->async_write_some(from, std::move(handler));
                }
            },
            token, this, buffers);
    }

  private:
    std::shared_ptr<tcp::socket> socket_;  // shared with who may have to close it at any time
    std::unique_ptr<asio::ssl::stream<tcp::socket&>> tls_;
};

inline void beast_close_socket(AnyStream& stream) {
    close_socket(stream.socket());
}

// What Beast does after the closing handshake of a WebSocket.
template <typename Handler>
void async_teardown(boost::beast::role_type /*role*/, AnyStream& stream, Handler&& handler) {
    close_socket(stream.socket());
    asio::post(stream.get_executor(),
               boost::beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}
inline void teardown(boost::beast::role_type /*role*/, AnyStream& stream, error_code& error) {
    close_socket(stream.socket());
    error = {};
}

}  // namespace consilium::p2p
