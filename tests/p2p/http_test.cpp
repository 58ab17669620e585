// Tests of the HTTP server and clients over loopback: limits, malformed bytes, events, identity.
#include <gtest/gtest.h>

#include <random>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "p2p/http_client.hpp"
#include "p2p/http_server.hpp"
#include "p2p/node_client.hpp"
#include "tests/p2p/raw_peer.hpp"
#include "tests/p2p/support.hpp"

namespace consilium::p2p {
namespace {

namespace asio = boost::asio;
using test::eventually;
using test::Runner;

constexpr std::uint32_t kSeed = 4242;

// Answers "METHOD path body-length".
void echo(const HttpRequest& request, const HttpResponder& responder) {
    auto response = make_response(
        200, "text/plain",
        request.method + " " + request.path + " " + std::to_string(request.body.size()));
    add_security_headers(response);
    responder.send(std::move(response));
}

struct Server {
    explicit Server(
        Runner& runner, HttpServerOptions options = {}, HttpHandler handler = echo,
        const std::function<void(HttpServer&)>& prepare = [](HttpServer&) {}) {
        server = std::move(*HttpServer::create(std::move(options), std::move(handler)));
        prepare(*server);
        const auto started = server->start(runner.io());
        if (!started) ADD_FAILURE() << started.error().context;
    }
    [[nodiscard]] std::uint16_t port() const { return server->port(); }
    [[nodiscard]] const HttpServerStats& stats() const { return server->stats(); }
    [[nodiscard]] HttpClientOptions client_options() const {
        HttpClientOptions options;
        options.port = port();
        options.transport = Transport::kPlain;
        options.timeout_ms = test::kPatienceMs;
        return options;
    }
    std::unique_ptr<HttpServer> server;
};

HttpServerOptions tls_options(const KeyPair& key) {
    HttpServerOptions options;
    options.tls = HttpTls{make_identity_signer(key), test::test_genesis()};
    return options;
}

// A TCP client that sends whatever it is told.
class RawHttp {
  public:
    explicit RawHttp(std::uint16_t port, int receive_buffer = 0) : socket_(io_) {
        socket_.open(asio::ip::tcp::v4());
        if (receive_buffer != 0) {
            socket_.set_option(asio::socket_base::receive_buffer_size(receive_buffer));
        }
        socket_.connect(test::loopback(port));
    }
    bool send(std::string_view text) {
        boost::system::error_code error;
        asio::write(socket_, asio::buffer(text.data(), text.size()), error);
        return !error;
    }
    // Everything until the server closes.
    std::string read_all() {
        std::string all;
        std::array<char, 4096> buffer{};
        for (;;) {
            boost::system::error_code error;
            if (!test::wait_readable(socket_)) return all + " (timeout)";
            const std::size_t size = socket_.read_some(asio::buffer(buffer), error);
            all.append(buffer.data(), size);
            if (error) return all;
        }
    }
    std::string read_until(std::string_view mark) {
        boost::system::error_code error;
        while (text_.find(mark) == std::string::npos && test::wait_readable(socket_)) {
            std::array<char, 4096> buffer{};
            const std::size_t size = socket_.read_some(asio::buffer(buffer), error);
            text_.append(buffer.data(), size);
            if (error) break;
        }
        return text_;
    }
    void finish_sending() {
        boost::system::error_code ignored;
        socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    }

