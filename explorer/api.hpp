// The explorer's HTTP answers: JSON under /api/v1, the page, health and metrics.
//
// handle() is a pure function of the request, the index and the follower's status: no sockets here.
// Read-only: nothing that comes through HTTP changes anything. Thread-safe.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/genesis.hpp"
#include "explorer/follower.hpp"
#include "explorer/index_reader.hpp"
#include "p2p/http_message.hpp"

namespace consilium::explorer {

class Api {
  public:
    using StatusSource = std::function<FollowerStatus()>;

    Api(const Genesis& genesis, IndexReader& reader, StatusSource status);

    [[nodiscard]] p2p::HttpResponse handle(const p2p::HttpRequest& request) const;
    // What a subscriber of /api/v1/stream gets at once, and after every block.
    [[nodiscard]] nlohmann::json stream_status() const;

  private:
    using Segments = std::vector<std::string>;
    [[nodiscard]] p2p::HttpResponse api(const p2p::HttpRequest& request,
                                        const Segments& segments) const;
    [[nodiscard]] Result<nlohmann::json> answer(const p2p::HttpRequest& request,
                                                const Segments& segments) const;
    [[nodiscard]] Result<nlohmann::json> status() const;
    [[nodiscard]] p2p::HttpResponse health() const;
    [[nodiscard]] p2p::HttpResponse metrics() const;

    std::string chain_id_;
    std::string genesis_hash_;
    IndexReader& reader_;
    StatusSource status_;
    mutable std::atomic<std::uint64_t> requests_{0};
};

}  // namespace consilium::explorer
