// The loop of the follower thread and the wiring of the parts.
#include "explorer/service.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <utility>

namespace consilium::explorer {
namespace {

constexpr std::uint64_t kBusyPollMs = 200;  // blocks have just come: more are likely
constexpr std::uint64_t kIdlePollMs = 1'000;
constexpr std::uint64_t kBusyPeriodMs = 3'000;
constexpr std::uint64_t kFirstBackoffMs = 250;
constexpr std::uint64_t kLongestBackoffMs = 5'000;
constexpr std::uint64_t kCrossCheckMs = 3'000;   // for every node once
constexpr std::uint64_t kShortestCheckMs = 100;  // between two of them
constexpr std::uint64_t kEvidencePollMs = 3'000;
constexpr std::uint64_t kDrainMs = 500;

TimeMs wall_time() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return TimeMs{static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since).count())};
}

}  // namespace

Result<std::unique_ptr<Service>> Service::create(ServiceOptions options) {
    std::error_code failed;
    std::filesystem::create_directories(options.data_dir, failed);
    if (failed) {
        return make_error(ErrorCode::kUnavailable,
                          "cannot create " + options.data_dir + ": " + failed.message());
    }
    std::string path = options.data_dir + "/index.sqlite";
    auto store = IndexStore::open(path, options.genesis, options.is_reindex);
    if (!store) return tl::unexpected(store.error());
    std::unique_ptr<Service> service(
        new Service(std::move(options), *std::move(store), std::move(path)));
    Service* raw = service.get();
    p2p::HttpServerOptions http;
    http.listen_host = service->options_.listen_host;
    http.listen_port = service->options_.listen_port;
    http.allowed_hosts = {"localhost", "127.0.0.1", "::1"};
    if (http.listen_host != "127.0.0.1") http.allowed_hosts.push_back(http.listen_host);
    auto server = p2p::HttpServer::create(
        std::move(http),
        [raw](const p2p::HttpRequest& request, const p2p::HttpResponder& responder) {
            responder.send(raw->api_.handle(request));
        });
    if (!server) return tl::unexpected(server.error());
    service->server_ = *std::move(server);
    service->stream_.emplace(
        service->server_->open_channel("/api/v1/stream", [raw](const p2p::HttpRequest&) {
            return std::vector<p2p::Event>{{"", "status", raw->api_.stream_status().dump()}};
        }));
    return service;
}

Service::Service(ServiceOptions options, IndexStore store, std::string path)
    : options_(std::move(options)),
      store_(std::move(store)),
      source_(options_.genesis, options_.nodes, is_stopping_),
      follower_(store_, source_),
      evidence_(store_, source_),
      reader_(std::move(path)),
      api_(options_.genesis, reader_, [this] { return follower_.status(); }) {}

Service::~Service() {
    stop();
}

Result<void> Service::start(boost::asio::io_context& io) {
    if (auto started = server_->start(io); !started) return started;
    thread_ = std::thread([this] { follow(); });
    return {};
}

void Service::stop() {
    is_stopping_ = true;
    if (!thread_.joinable()) return;
    thread_.join();
    const auto stopped = std::make_shared<std::promise<void>>();
    server_->stop(kDrainMs, [stopped] { stopped->set_value(); });
    stopped->get_future().wait();
}

void Service::publish() {
    const FollowerStatus now = follower_.status();
    if (now.state != shown_) {
        if (now.state == FollowState::kStale) {
            spdlog::warn("stale at block {}: {}", now.height.value, now.problem);
        } else if (now.state == FollowState::kDiverged && now.divergence) {
            const DivergenceRecord& record = *now.divergence;
            spdlog::error("DIVERGENCE at block {}: {} expected {}, found {}; following stops",
                          record.what.height.value, record.what.check, record.what.expected,
                          record.what.found);
        } else {
            spdlog::info("{} at block {}", to_string(now.state), now.height.value);
        }
        shown_ = now.state;
    }
    (void)stream_->publish(
        {std::to_string(now.height.value), "block", api_.stream_status().dump()});
}

void Service::act_on(Progress progress) {
    const bool is_news = progress == Progress::kIndexed || follower_.status().state != shown_;
    if (is_news) publish();
    switch (progress) {
        case Progress::kIndexed:
            last_block_ms_ = wall_time().value;
            backoff_ms_ = 0;
            return;
        case Progress::kIdle: {
            backoff_ms_ = 0;
            const bool is_busy = wall_time().value < last_block_ms_ + kBusyPeriodMs;
            source_.wait_for_news(follower_.preferred_node(), is_busy ? kBusyPollMs : kIdlePollMs);
            return;
        }
        case Progress::kUnreachable:
        case Progress::kStorageFailed:
            backoff_ms_ = std::clamp(2 * backoff_ms_, kFirstBackoffMs, kLongestBackoffMs);
            source_.pause_ms(backoff_ms_);
            return;
        case Progress::kDiverged:
            source_.pause_ms(kIdlePollMs);
            return;
    }
    UNREACHABLE();
}

void Service::gather_evidence() {
    const auto stored = evidence_.poll(wall_time());
    if (!stored) {
        spdlog::warn("evidence cannot be stored: {}", stored.error().context);
    } else if (*stored > 0) {
        spdlog::warn("{} new proofs that a member signed two different messages", *stored);
    }
}

void Service::follow() {
    const std::uint64_t check_ms =
        std::max<std::uint64_t>(kCrossCheckMs / source_.size(), kShortestCheckMs);
    TimeMs next_check = wall_time();
    TimeMs next_evidence = next_check;
    while (!is_stopping_) {
        act_on(follower_.step(wall_time()));
        if (is_stopping_ || wall_time() < next_check) continue;
        follower_.cross_check(wall_time());
        next_check = TimeMs{wall_time().value + check_ms};
        if (wall_time() >= next_evidence) {
            gather_evidence();
            next_evidence = TimeMs{wall_time().value + kEvidencePollMs};
        }
        if (follower_.status().state != shown_) publish();
    }
}

}  // namespace consilium::explorer
