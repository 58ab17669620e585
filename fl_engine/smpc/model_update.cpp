// Checked 128-bit arithmetic of the model step.
#include "fl_engine/smpc/model_update.hpp"

#include "core/types.hpp"

namespace consilium::smpc {
namespace {

// To the nearest integer, halves to the even one; divisor > 0.
Int128 divide_round_half_even(Int128 numerator, Int128 divisor) {
    Int128 quotient = numerator / divisor;
    Int128 remainder = numerator % divisor;
    if (remainder < 0) {  // floor division
        remainder += divisor;
        --quotient;
    }
    const Int128 twice = remainder * 2;
    const bool is_odd = (quotient & 1) != 0;
    if (twice > divisor || (twice == divisor && is_odd)) ++quotient;
    return quotient;
}

}  // namespace

Result<std::vector<std::int64_t>> apply_aggregate(std::span<const std::int64_t> model,
                                                  std::span<const std::int64_t> aggregate,
                                                  const ModelStep& step) {
    if (model.size() != aggregate.size()) {
        return make_error(ErrorCode::kMismatch, "model and aggregate differ in length");
    }
    // 2^63 * 2^56 and 2^23 * 2^22 stay far below 2^127.
    if (step.clip_norm >= std::uint64_t{1} << 56 || step.scale < 1 ||
        step.scale > std::uint64_t{1} << 23 || step.weight_sum < 1 ||
        step.weight_sum > std::uint64_t{1} << 22) {
        return make_error(ErrorCode::kRefused, "step outside its ranges");
    }
    const auto divisor = static_cast<Int128>(step.scale) * static_cast<Int128>(step.weight_sum);
    std::vector<std::int64_t> result(model.size());
    for (std::size_t x = 0; x < model.size(); ++x) {
        const Int128 moved =
            divide_round_half_even(
                static_cast<Int128>(aggregate[x]) * static_cast<Int128>(step.clip_norm), divisor) +
            static_cast<Int128>(model[x]);
        result[x] = static_cast<std::int64_t>(moved);
        if (static_cast<Int128>(result[x]) != moved) {
            return make_error(ErrorCode::kLimitExceeded, "a model coordinate leaves 64 bits");
        }
    }
    return result;
}

}  // namespace consilium::smpc
