// Letters of other members, read against the epoch at hand.
#pragma once
#include <optional>
#include <utility>
#include <variant>

#include "node/mpc/context.hpp"
#include "node/mpc/key_letters.hpp"
#include "node/mpc/mailbox.hpp"

namespace consilium::mpc {

// Another member of this committee; nullopt for everybody else.
[[nodiscard]] inline std::optional<smpc::MemberIndex> find_peer(const Context& context,
                                                                const Letter& letter) {
    const auto member = context.epoch.find_member(letter.peer);
    if (!member || *member == context.self) return std::nullopt;
    return *member;
}

// nullopt: another type, another epoch's, or no letter at all.
template <typename Content>
[[nodiscard]] std::optional<Content> content_of(const Context& context, const Letter& letter) {
    auto decoded = decode_letter(letter.content);
    if (!decoded) return std::nullopt;
    auto* const content = std::get_if<Content>(&*decoded);
    if (content == nullptr || content->mpc_epoch != context.epoch.mpc_epoch) return std::nullopt;
    return std::move(*content);
}

[[nodiscard]] inline const PublicKey& key_of_member(const Context& context,
                                                    smpc::MemberIndex member) {
    return context.epoch.members.at(member - std::size_t{1});
}

}  // namespace consilium::mpc
