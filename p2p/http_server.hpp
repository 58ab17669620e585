// HTTP/1.1 server with strict limits: plain or TLS 1.3, WebSocket and server-sent events.
//
// One handler gets every request that passed the limits and the Host and Origin checks, except
// event paths and, over TLS, `GET /v1/identity-proof`, which the server answers itself
// (tls_identity.hpp).
//
// Threads: the handler runs on the io_context's threads, for different connections at once, and
// should return fast; it may keep the HttpResponder and complete it later from any thread.
// Memory: connections * (header 16 KiB + body limit + response) + subscribers * 1 MiB.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.hpp"
#include "core/result.hpp"
#include "p2p/http_message.hpp"
#include "p2p/limits.hpp"
#include "p2p/tls_identity.hpp"

namespace boost::asio {
class io_context;
}

namespace consilium::p2p {

// The way to answer one request, once; later calls are ignored. Copies answer the same request.
// When the last copy goes without an answer, the client gets 500. Thread-safe.
class HttpResponder {
  public:
    class Slot;
    explicit HttpResponder(std::shared_ptr<Slot> slot);
    void send(HttpResponse response) const;

  private:
    std::shared_ptr<Slot> slot_;  // shared by the copies of this responder
};

using HttpHandler = std::function<void(HttpRequest, HttpResponder)>;

struct Event {
    std::string id;    // server-sent "id" field; may be empty; no line breaks
    std::string name;  // server-sent "event" field; may be empty; no line breaks
    std::string data;  // the text; a WebSocket message is only this
};

// A path that clients subscribe to, by WebSocket or by server-sent events (Accept:
// text/event-stream). Each subscriber has a bounded queue; one that is too slow is disconnected.
// Thread-safe.
class EventChannel {
  public:
    class Core;
    explicit EventChannel(std::shared_ptr<Core> core);
    // Queues the event for every subscriber; returns how many. An event over 256 KiB goes to none.
    std::size_t publish(Event event);
    [[nodiscard]] std::size_t subscribers() const;

  private:
    std::shared_ptr<Core> core_;  // shared with the server's sessions
};

struct HttpTls {
    IdentitySigner identity;
    Digest genesis_hash;
};

struct HttpServerOptions {
    std::string listen_host = "127.0.0.1";  // numeric address
    std::uint16_t listen_port = 0;          // 0: ephemeral, see HttpServer::port()
    std::optional<HttpTls> tls;             // none: plain HTTP
    // Host and Origin must name one of these; empty: not checked. For servers on loopback this is
    // the guard against DNS rebinding.
    std::vector<std::string> allowed_hosts;
    // Largest body for a request line; default kHttpBodyBytes. Called before the body is read.
    std::function<std::size_t(std::string_view method, std::string_view path)> body_limit;

    std::size_t max_connections = limits::kHttpConnections;
    std::size_t max_connections_per_ip = limits::kHttpConnectionsPerIp;
    std::size_t max_subscribers = limits::kEventSubscribers;
    std::size_t event_queue_bytes = limits::kEventQueueBytes;
    std::uint64_t header_timeout_ms = limits::kHttpHeaderTimeoutMs;
    std::uint64_t request_timeout_ms = limits::kHttpRequestTimeoutMs;
    std::uint64_t handler_timeout_ms = limits::kHttpHandlerTimeoutMs;
    std::uint64_t idle_timeout_ms = limits::kHttpIdleTimeoutMs;
    std::uint64_t event_ping_ms = limits::kEventPingMs;
};

// Counters since start, for /metrics. Read at any time from any thread.
struct HttpServerStats {
    using Counter = std::atomic<std::uint64_t>;
    Counter connections{0};  // a gauge
    Counter accepted{0};
    Counter refused_total_limit{0};
    Counter refused_ip_limit{0};
    Counter tls_failures{0};
    Counter requests{0};
    Counter malformed_requests{0};
    Counter limit_refusals{0};  // header, URL, header count or body over its limit
    Counter host_refusals{0};   // Host or Origin not allowed
    Counter timeouts{0};        // a client too slow to send or to take an answer
    Counter handler_timeouts{0};
    Counter responses_2xx{0};
    Counter responses_4xx{0};
    Counter responses_5xx{0};
    Counter bytes_received{0};
    Counter bytes_sent{0};
    Counter subscribers{0};  // a gauge
    Counter events_sent{0};
    Counter slow_subscribers_closed{0};
};

class HttpServer {
  public:
    // kInternal when no certificate can be made. Nothing runs yet.
    [[nodiscard]] static Result<std::unique_ptr<HttpServer>> create(HttpServerOptions options,
                                                                    HttpHandler handler);
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;
    // Closes everything without ceremony. Waits for callbacks that run now and lets none begin, so
    // it must not be called inside one, nor under a lock that one takes.
    ~HttpServer();

    // Makes `path` an event channel; before start(). The backlog, when given, is what a new
    // subscriber gets first (a snapshot, or what follows the header "last-event-id").
    [[nodiscard]] EventChannel open_channel(
        std::string path, std::function<std::vector<Event>(const HttpRequest&)> backlog = {});

    // Binds and listens now. kUnavailable when the address is taken.
    [[nodiscard]] Result<void> start(boost::asio::io_context& io);
    [[nodiscard]] std::uint16_t port() const;  // bound port; 0 before start()
    // Accepts no more, lets running requests finish for at most `drain_ms`, closes everything,
    // then calls `on_stopped` on a thread of the io_context.
    void stop(std::uint64_t drain_ms, std::function<void()> on_stopped);
    [[nodiscard]] const HttpServerStats& stats() const;

    class Core;  // in http_server.cpp

  private:
    explicit HttpServer(std::shared_ptr<Core> core);
    std::shared_ptr<Core> core_;  // shared with operations still in flight on the io_context
};

}  // namespace consilium::p2p
