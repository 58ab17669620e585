// Baselines, tables and the report.
#include "deploy/devnet/result.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "deploy/devnet/interrupt.hpp"
#include "fl_engine/data/split.hpp"
#include "fl_engine/training/fedavg.hpp"
#include "p2p/client/bounded_json.hpp"
#include "p2p/client/node_pool.hpp"

namespace consilium::devnet {
namespace {

using nlohmann::json;

std::string fixed(std::optional<double> value, int digits = 3) {
    if (!value) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, *value);
    return text;
}

std::string padded(const std::string& text, std::size_t width) {
    return text.size() >= width ? text : text + std::string(width - text.size(), ' ');
}

json metric(std::optional<double> value) {
    return value ? json(*value) : json();
}

json metrics_json(const fl::Metrics& metrics) {
    return {{"auc", metric(metrics.auc)},
            {"accuracy", metric(metrics.accuracy)},
            {"balanced_accuracy", metric(metrics.balanced_accuracy)}};
}

fl::FedAvgTask baseline_task(const Setup& setup, const fl::IntegerModel& initial_model,
                             bool is_private) {
    fl::FedAvgTask task;
    task.spec = setup.recipe.spec;
    task.initial_model = initial_model;
    task.training = setup.recipe.training;
    task.rounds = setup.options.rounds;
    task.task = 1;  // numbers of the chain, from which the training seeds follow
    task.first_round = 1;
    task.encoding.norm_bits = setup.task.nu;
    if (!is_private) {
        const schema::TaskSpec usual;
        task.encoding.clip = setup.recipe.initial_clip;
        task.clip_bounds = {usual.clip_min, usual.clip_max};
        return task;
    }
    const std::uint64_t sigma = setup.task.privacy->noise;
    task.encoding.clip = setup.task.clip_initial;
    task.clip_bounds = {setup.task.clip_min, setup.task.clip_max};
    task.noise = fl::NoiseTerms{.clip = setup.task.privacy->clip, .variance = {sigma * sigma, 1}};
    return task;
}

Result<fl::Metrics> run_baseline(const Setup& setup, const fl::FedAvgTask& task, bool is_attacked) {
    std::vector<fl::FedAvgHospital> hospitals;
    for (const Hospital& hospital : setup.hospitals) {
        // As the trainer splits its file: these rows train, the others are for the chain.
        const auto split = fl::split_stratified(hospital.training.labels, kHoldOut, hospital.seed);
        fl::FedAvgHospital one;
        one.training = fl::select_rows(hospital.training, split.kept);
        one.seed = hospital.seed;
        if (is_attacked && hospital.is_attacker) {
            one.deviation = fl::make_deviation(setup.options.attack, hospital.seed);
        }
        hospitals.push_back(std::move(one));
    }
    const auto run = fl::run_fedavg(task, hospitals, setup.test);
    if (!run) return tl::unexpected(run.error());
    return run->rounds.back().metrics;
}

std::string table_line(const std::string& name, const fl::Metrics& metrics) {
    return "  " + padded(name, 32) + padded(fixed(metrics.auc), 8) +
           padded(fixed(metrics.accuracy), 10) + fixed(metrics.balanced_accuracy) + "\n";
}

json rejections_json(const std::vector<Rejection>& rejections) {
    json list = json::array();
    for (const Rejection& rejection : rejections) {
        list.push_back({{"hospital", rejection.hospital}, {"reason", rejection.reason}});
    }
    return list;
}

json row_json(const RoundRow& row) {
    json weights = json::object();
    for (const auto& [hospital, share] : row.weights) weights[hospital] = share;
    json suspects = json::array();
    for (const Rejection& suspect : row.suspects) suspects.push_back(suspect.hospital);
    return {{"round", row.round},
            {"attempts", row.attempts},
            {"height", row.height},
            {"cancelled", row.is_cancelled ? json(row.cancel_reason) : json()},
            {"submitted", row.submitted},
            {"accepted", row.accepted},
            {"rejected", rejections_json(row.rejected)},
            {"suspect", std::move(suspects)},
            {"weights", std::move(weights)},
            {"reference", row.reference ? json(*row.reference) : json()},
            {"phase_ms",
             {{"train", row.times.train_ms},
              {"submit", row.times.submit_ms},
              {"verify", row.times.verify_ms},
              {"aggregate", row.times.aggregate_ms}}},
            {"metrics", metrics_json(row.metrics)}};
}

json reference_json(const Setup& setup) {
    if (!setup.reference || !setup.task.reference_set) return nullptr;
    return {{"sha256", setup.task.reference_set->hex()},
            {"records", setup.reference->rows()},
            {"positives", setup.reference->positives()},
            {"columns", setup.reference->columns()}};
}

std::size_t rounds_with(const std::vector<RoundRow>& rounds, const std::string& hospital) {
    std::size_t count = 0;
    for (const RoundRow& row : rounds) {
        for (const Rejection& rejection : row.rejected) count += rejection.hospital == hospital;
    }
    return count;
}

std::string what_was_found(const Setup& setup, const Outcome& outcome) {
    std::string text;
    const std::string rounds = std::to_string(outcome.rounds.size());
    for (const Hospital& hospital : setup.hospitals) {
        const std::size_t count = rounds_with(outcome.rounds, hospital.name);
        if (!hospital.is_attacker && count == 0) continue;
        text += "  " + hospital.name + (hospital.is_attacker ? " (attacker)" : " (honest)") +
                " was rejected in " + std::to_string(count) + " of " + rounds + " rounds\n";
    }
    return text;
}

std::string spending_text(const Setup& setup, const Outcome& outcome) {
    if (!setup.task.privacy) return {};
    const schema::PrivacyTerms& terms = *setup.task.privacy;
    std::string text = "  Differential privacy of whole hospitals, delta 2^-" +
                       std::to_string(terms.delta_bits) + ", noise " +
                       fixed(static_cast<double>(terms.noise) / terms.clip) +
                       " of the clip norm per parameter and round:\n";
    for (const Spending& one : outcome.privacy) {
        text += "    " + padded(one.hospital, 32) + "epsilon " +
                padded(fixed(one.epsilon_local), 9) + "(sums alone " + fixed(one.epsilon_central) +
                ")\n";
    }
    return text +
           "  The first figure holds against everybody who reads the ledger. An epsilon above "
           "about "
           "10 promises\n  little in theory. Attackers add no noise themselves, and noise hides "
           "them: without a "
           "reference set the\n  rule finds them less often, and below an epsilon of about 100 "
           "hardly at all (fl_engine/privacy/README.md).\n";
}

json privacy_json(const Setup& setup, const Outcome& outcome) {
    if (!setup.task.privacy) return json();
    const schema::PrivacyTerms& terms = *setup.task.privacy;
    json spent = json::object();
    for (const Spending& one : outcome.privacy) {
        spent[one.hospital] = {
            {"local", one.epsilon_local}, {"central", one.epsilon_central}, {"rounds", one.rounds}};
    }
    const auto& with_noise = outcome.baselines.private_no_attack;
    return {{"epsilon_wished", *setup.options.epsilon},
            {"delta", std::exp2(-static_cast<double>(terms.delta_bits))},
            {"clip", terms.clip},
            {"noise", terms.noise},
            {"noise_multiplier", static_cast<double>(terms.noise) / terms.clip},
            {"unit", "hospital"},
            {"epsilon_per_hospital", std::move(spent)},
            {"no_attack", with_noise ? metrics_json(*with_noise) : json()}};
}

// What the run does not show, so that nobody takes more from it.
std::string limits_of(const Setup& setup) {
    std::string text;
    if (setup.options.attack.kind == fl::AttackKind::kScale) {
        text +=
            "  Every update is cut to the common clip norm, so that scaling alone does little "
            "harm, and the rule\n  may well accept it.\n";
    }
    if (setup.options.attack.kind == fl::AttackKind::kOversize) {
        text +=
            "  The baseline without defence still cuts every update to the clip norm. Oversized "
            "integers exist\n  behind a mask only, where nobody could cut them.\n";
    }
    if (setup.reference) {
        text +=
            "  The reference set is drawn from these hospitals' own patients, as good as it can "
            "be. It "
            "finds updates that\n  point against learning, not noise; in long runs it rejects an "
            "unusual honest hospital now and then.\n  One run proves little: fl_engine/README.md "
            "has "
            "the figures of many.\n";
    } else if (setup.source == "heart") {
        text +=
            "  One run proves little here. The patients of these hospitals differ much, so honest "
            "updates do too,\n  and without a reference set the rule defends them only partly: "
            "over twelve seeds it rejected a\n  sign flip in 51 of 72 rounds "
            "(fl_engine/README.md). Leave out --reference 0 to have one.\n";
    } else if (setup.source != "wdbc" || !setup.options.split.is_iid()) {
        text +=
            "  One run proves little here. Hospitals with different patients have honest updates "
            "that differ, and\n  without a reference set the rule defends them only partly.\n";
    }
    return text;
}

}  // namespace

