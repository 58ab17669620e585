// One connection of the HTTP server: reading requests within the limits, writing answers.
#include "p2p/http_session.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <utility>

namespace consilium::p2p {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kIdentityPath = "/v1/identity-proof";
constexpr std::size_t kPieceBytes = 256 * 1024;  // an answer is written in pieces of this
constexpr std::size_t kFirstReadBytes = 4 * 1024;
constexpr std::uint64_t kLingerMs = 2'000;
constexpr std::size_t kLingerBytes = 4 * limits::kMebibyte;

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
}

std::string render_head(const HttpResponse& response, bool is_kept) {
    std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
    head += reason_phrase(response.status);
    head += "\r\n";
    const auto add = [&head](std::string_view name, std::string_view value) {
        if (has_control(name) || has_control(value)) return;  // no splitting of the answer
        head.append(name).append(": ").append(value).append("\r\n");
    };
    const bool is_bodyless = response.status == 204 || response.status == 304;
    if (!is_bodyless) {
        add("Content-Type", response.content_type);
        add("Content-Length", std::to_string(response.body.size()));
    }
    for (const auto& [name, value] : response.headers) add(name, value);
    add("Connection", is_kept ? "keep-alive" : "close");
    return head + "\r\n";
}

}  // namespace

struct HttpSession::Head {
    http::request_parser<http::buffer_body> parser;
    HttpRequest request;
    std::uint64_t started_ms = 0;
};

HttpSession::HttpSession(std::shared_ptr<HttpServer::Core> core, AnyStream stream,
                         std::string remote)
    : core_(std::move(core)),
      stream_(std::move(stream)),
      socket_(stream_.share_socket()),
      executor_(stream_.get_executor()),
      remote_(std::move(remote)),
      deadline_(executor_),
      wake_(executor_),
      buffer_(std::make_unique<Buffer>()) {}

HttpSession::~HttpSession() = default;

void HttpSession::arm(std::uint64_t ms) {
    const std::uint64_t number = ++deadline_number_;
    deadline_.expires_after(as_duration(ms));
    deadline_.async_wait([weak = weak_from_this(), number](const error_code& error) {
        const auto self = weak.lock();
        if (error || self == nullptr || self->deadline_number_ != number) return;
        ++self->core_->stats().timeouts;
        self->close();
    });
}

void HttpSession::disarm() {
    ++deadline_number_;
    deadline_.cancel();
}

void HttpSession::close() {
    is_closed_ = true;
    close_socket(*socket_);
    wake_.cancel();
    disarm();
}

void HttpSession::deliver(std::uint64_t request, HttpResponse response) {
    asio::post(executor_,
               [self = shared_from_this(), request, answer = std::move(response)]() mutable {
                   if (self->request_number_ != request || self->response_) return;
                   self->response_ = std::move(answer);
                   self->wake_.cancel();
               });
}

void HttpSession::post_wake() {
    asio::post(executor_, [self = shared_from_this()] { self->wake_.cancel(); });
}

void HttpSession::post_close() {
    asio::post(executor_, [self = shared_from_this()] { self->close(); });
}

void HttpSession::post_stop() {
    asio::post(executor_, [self = shared_from_this()] {
        if (self->is_idle_) {
            self->close();
        } else if (self->subscriber_ != nullptr) {
            self->wake_.cancel();
        }
    });
}

Task<void> HttpSession::run() {
    const auto self = shared_from_this();
    struct Leaving {
        const std::shared_ptr<HttpSession>& session;
        ~Leaving() { session->core_->remove(session); }
    };
    const Leaving leaving{self};
    if (stream_.is_tls()) {
        arm(core_->options().header_timeout_ms);
        const error_code error = co_await stream_.handshake(asio::ssl::stream_base::server);
        if (error) {
            ++core_->stats().tls_failures;
            close();
            co_return;
        }
    }
    Next next = Next::kContinue;
    while (next == Next::kContinue && !is_closed_) next = co_await serve_one();
    close();
}

