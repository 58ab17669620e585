// Tests of what the laboratory writes and of its command line.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/lab/options.hpp"
#include "tests/lab/report.hpp"

namespace consilium::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

GridOptions options_of(const Setting& setting) {
    GridOptions options;
    options.settings = {setting};
    options.attacks = {fl::Collusion::kNone, fl::Collusion::kSignFlip};
    options.rules = {RuleKind::kOurs};
    return options;
}

GridResult sample(const Setting& setting) {
    Row clean;
    clean.setting = setting;
    clean.attack = fl::Collusion::kNone;
    clean.rule = RuleKind::kOurs;
    clean.trials = 3;
    clean.auc = 0.98765;
    clean.balanced_accuracy = 0.9;
    clean.honest_rejected_rate = 0.05;
    Row attacked = clean;
    attacked.attack = fl::Collusion::kSignFlip;
    attacked.balanced_accuracy = 0.25;
    attacked.poisoned_rejected_rate = 1;
    return {{clean, attacked}, true};
}

TEST(Json, rows_have_the_promised_keys_and_null_for_what_nobody_measured) {
    const Setting setting{"wdbc", "iid", 4, 1};
    const auto report = nlohmann::json::parse(
        format_json(sample(setting), options_of(setting), "consilium-lab --quick"));
    ASSERT_EQ(report["rows"].size(), 2U);
    for (const char* key : {"dataset", "split", "sites", "attackers", "attack", "rule", "auc",
                            "balanced_accuracy", "attack_success", "poisoned_rejected_rate",
                            "honest_rejected_rate", "baseline_auc", "undefended_auc"}) {
        EXPECT_TRUE(report["rows"][0].contains(key)) << key;
    }
    EXPECT_TRUE(report["rows"][0]["poisoned_rejected_rate"].is_null());
    EXPECT_EQ(report["rows"][1]["poisoned_rejected_rate"], 1.0);
    EXPECT_EQ(report["rows"][0]["auc"], 0.9877);
    EXPECT_EQ(report["complete"], true);
    EXPECT_EQ(report["command"], "consilium-lab --quick");
}

TEST(Markdown, summary_names_the_worst_attack) {
    const Setting setting{"wdbc", "iid", 4, 1};
    const std::string text = format_markdown(sample(setting), options_of(setting));
    EXPECT_THAT(text, HasSubstr("### wdbc mlp, 4 sites iid, 1 attacker\n"));
    EXPECT_THAT(text, HasSubstr(", 3 trials a cell;"));
    EXPECT_THAT(text, HasSubstr("| ours | .25 (sign-flip) | - | - | 1.00 | 1.00 | .05 | .05 |"));
    EXPECT_THAT(text, HasSubstr("| none | .99 / .90 / .00 / - / .05 |"));
}

TEST(Plot, escapes_names_and_keeps_marks_on_the_picture) {
    const Setting setting{"/a/b<c>&d", "iid", 4, 1};
    const std::string plot = format_plot(sample(setting).rows);
    EXPECT_THAT(plot, HasSubstr("b&lt;c&gt;&amp;d mlp"));
    EXPECT_THAT(plot, Not(HasSubstr("<c>")));
    EXPECT_THAT(plot, HasSubstr("cx=\"150.0\""));  // .25 stands at the left end, .30
    EXPECT_THAT(plot, HasSubstr("</svg>"));
}

TEST(Report, lies_beside_the_named_file) {
    const std::filesystem::path folder =
        std::filesystem::path(::testing::TempDir()) / "consilium-lab-report";
    std::filesystem::create_directories(folder);
    const Setting setting{"wdbc", "iid", 4, 1};
    ASSERT_TRUE(
        write_report(folder / "x.json", sample(setting), options_of(setting), "c").has_value());
    for (const char* name : {"x.json", "x.md", "x-1.svg"}) {
        EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "x.json.part"));
    EXPECT_FALSE(
        write_report(folder / "missing" / "x.json", sample(setting), options_of(setting), "c")
            .has_value());
    std::filesystem::remove_all(folder);
}

Result<std::optional<LabOptions>> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "consilium-lab");
    return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

TEST(Options, lists_multiply_out_and_defaults_follow_the_data_set) {
    const auto options =
        parse({"--dataset", "wdbc,pneumonia", "--split", "iid,dirichlet:0.1"}).value().value();
    ASSERT_EQ(options.grid.settings.size(), 4U);
    EXPECT_EQ(options.grid.settings[1], (Setting{"wdbc", "dirichlet:0.1", 4, 1, "mlp", 4, 0}));
    EXPECT_EQ(options.grid.settings[2], (Setting{"pneumonia", "iid", 10, 2, "mlp", 10, 0}));
    EXPECT_EQ(options.grid.attacks.size(), fl::all_collusions().size());
    EXPECT_EQ(options.grid.rules.size(), all_rules().size());
    EXPECT_EQ(parse({"--dataset", "heart"}).value()->grid.settings[0].split, "natural");
    EXPECT_EQ(parse({"--sites", "20"}).value()->grid.settings[0].validators, 13U);
    EXPECT_EQ(parse({"--suite", "comparison"}).value()->grid.settings.size(), 9U);
}

TEST(Options, quick_is_small_and_goes_through_the_protocol) {
    const auto quick = parse({"--quick"}).value().value();
    EXPECT_EQ(quick.grid.seeds, 1U);
    EXPECT_EQ(quick.grid.settings[0].rounds, 8U);
    EXPECT_TRUE(quick.goes_through_mpc);
    EXPECT_EQ(parse({"--quick", "--seeds", "2"}).value()->grid.seeds, 2U);
}

TEST(Options, mistakes_are_named) {
    const auto error_of = [](std::vector<const char*> arguments) {
        const auto parsed = parse(std::move(arguments));
        return parsed ? "" : parsed.error().context;
    };
    EXPECT_THAT(error_of({"--attack", "sign"}), HasSubstr("'sign' is not known; write all"));
    EXPECT_THAT(error_of({"--rule", "best"}), HasSubstr("fedavg, norm-clip"));
    EXPECT_THAT(error_of({"--attackers", "2"}), HasSubstr("at most 1"));
    EXPECT_THAT(error_of({"--model", "cnn"}), HasSubstr("mlp or logistic"));
    EXPECT_THAT(error_of({"--seeds", "0"}), HasSubstr("--seeds"));
    EXPECT_THAT(error_of({"--report", "/nowhere/x.json"}), HasSubstr("missing or not writable"));
    EXPECT_THAT(error_of({"--what"}), HasSubstr("--help"));
}

}  // namespace
}  // namespace consilium::lab