Result<Baselines> run_baselines(const Setup& setup, const fl::IntegerModel& initial_model) {
    const bool is_private = setup.task.privacy.has_value();
    const auto plain = baseline_task(setup, initial_model, false);
    const auto as_set_up = baseline_task(setup, initial_model, is_private);
    Baselines baselines;
    const auto no_attack = run_baseline(setup, plain, false);
    if (!no_attack) return tl::unexpected(no_attack.error());
    baselines.no_attack = *no_attack;
    const auto attacked = run_baseline(setup, as_set_up, true);
    if (!attacked) return tl::unexpected(attacked.error());
    baselines.attack_undefended = *attacked;
    if (!is_private) return baselines;
    const auto with_noise = run_baseline(setup, as_set_up, false);
    if (!with_noise) return tl::unexpected(with_noise.error());
    baselines.private_no_attack = *with_noise;
    return baselines;
}

Result<Agreement> compare_roots(const Setup& setup, std::uint64_t height) {
    Agreement agreement;
    agreement.height = height;
    bool is_alike = true;
    constexpr std::uint64_t kPatienceMs = 10'000;
    const std::uint64_t end = monotonic_ms() + kPatienceMs;
    for (const Hospital& hospital : setup.hospitals) {
        p2p::NodePool node(setup.only_node(hospital));
        std::string root;
        do {
            const auto answer = node.get("/v1/blocks/" + std::to_string(height));
            const auto block = answer && answer->is_success()
                                   ? p2p::parse_bounded_json(answer->body)
                                   : Result<json>(json());
            if (block && block->is_object() && block->contains("header")) {
                root = block->at("header").value("state_root", std::string());
            }
        } while (root.empty() && monotonic_ms() < end && pause_ms(100));
        if (root.empty()) continue;
        ++agreement.nodes;
        if (agreement.state_root.empty()) agreement.state_root = root;
        is_alike = is_alike && root == agreement.state_root;
    }
    agreement.is_equal = is_alike && agreement.nodes == setup.hospitals.size();
    if (agreement.nodes == 0) {
        return make_error(ErrorCode::kUnavailable, "no node has block " + std::to_string(height));
    }
    return agreement;
}

