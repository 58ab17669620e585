// Decides whether this site takes part in a round, and keeps its own account of spent privacy.
//
// The account is the local level (contracts/schema/privacy.hpp): everything that an update could
// show to whoever reads the ledger. It is durable before the masked update exists, counts a round
// once whatever its attempts, and is never lowered: where the chain's account is higher (this
// disk was restored from an old copy), the chain's counts, where it is lower, this one.
#pragma once
#include <optional>

#include "contracts/schema/privacy.hpp"
#include "fl_engine/trainer/site_policy.hpp"
#include "fl_engine/trainer/vault.hpp"

namespace consilium::trainer {

// The chain's records of this hospital, as far as there are any.
struct ChainSpending {
    std::optional<schema::PrivacyRecord> task;
    std::optional<schema::PrivacyRecord> overall;
};

struct RoundRequest {
    const schema::TaskSpec& task;
    const schema::RoundRecord& round;
    ChainSpending chain;
};

class SiteGuard {
  public:
    SiteGuard(std::optional<SitePolicy> policy, Vault& vault)
        : policy_(std::move(policy)), vault_(vault) {}

    // kRefused: the policy forbids the round, or it would go over a budget; the reason is for
    // people. On success the round's cost is counted on disk. An account that cannot be read or
    // written is an error, too: without it nothing is trained.
    [[nodiscard]] Result<void> admit(const RoundRequest& request);
    [[nodiscard]] bool reports_metrics(const schema::TaskSpec& task) const;

  private:
    [[nodiscard]] Result<void> check_budgets(const SiteAccount& account,
                                             const RoundRequest& request) const;

    std::optional<SitePolicy> policy_;
    Vault& vault_;
};

}  // namespace consilium::trainer
