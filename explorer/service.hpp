// The running explorer: follower thread, HTTP server, event stream.
//
// start() and stop() from one thread; everything between is the service's own business.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "explorer/api.hpp"
#include "explorer/evidence_collector.hpp"
#include "explorer/follower.hpp"
#include "explorer/index_reader.hpp"
#include "explorer/network_source.hpp"
#include "p2p/http_server.hpp"

namespace consilium::explorer {

struct ServiceOptions {
    Genesis genesis;
    std::vector<p2p::NodeEndpoint> nodes;  // without keys
    std::string data_dir;
    std::string listen_host = "127.0.0.1";
    std::uint16_t listen_port = 27200;
    bool is_reindex = false;
};

class Service {
  public:
    // Opens the index (kMismatch, kUnavailable) and checks the stored state.
    [[nodiscard]] static Result<std::unique_ptr<Service>> create(ServiceOptions options);
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    ~Service();

    [[nodiscard]] Result<void> start(boost::asio::io_context& io);
    void stop();
    [[nodiscard]] std::uint16_t port() const { return server_->port(); }
    [[nodiscard]] FollowerStatus status() const { return follower_.status(); }

  private:
    Service(ServiceOptions options, IndexStore store, std::string path);
    void follow();
    void gather_evidence();
    void act_on(Progress progress);
    void publish();

    ServiceOptions options_;
    std::atomic<bool> is_stopping_{false};
    IndexStore store_;
    NetworkSource source_;
    Follower follower_;
    EvidenceCollector evidence_;
    IndexReader reader_;
    Api api_;
    std::unique_ptr<p2p::HttpServer> server_;
    std::optional<p2p::EventChannel> stream_;
    std::thread thread_;
    std::uint64_t backoff_ms_ = 0;
    std::uint64_t last_block_ms_ = 0;  // of the wall clock, when the last block was indexed
    std::optional<FollowState> shown_;
};

}  // namespace consilium::explorer
