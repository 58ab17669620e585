// Reads the policy file and compares tasks with it.
#include "fl_engine/trainer/site_policy.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <initializer_list>

#include <toml++/toml.h>

#include "fl_engine/data/text_file.hpp"

namespace consilium::trainer {
namespace {

constexpr double kMicros = 1e6;
constexpr double kMaxFigure = 1e9;  // of an epsilon or multiplier; larger ones forbid nothing

class PolicyReader {
  public:
    PolicyReader(std::string name, std::vector<std::string>& problems)
        : name_(std::move(name)), problems_(problems) {}

    SitePolicy read(const toml::table& root) {
        SitePolicy policy;
        refuse_unknown(root, "", {"format", "data", "model", "privacy"});
        if (root["format"].value_exact<std::string>() != "consilium-policy-1") {
            fail(root, "format must be \"consilium-policy-1\"");
        }
        if (const toml::table* data = section(root, "data")) read_data(*data, policy);
        if (const toml::table* model = section(root, "model")) read_model(*model, policy);
        if (const toml::table* privacy = section(root, "privacy")) read_privacy(*privacy, policy);
        return policy;
    }

  private:
    void fail(const toml::node& where, const std::string& what) {
        problems_.push_back(name_ + ", line " + std::to_string(where.source().begin.line) + ": " +
                            what);
    }

    void refuse_unknown(const toml::table& table, const std::string& prefix,
                        std::initializer_list<std::string_view> known) {
        for (const auto& [key, node] : table) {
            if (std::find(known.begin(), known.end(), key.str()) == known.end()) {
                fail(node,
                     "unknown key " + prefix + std::string(key.str()) + "; check its spelling");
            }
        }
    }

    const toml::table* section(const toml::table& root, std::string_view key) {
        const toml::node* node = root.get(key);
        if (node == nullptr) return nullptr;
        if (!node->is_table()) fail(*node, std::string(key) + " must be a table: [...]");
        return node->as_table();
    }

    void read_data(const toml::table& table, SitePolicy& policy) {
        refuse_unknown(table, "data.", {"schemas", "minimum_rows"});
        policy.schemas = texts(table, "schemas");
        policy.minimum_rows = whole(table, "minimum_rows", 0, std::int64_t{1} << 40U).value_or(0);
    }

    void read_model(const toml::table& table, SitePolicy& policy) {
        refuse_unknown(table, "model.", {"kinds", "max_parameters"});
        for (const std::string& kind : texts(table, "kinds")) {
            if (kind == to_string(schema::ModelKind::kLogistic)) {
                policy.kinds.push_back(schema::ModelKind::kLogistic);
            } else if (kind == to_string(schema::ModelKind::kMlp)) {
                policy.kinds.push_back(schema::ModelKind::kMlp);
            } else {
                fail(*table.get("kinds"), "model.kinds: \"" + kind + "\" is not logistic or mlp");
            }
        }
        policy.max_parameters = whole(table, "max_parameters", 1, std::int64_t{1} << 40U);
    }

    void read_privacy(const toml::table& table, SitePolicy& policy) {
        refuse_unknown(table, "privacy.",
                       {"required", "min_noise_multiplier", "min_delta_bits", "epsilon_per_task",
                        "epsilon_overall", "report_metrics"});
        const auto multiplier = micros(table, "min_noise_multiplier");
        const auto delta =
            whole(table, "min_delta_bits", schema::kMinDeltaBits, schema::kMaxDeltaBits);
        policy.min_noise_multiplier_micros = multiplier.value_or(0);
        policy.min_delta_bits = static_cast<std::uint8_t>(delta.value_or(0));
        policy.epsilon_per_task_micros = micros(table, "epsilon_per_task");
        policy.epsilon_overall_micros = micros(table, "epsilon_overall");
        policy.reports_metrics = flag(table, "report_metrics").value_or(false);
        const bool is_bounded =
            multiplier || delta || policy.epsilon_per_task_micros || policy.epsilon_overall_micros;
        const auto required = flag(table, "required");
        if (is_bounded && required == false) {
            fail(*table.get("required"),
                 "privacy.required = false contradicts the floor or budget beside it");
        }
        policy.is_noise_required = is_bounded || required.value_or(false);
    }

    std::vector<std::string> texts(const toml::table& table, std::string_view key) {
        std::vector<std::string> out;
        const toml::node* node = table.get(key);
        if (node == nullptr) return out;
        const toml::array* array = node->as_array();
        if (array == nullptr || array->empty()) {
            fail(*node, std::string(key) + " must be a list of texts, at least one");
            return out;
        }
        for (const toml::node& entry : *array) {
            const auto text = entry.value_exact<std::string>();
            if (!text) fail(entry, std::string(key) + " must hold texts only");
            out.push_back(text.value_or(""));
        }
        return out;
    }

