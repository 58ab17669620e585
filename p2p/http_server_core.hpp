// Inside of the HTTP server: its shared state, one connection, one subscriber.
//
// Internal to p2p. A session runs on a strand of its own; the core's strand accepts and stops.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "p2p/any_stream.hpp"
#include "p2p/asio.hpp"
#include "p2p/http_server.hpp"

namespace consilium::p2p {

class HttpSession;

// The events that wait for one client.
class Subscriber {
  public:
    Subscriber(std::weak_ptr<HttpSession> session, std::size_t queue_bytes)
        : session_(std::move(session)), queue_bytes_(queue_bytes) {}
    // False when the queue is full: the session is told to end.
    bool push(const std::shared_ptr<const Event>& event);
    [[nodiscard]] std::shared_ptr<const Event> pop();  // null when empty
    [[nodiscard]] bool has_overflown() const;

  private:
    const std::weak_ptr<HttpSession> session_;
    const std::size_t queue_bytes_;
    mutable std::mutex mutex_;
    std::deque<std::shared_ptr<const Event>> queue_;  // shared with the other subscribers
    std::size_t bytes_ = 0;
    bool has_overflown_ = false;
};

class EventChannel::Core {
  public:
    using Backlog = std::function<std::vector<Event>(const HttpRequest&)>;
    explicit Core(Backlog backlog) : backlog_(std::move(backlog)) {}
    std::size_t publish(Event event);
    void add(const std::shared_ptr<Subscriber>& subscriber);
    void remove(const std::shared_ptr<Subscriber>& subscriber);
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] const Backlog& backlog() const { return backlog_; }

  private:
    const Backlog backlog_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<Subscriber>> subscribers_;  // shared with their sessions
};

class HttpServer::Core : public std::enable_shared_from_this<HttpServer::Core> {
  public:
    Core(HttpServerOptions options, HttpHandler handler, std::optional<TlsIdentity> identity);

    void add_channel(std::string path, std::shared_ptr<EventChannel::Core> channel);
    [[nodiscard]] Result<void> start(asio::io_context& io);
    void stop(std::uint64_t drain_ms, std::function<void()> on_stopped);
    void abandon();
    [[nodiscard]] std::uint16_t port() const { return port_; }

    // For the sessions.
    [[nodiscard]] const HttpServerOptions& options() const { return options_; }
    [[nodiscard]] HttpServerStats& stats() { return stats_; }
    [[nodiscard]] bool is_stopping() const { return is_stopping_; }
    [[nodiscard]] asio::ssl::context* tls_context();  // null: plain HTTP
    [[nodiscard]] std::shared_ptr<EventChannel::Core> find_channel(const std::string& path) const;
    // The user's functions; they do nothing once the server is gone.
    void handle(HttpRequest request, HttpResponder responder);
    [[nodiscard]] std::size_t body_limit(std::string_view method, std::string_view path);
    [[nodiscard]] std::vector<Event> backlog(const EventChannel::Core& channel,
                                             const HttpRequest& request);
    [[nodiscard]] bool take_subscriber_place();
    void return_subscriber_place();
    void remove(const std::shared_ptr<HttpSession>& session);

  private:
    struct Runtime {
        explicit Runtime(asio::io_context& context)
            : io(context),
              strand(asio::make_strand(context)),
              acceptor(strand),
              retry_timer(strand),
              stop_timer(strand) {}
        asio::io_context& io;
        Strand strand;
        tcp::acceptor acceptor;
        asio::steady_timer retry_timer;
        asio::steady_timer stop_timer;
    };

    Task<void> accept_loop();
    void admit(tcp::socket socket);
    [[nodiscard]] bool take_place(const std::string& remote);
    Task<void> stop_sequence(std::uint64_t drain_ms);
    void close_everything();
    void call_stopped();
    [[nodiscard]] std::vector<std::shared_ptr<HttpSession>> sessions() const;

