// One step of a light client from membership to membership.
#include "p2p/client/memberships.hpp"

#include <string>

#include <nlohmann/json.hpp>

#include "p2p/client/api_values.hpp"

namespace consilium::p2p {

Result<void> follow_next_membership(LightClient& light_client, const ApiGet& get) {
    const Epoch next = light_client.membership().epoch.next();
    const auto object =
        object_of(successful(get("/v1/memberships/" + std::to_string(next.value)), "membership"));
    if (!object) return tl::unexpected(object.error());
    const auto membership = value_at<Membership>(*object, "membership");
    if (!membership) return tl::unexpected(membership.error());
    const auto header = value_at<BlockHeader>(*object, "header");
    if (!header) return tl::unexpected(header.error());
    const auto certificate = value_at<Certificate>(*object, "certificate");
    if (!certificate) return tl::unexpected(certificate.error());
    if (auto followed = light_client.accept(*header, *certificate, *membership); !followed) {
        return followed;
    }
    if (light_client.membership().epoch != next) {
        return make_error(ErrorCode::kMismatch, "the header announces no new membership");
    }
    return {};
}

}  // namespace consilium::p2p
