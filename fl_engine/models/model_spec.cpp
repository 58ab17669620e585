// Implements the text form of model specifications and the count of parameters.
#include "fl_engine/models/model_spec.hpp"

#include <charconv>
#include <optional>
#include <system_error>

namespace consilium::fl {
namespace {

// Strict: digits only, no leading zero, so that one specification has one text.
std::optional<std::uint32_t> parse_size(std::string_view text) {
    if (text.empty() || text.front() < '1' || text.front() > '9') return std::nullopt;
    std::uint32_t size = 0;
    const char* end = text.data() + text.size();
    const auto [position, error] = std::from_chars(text.data(), end, size);
    if (error != std::errc{} || position != end || size > kMaxParameters) return std::nullopt;
    return size;
}

tl::unexpected<Error> refuse(std::string_view text) {
    return make_error(ErrorCode::kMalformed,
                      "model '" + std::string(text.substr(0, 64)) +
                          "' is not known; write logistic:INPUTS or mlp:INPUTS-HIDDEN-...-1 with "
                          "at most " +
                          std::to_string(kMaxLayers) + " sizes and " +
                          std::to_string(kMaxParameters) + " parameters");
}

}  // namespace

std::size_t ModelSpec::parameter_count() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
        count += (std::size_t{layers[i]} + 1) * layers[i + 1];
    }
    return count;
}

Result<ModelSpec> parse_model_spec(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return refuse(text);
    const std::string_view kind = text.substr(0, colon);
    std::string_view rest = text.substr(colon + 1);
    ModelSpec spec;
    while (true) {
        const std::size_t dash = rest.find('-');
        const std::optional<std::uint32_t> size = parse_size(rest.substr(0, dash));
        if (!size || spec.layers.size() == kMaxLayers) return refuse(text);
        spec.layers.push_back(*size);
        if (dash == std::string_view::npos) break;
        rest.remove_prefix(dash + 1);
    }
    if (kind == "logistic" && spec.layers.size() == 1) {
        spec.kind = ModelKind::kLogistic;
        spec.layers.push_back(1);
    } else if (kind == "mlp" && spec.layers.size() >= 3 && spec.layers.back() == 1) {
        spec.kind = ModelKind::kMlp;
    } else {
        return refuse(text);
    }
    if (spec.parameter_count() > kMaxParameters) return refuse(text);
    return spec;
}

std::string format_model_spec(const ModelSpec& spec) {
    if (spec.kind == ModelKind::kLogistic) {
        return "logistic:" + std::to_string(spec.layers.front());
    }
    std::string out = "mlp";
    for (std::size_t i = 0; i < spec.layers.size(); ++i) {
        out += (i == 0 ? ":" : "-") + std::to_string(spec.layers[i]);
    }
    return out;
}

}  // namespace consilium::fl