    const HttpServerOptions options_;
    const HttpHandler handler_;
    const std::optional<TlsIdentity> identity_;
    std::optional<asio::ssl::context> tls_context_;
    HttpServerStats stats_;
    std::map<std::string, std::shared_ptr<EventChannel::Core>> channels_;  // fixed at start
    std::atomic<std::uint16_t> port_{0};
    std::atomic<bool> is_stopping_{false};
    std::unique_ptr<Runtime> runtime_;  // set once, by start()

    std::shared_mutex callback_mutex_;  // shared while a callback runs, so that abandon() waits
    bool is_muted_ = false;
    bool is_abandoned_ = false;

    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<HttpSession>> sessions_;
    std::map<std::string, std::size_t> per_ip_;

    // On the strand.
    std::vector<std::function<void()>> on_stopped_;
    bool is_stopped_ = false;
};

class HttpResponder::Slot {
  public:
    Slot(std::weak_ptr<HttpSession> session, std::uint64_t request)
        : session_(std::move(session)), request_(request) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot();
    void send(HttpResponse response);

  private:
    const std::weak_ptr<HttpSession> session_;
    const std::uint64_t request_;
    std::atomic<bool> is_answered_{false};
};

// One connection.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
  public:
    HttpSession(std::shared_ptr<HttpServer::Core> core, AnyStream stream, std::string remote);
    ~HttpSession();

    [[nodiscard]] Task<void> run();
    [[nodiscard]] const std::string& remote() const { return remote_; }

    // From any thread.
    void deliver(std::uint64_t request, HttpResponse response);
    void post_wake();
    void post_close();
    void post_stop();  // ends now when it serves no request

  private:
    enum class Next { kContinue, kClose };
    struct Buffer;  // Beast's, kept between requests
    struct Head;    // Beast's parser and what it found so far
    struct Sink;    // where events go: a WebSocket or a server-sent stream
    struct WebSocketSink;
    struct StreamSink;

    // http_session.cpp: requests and responses.
    Task<Next> serve_one();
    Task<bool> wait_for_first_byte();
    Task<Next> refuse(HttpResponse problem);
    Task<Next> refuse_header(error_code error);
    [[nodiscard]] std::optional<HttpResponse> take_head(Head& head);
    [[nodiscard]] std::optional<HttpResponse> take_fields(Head& head);
    [[nodiscard]] std::optional<HttpResponse> check_origin(const HttpRequest& request,
                                                           bool has_host);
    [[nodiscard]] HttpResponse count_malformed(std::string_view detail);
    [[nodiscard]] HttpResponse count_limit(unsigned status, std::string_view detail);
    Task<std::optional<HttpResponse>> read_body(Head& head);
    [[nodiscard]] HttpResponse prove_identity();
    Task<HttpResponse> answer(HttpRequest request);
    Task<Next> write_response(HttpResponse response, bool is_kept, bool has_body);
    Task<bool> write_all(ByteView bytes);
    Task<void> linger();
    void arm(std::uint64_t ms);
    void disarm();
    void close();

    // http_events.cpp: WebSocket and server-sent events.
    Task<Next> serve_channel(HttpRequest request, std::shared_ptr<EventChannel::Core> channel);
    Task<void> serve_events(std::shared_ptr<Sink> sink, std::vector<Event> backlog);
    Task<void> watch(std::shared_ptr<Sink> sink);
    [[nodiscard]] bool is_ending() const { return is_closed_ || core_->is_stopping(); }

    const std::shared_ptr<HttpServer::Core> core_;  // shared: sessions outlive the server's owner
    AnyStream stream_;
    const std::shared_ptr<tcp::socket> socket_;  // of stream_, also when a WebSocket took that
    const asio::any_io_executor executor_;
    const std::string remote_;
    asio::steady_timer deadline_;
    asio::steady_timer wake_;
    std::unique_ptr<Buffer> buffer_;
    std::uint64_t deadline_number_ = 0;  // tells a late timer from the armed one
    std::uint64_t request_number_ = 0;
    std::optional<HttpResponse> response_;
    std::shared_ptr<Subscriber> subscriber_;  // shared with its channel
    bool is_idle_ = true;
    bool is_closed_ = false;
    bool is_heard_ = true;  // something came since the last ping
};

}  // namespace consilium::p2p
