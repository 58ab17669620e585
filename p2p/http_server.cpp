// The HTTP server apart from its connections: accepting, limits, channels, stopping.
#include "p2p/http_server.hpp"

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "p2p/http_server_core.hpp"

namespace consilium::p2p {
namespace {

constexpr std::uint64_t kAcceptRetryMs = 100;  // after an error such as "too many open files"

std::size_t cost_of(const Event& event) {
    return event.id.size() + event.name.size() + event.data.size() + limits::kFrameOverhead;
}

}  // namespace

HttpResponder::HttpResponder(std::shared_ptr<Slot> slot) : slot_(std::move(slot)) {}
void HttpResponder::send(HttpResponse response) const {
    slot_->send(std::move(response));
}

HttpResponder::Slot::~Slot() {
    send(make_problem(500, "no_answer", "the request was dropped without an answer"));
}

void HttpResponder::Slot::send(HttpResponse response) {
    if (is_answered_.exchange(true)) return;
    if (const auto session = session_.lock()) session->deliver(request_, std::move(response));
}

bool Subscriber::push(const std::shared_ptr<const Event>& event) {
    bool is_full = false;
    {
        const std::lock_guard lock(mutex_);
        if (has_overflown_) return false;
        bytes_ += cost_of(*event);
        queue_.push_back(event);
        is_full = bytes_ > queue_bytes_ || queue_.size() > limits::kEventQueueEntries;
        if (is_full) {
            has_overflown_ = true;
            queue_.clear();
        }
    }
    if (const auto session = session_.lock()) {
        if (is_full) {
            session->post_close();
        } else {
            session->post_wake();
        }
    }
    return !is_full;
}

std::shared_ptr<const Event> Subscriber::pop() {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return nullptr;
    auto event = std::move(queue_.front());
    queue_.pop_front();
    bytes_ -= cost_of(*event);
    return event;
}

bool Subscriber::has_overflown() const {
    const std::lock_guard lock(mutex_);
    return has_overflown_;
}

std::size_t EventChannel::Core::publish(Event event) {
    if (cost_of(event) > limits::kEventBytes) return 0;
    const auto shared = std::make_shared<const Event>(std::move(event));
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(subscribers_.begin(), subscribers_.end(),
                      [&shared](const auto& subscriber) { return subscriber->push(shared); }));
}

void EventChannel::Core::add(const std::shared_ptr<Subscriber>& subscriber) {
    const std::lock_guard lock(mutex_);
    subscribers_.push_back(subscriber);
}

void EventChannel::Core::remove(const std::shared_ptr<Subscriber>& subscriber) {
    const std::lock_guard lock(mutex_);
    std::erase(subscribers_, subscriber);
}

std::size_t EventChannel::Core::size() const {
    const std::lock_guard lock(mutex_);
    return subscribers_.size();
}

EventChannel::EventChannel(std::shared_ptr<Core> core) : core_(std::move(core)) {}
std::size_t EventChannel::publish(Event event) {
    return core_->publish(std::move(event));
}
std::size_t EventChannel::subscribers() const {
    return core_->size();
}

HttpServer::Core::Core(HttpServerOptions options, HttpHandler handler,
                       std::optional<TlsIdentity> identity)
    : options_(std::move(options)), handler_(std::move(handler)), identity_(std::move(identity)) {
    if (identity_) tls_context_.emplace(identity_->server_context(false));
}

void HttpServer::Core::add_channel(std::string path, std::shared_ptr<EventChannel::Core> channel) {
    CHECK(runtime_ == nullptr);
    channels_[std::move(path)] = std::move(channel);
}

Result<void> HttpServer::Core::start(asio::io_context& io) {
    if (runtime_ != nullptr) return make_error(ErrorCode::kRefused, "the server already runs");
    auto runtime = std::make_unique<Runtime>(io);
    if (auto listening = listen_on(runtime->acceptor, options_.listen_host, options_.listen_port);
        !listening) {
        return listening;
    }
    error_code error;
    port_ = runtime->acceptor.local_endpoint(error).port();
    runtime_ = std::move(runtime);
    asio::post(runtime_->strand,
               [self = shared_from_this()] { spawn(self->runtime_->strand, self->accept_loop()); });
    return {};
}

