// Places for those whom the council expects: invited accounts do not share the places that
// strangers may fill.
//
// Anybody may register, without a fee, so the places of pending accounts can be filled by keys of
// nobody. A council member vouches for a key; it costs that member one of few invitations until the
// council has decided on the account.
#pragma once
#include "contracts/execution.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/schema/invitation.hpp"

namespace consilium::contracts::invitations {

// registration/invite.
[[nodiscard]] schema::Code execute(Execution& execution, const Sender& sender,
                                   const schema::Invite& arguments);

// The invitation for this very registration, if its inviter is in the council still; that of the
// account's own organisation before others.
[[nodiscard]] std::optional<schema::Invitation> find(const StateView& state,
                                                     const PublicKey& account,
                                                     const schema::Register& arguments);
// How many of the pending accounts were invited.
[[nodiscard]] std::size_t count_used(const StateView& state);
[[nodiscard]] bool is_used(const StateView& state, const PublicKey& account);
// `invitation`: as found.
void use(Execution& execution, const schema::Invitation& invitation);
// The account is decided: its inviter has the place again.
void forget(Execution& execution, const PublicKey& account);

}  // namespace consilium::contracts::invitations