Task<bool> HttpSession::wait_for_first_byte() {
    auto& bytes = buffer_->bytes;
    if (core_->is_stopping()) co_return false;
    if (bytes.size() > 0) co_return true;
    const auto& options = core_->options();
    arm(request_number_ == 0 ? options.header_timeout_ms : options.idle_timeout_ms);
    auto [error, size] = co_await stream_.async_read_some(bytes.prepare(kFirstReadBytes), kUse);
    if (error) co_return false;
    bytes.commit(size);
    core_->stats().bytes_received += size;
    co_return !core_->is_stopping();
}

Task<HttpSession::Next> HttpSession::serve_one() {
    is_idle_ = true;
    const bool has_begun = co_await wait_for_first_byte();
    if (!has_begun) co_return Next::kClose;
    is_idle_ = false;
    ++request_number_;
    response_.reset();
    arm(core_->options().header_timeout_ms);
    Head head;
    head.started_ms = steady_now_ms();
    head.parser.header_limit(limits::kHttpHeaderBytes);
    head.parser.body_limit(boost::none);  // read_body() counts itself
    auto [error, size] =
        co_await http::async_read_header(stream_, buffer_->bytes, head.parser, kUse);
    if (error) co_return co_await refuse_header(error);
    core_->stats().bytes_received += size;
    ++core_->stats().requests;
    std::optional<HttpResponse> problem = take_head(head);
    if (!problem) problem = co_await read_body(head);
    if (problem) co_return co_await refuse(std::move(*problem));
    disarm();

    const bool is_kept = head.parser.keep_alive();
    const bool has_body = head.request.method != "HEAD";
    if (head.request.method == "GET") {
        auto channel = core_->find_channel(head.request.path);
        if (channel != nullptr) {
            co_return co_await serve_channel(std::move(head.request), std::move(channel));
        }
        if (stream_.is_tls() && head.request.path == kIdentityPath) {
            co_return co_await write_response(prove_identity(), is_kept, true);
        }
    }
    HttpResponse response = co_await answer(std::move(head.request));
    co_return co_await write_response(std::move(response), is_kept && !core_->is_stopping(),
                                      has_body);
}

HttpResponse HttpSession::count_malformed(std::string_view detail) {
    ++core_->stats().malformed_requests;
    return make_problem(400, "malformed_request", detail);
}

HttpResponse HttpSession::count_limit(unsigned status, std::string_view detail) {
    ++core_->stats().limit_refusals;
    return make_problem(status, "limit_exceeded", detail);
}

// Writes the problem, then reads on for a moment: closing with unread bytes would reset the
// connection and could destroy the answer on its way.
Task<HttpSession::Next> HttpSession::refuse(HttpResponse problem) {
    (void)co_await write_response(std::move(problem), false, true);
    co_await linger();
    co_return Next::kClose;
}

Task<void> HttpSession::linger() {
    if (is_closed_) co_return;
    error_code ignored;
    socket_->shutdown(tcp::socket::shutdown_send, ignored);
    arm(kLingerMs);
    Bytes sink(kFirstReadBytes);
    for (std::size_t total = 0; total < kLingerBytes && !is_closed_;) {
        auto [error, size] = co_await socket_->async_read_some(asio::buffer(sink), kUse);
        if (error) break;
        total += size;
    }
    close();
}

Task<HttpSession::Next> HttpSession::refuse_header(error_code error) {
    if (error == http::error::end_of_stream) co_return Next::kClose;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        co_return co_await refuse(count_limit(431, "the request header is too long"));
    }
    const auto& parse_category = make_error_code(http::error::bad_method).category();
    if (error.category() == parse_category) {
        co_return co_await refuse(count_malformed("the request is not HTTP/1.1"));
    }
    co_return Next::kClose;
}

