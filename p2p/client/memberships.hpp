// Changes of the validators, followed from genesis by what a node tells of them.
//
// Each announcement is certified by the members before it, so the node need not be trusted, nor
// even known.
#pragma once
#include <functional>
#include <string_view>

#include "core/light_client.hpp"
#include "p2p/node_client.hpp"

namespace consilium::p2p {

// GET of a path of one node's API.
using ApiGet = std::function<Result<ApiAnswer>(std::string_view target)>;

// Takes the light client into the next membership epoch. kNotFound: the node knows of none;
// kMismatch, kInvalidSignature: what it tells is not proven; otherwise errors of `get`.
[[nodiscard]] Result<void> follow_next_membership(LightClient& light_client, const ApiGet& get);

}  // namespace consilium::p2p
