// Pure text rules of HTTP: targets, escapes, hosts, problem documents.
#include "p2p/http_message.hpp"

#include <algorithm>
#include <iterator>

#include "p2p/limits.hpp"

namespace consilium::p2p {
namespace {

struct Reason {
    unsigned status;
    std::string_view phrase;
};
// RFC 9110, section 15.
constexpr Reason kReasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
};

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return std::nullopt;
}

// Length of the UTF-8 sequence at the front (RFC 3629: shortest form, no surrogates), 0 if none.
std::size_t utf8_sequence(std::string_view text) {
    const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    std::size_t length = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
        length = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        length = 3;
        if (first == 0xe0) low = 0xa0;
        if (first == 0xed) high = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
        length = 4;
        if (first == 0xf0) low = 0x90;
        if (first == 0xf4) high = 0x8f;
    }
    if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
    }
    return length;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_sequence(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

bool is_plain_text(std::string_view text) {
    return is_utf8(text) && std::none_of(text.begin(), text.end(), is_control);
}

Result<std::string> parse_path(std::string_view raw) {
    if (raw.empty() || raw.front() != '/') {
        return make_error(ErrorCode::kMalformed, "the path does not begin with '/'");
    }
    for (std::size_t at = raw.find('%'); at != std::string_view::npos; at = raw.find('%', at + 1)) {
        const std::string_view escape = raw.substr(at, 3);
        for (const std::string_view banned : {"%2e", "%2E", "%2f", "%2F", "%5c", "%5C", "%25"}) {
            if (escape == banned) return make_error(ErrorCode::kMalformed, "banned escape in path");
        }
    }
    auto path = percent_decode(raw, false);
    if (!path) return path;
    if (!is_plain_text(*path) || path->find('\\') != std::string::npos) {
        return make_error(ErrorCode::kMalformed, "banned character in path");
    }
    std::string_view rest(*path);
    while (!rest.empty()) {
        rest.remove_prefix(1);  // the '/'
        const std::string_view segment = rest.substr(0, rest.find('/'));
        rest.remove_prefix(segment.size());
        const bool is_last_and_empty = segment.empty() && rest.empty();
        if (segment == "." || segment == ".." || (segment.empty() && !is_last_and_empty)) {
            return make_error(ErrorCode::kMalformed, "banned segment in path");
        }
    }
    return path;
}

Result<void> parse_parameter(std::string_view text, std::map<std::string, std::string>& query) {
    const std::size_t equals = text.find('=');
    auto name = percent_decode(text.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? Result<std::string>(std::string())
                                                  : percent_decode(text.substr(equals + 1), true);
    if (!name || !value || !is_plain_text(*name) || !is_plain_text(*value)) {
        return make_error(ErrorCode::kMalformed, "a query parameter is not plain text");
    }
    if (!query.emplace(std::move(*name), std::move(*value)).second) {
        return make_error(ErrorCode::kMalformed, "a query parameter is given twice");
    }
    if (query.size() > limits::kHttpQueryParameters) {
        return make_error(ErrorCode::kLimitExceeded, "too many query parameters");
    }
    return {};
}

std::string escape_json(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    const bool is_valid = is_utf8(text);
    std::string escaped;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            escaped += '\\';
            escaped += c;
        } else if (is_control(c)) {
            escaped += "\\u00";
            escaped += kHex[byte >> 4U];
            escaped += kHex[byte & 0xfU];
        } else if (byte >= 0x80 && !is_valid) {
            escaped += '?';
        } else {
            escaped += c;
        }
    }
    return escaped;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&lower](char x, char y) { return lower(x) == lower(y); });
}