std::string round_heading() {
    return "  round  height  submitted  AUC     bal. acc.  seconds  verdict of the secure "
           "computation";
}

std::string round_line(const Setup& setup, const RoundRow& row) {
    std::string verdict;
    for (const Rejection& one : row.rejected) {
        verdict += (verdict.empty() ? "" : "; ") + one.hospital + " rejected (" + one.reason +
                   ": " + explain(one.reason) + ")";
    }
    for (const Rejection& one : row.suspects) {
        verdict += (verdict.empty() ? "" : "; ") + one.hospital + " suspect (" + one.reason +
                   "), weight cut";
    }
    if (row.is_cancelled) verdict = "cancelled (" + row.cancel_reason + "), the model stays";
    if (verdict.empty()) verdict = "all accepted";
    const std::string round =
        std::to_string(row.round) + "/" + std::to_string(setup.options.rounds);
    const std::string submitted =
        std::to_string(row.submitted.size()) + " of " + std::to_string(setup.hospitals.size());
    return "  " + padded(round, 7) + padded(std::to_string(row.height), 8) + padded(submitted, 11) +
           padded(fixed(row.metrics.auc), 8) + padded(fixed(row.metrics.balanced_accuracy), 11) +
           padded(fixed(static_cast<double>(row.times.total_ms()) / 1000, 1), 9) + verdict;
}

std::string comparison_table(const Setup& setup, const Outcome& outcome) {
    std::string text = "  " + padded("after the last round", 32) + padded("AUC", 8) +
                       padded("accuracy", 10) + "balanced accuracy\n";
    const bool is_private = outcome.baselines.private_no_attack.has_value();
    text +=
        table_line(is_private ? "no attack, no noise" : "no attack", outcome.baselines.no_attack);
    if (is_private) {
        text += table_line("no attack, with noise", *outcome.baselines.private_no_attack);
    }
    if (setup.options.attackers > 0) {
        text += table_line("attack without defence", outcome.baselines.attack_undefended);
        text += table_line("attack with Consilium", outcome.rounds.back().metrics);
    } else {
        text += table_line("with Consilium, nobody attacks", outcome.rounds.back().metrics);
    }
    text += "  (measured on the " + std::to_string(setup.test.rows()) +
            " patients that no hospital has; the first rows are plain federated\n"
            "   averaging with the same engine, data, seeds and initial model, without masks)\n";
    text += what_was_found(setup, outcome);
    text += spending_text(setup, outcome);
    text += limits_of(setup);
    return text;
}

std::string report_json(const Setup& setup, const Outcome& outcome) {
    json rounds = json::array();
    for (const RoundRow& row : outcome.rounds) rounds.push_back(row_json(row));
    json attackers = json::array();
    json names = json::array();
    for (const Hospital& hospital : setup.hospitals) {
        names.push_back(hospital.name);
        if (hospital.is_attacker) attackers.push_back(hospital.name);
    }
    const json report = {
        {"seed", setup.options.seed},
        {"dataset", setup.source},
        {"hospitals", std::move(names)},
        {"chain",
         {{"validators", setup.hospitals.size()},
          {"height", outcome.agreement.height},
          {"transactions", outcome.transactions},
          {"state_root", outcome.agreement.state_root},
          {"roots_equal", outcome.agreement.is_equal}}},
        {"reference", reference_json(setup)},
        {"rounds", std::move(rounds)},
        {"baselines",
         {{"no_attack", metrics_json(outcome.baselines.no_attack)},
          {"attack_undefended", metrics_json(outcome.baselines.attack_undefended)}}},
        {"privacy", privacy_json(setup, outcome)},
        {"attack",
         {{"kind", std::string(to_string(setup.options.attack.kind))},
          {"factor", setup.options.attack.factor},
          {"by", std::move(attackers)}}},
        {"model", {{"version", outcome.model_version}, {"hash", outcome.model_hash}}}};
    return report.dump(2) + "\n";
}

}  // namespace consilium::devnet
