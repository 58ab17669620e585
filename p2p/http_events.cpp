// Event subscribers of the HTTP server: WebSocket and server-sent events.
#include <algorithm>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <utility>

#include "p2p/http_session.hpp"

namespace consilium::p2p {
namespace {

namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;

constexpr std::size_t kIncomingBytes = 4 * 1024;  // subscribers have nothing to say
constexpr std::uint64_t kClosingMs = 2'000;

using UpgradeRequest = http::request<http::empty_body>;

UpgradeRequest to_upgrade(const HttpRequest& request) {
    UpgradeRequest upgrade(http::verb::get, request.path, 11);
    for (const auto& [name, value] : request.headers) upgrade.set(name, value);
    return upgrade;
}

std::string without_line_breaks(std::string_view text) {
    std::string line;
    std::copy_if(text.begin(), text.end(), std::back_inserter(line),
                 [](char c) { return c != '\r' && c != '\n' && c != '\0'; });
    return line;
}

// The text of one event (WHATWG HTML, "server-sent events").
std::string render_event(const Event& event) {
    std::string text;
    if (!event.id.empty()) text += "id: " + without_line_breaks(event.id) + "\n";
    if (!event.name.empty()) text += "event: " + without_line_breaks(event.name) + "\n";
    std::string_view rest(event.data);
    for (;;) {
        const std::size_t end = rest.find('\n');
        text += "data: " + without_line_breaks(rest.substr(0, end)) + "\n";
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    return text + "\n";
}

}  // namespace

struct HttpSession::Sink {
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;
    [[nodiscard]] virtual Task<bool> open() = 0;
    [[nodiscard]] virtual Task<bool> write(const Event& event) = 0;
    [[nodiscard]] virtual Task<bool> ping() = 0;
    // Takes what the client sends, once; false when it is gone.
    [[nodiscard]] virtual Task<bool> hear() = 0;
    [[nodiscard]] virtual Task<void> finish() = 0;
    // Whether a living client answers pings.
    [[nodiscard]] virtual bool answers_pings() const = 0;
};

struct HttpSession::WebSocketSink : Sink {
    WebSocketSink(HttpSession& owner, UpgradeRequest upgrade)
        : session(owner), request(std::move(upgrade)), socket(std::move(owner.stream_)) {
        socket.set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                          websocket::stream_base::none(), false});
        socket.read_message_max(kIncomingBytes);
        socket.auto_fragment(false);
        socket.text(true);
        socket.control_callback(
            [this](websocket::frame_type, boost::beast::string_view) { session.is_heard_ = true; });
    }
    Task<bool> open() override {
        auto [error] = co_await socket.async_accept(request, kUse);
        co_return !error;
    }
    Task<bool> write(const Event& event) override {
        auto [error, size] = co_await socket.async_write(asio::buffer(event.data), kUse);
        session.core_->stats().bytes_sent += size;
        co_return !error;
    }
    Task<bool> ping() override {
        auto [error] = co_await socket.async_ping({}, kUse);
        co_return !error;
    }
    Task<bool> hear() override {
        incoming.clear();
        auto [error, size] = co_await socket.async_read(incoming, kUse);
        co_return !error;
    }
    Task<void> finish() override {
        const websocket::close_reason reason(websocket::close_code::going_away);
        co_await socket.async_close(reason, kUse);
    }
    [[nodiscard]] bool answers_pings() const override { return true; }

    HttpSession& session;
    UpgradeRequest request;
    websocket::stream<AnyStream> socket;
    boost::beast::flat_buffer incoming{kIncomingBytes};
};

struct HttpSession::StreamSink : Sink {
    explicit StreamSink(HttpSession& owner) : session(owner) {}
    Task<bool> open() override {
        HttpResponse response;
        add_security_headers(response);
        std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
        for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
        head += "Connection: close\r\n\r\n";
        co_return co_await session.write_all(as_bytes(head));
    }
    Task<bool> write(const Event& event) override {
        const std::string text = render_event(event);
        co_return co_await session.write_all(as_bytes(text));
    }
    Task<bool> ping() override {
        static constexpr std::string_view kComment = ": ping\n\n";
        co_return co_await session.write_all(as_bytes(kComment));
    }
    Task<bool> hear() override {
        auto [error, size] = co_await session.stream_.async_read_some(asio::buffer(incoming), kUse);
        co_return !error;
    }
    Task<void> finish() override {
        error_code ignored;
        session.socket_->shutdown(tcp::socket::shutdown_send, ignored);
        co_return;
    }
    [[nodiscard]] bool answers_pings() const override { return false; }

