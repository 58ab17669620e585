// Recomputes the accounts of privacy: what each opening has cost each hospital.
//
// contracts/schema/privacy.hpp has the formulas; who is charged, and when, follows from the
// recomputed round. In the order of the chain.
#pragma once
#include <map>

#include "explorer/audit_round.hpp"

namespace consilium::explorer {

// From genesis, or from the height that the audit begins at.
using PrivacyAccounts = std::map<PrivacyAccountName, schema::PrivacyRecord>;

void audit_attempt_privacy(AttemptAudit& audit, PrivacyAccounts& accounts);
// Takes the chain's records as they are.
void adopt_privacy(const AttemptTranscript& round, PrivacyAccounts& accounts);

}  // namespace consilium::explorer