// Copies the header out of the parser; an answer means that it is refused.
std::optional<HttpResponse> HttpSession::take_fields(Head& head) {
    const auto& message = head.parser.get();
    std::size_t count = 0;
    for (const auto& field : message) {
        if (++count > limits::kHttpHeaderCount) return count_limit(431, "too many headers");
        const std::string name = lower_case(std::string_view(field.name_string()));
        const std::string_view value(field.value());
        if (has_control(value)) return count_malformed("a header holds a control character");
        auto [place, is_new] = head.request.headers.try_emplace(name, value);
        if (is_new) continue;
        if (name == "host" || name == "content-length" || name == "transfer-encoding" ||
            name == "content-encoding" || name.starts_with("x-consilium-")) {
            return count_malformed("a header is given twice");
        }
        place->second.append(", ").append(value);
    }
    return std::nullopt;
}

std::optional<HttpResponse> HttpSession::check_origin(const HttpRequest& request, bool has_host) {
    const auto& allowed = core_->options().allowed_hosts;
    if (allowed.empty()) return std::nullopt;
    const auto host = find_header(request, "host");
    if (!has_host || !host || !is_host_allowed(*host, allowed)) {
        ++core_->stats().host_refusals;
        return make_problem(421, "host_not_allowed", "this server does not answer for that host");
    }
    const auto origin = find_header(request, "origin");
    if (origin && !is_origin_allowed(*origin, allowed)) {
        ++core_->stats().host_refusals;
        return make_problem(403, "origin_not_allowed", "requests of that origin are refused");
    }
    return std::nullopt;
}

std::optional<HttpResponse> HttpSession::take_head(Head& head) {
    const auto& message = head.parser.get();
    head.request.remote_address = remote_;
    head.request.method = std::string(std::string_view(message.method_string()));
    if (message.target().size() > limits::kHttpUrlBytes) {
        return count_limit(414, "the URL is too long");
    }
    if (message.version() != 10 && message.version() != 11) {
        return count_malformed("not HTTP/1.0 or 1.1");
    }
    if (auto problem = take_fields(head)) return problem;
    const bool has_host = head.request.headers.contains("host");
    if (!has_host && message.version() == 11) return count_malformed("no Host header");
    if (auto problem = check_origin(head.request, has_host)) return problem;
    auto target = parse_target(std::string_view(message.target()));
    if (!target) return count_malformed(target.error().context);
    head.request.path = std::move(target->path);
    head.request.query = std::move(target->query);

    const auto encoding = find_header(head.request, "content-encoding");
    if (encoding && lower_case(*encoding) != "identity") {
        return make_problem(415, "encoding_not_supported", "the body must not be compressed");
    }
    const auto transfer = find_header(head.request, "transfer-encoding");
    if (transfer && lower_case(*transfer) != "chunked") {
        return count_malformed("only the transfer encoding chunked is understood");
    }
    return std::nullopt;
}

Task<std::optional<HttpResponse>> HttpSession::read_body(Head& head) {
    const auto& options = core_->options();
    const std::size_t limit = core_->body_limit(head.request.method, head.request.path);
    const auto length = head.parser.content_length();
    if (length && *length > limit) co_return count_limit(413, "the body is too long");
    const std::uint64_t elapsed_ms = steady_now_ms() - head.started_ms;
    arm(options.request_timeout_ms - std::min(options.request_timeout_ms, elapsed_ms));
    const auto expect = find_header(head.request, "expect");
    if (expect && !head.parser.is_done()) {
        if (lower_case(*expect) != "100-continue") co_return count_malformed("unknown expectation");
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        auto [error, size] = co_await asio::async_write(
            stream_, asio::buffer(kContinue.data(), kContinue.size()), kUse);
        if (error) co_return count_malformed("the connection broke");
    }
    Bytes& body = head.request.body;
    Bytes piece(head.parser.is_done() ? 0 : 16 * limits::kKibibyte);
    while (!head.parser.is_done()) {
        auto& target = head.parser.get().body();
        target.data = piece.data();
        target.size = piece.size();
        target.more = true;
        auto [error, size] =
            co_await http::async_read_some(stream_, buffer_->bytes, head.parser, kUse);
        core_->stats().bytes_received += size;
        if (error && error != http::error::need_buffer) {
            co_return count_malformed("the body is incomplete or not well formed");
        }
        const std::size_t got = piece.size() - head.parser.get().body().size;
        if (body.size() + got > limit) co_return count_limit(413, "the body is too long");
        body.insert(body.end(), piece.begin(), piece.begin() + static_cast<long>(got));
    }
    co_return std::nullopt;
}