    HttpSession& session;
    std::array<std::uint8_t, 512> incoming{};
};

Task<HttpSession::Next> HttpSession::serve_channel(HttpRequest request,
                                                   std::shared_ptr<EventChannel::Core> channel) {
    UpgradeRequest upgrade = to_upgrade(request);
    const bool is_websocket = websocket::is_upgrade(upgrade) && buffer_->bytes.size() == 0;
    const auto accept = find_header(request, "accept");
    const bool is_stream = accept && accept->find("text/event-stream") != std::string_view::npos;
    if (!is_websocket && !is_stream) {
        HttpResponse problem =
            make_problem(426, "upgrade_required", "subscribe by WebSocket or text/event-stream");
        problem.headers.emplace_back("Upgrade", "websocket");
        co_return co_await refuse(std::move(problem));
    }
    if (!core_->take_subscriber_place()) {
        co_return co_await refuse(make_problem(503, "too_many_subscribers", "try again later"));
    }
    subscriber_ =
        std::make_shared<Subscriber>(weak_from_this(), core_->options().event_queue_bytes);
    struct Leaving {
        HttpSession& session;
        EventChannel::Core& channel;
        ~Leaving() {
            channel.remove(session.subscriber_);
            session.core_->return_subscriber_place();
        }
    };
    const Leaving leaving{*this, *channel};
    // Subscribed before the backlog is made: an event between the two comes twice, never not.
    channel->add(subscriber_);
    std::vector<Event> backlog = core_->backlog(*channel, request);
    std::shared_ptr<Sink> sink;
    if (is_websocket) {
        sink = std::make_shared<WebSocketSink>(*this, std::move(upgrade));
    } else {
        sink = std::make_shared<StreamSink>(*this);
    }
    co_await serve_events(std::move(sink), std::move(backlog));
    if (subscriber_->has_overflown()) ++core_->stats().slow_subscribers_closed;
    close();
    co_return Next::kClose;
}

// Reads beside the writer: a client that goes is noticed, and its pongs are answers to pings.
Task<void> HttpSession::watch(std::shared_ptr<Sink> sink) {
    const auto self = shared_from_this();
    while (!is_closed_) {
        const bool is_there = co_await sink->hear();
        if (!is_there) break;
        is_heard_ = true;
    }
    close();
}

Task<void> HttpSession::serve_events(std::shared_ptr<Sink> sink, std::vector<Event> backlog) {
    const std::uint64_t ping_ms = core_->options().event_ping_ms;
    arm(core_->options().header_timeout_ms);
    bool is_open = co_await sink->open();
    disarm();
    if (!is_open) co_return;
    spawn(executor_, watch(sink));
    std::size_t from_backlog = 0;
    std::uint64_t pinged_ms = steady_now_ms();
    while (is_open && !is_ending()) {
        const std::uint64_t now_ms = steady_now_ms();
        std::shared_ptr<const Event> event;
        if (from_backlog < backlog.size()) {
            event = std::make_shared<const Event>(std::move(backlog[from_backlog++]));
        } else {
            event = subscriber_->pop();
        }
        if (event != nullptr) {
            arm(kWriteTimeoutMs);
            is_open = co_await sink->write(*event);
            disarm();
            if (is_open) ++core_->stats().events_sent;
        } else if (now_ms >= pinged_ms + ping_ms) {
            if (sink->answers_pings() && !std::exchange(is_heard_, false)) co_return;
            pinged_ms = now_ms;
            arm(kWriteTimeoutMs);
            is_open = co_await sink->ping();
            disarm();
        } else {
            co_await wait_ms(wake_, pinged_ms + ping_ms - now_ms);
        }
    }
    if (is_closed_ || !is_open) co_return;
    arm(kClosingMs);
    co_await sink->finish();
}

}  // namespace consilium::p2p