// Takes ":port" off; brackets of an IPv6 literal too. Empty when the form is wrong.
std::string_view host_without_port(std::string_view host) {
    std::size_t end = 0;
    std::string_view name;
    if (host.starts_with('[')) {
        end = host.find(']');
        if (end == std::string_view::npos) return {};
        name = host.substr(1, end - 1);
        ++end;
    } else {
        end = std::min(host.find(':'), host.size());
        name = host.substr(0, end);
    }
    const std::string_view port = host.substr(end);
    if (port.empty()) return name;
    const bool is_port = port.size() >= 2 && port.size() <= 6 && port.front() == ':' &&
                         port.find_first_not_of("0123456789", 1) == std::string_view::npos;
    return is_port ? name : std::string_view();
}

}  // namespace

HttpResponse make_response(unsigned status, std::string_view content_type, std::string_view body) {
    return {status, std::string(content_type), {}, to_bytes(as_bytes(body))};
}

HttpResponse make_problem(unsigned status, std::string_view code, std::string_view detail) {
    std::string body = R"({"type":"about:blank","title":")";
    body += reason_phrase(status);
    body += R"(","status":)" + std::to_string(status) + R"(,"code":")" + escape_json(code);
    body += R"(","detail":")" + escape_json(detail) + "\"}";
    auto response = make_response(status, "application/problem+json", body);
    add_security_headers(response);
    return response;
}

void add_security_headers(HttpResponse& response) {
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    response.headers.emplace_back("X-Frame-Options", "DENY");
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    response.headers.emplace_back("Content-Security-Policy",
                                  "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
                                  "form-action 'none'; object-src 'none'");
    response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
    response.headers.emplace_back("Cache-Control", "no-store");
}

std::string_view reason_phrase(unsigned status) {
    const auto* const found =
        std::find_if(std::begin(kReasons), std::end(kReasons),
                     [status](const Reason& reason) { return reason.status == status; });
    return found == std::end(kReasons) ? "Status" : found->phrase;
}

std::optional<std::string_view> find_header(const HttpRequest& request,
                                            std::string_view lower_case_name) {
    const auto found = request.headers.find(std::string(lower_case_name));
    if (found == request.headers.end()) return std::nullopt;
    return found->second;
}

Result<HttpTarget> parse_target(std::string_view target) {
    if (target.size() > limits::kHttpUrlBytes) {
        return make_error(ErrorCode::kLimitExceeded, "the URL is too long");
    }
    const std::size_t mark = target.find('?');
    auto path = parse_path(target.substr(0, mark));
    if (!path) return tl::unexpected(path.error());
    HttpTarget parsed{std::move(*path), {}};
    std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
    while (!rest.empty()) {
        const std::string_view parameter = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), parameter.size() + 1));
        if (parameter.empty()) continue;
        if (auto added = parse_parameter(parameter, parsed.query); !added) {
            return tl::unexpected(added.error());
        }
    }
    return parsed;
}

Result<std::string> percent_decode(std::string_view text, bool is_plus_a_space) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && is_plus_a_space) {
            decoded += ' ';
        } else if (text[i] != '%') {
            decoded += text[i];
        } else {
            const auto high = i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
            const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
            if (!high || !low) return make_error(ErrorCode::kMalformed, "bad percent escape");
            decoded += static_cast<char>(*high * 16 + *low);
            i += 2;
        }
    }
    return decoded;
}

std::string percent_encode(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                   (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                                   c == '~';
        if (is_unreserved) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += '%';
            encoded += kHex[byte >> 4U];
            encoded += kHex[byte & 0xfU];
        }
    }
    return encoded;
}

bool is_host_allowed(std::string_view host_header, const std::vector<std::string>& allowed_hosts) {
    const std::string_view host = host_without_port(host_header);
    return !host.empty() && std::any_of(allowed_hosts.begin(), allowed_hosts.end(),
                                        [host](const std::string& allowed) {
                                            return equal_ignoring_case(host, allowed);
                                        });
}

bool is_origin_allowed(std::string_view origin_header,
                       const std::vector<std::string>& allowed_hosts) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (origin_header.starts_with(scheme)) {
            return is_host_allowed(origin_header.substr(scheme.size()), allowed_hosts);
        }
    }
    return false;
}

}  // namespace consilium::p2p
