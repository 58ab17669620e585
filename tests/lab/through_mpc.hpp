// A sample of the laboratory through the whole protocol: real workers, contracts and masks.
//
// The same participants train and attack, their updates are masked and submitted, and four or more
// validators open statistics and sum. Then every verdict on the chain is compared with the
// plaintext engine's on the opened values, and every opened value with the exact one. With a
// reference the validators train g from the council's set, as on a real chain.
#pragma once
#include <string>
#include <vector>

#include "fl_engine/attacks/collusion.hpp"
#include "tests/lab/setting.hpp"

namespace consilium::lab {

struct SampleReport {
    std::size_t rounds = 0;            // with a result
    std::size_t verdicts = 0;          // clients judged
    std::size_t opened_values = 0;     // norms, products or sums, products with g
    double largest_blur = 0;           // |opened - exact| as a share of its bound, at most 1
    std::size_t rejections = 0;        // of attackers
    std::vector<std::string> defects;  // empty: all equal
};

// Rounds: the setting's, or three. kUnavailable when the consortium in memory does not finish.
[[nodiscard]] Result<SampleReport> run_through_mpc(const Setting& setting,
                                                   const Consortium& consortium,
                                                   fl::Collusion attack, bool has_reference,
                                                   std::uint64_t seed);

}  // namespace consilium::lab
