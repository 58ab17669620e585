// The synchronous clients: one io_context each, run by the caller until its answer is there.
#include "p2p/http_client.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <utility>

#include "p2p/any_stream.hpp"
#include "p2p/tls_identity.hpp"

namespace consilium::p2p {
namespace {

namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;

constexpr std::string_view kIdentityPath = "/v1/identity-proof";
constexpr std::size_t kProofBytes = 1024;
constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::uint64_t kCancelPollMs = 50;  // how late a cancel flag may be seen
constexpr std::uint64_t kClosingMs = 1'000;

bool has_control_or_space(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

bool has_line_break(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

struct Exchange {
    std::string_view method;
    std::string_view target;
    const HttpHeaders* headers = nullptr;
    ByteView body;
    std::size_t response_limit = 0;
};

Result<void> check_exchange(const Exchange& exchange) {
    if (exchange.method.empty() || has_control_or_space(exchange.method) ||
        exchange.target.empty() || exchange.target.front() != '/' ||
        has_control_or_space(exchange.target)) {
        return make_error(ErrorCode::kMalformed, "method or target holds a banned character");
    }
    for (const auto& [name, value] : *exchange.headers) {
        if (name.empty() || has_control_or_space(name) || has_line_break(value)) {
            return make_error(ErrorCode::kMalformed, "a header holds a banned character");
        }
    }
    return {};
}

// A connection to one server, and the loop that runs it under a deadline.
class Connection {
  public:
    explicit Connection(HttpClientOptions options) : options_(std::move(options)) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() = default;

    [[nodiscard]] HttpClientOptions& options() { return options_; }
    void cancel() { is_cancelled_ = true; }
    [[nodiscard]] bool is_cancelled() const {
        return is_cancelled_ || (options_.cancel_flag != nullptr && *options_.cancel_flag);
    }

    // Runs the task to its end; after the deadline or a cancel the connection is closed, which
    // ends the task, and the error says why.
    template <typename T>
    [[nodiscard]] Result<T> complete(Task<Result<T>> task, std::uint64_t timeout_ms) {
        std::optional<Result<T>> result;
        asio::co_spawn(io_, std::move(task),
                       [&result](const std::exception_ptr& thrown, Result<T> got) {
                           if (thrown != nullptr) {
                               got = make_error(ErrorCode::kInternal, "the client ran into a bug");
                           }
                           result = std::move(got);
                       });
        is_expired_ = false;
        const std::uint64_t deadline_ms = steady_now_ms() + timeout_ms;
        run_until(deadline_ms, [&result] { return result.has_value(); });
        if (!result) {
            const bool was_cancelled = is_cancelled();
            is_expired_ = true;
            drop();
            drain([&result] { return result.has_value(); });
            return make_error(ErrorCode::kUnavailable,
                              was_cancelled ? "cancelled" : "no answer within the timeout");
        }
        return std::move(*result);
    }
    // Runs what is in flight until the condition, the deadline or a cancel.
    template <typename Condition>
    void run_until(std::uint64_t deadline_ms, Condition is_done) {
        io_.restart();
        for (std::uint64_t now_ms = steady_now_ms();
             !is_done() && now_ms <= deadline_ms && !is_cancelled(); now_ms = steady_now_ms()) {
            const std::uint64_t left_ms = std::min(deadline_ms - now_ms, kCancelPollMs);
            io_.run_one_for(as_duration(std::max<std::uint64_t>(left_ms, 1)));
            if (io_.stopped()) break;
        }
    }
    // After drop(): runs until what was in flight has ended.
    template <typename Condition>
    void drain(Condition is_done) {
        io_.restart();
        while (!is_done() && io_.run_one() > 0) {
        }
    }
    void drop() {
        if (resolver_) resolver_->cancel();
        if (socket_ != nullptr) close_socket(*socket_);
        is_open_ = false;
    }

    [[nodiscard]] Task<Result<HttpClientResponse>> request(Exchange exchange);
    [[nodiscard]] Task<Result<void>> open();
    [[nodiscard]] AnyStream take_stream() { return std::move(*stream_); }
    [[nodiscard]] std::string host_header() const;
    [[nodiscard]] asio::io_context& io() { return io_; }

  private:
    Task<Result<HttpClientResponse>> exchange_once(const Exchange& exchange);
    Task<Result<HttpClientResponse>> read_response(const Exchange& exchange);
    Task<Result<void>> connect_socket(tcp::socket& socket);
    Task<Result<void>> prove_server();
    [[nodiscard]] std::string render(const Exchange& exchange) const;

    HttpClientOptions options_;
    std::atomic<bool> is_cancelled_{false};
    asio::io_context io_{1};
    std::optional<TlsIdentity> identity_;
    std::optional<asio::ssl::context> tls_context_;
    std::optional<tcp::resolver> resolver_;
    std::optional<AnyStream> stream_;
    std::shared_ptr<tcp::socket> socket_;  // of stream_, also when a WebSocket took that
    boost::beast::flat_buffer buffer_{kBufferBytes};
    bool is_open_ = false;
    bool is_expired_ = false;  // the deadline passed: begin nothing new
    bool has_heard_ = false;   // a byte of the current answer came
};

std::string Connection::host_header() const {
    const bool is_ipv6 = options_.host.find(':') != std::string::npos;
    const std::string host = is_ipv6 ? "[" + options_.host + "]" : options_.host;
    return host + ":" + std::to_string(options_.port);
}

std::string Connection::render(const Exchange& exchange) const {
    std::string head(exchange.method);
    head.append(" ").append(exchange.target).append(" HTTP/1.1\r\nHost: ");
    head += host_header() + "\r\n";
    for (const auto& [name, value] : *exchange.headers) {
        head.append(name).append(": ").append(value).append("\r\n");
    }
    const bool may_be_bodyless = exchange.method == "GET" || exchange.method == "HEAD";
    if (!exchange.body.empty() || !may_be_bodyless) {
        head += "Content-Length: " + std::to_string(exchange.body.size()) + "\r\n";
    }
    return head + "\r\n";
}

Task<Result<void>> Connection::connect_socket(tcp::socket& socket) {
    error_code error;
    const auto address = asio::ip::make_address(options_.host, error);
    if (!error) {
        auto [failed] = co_await socket.async_connect(tcp::endpoint(address, options_.port), kUse);
        error = failed;
    } else {
        resolver_.emplace(io_);
        auto [unknown, endpoints] =
            co_await resolver_->async_resolve(options_.host, std::to_string(options_.port), kUse);
        if (unknown) {
            co_return make_error(ErrorCode::kUnavailable,
                                 "cannot resolve " + options_.host + ": " + unknown.message());
        }
        auto [failed, endpoint] = co_await asio::async_connect(socket, endpoints, kUse);
        error = failed;
    }
    if (error) {
        co_return make_error(ErrorCode::kUnavailable,
                             "cannot connect to " + host_header() + ": " + error.message());
    }
    socket.set_option(tcp::no_delay(true), error);
    co_return Result<void>{};
}

Task<Result<void>> Connection::open() {
    is_open_ = false;
    buffer_.clear();
    tcp::socket socket(io_);
    if (options_.transport == Transport::kPlain) {
        if (options_.expected_server) {
            co_return make_error(ErrorCode::kRefused, "a server's key needs TLS to be checked");
        }
        stream_.emplace(std::move(socket));
    } else {
        if (!tls_context_) {
            auto identity = TlsIdentity::generate();
            if (!identity) co_return tl::unexpected(identity.error());
            identity_ = std::move(*identity);
            tls_context_.emplace(identity_->client_context());
        }
        stream_.emplace(std::move(socket), *tls_context_);
    }
    socket_ = stream_->share_socket();
    Result<void> connected = co_await connect_socket(*socket_);
    if (!connected) co_return connected;
    if (is_expired_) co_return make_error(ErrorCode::kUnavailable, "too late");
    if (options_.transport == Transport::kTls) {
        const error_code error = co_await stream_->handshake(asio::ssl::stream_base::client);
        if (error) {
            co_return make_error(ErrorCode::kUnavailable,
                                 "no TLS 1.3 with " + host_header() + ": " + error.message());
        }
    }
    is_open_ = true;
    if (options_.expected_server) {
        Result<void> proven = co_await prove_server();
        if (!proven) {
            drop();
            co_return proven;
        }
    }
    co_return Result<void>{};
}

Task<Result<void>> Connection::prove_server() {
    const auto exporter = export_channel_binding(stream_->native_tls());
    if (!exporter) co_return tl::unexpected(exporter.error());
    static const HttpHeaders no_headers;
    const Exchange exchange{"GET", kIdentityPath, &no_headers, {}, kProofBytes};
    Result<HttpClientResponse> answer = co_await exchange_once(exchange);
    if (!answer) co_return tl::unexpected(answer.error());
    if (answer->status != 200) {
        co_return make_error(ErrorCode::kMismatch, "the server gave no identity proof");
    }
    const auto proof = decode_identity_proof_json(answer->text());
    if (!proof) co_return tl::unexpected(proof.error());
    const auto& expected = *options_.expected_server;
    if (std::find(expected.keys.begin(), expected.keys.end(), proof->key) == expected.keys.end()) {
        co_return make_error(ErrorCode::kMismatch, "the server proved the key " + proof->key.hex() +
                                                       ", which is not one that was expected");
    }
    if (!verify_identity_proof(*proof, expected.genesis_hash, TlsRole::kServer, *exporter)) {
        co_return make_error(ErrorCode::kInvalidSignature,
                             "the server's identity proof does not verify for this channel");
    }
    if (!is_open_) co_return make_error(ErrorCode::kUnavailable, "the server closed");
    co_return Result<void>{};
}

Task<Result<HttpClientResponse>> Connection::exchange_once(const Exchange& exchange) {
    has_heard_ = false;
    const std::string head = render(exchange);
    Bytes first = to_bytes(as_bytes(head));
    ByteView rest = exchange.body;
    if (rest.size() <= kBufferBytes) {
        first.insert(first.end(), rest.begin(), rest.end());
        rest = {};
    }
    auto [error, size] = co_await asio::async_write(*stream_, asio::buffer(first), kUse);
    if (!error && !rest.empty()) {
        auto [rest_error, rest_size] =
            co_await asio::async_write(*stream_, asio::buffer(rest.data(), rest.size()), kUse);
        error = rest_error;
    }
    // A server that refuses a body may answer and close before it took all: read regardless.
    Result<HttpClientResponse> answer = co_await read_response(exchange);
    if (!answer || error) drop();
    co_return answer;
}

Task<Result<HttpClientResponse>> Connection::read_response(const Exchange& exchange) {
    http::response_parser<http::buffer_body> parser;
    parser.header_limit(limits::kHttpHeaderBytes);
    parser.body_limit(boost::none);  // counted below
    if (exchange.method == "HEAD") parser.skip(true);
    auto [error, header_size] = co_await http::async_read_header(*stream_, buffer_, parser, kUse);
    has_heard_ = header_size > 0;
    const auto& parse_category = make_error_code(http::error::bad_method).category();
    if (error && error.category() == parse_category && error != http::error::end_of_stream &&
        error != http::error::partial_message) {
        co_return make_error(ErrorCode::kMalformed, "the answer is not HTTP/1.1");
    }
    if (error) {
        co_return make_error(ErrorCode::kUnavailable, "the connection broke: " + error.message());
    }
    HttpClientResponse response;
    response.status = parser.get().result_int();
    for (const auto& field : parser.get()) {
        response.headers.emplace_back(lower_case(std::string_view(field.name_string())),
                                      std::string_view(field.value()));
    }
    const auto length = parser.content_length();
    if (length && *length > exchange.response_limit && exchange.method != "HEAD") {
        co_return make_error(ErrorCode::kLimitExceeded, "the answer is too long");
    }
    Bytes piece(kBufferBytes);
    while (!parser.is_done()) {
        auto& target = parser.get().body();
        target.data = piece.data();
        target.size = piece.size();
        target.more = true;
        auto [body_error, size] = co_await http::async_read_some(*stream_, buffer_, parser, kUse);
        if (body_error && body_error != http::error::need_buffer) {
            co_return make_error(ErrorCode::kUnavailable, "the answer is incomplete");
        }
        const std::size_t got = piece.size() - parser.get().body().size;
        if (response.body.size() + got > exchange.response_limit) {
            co_return make_error(ErrorCode::kLimitExceeded, "the answer is too long");
        }
        response.body.insert(response.body.end(), piece.begin(),
                             piece.begin() + static_cast<long>(got));
    }
    if (!parser.keep_alive()) drop();
    co_return response;
}

Task<Result<HttpClientResponse>> Connection::request(Exchange exchange) {
    const bool may_repeat =
        exchange.method == "GET" || exchange.method == "HEAD" || exchange.method == "PUT";
    const bool was_open = is_open_;
    if (!was_open) {
        Result<void> opened = co_await open();
        if (!opened) co_return tl::unexpected(opened.error());
    }
    Result<HttpClientResponse> answer = co_await exchange_once(exchange);
    const bool is_stale = was_open && !answer && !has_heard_ &&
                          answer.error().code == ErrorCode::kUnavailable && !is_expired_;
    if (!is_stale || !may_repeat) co_return answer;
    Result<void> opened = co_await open();
    if (!opened) co_return tl::unexpected(opened.error());
    answer = co_await exchange_once(exchange);
    co_return answer;
}

}  // namespace

std::optional<std::string_view> HttpClientResponse::header(std::string_view lower_case_name) const {
    for (const auto& [name, value] : headers) {
        if (name == lower_case_name) return value;
    }
    return std::nullopt;
}

class HttpClient::Core : public Connection {
  public:
    using Connection::Connection;
};

HttpClient::HttpClient(HttpClientOptions options)
    : core_(std::make_unique<Core>(std::move(options))) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpClientResponse> HttpClient::request(std::string_view method, std::string_view target,
                                               const HttpHeaders& headers, ByteView body) {
    const Exchange exchange{method, target, &headers, body, core_->options().response_limit};
    if (auto checked = check_exchange(exchange); !checked) return tl::unexpected(checked.error());
    if (core_->is_cancelled()) return make_error(ErrorCode::kUnavailable, "cancelled");
    return core_->complete(core_->request(exchange), core_->options().timeout_ms);
}

void HttpClient::cancel() {
    core_->cancel();
}
void HttpClient::set_timeout_ms(std::uint64_t timeout_ms) {
    core_->options().timeout_ms = timeout_ms;
}
void HttpClient::set_response_limit(std::size_t limit_bytes) {
    core_->options().response_limit = limit_bytes;
}
const HttpClientOptions& HttpClient::options() const {
    return core_->options();
}

// A connection that became a WebSocket, and the one read that may be in flight.
class WebSocketClient::Core : public Connection {
  public:
    using Connection::Connection;
    using Socket = websocket::stream<AnyStream>;

    Task<Result<void>> upgrade(std::string target) {
        Result<void> opened = co_await open();
        if (!opened) co_return opened;
        socket_.emplace(take_stream());
        socket_->set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                            websocket::stream_base::none(), false});
        socket_->read_message_max(options().response_limit);
        auto [error] = co_await socket_->async_handshake(host_header(), target, kUse);
        if (error) {
            co_return make_error(ErrorCode::kUnavailable, "no WebSocket: " + error.message());
        }
        co_return Result<void>{};
    }
    Task<void> read_one() {
        message_.clear();
        auto [error, size] = co_await socket_->async_read(message_, kUse);
        is_reading_ = false;
        if (error) {
            is_lost_ = true;
        } else {
            has_message_ = true;
        }
    }
    Result<std::optional<std::string>> next(std::uint64_t timeout_ms) {
        if (!socket_ || is_lost_) return make_error(ErrorCode::kUnavailable, "not connected");
        if (!has_message_ && !is_reading_) {
            is_reading_ = true;
            spawn(io().get_executor(), read_one());
        }
        run_until(steady_now_ms() + timeout_ms, [this] { return has_message_ || is_lost_; });
        if (has_message_) {
            has_message_ = false;
            const auto data = message_.data();
            return std::string(static_cast<const char*>(data.data()), data.size());
        }
        if (is_lost_) return make_error(ErrorCode::kUnavailable, "the server closed");
        if (is_cancelled()) return make_error(ErrorCode::kUnavailable, "cancelled");
        return std::optional<std::string>();
    }
    Task<Result<void>> say_goodbye() {
        const websocket::close_reason reason(websocket::close_code::normal);
        co_await socket_->async_close(reason, kUse);
        co_return Result<void>{};
    }
    void close() {
        if (!socket_) return;
        if (!is_lost_ && !is_cancelled()) (void)complete(say_goodbye(), kClosingMs);
        drop();
        drain([this] { return !is_reading_; });
        socket_.reset();
        is_lost_ = false;
        has_message_ = false;
    }
    ~Core() {
        if (!socket_) return;
        drop();
        drain([this] { return !is_reading_; });
    }
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