    std::optional<std::uint64_t> whole(const toml::table& table, std::string_view key,
                                       std::int64_t lowest, std::int64_t highest) {
        const toml::node* node = table.get(key);
        if (node == nullptr) return std::nullopt;
        const auto value = node->value_exact<std::int64_t>();
        if (!value || *value < lowest || *value > highest) {
            fail(*node, std::string(key) + " must be a whole number from " +
                            std::to_string(lowest) + " to " + std::to_string(highest));
            return std::nullopt;
        }
        return static_cast<std::uint64_t>(*value);
    }

    std::optional<std::uint64_t> micros(const toml::table& table, std::string_view key) {
        const toml::node* node = table.get(key);
        if (node == nullptr) return std::nullopt;
        const double value = node->is_number() ? node->value<double>().value_or(-1) : -1;
        if (!(value >= 0 && value <= kMaxFigure)) {
            fail(*node, std::string(key) + " must be a number from 0 to 1e9");
            return std::nullopt;
        }
        return static_cast<std::uint64_t>(std::floor(value * kMicros + 0.5));
    }

    std::optional<bool> flag(const toml::table& table, std::string_view key) {
        const toml::node* node = table.get(key);
        if (node == nullptr) return std::nullopt;
        const auto value = node->value_exact<bool>();
        if (!value) fail(*node, std::string(key) + " must be true or false");
        return value;
    }

    std::string name_;
    std::vector<std::string>& problems_;
};

tl::unexpected<Error> refuse(const std::string& reason) {
    return make_error(ErrorCode::kRefused, "the site policy refuses: " + reason);
}

}  // namespace

Result<SitePolicy> parse_site_policy(std::string_view toml, std::string_view name) {
    std::vector<std::string> problems;
    SitePolicy policy;
    try {
        policy = PolicyReader(std::string(name), problems).read(toml::parse(toml));
    } catch (const toml::parse_error& error) {
        problems.push_back(std::string(name) + ", line " +
                           std::to_string(error.source().begin.line) +
                           ": not valid TOML: " + std::string(error.description()));
    } catch (const std::exception& error) {
        return make_error(ErrorCode::kInternal, std::string(name) + ": " + error.what());
    }
    if (problems.empty()) return policy;
    std::string all;
    for (const std::string& problem : problems) all += (all.empty() ? "" : "\n") + problem;
    return make_error(ErrorCode::kMalformed, all);
}

Result<SitePolicy> load_site_policy(const std::filesystem::path& file) {
    const Result<std::string> text = fl::read_text_file(file, kMaxPolicyBytes);
    if (!text) return tl::unexpected(text.error());
    return parse_site_policy(*text, file.string());
}

Result<void> check_rows(const SitePolicy& policy, std::uint64_t rows) {
    if (rows >= policy.minimum_rows) return {};
    return refuse("the data has " + std::to_string(rows) + " rows, data.minimum_rows is " +
                  std::to_string(policy.minimum_rows));
}

Result<void> check_terms(const SitePolicy& policy, const schema::TaskSpec& task,
                         const schema::RoundTerms& terms) {
    if (!policy.schemas.empty() && std::find(policy.schemas.begin(), policy.schemas.end(),
                                             task.data_schema) == policy.schemas.end()) {
        return refuse("data.schemas does not list the task's data schema \"" + task.data_schema +
                      "\"");
    }
    if (!policy.kinds.empty() && std::find(policy.kinds.begin(), policy.kinds.end(),
                                           task.model.kind) == policy.kinds.end()) {
        return refuse("model.kinds does not list " + std::string(to_string(task.model.kind)));
    }
    if (policy.max_parameters && terms.dimension > *policy.max_parameters) {
        return refuse("the model has " + std::to_string(terms.dimension) +
                      " parameters, model.max_parameters is " +
                      std::to_string(*policy.max_parameters));
    }
    if (!terms.privacy) {
        if (!policy.is_noise_required) return {};
        return refuse("the task adds no noise (privacy.required, or a floor or budget)");
    }
    const auto noise = static_cast<Uint128>(terms.privacy->noise) * 1'000'000;
    if (noise < static_cast<Uint128>(terms.privacy->clip) * policy.min_noise_multiplier_micros) {
        return refuse("the noise is " + std::to_string(terms.privacy->noise) + " for a clip of " +
                      std::to_string(terms.privacy->clip) + ", below privacy.min_noise_multiplier");
    }
    if (terms.privacy->delta_bits < policy.min_delta_bits) {
        return refuse("delta is 2^-" + std::to_string(terms.privacy->delta_bits) +
                      ", privacy.min_delta_bits is " + std::to_string(policy.min_delta_bits));
    }
    return {};
}

}  // namespace consilium::trainer
