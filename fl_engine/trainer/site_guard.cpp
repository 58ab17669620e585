// Policy, budgets and the durable account.
#include "fl_engine/trainer/site_guard.hpp"

#include <algorithm>
#include <cstdio>

namespace consilium::trainer {
namespace {

std::string epsilon_text(std::uint64_t micros) {
    char text[40];
    constexpr std::uint64_t kMillion = 1'000'000;
    std::snprintf(text, sizeof text, "%llu.%03llu",
                  static_cast<unsigned long long>(micros / kMillion),
                  static_cast<unsigned long long>(micros % kMillion / 1000));
    return text;
}

TaskSpending& spending_of(SiteAccount& account, std::uint32_t task) {
    const auto found = std::find_if(account.tasks.begin(), account.tasks.end(),
                                    [&](const TaskSpending& entry) { return entry.task == task; });
    if (found != account.tasks.end()) return *found;
    account.tasks.push_back({task, 0});
    return account.tasks.back();
}

Result<void> check_budget(const char* key, const std::optional<std::uint64_t>& budget,
                          schema::Rho rho, std::uint8_t delta_bits) {
    if (!budget) return {};
    const std::uint64_t epsilon = schema::epsilon_micros(rho, delta_bits);
    if (epsilon <= *budget) return {};
    return make_error(ErrorCode::kRefused,
                      "the site policy refuses: with this round epsilon would be " +
                          epsilon_text(epsilon) + " at delta 2^-" + std::to_string(delta_bits) +
                          ", privacy." + key + " is " + epsilon_text(*budget));
}

// What the account becomes when the round is counted, the chain's higher figures included.
SiteAccount charged(SiteAccount account, const RoundRequest& request) {
    const schema::RoundTerms& terms = request.round.terms;
    const schema::Rho rho = schema::local_rho(*terms.privacy);
    TaskSpending& task = spending_of(account, terms.task);
    if (request.chain.task) task.rho = std::max(task.rho, request.chain.task->rho_local);
    account.delta_bits = std::max(account.delta_bits, terms.privacy->delta_bits);
    if (request.chain.overall) {
        account.rho = std::max(account.rho, request.chain.overall->rho_local);
        account.delta_bits = std::max(account.delta_bits, request.chain.overall->delta_bits);
    }
    task.rho = saturating_add(task.rho, rho);
    account.rho = saturating_add(account.rho, rho);
    account.last_round = request.round.label.round;
    return account;
}

}  // namespace

Result<void> SiteGuard::check_budgets(const SiteAccount& account,
                                      const RoundRequest& request) const {
    if (!policy_) return {};
    SiteAccount copy = account;
    const schema::RoundTerms& terms = request.round.terms;
    const schema::Rho task_rho = spending_of(copy, terms.task).rho;
    if (auto within = check_budget("epsilon_per_task", policy_->epsilon_per_task_micros, task_rho,
                                   terms.privacy->delta_bits);
        !within) {
        return within;
    }
    return check_budget("epsilon_overall", policy_->epsilon_overall_micros, account.rho,
                        account.delta_bits);
}

Result<void> SiteGuard::admit(const RoundRequest& request) {
    const schema::RoundTerms& terms = request.round.terms;
    if (policy_) {
        if (auto allowed = check_terms(*policy_, request.task, terms); !allowed) return allowed;
    }
    if (!terms.privacy) return {};
    if (const char* fault = find_fault(*terms.privacy, terms.dimension, terms.nu)) {
        return make_error(ErrorCode::kRefused,
                          std::string("the round's terms are no good: ") + fault);
    }
    auto account = vault_.site_account();
    if (!account) return tl::unexpected(account.error());
    // Another attempt of a counted round: of all attempts at most one is ever opened.
    if (account->last_round == request.round.label.round) return {};
    if (account->last_round > request.round.label.round) {
        return make_error(ErrorCode::kRefused, "round " + std::to_string(account->last_round) +
                                                   " is counted already; this one is older");
    }
    if (account->tasks.size() >= kMaxCountedTasks) {
        return make_error(ErrorCode::kLimitExceeded, "the privacy account holds too many tasks");
    }
    const SiteAccount after = charged(std::move(*account), request);
    if (auto within = check_budgets(after, request); !within) return within;
    return vault_.store_site_account(after);
}

bool SiteGuard::reports_metrics(const schema::TaskSpec& task) const {
    return !task.privacy || (policy_ && policy_->reports_metrics);
}

}  // namespace consilium::trainer
