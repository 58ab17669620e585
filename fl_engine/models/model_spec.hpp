// What kind of model a task trains, and how its parameters lie in one vector.
//
// Text form "logistic:30" or "mlp:30-16-1". Layout, layer by layer: W (outputs x inputs,
// row-major), then b (outputs). The last layer has one output, the logit of class 1.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace consilium::fl {

inline constexpr std::size_t kMaxParameters = std::size_t{1} << 20U;  // d of the protocol
inline constexpr std::size_t kMaxLayers = 8;

enum class ModelKind { kLogistic, kMlp };

struct ModelSpec {
    ModelKind kind{};
    std::vector<std::uint32_t> layers;  // sizes from input to output; the last is 1

    [[nodiscard]] std::size_t input_count() const { return layers.front(); }
    [[nodiscard]] std::size_t parameter_count() const;
    friend bool operator==(const ModelSpec&, const ModelSpec&) = default;
};

[[nodiscard]] Result<ModelSpec> parse_model_spec(std::string_view text);
[[nodiscard]] std::string format_model_spec(const ModelSpec& spec);

}  // namespace consilium::fl