HttpResponse HttpSession::prove_identity() {
    const auto exporter = export_channel_binding(stream_.native_tls());
    if (!exporter) return make_problem(500, "no_exporter", exporter.error().context);
    const auto& tls = *core_->options().tls;
    auto response =
        make_response(200, "application/json",
                      encode_identity_proof_json(make_identity_proof(tls.identity, tls.genesis_hash,
                                                                     TlsRole::kServer, *exporter)));
    add_security_headers(response);
    return response;
}

Task<HttpResponse> HttpSession::answer(HttpRequest request) {
    bool has_thrown = false;
    try {
        core_->handle(std::move(request), HttpResponder(std::make_shared<HttpResponder::Slot>(
                                              weak_from_this(), request_number_)));
    } catch (...) {
        has_thrown = true;  // a handler must not throw; its client still gets an answer
    }
    if (has_thrown) co_return make_problem(500, "internal", "the handler failed");
    const std::uint64_t deadline_ms = steady_now_ms() + core_->options().handler_timeout_ms;
    for (std::uint64_t now_ms = steady_now_ms(); !response_ && now_ms < deadline_ms && !is_closed_;
         now_ms = steady_now_ms()) {
        co_await wait_ms(wake_, deadline_ms - now_ms);
    }
    if (response_) co_return std::move(*std::exchange(response_, std::nullopt));
    ++core_->stats().handler_timeouts;
    ++request_number_;  // a late answer finds its request gone
    co_return make_problem(504, "handler_timeout", "the answer took too long");
}

Task<bool> HttpSession::write_all(ByteView bytes) {
    while (!bytes.empty() && !is_closed_) {
        const ByteView piece = bytes.first(std::min(bytes.size(), kPieceBytes));
        arm(kWriteTimeoutMs);
        auto [error, size] =
            co_await asio::async_write(stream_, asio::buffer(piece.data(), piece.size()), kUse);
        disarm();
        if (error) co_return false;
        core_->stats().bytes_sent += size;
        bytes = bytes.subspan(piece.size());
    }
    co_return !is_closed_;
}

Task<HttpSession::Next> HttpSession::write_response(HttpResponse response, bool is_kept,
                                                    bool has_body) {
    auto& stats = core_->stats();
    auto& counter = response.status < 400   ? stats.responses_2xx
                    : response.status < 500 ? stats.responses_4xx
                                            : stats.responses_5xx;
    ++counter;
    const std::string head = render_head(response, is_kept);
    const bool is_bodyless = !has_body || response.status == 204 || response.status == 304;
    Bytes first = to_bytes(as_bytes(head));
    ByteView rest;
    if (!is_bodyless) {
        rest = response.body;
        if (rest.size() <= kPieceBytes) {
            first.insert(first.end(), rest.begin(), rest.end());
            rest = {};
        }
    }
    bool is_written = co_await write_all(first);
    if (is_written) is_written = co_await write_all(rest);
    if (is_written && stream_.is_tls() &&
        received_key_updates(stream_.native_tls()) > limits::kKeyUpdatesPerLink) {
        is_written = false;
    }
    const bool is_continued = is_written && is_kept && !is_closed_;
    co_return is_continued ? Next::kContinue : Next::kClose;
}

}  // namespace consilium::p2p
