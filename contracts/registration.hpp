// Organisations, accounts, roles: who may do what on the chain, decided by council ballots.
//
// An organisation has at most one trainer and one council account, so that one legal entity is one
// client and one vote. Validators register too, but only a change of the membership approves or
// retires them.
#pragma once
#include <cstdint>

#include "contracts/execution.hpp"

namespace consilium::contracts::registration {

// approve, reject, suspend, reinstate, retire, rotate_key, invite; a `register` of a key that has
// an account.
[[nodiscard]] schema::Code execute(Execution& execution, const Sender& sender,
                                   const Transaction& transaction);

// `register` of a key without an account.
[[nodiscard]] schema::Code check_register(const StateView& state,
                                          const schema::Parameters& parameters,
                                          const Transaction& transaction);
[[nodiscard]] schema::Code execute_register(Execution& execution, const Transaction& transaction);

// By a change of the membership, for accounts of validators: a pending one is approved and becomes
// its organisation's validator; one in office is retired for ever.
void admit_validator(Execution& execution, const PublicKey& key);
void retire_validator(Execution& execution, const PublicKey& key);

}  // namespace consilium::contracts::registration
