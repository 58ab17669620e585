// Implements the attacks as deviations of the training types.
#include "fl_engine/attacks/attacks.hpp"

#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "core/check.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::fl {
namespace {

constexpr std::array<std::pair<std::string_view, AttackKind>, 6> kNames = {{
    {"none", AttackKind::kNone},
    {"sign-flip", AttackKind::kSignFlip},
    {"scale", AttackKind::kScale},
    {"label-flip", AttackKind::kLabelFlip},
    {"gaussian", AttackKind::kGaussian},
    {"oversize", AttackKind::kOversize},
}};

std::vector<double> scaled(std::span<const double> delta, double factor) {
    std::vector<double> out(delta.begin(), delta.end());
    for (double& value : out) value *= factor;
    return out;
}

double length(std::span<const double> vector) {
    double sum = 0;
    for (const double value : vector) sum += value * value;
    return std::sqrt(sum);
}

std::vector<double> random_direction(std::size_t size, double norm, std::uint64_t seed) {
    RandomStream random(seed);
    std::vector<double> out(size);
    for (double& value : out) value = random.normal();
    const double drawn = length(out);
    return drawn > 0 ? scaled(out, norm / drawn) : out;
}

std::vector<std::uint8_t> flipped(std::span<const std::uint8_t> labels) {
    std::vector<std::uint8_t> out(labels.begin(), labels.end());
    for (std::uint8_t& label : out) label = label == 0 ? 1 : 0;
    return out;
}

}  // namespace

Result<AttackSpec> parse_attack(std::string_view text) {
    const std::size_t colon = text.find(':');
    AttackSpec spec;
    bool known = false;
    for (const auto& entry : kNames) {
        if (entry.first != text.substr(0, colon)) continue;
        spec.kind = entry.second;
        known = true;
    }
    if (known && colon == std::string_view::npos) return spec;
    const std::optional<double> factor =
        known ? parse_number(text.substr(colon + 1)) : std::nullopt;
    if (!factor || !(*factor > 0) || *factor > 1e6) {
        return make_error(ErrorCode::kMalformed,
                          "attack " + quote(text) +
                              " is not known; write none, sign-flip, scale, label-flip, "
                              "gaussian or oversize, with an optional factor as in sign-flip:4");
    }
    spec.factor = *factor;
    return spec;
}

std::string_view to_string(AttackKind kind) {
    for (const auto& entry : kNames) {
        if (entry.second == kind) return entry.first;
    }
    UNREACHABLE();
}

Deviation make_deviation(const AttackSpec& attack, std::uint64_t seed) {
    const double factor = attack.factor;
    Deviation out;
    switch (attack.kind) {
        case AttackKind::kNone:
            return out;
        case AttackKind::kSignFlip:
            out.update = [factor](std::span<const double> delta, const TransformContext&) {
                return scaled(delta, -factor);
            };
            return out;
        case AttackKind::kScale:
        case AttackKind::kOversize:
            out.update = [factor](std::span<const double> delta, const TransformContext&) {
                return scaled(delta, factor);
            };
            return out;
        case AttackKind::kLabelFlip:
            out.labels = [](std::span<const std::uint8_t> labels, const TransformContext&) {
                return flipped(labels);
            };
            return out;
        case AttackKind::kGaussian:
            out.update = [factor, seed](std::span<const double> delta,
                                        const TransformContext& context) {
                return random_direction(delta.size(), factor * length(delta),
                                        derive_seed("gaussian-attack", {seed, context.round}));
            };
            return out;
    }
    UNREACHABLE();
}

}  // namespace consilium::fl