  private:
    std::optional<Socket> socket_;
    boost::beast::flat_buffer message_;
    bool is_reading_ = false;
    bool has_message_ = false;
    bool is_lost_ = false;
};

WebSocketClient::WebSocketClient(HttpClientOptions options)
    : core_(std::make_unique<Core>(std::move(options))) {}
WebSocketClient::WebSocketClient(WebSocketClient&&) noexcept = default;
WebSocketClient& WebSocketClient::operator=(WebSocketClient&&) noexcept = default;
WebSocketClient::~WebSocketClient() = default;

Result<void> WebSocketClient::connect(std::string_view target) {
    static const HttpHeaders no_headers;
    const Exchange exchange{"GET", target, &no_headers, {}, 0};
    if (auto checked = check_exchange(exchange); !checked) return checked;
    core_->close();
    if (core_->is_cancelled()) return make_error(ErrorCode::kUnavailable, "cancelled");
    return core_->complete(core_->upgrade(std::string(target)), core_->options().timeout_ms);
}

Result<std::optional<std::string>> WebSocketClient::next_text(std::uint64_t timeout_ms) {
    return core_->next(timeout_ms);
}
void WebSocketClient::close() {
    core_->close();
}
void WebSocketClient::cancel() {
    core_->cancel();
}

}  // namespace consilium::p2p
