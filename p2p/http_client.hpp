// Synchronous HTTP/1.1 and WebSocket clients for command line programs.
//
// Over TLS with an expected server, each new connection first asks GET /v1/identity-proof and
// verifies it; nothing else is sent before that, and no answer of an unproven server is returned.
// Not thread-safe, except for cancel(). No exceptions.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes.hpp"
#include "core/digest.hpp"
#include "core/result.hpp"
#include "core/signature.hpp"
#include "p2p/http_message.hpp"
#include "p2p/limits.hpp"

namespace consilium::p2p {

struct ExpectedServer {
    std::vector<PublicKey> keys;  // it proves one of these
    Digest genesis_hash;
};

enum class Transport : std::uint8_t { kPlain, kTls };

struct HttpClientOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    Transport transport = Transport::kTls;
    std::optional<ExpectedServer> expected_server;  // needs kTls
    std::uint64_t timeout_ms = 30'000;              // of a whole request, connecting included
    std::size_t response_limit = limits::kHttpResponseBytes;
    // When set and true, calls end with kUnavailable within 50 ms; a signal handler may set it.
    const std::atomic<bool>* cancel_flag = nullptr;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// What a server answered; header names in lower case.
struct HttpClientResponse {
    unsigned status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    Bytes body;
    [[nodiscard]] std::string_view text() const {
        return {reinterpret_cast<const char*>(body.data()), body.size()};
    }
    [[nodiscard]] std::optional<std::string_view> header(std::string_view lower_case_name) const;
};

class HttpClient {
  public:
    explicit HttpClient(HttpClientOptions options);
    HttpClient(HttpClient&&) noexcept;
    HttpClient& operator=(HttpClient&&) noexcept;
    ~HttpClient();

    // One request on the kept connection, or on a new one. A kept connection that the server closed
    // meanwhile is replaced once, for methods that are safe to repeat (GET, HEAD, PUT).
    // kUnavailable: no connection, timeout, cancelled. kInvalidSignature or kMismatch: the server
    // is not the expected one. kLimitExceeded: the answer is too long. kMalformed: it is no HTTP.
    [[nodiscard]] Result<HttpClientResponse> request(std::string_view method,
                                                     std::string_view target,
                                                     const HttpHeaders& headers = {},
                                                     ByteView body = {});
    // Ends a running request and refuses later ones; from any thread.
    void cancel();
    // Changes the timeout and the response limit of later requests.
    void set_timeout_ms(std::uint64_t timeout_ms);
    void set_response_limit(std::size_t limit_bytes);
    [[nodiscard]] const HttpClientOptions& options() const;

    class Core;  // in http_client.cpp

  private:
    std::unique_ptr<Core> core_;
};

// Receives text messages; the identity of the server is proven before the upgrade as above.
class WebSocketClient {
  public:
    explicit WebSocketClient(HttpClientOptions options);
    WebSocketClient(WebSocketClient&&) noexcept;
    WebSocketClient& operator=(WebSocketClient&&) noexcept;
    ~WebSocketClient();

    [[nodiscard]] Result<void> connect(std::string_view target);
    // The next message, or nullopt when none came within `timeout_ms` (the connection stays).
    // kUnavailable: closed or cancelled.
    [[nodiscard]] Result<std::optional<std::string>> next_text(std::uint64_t timeout_ms);
    void close();
    void cancel();  // from any thread

    class Core;  // in http_client.cpp

  private:
    std::unique_ptr<Core> core_;
};

}  // namespace consilium::p2p
