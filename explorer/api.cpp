// Routing of requests, and the answers that do not come from the index alone.
#include "explorer/api.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "contracts/schema_json/tables.hpp"
#include "explorer/assets.hpp"

namespace consilium::explorer {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxSearchBytes = 256;

p2p::HttpResponse secured(p2p::HttpResponse response) {
    p2p::add_security_headers(response);
    return response;
}

p2p::HttpResponse problem(unsigned status, std::string_view code, std::string_view detail) {
    return secured(p2p::make_problem(status, code, detail));
}

p2p::HttpResponse problem_of(const Error& error) {
    switch (error.code) {
        case ErrorCode::kNotFound:
            return problem(404, "not_found", error.context);
        case ErrorCode::kMalformed:
        case ErrorCode::kLimitExceeded:
        case ErrorCode::kInvalidKey:
            return problem(400, "malformed", error.context);
        case ErrorCode::kUnavailable:
            return problem(503, "unavailable", "the index cannot be read now");
        case ErrorCode::kInvalidSignature:
        case ErrorCode::kMismatch:
        case ErrorCode::kRefused:
        case ErrorCode::kInternal:
            return problem(500, "internal", "the answer could not be made");
    }
    UNREACHABLE();
}

std::vector<std::string> split_path(std::string_view path) {
    std::vector<std::string> segments;
    while (!path.empty()) {
        path.remove_prefix(1);  // '/'
        const std::size_t end = std::min(path.find('/'), path.size());
        segments.emplace_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return segments;
}

template <typename Integer>
Result<Integer> parse_number(std::string_view text, const char* what) {
    Integer value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (error != std::errc{} || end != text.data() + text.size() || value > kLargest) {
        return make_error(ErrorCode::kMalformed, std::string(what) + " is a whole number");
    }
    return value;
}

const char* state_text(const FollowerStatus& status) {
    switch (status.state) {
        case FollowState::kStarting:
            return "Waiting for the first answer of a node.";
        case FollowState::kFollowing:
            return "Every block up to this height was verified and executed again by this machine.";
        case FollowState::kStale:
            return "No node gives a newer block that can be verified; what is shown may be old.";
        case FollowState::kDiverged:
            return "The chain contradicts what this machine computed. Following has stopped.";
    }
    UNREACHABLE();
}

Json finding_json(const DivergenceRecord& record) {
    return {{"height", record.what.height.value},
            {"kind", record.kind},
            {"node", record.node},
            {"check", record.what.check},
            {"expected", record.what.expected},
            {"found", record.what.found},
            {"time_ms", record.time.value},
            {"is_open", record.is_open}};
}

Json node_json(const NodeView& view) {
    return {{"name", view.name},
            {"is_reachable", view.is_reachable},
            {"height", view.height ? Json(view.height->value) : Json()},
            {"compared_height", view.compared ? Json(view.compared->value) : Json()},
            {"agrees", view.agrees ? Json(*view.agrees) : Json()},
            {"problem", view.problem},
            {"last_contact_ms", view.last_contact ? Json(view.last_contact->value) : Json()}};
}

Json verification_json(const FollowerStatus& status) {
    const bool is_stale = status.state == FollowState::kStale;
    Json nodes = Json::array();
    for (const NodeView& view : status.nodes) nodes.push_back(node_json(view));
    return {{"state", std::string(to_string(status.state))},
            {"text", state_text(status)},
            {"problem", status.problem},
            {"stale_since_ms",
             is_stale && status.last_contact ? Json(status.last_contact->value) : Json()},
            {"last_contact_ms", status.last_contact ? Json(status.last_contact->value) : Json()},
            {"verified_time_ms", status.verified_time.value},
            {"blocks_verified", status.blocks_verified},
            {"divergence", status.divergence ? finding_json(*status.divergence) : Json()},
            {"nodes", std::move(nodes)}};
}

constexpr std::string_view kDescriptionPath = "/api/v1/openapi.json";

// Completed once: it is a hundred kilobytes.
p2p::HttpResponse description(const Asset& asset) {
    static const std::string text = schema::complete_openapi(asset.content);
    return secured(p2p::make_response(200, asset.content_type, text));
}

struct Metric {
    const char* name;
    const char* type;
    const char* help;
    std::uint64_t value;
};

std::string text_of(const Metric& metric) {
    const std::string name = std::string("consilium_explorer_") + metric.name;
    return "# HELP " + name + " " + metric.help + "\n# TYPE " + name + " " + metric.type + "\n" +
           name + " " + std::to_string(metric.value) + "\n";
}

}  // namespace

Api::Api(const Genesis& genesis, IndexReader& reader, StatusSource status)
    : chain_id_(genesis.chain_id),
      genesis_hash_(genesis.hash().hex()),
      reader_(reader),
      status_(std::move(status)) {}

p2p::HttpResponse Api::handle(const p2p::HttpRequest& request) const {
    ++requests_;
    if (request.method != "GET") {
        return problem(405, "method_not_allowed", "the explorer is read-only: GET only");
    }
    for (const Asset& asset : assets()) {
        if (asset.path == request.path) {
            if (asset.path == kDescriptionPath) return description(asset);
            return secured(p2p::make_response(200, asset.content_type, asset.content));
        }
    }
    if (request.path == "/healthz") return health();
    if (request.path == "/metrics") return metrics();
    const Segments segments = split_path(request.path);
    if (segments.size() >= 3 && segments[0] == "api" && segments[1] == "v1") {
        return api(request, segments);
    }
    return problem(404, "not_found", "see / for the page and /api/v1/openapi.json for the API");
}

p2p::HttpResponse Api::api(const p2p::HttpRequest& request, const Segments& segments) const {
    const auto json = answer(request, segments);
    if (!json) return problem_of(json.error());
    // Text of the chain is valid UTF-8 by its rules; what is not is replaced, never thrown at.
    return secured(p2p::make_response(200, "application/json",
                                      json->dump(-1, ' ', false, Json::error_handler_t::replace)));
}

Result<Json> Api::answer(const p2p::HttpRequest& request, const Segments& segments) const {
    const std::string& what = segments[2];
    if (segments.size() == 3) {
        if (what == "status") return status();
        if (what == "search") {
            const auto found = request.query.find("q");
            if (found == request.query.end() || found->second.size() > kMaxSearchBytes) {
                return make_error(ErrorCode::kMalformed, "q is missing or too long");
            }
            return reader_.search(found->second);
        }
        const auto page = parse_page(request.query);
        if (!page) return tl::unexpected(page.error());
        return reader_.list(what, *page);
    }
    if (segments.size() == 4 && (what == "transactions" || what == "evidence")) {
        const auto id = decode_digest_hex(segments[3]);
        if (!id) return tl::unexpected(id.error());
        return what == "evidence" ? reader_.evidence(*id) : reader_.transaction(*id);
    }
    if (segments.size() == 4 && (what == "blocks" || what == "rounds")) {
        const auto number = parse_number<std::uint64_t>(segments[3], "the last part of the path");
        if (!number) return tl::unexpected(number.error());
        return what == "blocks" ? reader_.block(*number) : reader_.round(*number);
    }
    if (segments.size() == 5 && what == "models") {
        const auto task = parse_number<std::uint32_t>(segments[3], "a task");
        const auto version = parse_number<std::uint32_t>(segments[4], "a version");
        if (!task) return tl::unexpected(task.error());
        if (!version) return tl::unexpected(version.error());
        return reader_.model(*task, *version);
    }
    return make_error(ErrorCode::kNotFound, "see /api/v1/openapi.json for what is here");
}

Result<Json> Api::status() const {
    auto json = reader_.summary();
    if (!json) return json;
    (*json)["chain_id"] = chain_id_;
    (*json)["genesis_hash"] = genesis_hash_;
    (*json)["version"] = CONSILIUM_VERSION;
    (*json)["verification"] = verification_json(status_());
    return json;
}

Json Api::stream_status() const {
    const FollowerStatus now = status_();
    return {{"indexed_height", now.height.value},
            {"state", std::string(to_string(now.state))},
            {"verified_time_ms", now.verified_time.value}};
}

p2p::HttpResponse Api::health() const {
    const FollowerStatus now = status_();
    const bool is_good = now.state != FollowState::kDiverged;
    const Json json = {{"status", is_good ? "ok" : "not ok"},
                       {"state", std::string(to_string(now.state))},
                       {"indexed_height", now.height.value},
                       {"reason", is_good ? now.problem : state_text(now)}};
    return secured(p2p::make_response(is_good ? 200 : 503, "application/json",
                                      json.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

p2p::HttpResponse Api::metrics() const {
    const FollowerStatus now = status_();
    std::uint64_t reachable = 0;
    std::uint64_t disagreeing = 0;
    for (const NodeView& view : now.nodes) {
        if (view.is_reachable) ++reachable;
        if (view.agrees == false) ++disagreeing;
    }
    const Metric all[] = {
        {"indexed_height", "gauge", "Newest verified and indexed block", now.height.value},
        {"blocks_verified_total", "counter", "Blocks verified since start", now.blocks_verified},
        {"diverged", "gauge", "1 when the chain contradicts re-execution",
         now.state == FollowState::kDiverged ? 1U : 0U},
        {"stale", "gauge", "1 when no node gives a block that can be verified",
         now.state == FollowState::kStale ? 1U : 0U},
        {"nodes_reachable", "gauge", "Nodes that answered when last asked", reachable},
        {"nodes_disagreeing", "gauge", "Nodes whose block was not ours", disagreeing},
        {"http_requests_total", "counter", "Requests answered", requests_.load()},
    };
    std::string text;
    for (const Metric& metric : all) text += text_of(metric);
    return secured(p2p::make_response(200, "text/plain; version=0.0.4; charset=utf-8", text));
}

}  // namespace consilium::explorer