asio::ssl::context* HttpServer::Core::tls_context() {
    return tls_context_ ? &*tls_context_ : nullptr;
}

std::shared_ptr<EventChannel::Core> HttpServer::Core::find_channel(const std::string& path) const {
    const auto found = channels_.find(path);
    return found == channels_.end() ? nullptr : found->second;
}

void HttpServer::Core::handle(HttpRequest request, HttpResponder responder) {
    const std::shared_lock lock(callback_mutex_);
    if (!is_muted_) handler_(std::move(request), std::move(responder));
}

std::size_t HttpServer::Core::body_limit(std::string_view method, std::string_view path) {
    const std::shared_lock lock(callback_mutex_);
    if (is_muted_ || !options_.body_limit) return limits::kHttpBodyBytes;
    return options_.body_limit(method, path);
}

std::vector<Event> HttpServer::Core::backlog(const EventChannel::Core& channel,
                                             const HttpRequest& request) {
    const std::shared_lock lock(callback_mutex_);
    if (is_muted_ || !channel.backlog()) return {};
    return channel.backlog()(request);
}

bool HttpServer::Core::take_subscriber_place() {
    if (++stats_.subscribers <= options_.max_subscribers) return true;
    --stats_.subscribers;
    return false;
}
void HttpServer::Core::return_subscriber_place() {
    --stats_.subscribers;
}

bool HttpServer::Core::take_place(const std::string& remote) {
    const std::lock_guard lock(mutex_);
    if (sessions_.size() >= options_.max_connections) {
        ++stats_.refused_total_limit;
        return false;
    }
    const auto known = per_ip_.find(remote);
    if (known != per_ip_.end() && known->second >= options_.max_connections_per_ip) {
        ++stats_.refused_ip_limit;
        return false;
    }
    return true;
}

// Places are taken on the strand only, so the check and the entry cannot be interleaved.
void HttpServer::Core::admit(tcp::socket socket) {
    ++stats_.accepted;
    error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return;
    std::string remote = endpoint.address().to_string();
    if (!take_place(remote)) return;
    socket.set_option(tcp::no_delay(true), error);
    const auto executor = socket.get_executor();
    AnyStream stream =
        tls_context_ ? AnyStream(std::move(socket), *tls_context_) : AnyStream(std::move(socket));
    auto session =
        std::make_shared<HttpSession>(shared_from_this(), std::move(stream), std::move(remote));
    {
        const std::lock_guard lock(mutex_);
        sessions_.push_back(session);
        ++per_ip_[session->remote()];
        stats_.connections = sessions_.size();
    }
    asio::post(executor, [executor, session] { spawn(executor, session->run()); });
}

void HttpServer::Core::remove(const std::shared_ptr<HttpSession>& session) {
    {
        const std::lock_guard lock(mutex_);
        if (std::erase(sessions_, session) == 0) return;
        const auto known = per_ip_.find(session->remote());
        if (known != per_ip_.end() && --known->second == 0) per_ip_.erase(known);
        stats_.connections = sessions_.size();
    }
    if (is_stopping_) {
        asio::post(runtime_->strand,
                   [self = shared_from_this()] { self->runtime_->stop_timer.cancel(); });
    }
}

Task<void> HttpServer::Core::accept_loop() {
    const auto self = shared_from_this();
    while (!is_stopping_) {
        const asio::any_io_executor executor = asio::make_strand(runtime_->io);
        auto [error, socket] = co_await runtime_->acceptor.async_accept(executor, kUse);
        if (is_stopping_) co_return;
        if (error) {
            co_await wait_ms(runtime_->retry_timer, kAcceptRetryMs);
            continue;
        }
        admit(std::move(socket));
    }
}

