// The membership that a record stands for, and the form of addresses.
#include "contracts/schema/membership.hpp"

#include <algorithm>

namespace consilium::schema {
namespace {

constexpr std::uint32_t kMaxPort = 65'535;
constexpr std::size_t kMaxPortDigits = 5;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_name_character(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
}
bool is_ipv6_character(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    if (text.empty() || text.size() > kMaxPortDigits || text.front() == '0') return std::nullopt;
    std::uint32_t port = 0;
    for (const char c : text) {
        if (!is_digit(c)) return std::nullopt;
        port = port * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (port > kMaxPort) return std::nullopt;
    return static_cast<std::uint16_t>(port);
}

}  // namespace

Membership membership_of(const MembershipRecord& record) {
    Membership membership{.epoch = record.epoch, .members = {}};
    for (const Validator& validator : record.validators) {
        membership.members.push_back({validator.organisation, validator.key});
    }
    return membership;
}

std::optional<HostAndPort> parse_address(std::string_view text) {
    if (text.size() > kMaxAddressBytes) return std::nullopt;
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = parse_port(text.substr(colon + 1));
    std::string_view host = text.substr(0, colon);
    const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (is_bracketed) host = host.substr(1, host.size() - 2);
    if (!port || host.empty()) return std::nullopt;
    const bool is_good =
        std::all_of(host.begin(), host.end(), is_bracketed ? is_ipv6_character : is_name_character);
    if (!is_good) return std::nullopt;
    return HostAndPort{std::string(host), *port};
}

}  // namespace consilium::schema
