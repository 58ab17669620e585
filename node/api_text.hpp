// Small helpers of the node API: answers as JSON, problems, parts of a path.
#pragma once
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/check.hpp"
#include "core/result.hpp"
#include "p2p/http_message.hpp"

namespace consilium::node {

[[nodiscard]] inline p2p::HttpResponse json_response(const nlohmann::json& json,
                                                     unsigned status = 200) {
    auto response = p2p::make_response(status, "application/json", json.dump());
    p2p::add_security_headers(response);
    return response;
}

[[nodiscard]] inline p2p::HttpResponse problem(unsigned status, std::string_view code,
                                               std::string_view detail) {
    auto response = p2p::make_problem(status, code, detail);
    p2p::add_security_headers(response);
    return response;
}

[[nodiscard]] inline p2p::HttpResponse problem_of(const Error& error) {
    switch (error.code) {
        case ErrorCode::kNotFound:
            return problem(404, "not_found", error.context);
        case ErrorCode::kMalformed:
            return problem(400, "malformed", error.context);
        case ErrorCode::kInvalidKey:
            return problem(400, "invalid_key", error.context);
        case ErrorCode::kLimitExceeded:
            return problem(413, "limit_exceeded", error.context);
        case ErrorCode::kInvalidSignature:
            return problem(401, "invalid_signature", error.context);
        case ErrorCode::kMismatch:
            return problem(409, "mismatch", error.context);
        case ErrorCode::kRefused:
            return problem(403, "refused", error.context);
        case ErrorCode::kUnavailable:
            return problem(503, "unavailable", error.context);
        case ErrorCode::kInternal:
            return problem(500, "internal", error.context);
    }
    UNREACHABLE();
}

// "/v1/blocks/7" -> {"v1", "blocks", "7"}
[[nodiscard]] inline std::vector<std::string> split_path(std::string_view path) {
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
[[nodiscard]] std::optional<Integer> parse_number(std::string_view text) {
    Integer value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

[[nodiscard]] inline std::string query_value(const p2p::HttpRequest& request,
                                             const std::string& name) {
    const auto found = request.query.find(name);
    return found == request.query.end() ? std::string() : found->second;
}

}  // namespace consilium::node