std::vector<std::shared_ptr<HttpSession>> HttpServer::Core::sessions() const {
    const std::lock_guard lock(mutex_);
    return sessions_;
}

void HttpServer::Core::close_everything() {
    error_code ignored;
    runtime_->acceptor.close(ignored);
    runtime_->retry_timer.cancel();
    for (const auto& session : sessions()) session->post_close();
    is_stopped_ = true;
}

Task<void> HttpServer::Core::stop_sequence(std::uint64_t drain_ms) {
    const auto self = shared_from_this();
    error_code ignored;
    runtime_->acceptor.close(ignored);
    runtime_->retry_timer.cancel();
    for (const auto& session : sessions()) session->post_stop();
    const std::uint64_t deadline_ms = steady_now_ms() + drain_ms;
    for (std::uint64_t now_ms = steady_now_ms(); now_ms < deadline_ms && !sessions().empty();
         now_ms = steady_now_ms()) {
        co_await wait_ms(runtime_->stop_timer, deadline_ms - now_ms);
    }
    close_everything();
    call_stopped();
}

void HttpServer::Core::call_stopped() {
    {
        const std::lock_guard lock(callback_mutex_);
        is_muted_ = true;
    }
    const std::shared_lock lock(callback_mutex_);
    for (auto& call : std::exchange(on_stopped_, {})) {
        if (call && !is_abandoned_) call();
    }
}

void HttpServer::Core::stop(std::uint64_t drain_ms, std::function<void()> on_stopped) {
    if (runtime_ == nullptr) {
        if (on_stopped) on_stopped();
        return;
    }
    asio::post(runtime_->strand,
               [self = shared_from_this(), drain_ms, call = std::move(on_stopped)] {
                   self->on_stopped_.push_back(call);
                   if (self->is_stopped_) {
                       self->call_stopped();
                   } else if (!self->is_stopping_.exchange(true)) {
                       spawn(self->runtime_->strand, self->stop_sequence(drain_ms));
                   }
               });
}

void HttpServer::Core::abandon() {
    {
        const std::lock_guard lock(callback_mutex_);
        is_muted_ = true;
        is_abandoned_ = true;
    }
    if (runtime_ == nullptr) return;
    asio::post(runtime_->strand, [self = shared_from_this()] {
        self->is_stopping_ = true;
        self->close_everything();
    });
}

HttpServer::HttpServer(std::shared_ptr<Core> core) : core_(std::move(core)) {}
HttpServer::~HttpServer() {
    core_->abandon();
}

Result<std::unique_ptr<HttpServer>> HttpServer::create(HttpServerOptions options,
                                                       HttpHandler handler) {
    if (!handler) return make_error(ErrorCode::kMalformed, "no request handler");
    std::optional<TlsIdentity> identity;
    if (options.tls) {
        if (!options.tls->identity.sign) {
            return make_error(ErrorCode::kMalformed, "no identity signer");
        }
        auto generated = TlsIdentity::generate();
        if (!generated) return tl::unexpected(generated.error());
        identity = std::move(*generated);
    }
    return std::unique_ptr<HttpServer>(new HttpServer(
        std::make_shared<Core>(std::move(options), std::move(handler), std::move(identity))));
}

EventChannel HttpServer::open_channel(
    std::string path, std::function<std::vector<Event>(const HttpRequest&)> backlog) {
    auto channel = std::make_shared<EventChannel::Core>(std::move(backlog));
    core_->add_channel(std::move(path), channel);
    return EventChannel(std::move(channel));
}

Result<void> HttpServer::start(boost::asio::io_context& io) {
    return core_->start(io);
}
std::uint16_t HttpServer::port() const {
    return core_->port();
}
void HttpServer::stop(std::uint64_t drain_ms, std::function<void()> on_stopped) {
    core_->stop(drain_ms, std::move(on_stopped));
}
const HttpServerStats& HttpServer::stats() const {
    return core_->stats();
}

}  // namespace consilium::p2p
