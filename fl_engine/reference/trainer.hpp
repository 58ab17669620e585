// The reference update g of a round: what an honest client would send if the reference set were
// its data (smpc-protocol.md, section 7.1).
//
// Every chain validator computes it from public inputs and all must get the same bytes, so this is
// a trainer of its own beside fl_engine/training: integers in, integers out, doubles inside, and
// no operation whose result depends on machine, compiler, flags or threads (numbers.hpp).
// Cost: about 6 d operations a record and epoch; tens of milliseconds for d = 25,000 and 64
// records.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/result.hpp"

namespace consilium::reference {

struct Job {
    std::uint32_t task{};  // with the round, the seed of the order of records
    std::uint64_t round{};
    std::vector<std::uint32_t> layers;    // inputs, hidden widths, 1; two entries: logistic
    std::span<const std::int64_t> model;  // d parameters, units of 2^-32

    std::uint32_t epochs{};
    std::uint32_t batch_size{};
    std::uint32_t learning_rate_micros{};
    std::uint32_t momentum_micros{};
    std::uint32_t weight_decay_micros{};

    std::uint32_t norm_bits{};  // nu: B = 2^nu
    std::uint64_t clip_norm{};  // C_r, units of 2^-32

    std::span<const std::int64_t> features;  // records x layers[0], row-major, units of 2^-32
    std::span<const std::uint8_t> labels;    // one a record, 0 or 1
};

// g: d integers in units of C_r / (B - ceil(sqrt d)) with exact norm at most B. kRefused: the parts
// of the job do not fit together, training left the finite numbers, or the processor's arithmetic
// is not as assumed.
[[nodiscard]] Result<std::vector<std::int64_t>> train(const Job& job);

// The exact squared norm of what train() returned: at most 2^46.
[[nodiscard]] std::uint64_t squared_norm(std::span<const std::int64_t> update);

}  // namespace consilium::reference
