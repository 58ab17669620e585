// The site's policy file, its budgets, and the account that lies on the site's own disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "fl_engine/trainer/site_guard.hpp"
#include "tests/wallet/temporary_directory.hpp"

namespace consilium::trainer {
namespace {

using schema::PrivacyTerms;
using testing::HasSubstr;
using wallet_tests::TemporaryDirectory;

constexpr const char* kFullPolicy = R"(format = "consilium-policy-1"
[data]
schemas = ["wdbc", "other"]
minimum_rows = 50
[model]
kinds = ["mlp"]
max_parameters = 1000
[privacy]
required = true
min_noise_multiplier = 0.25
min_delta_bits = 17
epsilon_per_task = 30
epsilon_overall = 40.5
report_metrics = true
)";

SitePolicy policy_of(const std::string& text) {
    auto policy = parse_site_policy(text, "policy.toml");
    CHECK(policy.has_value());
    return *policy;
}

schema::TaskSpec sample_task() {
    schema::TaskSpec task;
    task.name = "task";
    task.data_schema = "wdbc";
    task.model = {schema::ModelKind::kMlp, {30, 16, 1}};
    task.privacy = PrivacyTerms{.clip = 100'000, .noise = 50'000, .delta_bits = 20};
    return task;
}

schema::RoundRecord sample_round(std::uint64_t round, std::uint32_t task = 1) {
    schema::RoundRecord record;
    record.label.round = round;
    record.terms.task = task;
    record.terms.dimension = 513;
    record.terms.nu = 22;
    record.terms.privacy = sample_task().privacy;
    return record;
}

TEST(SitePolicyTest, every_key_is_read) {
    const SitePolicy policy = policy_of(kFullPolicy);
    EXPECT_THAT(policy.schemas, testing::ElementsAre("wdbc", "other"));
    EXPECT_EQ(policy.minimum_rows, 50U);
    EXPECT_THAT(policy.kinds, testing::ElementsAre(schema::ModelKind::kMlp));
    EXPECT_EQ(policy.max_parameters, 1000U);
    EXPECT_TRUE(policy.is_noise_required);
    EXPECT_EQ(policy.min_noise_multiplier_micros, 250'000U);
    EXPECT_EQ(policy.min_delta_bits, 17);
    EXPECT_EQ(policy.epsilon_per_task_micros, 30'000'000U);
    EXPECT_EQ(policy.epsilon_overall_micros, 40'500'000U);
    EXPECT_TRUE(policy.reports_metrics);
    EXPECT_EQ(policy_of("format = \"consilium-policy-1\""), SitePolicy{});
}

TEST(SitePolicyTest, all_errors_are_told_at_once) {
    const auto policy = parse_site_policy(R"(format = "consilium-policy-1"
[data]
schemas = "wdbc"
minimum_rows = -1
[model]
kinds = ["forest"]
depth = 3
[privacy]
required = false
epsilon_per_task = "much"
min_delta_bits = 99
epsilon_overall = 5
)",
                                          "policy.toml");
    ASSERT_FALSE(policy.has_value());
    const std::string& text = policy.error().context;
    for (const char* part : {"schemas must be a list", "minimum_rows must be a whole number",
                             "\"forest\" is not logistic or mlp", "unknown key model.depth",
                             "epsilon_per_task must be a number", "min_delta_bits must be",
                             "privacy.required = false contradicts", "policy.toml, line 3"}) {
        EXPECT_THAT(text, HasSubstr(part));
    }
}

TEST(SitePolicyTest, foreign_and_broken_files_are_refused) {
    EXPECT_FALSE(parse_site_policy("", "p").has_value());
    EXPECT_FALSE(parse_site_policy("format = \"consilium-policy-2\"", "p").has_value());
    EXPECT_FALSE(parse_site_policy("format = ", "p").has_value());
    EXPECT_FALSE(parse_site_policy("data = 3\nformat = \"consilium-policy-1\"", "p").has_value());
    EXPECT_FALSE(load_site_policy("/nonexistent/policy.toml").has_value());
}

TEST(SitePolicyTest, each_rule_refuses_with_its_reason) {
    const SitePolicy policy = policy_of(kFullPolicy);
    EXPECT_TRUE(check_terms(policy, sample_task(), sample_round(1).terms).has_value());
    const auto reason = [&](auto change) {
        schema::TaskSpec task = sample_task();
        schema::RoundTerms terms = sample_round(1).terms;
        change(task, terms);
        const auto checked = check_terms(policy, task, terms);
        return checked ? std::string("allowed") : checked.error().context;
    };
    EXPECT_THAT(reason([](auto& task, auto&) { task.data_schema = "heart"; }),
                HasSubstr("data.schemas does not list"));
    EXPECT_THAT(reason([](auto& task, auto&) { task.model.kind = schema::ModelKind::kLogistic; }),
                HasSubstr("model.kinds does not list logistic"));
    EXPECT_THAT(reason([](auto&, auto& terms) { terms.dimension = 1001; }),
                HasSubstr("model.max_parameters is 1000"));
    EXPECT_THAT(reason([](auto&, auto& terms) { terms.privacy.reset(); }),
                HasSubstr("the task adds no noise"));
    EXPECT_THAT(reason([](auto&, auto& terms) { terms.privacy->noise = 24'999; }),
                HasSubstr("below privacy.min_noise_multiplier"));
    EXPECT_EQ(reason([](auto&, auto& terms) { terms.privacy->noise = 25'000; }), "allowed");
    EXPECT_THAT(reason([](auto&, auto& terms) { terms.privacy->delta_bits = 16; }),
                HasSubstr("privacy.min_delta_bits is 17"));
    EXPECT_TRUE(check_rows(policy, 50).has_value());
    EXPECT_THAT(check_rows(policy, 49).error().context, HasSubstr("data.minimum_rows is 50"));
}

struct Site {
    Site() : key(KeyPair::generate()), vault(open()) {}
    [[nodiscard]] Vault open() const {
        auto opened = Vault::open(folder.file("state"), key);
        CHECK(opened.has_value());
        return std::move(*opened);
    }
    [[nodiscard]] Result<void> admit(std::uint64_t round, std::uint32_t task = 1,
                                     ChainSpending chain = {}) {
        SiteGuard guard(policy, vault);
        const schema::TaskSpec spec = sample_task();
        const schema::RoundRecord record = sample_round(round, task);
        return guard.admit({spec, record, std::move(chain)});
    }
    TemporaryDirectory folder;
    KeyPair key;
    Vault vault;
    std::optional<SitePolicy> policy;
};

const schema::Rho kRoundRho = schema::local_rho(*sample_task().privacy);  // 2.0

TEST(SiteGuardTest, rounds_are_counted_on_disk_before_anything_else_happens) {
    Site site;
    ASSERT_TRUE(site.admit(5).has_value());
    ASSERT_TRUE(site.admit(6, 2).has_value());
    Vault reopened = site.open();
    const SiteAccount account = reopened.site_account().value();
    EXPECT_EQ(account.last_round, 6U);
    EXPECT_EQ(account.rho, 2 * kRoundRho);
    EXPECT_EQ(account.delta_bits, 20);
    EXPECT_THAT(account.tasks,
                testing::ElementsAre(TaskSpending{1, kRoundRho}, TaskSpending{2, kRoundRho}));
}

TEST(SiteGuardTest, another_attempt_of_a_round_is_not_counted_again) {
    Site site;
    ASSERT_TRUE(site.admit(5).has_value());
    ASSERT_TRUE(site.admit(5).has_value());
    EXPECT_EQ(site.vault.site_account()->rho, kRoundRho);
    EXPECT_FALSE(site.admit(4).has_value());  // rounds only grow
}

TEST(SiteGuardTest, a_budget_of_a_task_ends_its_rounds_and_leaves_the_account_alone) {
    Site site;
    site.policy = SitePolicy{};
    site.policy->epsilon_per_task_micros = schema::epsilon_micros(2 * kRoundRho, 20);
    ASSERT_TRUE(site.admit(1).has_value());
    ASSERT_TRUE(site.admit(2).has_value());
    const auto refused = site.admit(3);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
    EXPECT_THAT(refused.error().context, HasSubstr("privacy.epsilon_per_task is"));
    EXPECT_EQ(site.vault.site_account()->rho, 2 * kRoundRho);
    EXPECT_EQ(site.vault.site_account()->last_round, 2U);
    EXPECT_TRUE(site.admit(4, 2).has_value());  // another task has its own budget
}

TEST(SiteGuardTest, the_overall_budget_counts_all_tasks) {
    Site site;
    site.policy = SitePolicy{};
    site.policy->epsilon_overall_micros = schema::epsilon_micros(2 * kRoundRho, 20);
    ASSERT_TRUE(site.admit(1, 1).has_value());
    ASSERT_TRUE(site.admit(2, 2).has_value());
    EXPECT_THAT(site.admit(3, 3).error().context, HasSubstr("privacy.epsilon_overall is"));
}

TEST(SiteGuardTest, the_higher_of_the_two_accounts_counts) {
    Site site;
    schema::PrivacyRecord lower;
    lower.rho_local = 1;
    schema::PrivacyRecord higher;
    higher.rho_local = 7 * kRoundRho;
    higher.delta_bits = 25;
    ASSERT_TRUE(site.admit(1, 1, {lower, lower}).has_value());
    EXPECT_EQ(site.vault.site_account()->rho, kRoundRho + 1);
    // As after the restoring of an old disk.
    ASSERT_TRUE(site.admit(9, 1, {higher, higher}).has_value());
    EXPECT_EQ(site.vault.site_account()->rho, 8 * kRoundRho);
    EXPECT_EQ(site.vault.site_account()->tasks[0].rho, 8 * kRoundRho);
    EXPECT_EQ(site.vault.site_account()->delta_bits, 25);
    // A chain that tells less lowers nothing.
    ASSERT_TRUE(site.admit(10, 1, {lower, lower}).has_value());
    EXPECT_EQ(site.vault.site_account()->rho, 9 * kRoundRho);
}

TEST(SiteGuardTest, terms_without_real_noise_are_refused_and_cost_nothing) {
    Site site;
    SiteGuard guard(std::nullopt, site.vault);
    const schema::TaskSpec task = sample_task();
    schema::RoundRecord round = sample_round(1);
    round.terms.privacy->noise = 0;
    EXPECT_FALSE(guard.admit({task, round, {}}).has_value());
    EXPECT_EQ(site.vault.site_account()->last_round, 0U);
}

TEST(SiteGuardTest, an_account_that_does_not_open_stops_training) {
    Site site;
    ASSERT_TRUE(site.admit(1).has_value());
    std::ofstream(site.folder.file("state") + "/privacy-account", std::ios::trunc) << "damage";
    EXPECT_FALSE(site.admit(2).has_value());
}

TEST(SiteGuardTest, the_account_survives_what_an_epoch_leaves_behind) {
    Site site;
    ASSERT_TRUE(site.admit(1).has_value());
    ASSERT_TRUE(site.vault.erase_older(100, 100).has_value());
    EXPECT_EQ(site.vault.site_account()->last_round, 1U);
}

TEST(SiteGuardTest, metrics_of_tasks_with_noise_are_reported_only_when_the_site_says_so) {
    Site site;
    schema::TaskSpec plain = sample_task();
    plain.privacy.reset();
    EXPECT_TRUE(SiteGuard(std::nullopt, site.vault).reports_metrics(plain));
    EXPECT_FALSE(SiteGuard(std::nullopt, site.vault).reports_metrics(sample_task()));
    EXPECT_FALSE(SiteGuard(SitePolicy{}, site.vault).reports_metrics(sample_task()));
    EXPECT_TRUE(SiteGuard(policy_of(kFullPolicy), site.vault).reports_metrics(sample_task()));
}

TEST(SiteGuardTest, a_task_without_noise_passes_a_site_that_asks_for_none_and_costs_nothing) {
    Site site;
    SiteGuard guard(SitePolicy{}, site.vault);
    schema::TaskSpec task = sample_task();
    task.privacy.reset();
    schema::RoundRecord round = sample_round(1);
    round.terms.privacy.reset();
    EXPECT_TRUE(guard.admit({task, round, {}}).has_value());
    EXPECT_EQ(site.vault.site_account()->rho, 0U);
}

}  // namespace
}  // namespace consilium::trainer
