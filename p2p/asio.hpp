// Asio as this folder uses it: names, coroutines without exceptions, deadlines.
//
// Internal to p2p. All operations return tuples (error code, value) instead of throwing.
#pragma once
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "core/result.hpp"

namespace consilium::p2p {

namespace asio = boost::asio;
// NOLINTNEXTLINE(readability-identifier-naming): Asio's own name
using tcp = asio::ip::tcp;
using boost::system::error_code;
template <typename T>
using Task = asio::awaitable<T>;
using Strand = asio::strand<asio::io_context::executor_type>;

inline constexpr auto kUse = asio::as_tuple(asio::use_awaitable);

[[nodiscard]] inline std::uint64_t steady_now_ms() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}
[[nodiscard]] inline std::chrono::milliseconds as_duration(std::uint64_t ms) {
    constexpr std::uint64_t kLongestMs = 24ULL * 3600 * 1000;
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(ms, kLongestMs)));
}

// Starts a coroutine nobody waits for. What escapes it can only be bad_alloc or a throwing user
// callback; it ends that coroutine (whose destructors close its socket) and nothing else.
template <typename Executor>
void spawn(const Executor& executor, Task<void> task) {
    asio::co_spawn(executor, std::move(task), [](const std::exception_ptr&) {});
}

// Waits for the timer or its cancellation; which of them does not matter to the callers.
inline Task<void> wait_ms(asio::steady_timer& timer, std::uint64_t ms) {
    timer.expires_after(as_duration(ms));
    co_await timer.async_wait(kUse);
}

inline void close_socket(tcp::socket& socket) {
    error_code ignored;
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    socket.close(ignored);
}

// Opens, binds and listens; the address is numeric.
[[nodiscard]] inline Result<void> listen_on(tcp::acceptor& acceptor, const std::string& host,
                                            std::uint16_t port) {
    error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (error) return make_error(ErrorCode::kMalformed, "listen address is not numeric: " + host);
    const tcp::endpoint endpoint(address, port);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
        return make_error(
            ErrorCode::kUnavailable,
            "cannot listen on " + host + ":" + std::to_string(port) + ": " + error.message());
    }
    return {};
}

}  // namespace consilium::p2p