  private:
    asio::io_context io_;
    asio::ip::tcp::socket socket_;
    std::string text_;
};

std::string answer_to(std::uint16_t port, std::string_view request) {
    RawHttp raw(port);
    raw.send(request);
    return raw.read_all();
}

TEST(HttpServer, request_is_answered_and_the_connection_is_kept) {
    Runner runner;
    Server server(runner);
    HttpClient client(server.client_options());
    for (int i = 0; i < 5; ++i) {
        const auto response = client.request("POST", "/a%20b?x=1", {}, as_bytes("12345"));
        ASSERT_TRUE(response.has_value()) << response.error().context;
        EXPECT_EQ(response->status, 200U);
        EXPECT_EQ(response->text(), "POST /a b 5");
        EXPECT_EQ(response->header("x-content-type-options"), "nosniff");
    }
    EXPECT_EQ(server.stats().accepted, 1U);
    EXPECT_EQ(server.stats().requests, 5U);
}

TEST(HttpServer, head_has_a_length_and_no_body) {
    Runner runner;
    Server server(runner);
    HttpClient client(server.client_options());
    const auto head = client.request("HEAD", "/x");
    ASSERT_TRUE(head.has_value());
    EXPECT_EQ(head->header("content-length"), "9");
    EXPECT_TRUE(head->body.empty());
    EXPECT_EQ(client.request("GET", "/x")->text(), "GET /x 0") << "the connection is in step";
}

TEST(HttpServer, late_answer_from_another_thread_arrives) {
    Runner runner;
    std::mutex mutex;
    std::vector<std::thread> threads;
    Server server(runner, {}, [&](const HttpRequest&, HttpResponder responder) {
        const std::lock_guard lock(mutex);
        threads.emplace_back([responder] {
            responder.send(make_response(202, "text/plain", "later"));
            responder.send(make_response(200, "text/plain", "twice"));
        });
    });
    HttpClient client(server.client_options());
    for (int i = 0; i < 10; ++i) EXPECT_EQ(client.request("GET", "/")->text(), "later");
    for (auto& thread : threads) thread.join();
}

TEST(HttpServer, dropped_responder_and_throwing_handler_give_500) {
    Runner runner;
    Server server(runner, {}, [](const HttpRequest& request, const HttpResponder&) {
        if (request.path == "/throw") throw std::runtime_error("handler");
    });
    HttpClient client(server.client_options());
    EXPECT_EQ(client.request("GET", "/drop")->status, 500U);
    EXPECT_EQ(client.request("GET", "/throw")->status, 500U);
    EXPECT_EQ(server.stats().responses_5xx, 2U);
}

TEST(HttpServer, handler_that_never_answers_gives_504_and_its_late_answer_is_dropped) {
    Runner runner;
    HttpServerOptions options;
    options.handler_timeout_ms = 30;
    std::mutex mutex;
    std::vector<HttpResponder> kept;
    Server server(runner, options, [&](const HttpRequest& request, const HttpResponder& responder) {
        if (request.path != "/never") return echo(request, responder);
        const std::lock_guard lock(mutex);
        kept.push_back(responder);
    });
    HttpClient client(server.client_options());
    EXPECT_EQ(client.request("GET", "/never")->status, 504U);
    kept[0].send(make_response(200, "text/plain", "late"));
    EXPECT_EQ(client.request("GET", "/next")->text(), "GET /next 0");
}

TEST(HttpServer, response_headers_cannot_be_split) {
    Runner runner;
    Server server(runner, {}, [](const HttpRequest&, const HttpResponder& responder) {
        auto response = make_response(200, "text/plain", "x");
        response.headers.emplace_back("X-Bad", "a\r\nX-Injected: 1");
        responder.send(std::move(response));
    });
    const auto answer =
        answer_to(server.port(), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_NE(answer.find("200 OK"), std::string::npos);
    EXPECT_EQ(answer.find("X-Injected"), std::string::npos);
}

TEST(HttpLimits, long_header_url_and_many_headers_are_refused) {
    Runner runner;
    Server server(runner);
    const std::string big(limits::kHttpHeaderBytes + 1000, 'a');
    EXPECT_NE(answer_to(server.port(), "GET / HTTP/1.1\r\nHost: a\r\nX: " + big + "\r\n\r\n")
                  .find(" 431 "),
              std::string::npos);
    const std::string url = "/" + std::string(limits::kHttpUrlBytes, 'u');
    EXPECT_NE(answer_to(server.port(), "GET " + url + " HTTP/1.1\r\nHost: a\r\n\r\n").find(" 414 "),
              std::string::npos);
    std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 100; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
    EXPECT_NE(answer_to(server.port(), many + "\r\n").find(" 431 "), std::string::npos);
    EXPECT_EQ(server.stats().limit_refusals, 3U);
}

TEST(HttpLimits, endless_header_without_line_end_is_refused) {
    Runner runner;
    Server server(runner);
    RawHttp raw(server.port());
    const std::string piece(8192, 'h');
    for (int i = 0; i < 20 && raw.send(piece); ++i) {
    }
    const std::string answer = raw.read_all();
    EXPECT_TRUE(answer.find(" 431 ") != std::string::npos ||
                answer.find(" 400 ") != std::string::npos)
        << answer;
}

TEST(HttpLimits, announced_body_over_the_limit_is_refused_before_it_is_read) {
    Runner runner;
    Server server(runner);
    HttpClient client(server.client_options());
    const auto response = client.request("POST", "/", {}, Bytes(limits::kHttpBodyBytes + 1, 1));
    ASSERT_TRUE(response.has_value()) << response.error().context;
    EXPECT_EQ(response->status, 413U);
    const auto largest = client.request("POST", "/", {}, Bytes(limits::kHttpBodyBytes, 1));
    ASSERT_TRUE(largest.has_value());
    EXPECT_EQ(largest->text(), "POST / 262144");
}

TEST(HttpLimits, chunked_body_is_counted) {
    Runner runner;
    Server server(runner);
    const std::string head =
        "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    EXPECT_NE(answer_to(server.port(), head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").find("POST /c 5"),
              std::string::npos);
    RawHttp raw(server.port());
    raw.send(head);
    const std::string chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
    for (int i = 0; i < 17 && raw.send(chunk); ++i) {
    }
    EXPECT_NE(raw.read_all().find(" 413 "), std::string::npos);
}

TEST(HttpLimits, body_limit_follows_the_route) {
    Runner runner;
    HttpServerOptions options;
    options.body_limit = [](std::string_view method, std::string_view path) {
        return method == "PUT" && path.starts_with("/big") ? limits::kBlobChunkBytes
                                                           : std::size_t{10};
    };
    Server server(runner, options);
    HttpClient client(server.client_options());
    EXPECT_EQ(client.request("PUT", "/big/1", {}, Bytes(limits::kBlobChunkBytes, 1))->status, 200U);
    EXPECT_EQ(client.request("PUT", "/small", {}, Bytes(11, 1))->status, 413U);
    EXPECT_EQ(client.request("POST", "/big/1", {}, Bytes(11, 1))->status, 413U);
}

TEST(HttpLimits, slow_header_slow_body_and_idle_connection_are_closed) {
    Runner runner;
    HttpServerOptions options;
    options.header_timeout_ms = 60;
    options.request_timeout_ms = 60;
    options.idle_timeout_ms = 60;
    Server server(runner, options);
    EXPECT_EQ(answer_to(server.port(), ""), "");
    EXPECT_EQ(answer_to(server.port(), "GET / HTTP/1.1\r\nHost"), "");
    EXPECT_EQ(answer_to(server.port(), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"),
              "");
    const auto idle = answer_to(server.port(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_NE(idle.find("GET / 0"), std::string::npos);
    EXPECT_EQ(server.stats().timeouts, 4U);
}

TEST(HttpLimits, connections_over_the_limits_are_closed_at_once) {
    Runner runner;
    HttpServerOptions options;
    options.max_connections_per_ip = 3;
    Server server(runner, options);
    std::vector<std::unique_ptr<RawHttp>> held;
    for (int i = 0; i < 3; ++i) held.push_back(std::make_unique<RawHttp>(server.port()));
    ASSERT_TRUE(eventually([&] { return server.stats().connections == 3; }));
    RawHttp fourth(server.port());
    EXPECT_EQ(fourth.read_all(), "");
    EXPECT_EQ(server.stats().refused_ip_limit, 1U);
    held.clear();
    ASSERT_TRUE(eventually([&] { return server.stats().connections == 0; }));
    HttpClient client(server.client_options());
    EXPECT_EQ(client.request("GET", "/")->status, 200U);
}

TEST(HttpMalformed, each_bad_request_gets_400_and_is_counted) {
    Runner runner;
    Server server(runner);
    const std::string bad[] = {
        "NONSENSE\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /../x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /?a=1&a=2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nBad Header: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    };
    std::uint64_t count = 0;
    for (const auto& request : bad) {
        const std::string answer = answer_to(server.port(), request);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << request << "\n" << answer;
        EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << request;
        EXPECT_EQ(server.stats().malformed_requests, ++count) << request;
    }
    const std::string gzip = "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n\r\n";
    EXPECT_TRUE(answer_to(server.port(), gzip).starts_with("HTTP/1.1 415 "));
}

TEST(HttpMalformed, mutated_requests_never_stop_the_server) {
    Runner runner;
    HttpServerOptions options;
    options.header_timeout_ms = 2000;
    Server server(runner, options);
    const std::string good =
        "POST /v1/x?y=z HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        "X-A: b\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    std::mt19937 random(kSeed);
    for (int run = 0; run < 400; ++run) {
        std::string mutated = good;
        const auto changes = 1 + random() % 4;
        for (unsigned i = 0; i < changes; ++i) {
            const std::size_t at = random() % mutated.size();
            if (random() % 3 == 0) {
                mutated.erase(at, 1 + random() % 8);
            } else {
                mutated[at] = static_cast<char>(random());
            }
            if (mutated.empty()) mutated = "x";
        }
        RawHttp raw(server.port());
        raw.send(mutated);
        raw.finish_sending();
        const std::string answer = raw.read_all();
        EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 "))
            << "seed " << kSeed << " run " << run;
    }
    HttpClient client(server.client_options());
    EXPECT_EQ(client.request("GET", "/alive")->status, 200U);
    EXPECT_TRUE(eventually([&] { return server.stats().connections <= 1; }));
}

TEST(HttpHostCheck, other_hosts_and_origins_are_refused) {
    Runner runner;
    HttpServerOptions options;
    options.allowed_hosts = {"127.0.0.1", "localhost"};
    Server server(runner, options);
    const auto status_of = [&](const std::string& headers) {
        return answer_to(server.port(),
                         "GET / HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n")
            .substr(9, 3);
    };
    EXPECT_EQ(status_of("Host: localhost:1234\r\n"), "200");
    EXPECT_EQ(status_of("Host: evil.example\r\n"), "421");
    EXPECT_EQ(status_of("Host: localhost\r\nOrigin: http://localhost:5\r\n"), "200");
    EXPECT_EQ(status_of("Host: localhost\r\nOrigin: http://evil.example\r\n"), "403");
    EXPECT_EQ(status_of("Host: localhost\r\nOrigin: null\r\n"), "403");
    EXPECT_EQ(server.stats().host_refusals, 3U);
}

TEST(HttpExpect, continue_is_sent_before_the_body_is_read) {
    Runner runner;
    Server server(runner);
    RawHttp raw(server.port());
    raw.send(
        "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
        "Connection: close\r\n\r\n");
    EXPECT_EQ(raw.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    raw.send("abc");
    EXPECT_NE(raw.read_all().find("POST /e 3"), std::string::npos);
}

TEST(HttpIdentity, expected_server_is_accepted_over_tls) {
    Runner runner;
    const KeyPair key = KeyPair::generate();
    Server server(runner, tls_options(key));
    auto options = server.client_options();
    options.transport = Transport::kTls;
    options.expected_server = ExpectedServer{{key.public_key()}, test::test_genesis()};
    HttpClient client(options);
    const auto first = client.request("GET", "/x");
    ASSERT_TRUE(first.has_value()) << first.error().context;
    EXPECT_EQ(first->text(), "GET /x 0");
    EXPECT_EQ(client.request("POST", "/y", {}, Bytes(100'000, 1))->text(), "POST /y 100000");
    EXPECT_EQ(server.stats().accepted, 1U) << "one proof serves one connection";
    options.expected_server->keys.insert(options.expected_server->keys.begin(),
                                         KeyPair::generate().public_key());
    EXPECT_TRUE(HttpClient(options).request("GET", "/x").has_value()) << "one of several keys";
}

TEST(HttpIdentity, other_key_or_genesis_is_refused_and_no_request_reaches_it) {
    Runner runner;
    const KeyPair key = KeyPair::generate();
    std::atomic<int> handled{0};
    Server server(runner, tls_options(key),
                  [&](const HttpRequest& request, const HttpResponder& to) {
                      ++handled;
                      echo(request, to);
                  });
    auto options = server.client_options();
    options.transport = Transport::kTls;
    options.expected_server =
        ExpectedServer{{KeyPair::generate().public_key()}, test::test_genesis()};
    EXPECT_EQ(HttpClient(options).request("GET", "/x").error().code, ErrorCode::kMismatch);
    options.expected_server = ExpectedServer{{key.public_key()}, sha256(as_bytes("other"))};
    EXPECT_EQ(HttpClient(options).request("GET", "/x").error().code, ErrorCode::kInvalidSignature);
    options.transport = Transport::kPlain;
    EXPECT_FALSE(HttpClient(options).request("GET", "/x").has_value());
    EXPECT_EQ(handled, 0);
}

// Accepts TLS with its own certificate and relays to the true server over another TLS channel.
asio::awaitable<void> relay_http(std::shared_ptr<asio::ssl::stream<asio::ip::tcp::socket>> from,
                                 std::shared_ptr<asio::ssl::stream<asio::ip::tcp::socket>> to) {
    std::array<std::uint8_t, 4096> buffer{};
    for (;;) {
        const std::size_t size =
            co_await from->async_read_some(asio::buffer(buffer), asio::use_awaitable);
        co_await asio::async_write(*to, asio::buffer(buffer, size), asio::use_awaitable);
    }
}

asio::awaitable<void> intercept(asio::ip::tcp::acceptor& acceptor, asio::ssl::context& server_side,
                                asio::ssl::context& client_side, std::uint16_t port) {
    const auto executor = co_await asio::this_coro::executor;
    using Stream = asio::ssl::stream<asio::ip::tcp::socket>;
    auto victim = std::make_shared<Stream>(asio::ip::tcp::socket(executor), server_side);
    auto server = std::make_shared<Stream>(asio::ip::tcp::socket(executor), client_side);
    co_await acceptor.async_accept(victim->next_layer(), asio::use_awaitable);
    co_await server->next_layer().async_connect(test::loopback(port), asio::use_awaitable);
    co_await victim->async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    co_await server->async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    asio::co_spawn(executor, relay_http(victim, server), asio::detached);
    co_await relay_http(server, victim);
}

TEST(HttpIdentity, man_in_the_middle_with_an_own_certificate_is_refused) {
    Runner runner;
    const KeyPair key = KeyPair::generate();
    Server server(runner, tls_options(key));
    const auto identity = *TlsIdentity::generate();
    asio::ssl::context server_side(identity.server_context(false));
    asio::ssl::context client_side(identity.client_context());
    Runner attacker;
    asio::ip::tcp::acceptor acceptor(attacker.io(), test::loopback(0));
    asio::co_spawn(attacker.io(), intercept(acceptor, server_side, client_side, server.port()),
                   asio::detached);
    auto options = server.client_options();
    options.port = acceptor.local_endpoint().port();
    options.transport = Transport::kTls;
    options.expected_server = ExpectedServer{{key.public_key()}, test::test_genesis()};
    EXPECT_EQ(HttpClient(options).request("GET", "/x").error().code, ErrorCode::kInvalidSignature);
    EXPECT_EQ(server.stats().requests, 1U) << "only the proof was asked for, and it was relayed";
    attacker.io().stop();
}

TEST(HttpIdentity, plain_server_does_not_serve_the_proof_itself) {
    Runner runner;
    Server server(runner);
    HttpClient client(server.client_options());
    EXPECT_EQ(client.request("GET", "/v1/identity-proof")->text(), "GET /v1/identity-proof 0");
}

TEST(HttpClientErrors, timeout_cancel_limit_and_refused_connection_are_told_apart) {
    Runner runner;
    HttpServerOptions server_options;
    std::mutex mutex;
    std::vector<HttpResponder> kept;
    Server server(runner, server_options, [&](const HttpRequest& request, HttpResponder responder) {
        if (request.path == "/long") {
            responder.send(make_response(200, "text/plain", std::string(1000, 'x')));
            return;
        }
        const std::lock_guard lock(mutex);
        kept.push_back(std::move(responder));
    });
    auto options = server.client_options();
    options.timeout_ms = 50;
    EXPECT_EQ(HttpClient(options).request("GET", "/wait").error().code, ErrorCode::kUnavailable);
    options.timeout_ms = test::kPatienceMs;
    options.response_limit = 999;
    EXPECT_EQ(HttpClient(options).request("GET", "/long").error().code, ErrorCode::kLimitExceeded);
    std::atomic<bool> flag{false};
    options.cancel_flag = &flag;
    HttpClient flagged(options);
    std::thread setter([&] {
        const bool is_waiting = eventually([&] {
            const std::lock_guard lock(mutex);
            return kept.size() == 2;
        });
        EXPECT_TRUE(is_waiting);
        flag = true;
    });
    EXPECT_EQ(flagged.request("GET", "/wait").error().context, "cancelled");
    setter.join();
    options.cancel_flag = nullptr;
    HttpClient cancelled(options);
    cancelled.cancel();
    EXPECT_EQ(cancelled.request("GET", "/").error().code, ErrorCode::kUnavailable);
    options.port = 1;
    EXPECT_EQ(HttpClient(options).request("GET", "/").error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(HttpClient(options).request("GET", "/ x").error().code, ErrorCode::kMalformed);
    EXPECT_EQ(HttpClient(options).request("GET", "/", {{"A", "b\r\nc"}}).error().code,
              ErrorCode::kMalformed);
    kept.clear();
}

TEST(HttpClientErrors, answer_that_is_no_http_is_malformed) {
    asio::io_context io;
    asio::ip::tcp::acceptor acceptor(io, test::loopback(0));
    std::thread server([&] {
        asio::ip::tcp::socket socket(io);
        acceptor.accept(socket);
        boost::system::error_code ignored;
        std::string request;
        asio::read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", ignored);
        asio::write(socket, asio::buffer(std::string_view("SSH-2.0-server\r\n\r\n")), ignored);
    });
    HttpClientOptions options;
    options.port = acceptor.local_endpoint().port();
    options.transport = Transport::kPlain;
    EXPECT_EQ(HttpClient(options).request("POST", "/").error().code, ErrorCode::kMalformed);
    server.join();
}

TEST(HttpClientReconnect, connection_closed_while_idle_is_replaced) {
    Runner runner;
    HttpServerOptions options;
    options.idle_timeout_ms = 30;
    Server server(runner, options);
    HttpClient client(server.client_options());
    for (int i = 1; i <= 3; ++i) {
        EXPECT_EQ(client.request("GET", "/")->status, 200U);
        ASSERT_TRUE(eventually([&] { return server.stats().connections == 0; }));
    }
    EXPECT_EQ(server.stats().accepted, 3U);
}

TEST(HttpServerStop, running_request_is_answered_and_idle_connections_close) {
    Runner runner;
    std::mutex mutex;
    std::vector<HttpResponder> kept;
    Server server(runner, {}, [&](const HttpRequest&, HttpResponder responder) {
        const std::lock_guard lock(mutex);
        kept.push_back(std::move(responder));
    });
    RawHttp idle(server.port());
    RawHttp busy(server.port());
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return kept.size() == 1 && server.stats().connections == 2;
    }));
    std::atomic<bool> is_stopped{false};
    server.server->stop(test::kPatienceMs, [&] { is_stopped = true; });
    EXPECT_EQ(idle.read_all(), "");
    EXPECT_FALSE(is_stopped);
    kept[0].send(make_response(200, "text/plain", "done"));
    const std::string answer = busy.read_all();
    EXPECT_NE(answer.find("done"), std::string::npos);
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return is_stopped.load(); }));
}

struct EventServer {
    explicit EventServer(Runner& runner, HttpServerOptions options = {}) {
        server = std::make_unique<Server>(runner, std::move(options), echo, [this](HttpServer& s) {
            channel = s.open_channel("/v1/events", [](const HttpRequest& request) {
                std::vector<Event> backlog;
                if (request.query.contains("from")) {
                    backlog.push_back({"7", "old", "from " + request.query.at("from")});
                }
                return backlog;
            });
        });
    }
    std::unique_ptr<Server> server;
    std::optional<EventChannel> channel;
};

TEST(Events, websocket_subscribers_all_get_each_text_in_order) {
    Runner runner(2);
    EventServer events(runner);
    std::vector<WebSocketClient> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back(events.server->client_options());
        const auto connected = clients.back().connect("/v1/events");
        ASSERT_TRUE(connected.has_value()) << connected.error().context;
    }
    ASSERT_TRUE(eventually([&] { return events.channel->subscribers() == 3; }));
    EXPECT_FALSE(clients[0].next_text(10)->has_value()) << "nothing was published yet";
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(events.channel->publish({"", "", "event " + std::to_string(i)}), 3U);
    }
    for (auto& client : clients) {
        for (int i = 0; i < 50; ++i) {
            const auto text = client.next_text(test::kPatienceMs);
            ASSERT_TRUE(text.has_value() && text->has_value());
            EXPECT_EQ(**text, "event " + std::to_string(i));
        }
        client.close();
    }
    EXPECT_TRUE(eventually([&] { return events.channel->subscribers() == 0; }));
    EXPECT_EQ(events.server->stats().subscribers, 0U);
    EXPECT_EQ(events.server->stats().events_sent, 150U);
}

TEST(Events, websocket_over_tls_proves_the_server_first) {
    Runner runner;
    const KeyPair key = KeyPair::generate();
    EventServer events(runner, tls_options(key));
    auto options = events.server->client_options();
    options.transport = Transport::kTls;
    options.expected_server = ExpectedServer{{key.public_key()}, test::test_genesis()};
    WebSocketClient client(options);
    ASSERT_TRUE(client.connect("/v1/events?from=3").has_value());
    EXPECT_EQ(**client.next_text(test::kPatienceMs), "from 3");
    options.expected_server->keys = {KeyPair::generate().public_key()};
    WebSocketClient other(options);
    EXPECT_EQ(other.connect("/v1/events").error().code, ErrorCode::kMismatch);
}

TEST(Events, pings_keep_a_websocket_and_find_a_dead_one) {
    Runner runner;
    HttpServerOptions options;
    options.event_ping_ms = 300;
    EventServer events(runner, options);
    WebSocketClient client(events.server->client_options());
    ASSERT_TRUE(client.connect("/v1/events").has_value());
    EXPECT_FALSE(client.next_text(1000)->has_value()) << "answered pings keep it";
    EXPECT_EQ(events.channel->subscribers(), 1U);
    EXPECT_TRUE(eventually([&] { return events.channel->subscribers() == 0; }))
        << "a client that answers no pings is let go";
}

TEST(Events, server_sent_events_have_their_fields_and_a_backlog) {
    Runner runner;
    EventServer events(runner);
    RawHttp raw(events.server->port());
    raw.send("GET /v1/events?from=5 HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    const std::string head = raw.read_until("data: from 5\n\n");
    EXPECT_NE(head.find("Content-Type: text/event-stream"), std::string::npos);
    EXPECT_NE(head.find("id: 7\nevent: old\ndata: from 5\n\n"), std::string::npos);
    EXPECT_EQ(events.channel->publish({"8\n9", "new", "two\nlines"}), 1U);
    const std::string all = raw.read_until("lines\n\n");
    EXPECT_NE(all.find("id: 89\nevent: new\ndata: two\ndata: lines\n\n"), std::string::npos);
}

TEST(Events, slow_subscriber_is_cut_and_the_others_go_on) {
    Runner runner(2);
    HttpServerOptions options;
    options.event_queue_bytes = 64 * 1024;
    EventServer events(runner, options);
    RawHttp slow(events.server->port(), 4096);
    slow.send("GET /v1/events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    WebSocketClient quick(events.server->client_options());
    ASSERT_TRUE(quick.connect("/v1/events").has_value());
    ASSERT_TRUE(eventually([&] { return events.channel->subscribers() == 2; }));
    const std::string data(16 * 1024, 'd');
    int published = 0;
    while (events.channel->subscribers() == 2 && published < 10'000) {
        events.channel->publish({"", "", data});
        ++published;
        const auto text = quick.next_text(test::kPatienceMs);
        ASSERT_TRUE(text.has_value() && text->has_value());
    }
    EXPECT_EQ(events.channel->subscribers(), 1U) << published;
    EXPECT_TRUE(eventually([&] { return events.server->stats().slow_subscribers_closed == 1; }));
}

TEST(Events, subscribers_are_limited_and_plain_requests_are_refused) {
    Runner runner;
    HttpServerOptions options;
    options.max_subscribers = 1;
    EventServer events(runner, options);
    WebSocketClient first(events.server->client_options());
    ASSERT_TRUE(first.connect("/v1/events").has_value());
    WebSocketClient second(events.server->client_options());
    EXPECT_FALSE(second.connect("/v1/events").has_value());
    EXPECT_EQ(HttpClient(events.server->client_options()).request("GET", "/v1/events")->status,
              426U);
    const std::string big(limits::kEventBytes, 'x');
    EXPECT_EQ(events.channel->publish({"", "", big}), 0U);
}

TEST(Events, stop_says_goodbye_to_subscribers) {
    Runner runner;
    EventServer events(runner);
    WebSocketClient client(events.server->client_options());
    ASSERT_TRUE(client.connect("/v1/events").has_value());
    std::atomic<bool> is_stopped{false};
    events.server->server->stop(test::kPatienceMs, [&] { is_stopped = true; });
    EXPECT_FALSE(client.next_text(test::kPatienceMs).has_value());
    EXPECT_TRUE(eventually([&] { return is_stopped.load(); }));
}

// A node's blob store over the real server, as the node API will have it.
struct BlobNode {
    explicit BlobNode(Runner& runner) {
        HttpServerOptions options;
        options.body_limit = [](std::string_view, std::string_view) {
            return limits::kBlobChunkBytes;
        };
        server = std::make_unique<Server>(
            runner, options, [this](const HttpRequest& request, const HttpResponder& responder) {
                responder.send(answer(request));
            });
    }
    HttpResponse answer(const HttpRequest& request) {
        const std::lock_guard lock(mutex);
        const auto path = decode_blob_path(request.path);
        if (!path) return make_problem(404, "not_found", "no such path");
        if (request.method == "PUT") {
            const auto account = verify_blob_put(request, now);
            if (!account) return make_problem(403, "refused", account.error().context);
            accounts.push_back(*account);
            chunks[request.path] = request.body;
            return make_response(201, "application/json", "{}");
        }
        const auto found = chunks.find(request.path);
        if (found == chunks.end()) return make_problem(404, "not_found", "no such chunk");
        return {200, "application/octet-stream", {}, found->second};
    }
    std::mutex mutex;
    TimeMs now{1'000'000};
    std::map<std::string, Bytes> chunks;
    std::vector<PublicKey> accounts;
    std::unique_ptr<Server> server;
};

TEST(NodeClient, blob_goes_up_in_signed_chunks_and_comes_down_verified) {
    Runner runner;
    BlobNode node(runner);
    NodeClient client(node.server->client_options());
    const KeyPair account = KeyPair::generate();
    std::mt19937 random(kSeed);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, limits::kBlobChunkBytes,
                                   2 * limits::kBlobChunkBytes + 17}) {
        Bytes blob(size);
        for (auto& byte : blob) byte = static_cast<std::uint8_t>(random());
        const auto put = client.put_blob(account, {blob, TimeMs{1'000'000}});
        ASSERT_TRUE(put.has_value()) << put.error().context;
        EXPECT_EQ(put->status, 201U);
        const auto got = client.get_blob(sha256(blob), size);
        ASSERT_TRUE(got.has_value()) << got.error().context;
        EXPECT_EQ(*got, blob);
        EXPECT_FALSE(client.get_blob(sha256(blob), size + 1).has_value());
    }
    EXPECT_EQ(node.accounts.size(), 6U);
    for (const auto& key : node.accounts) EXPECT_EQ(key, account.public_key());
}

TEST(NodeClient, expired_upload_and_wrong_or_missing_blob_are_told) {
    Runner runner;
    BlobNode node(runner);
    NodeClient client(node.server->client_options());
    const KeyPair account = KeyPair::generate();
    const Bytes blob(100, 7);
    EXPECT_EQ(client.put_blob(account, {blob, TimeMs{1'000}})->status, 403U);
    EXPECT_EQ(client.get_blob(sha256(blob), 100).error().code, ErrorCode::kNotFound);
    ASSERT_EQ(client.put_blob(account, {blob, TimeMs{1'000'000}})->status, 201U);
    {
        const std::lock_guard lock(node.mutex);
        node.chunks.begin()->second[3] ^= 1U;
    }
    EXPECT_EQ(client.get_blob(sha256(blob), 100).error().code, ErrorCode::kMismatch);
}

TEST(NodeClient, transaction_is_posted_as_raw_bytes) {
    Runner runner;
    std::mutex mutex;
    HttpRequest seen;
    Server server(runner, {}, [&](HttpRequest request, const HttpResponder& responder) {
        const std::lock_guard lock(mutex);
        seen = std::move(request);
        responder.send(make_response(202, "application/json", R"({"hash":"00"})"));
    });
    NodeClient client(server.client_options());
    const auto answer = client.post_transaction(Bytes{1, 0, 255});
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 202U);
    EXPECT_EQ(answer->body, R"({"hash":"00"})");
    EXPECT_EQ(answer->content_type, "application/json");
    const std::lock_guard lock(mutex);
    EXPECT_EQ(seen.path, "/v1/transactions");
    EXPECT_EQ(seen.body, (Bytes{1, 0, 255}));
    EXPECT_EQ(seen.headers.at("content-type"), "application/octet-stream");
}

}  // namespace
}  // namespace consilium::p2p
