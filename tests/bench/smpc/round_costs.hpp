// One round of the secure computation with the work of every party done here: its costs by phase.
//
// Everything is the product's code: encoding, masks, range proofs, mask batches, statistics,
// openings, the verdict, the optimistic opening of the sum. What is opened is compared with the
// plain updates; a difference stops the program.
#pragma once
#include <cstdint>
#include <filesystem>

#include "tests/bench/smpc/measure.hpp"

namespace consilium::bench {

struct Setup {
    std::uint32_t members = 4;
    std::uint64_t dimension = 1'000'000;
    std::uint32_t clients = 4;
    unsigned threads = 2;
    std::uint64_t batch = 1;  // another batch has other masks
};

struct RoundCosts {
    Cost offline;  // P1 and P2 of every validator, P3 at every validator
    Cost client;   // every client: encode, mask, projections and proof, blobs and their hashes
    Cost receive;  // every validator: hash and word check of every blob that it is sent
    Cost online;   // every validator: shares, STAT1, STAT2, AGG and all openings
    Cost open;     // the part of `online` that opens and compares
    std::uint64_t bytes_sent = 0;  // each vector times its recipients other than the sender

    [[nodiscard]] Cost total() const {
        Cost sum = offline;
        sum += client;
        sum += receive;
        sum += online;
        return sum;
    }
};

// Runs the round `repeats` times (new masks each time) and takes the minimum of each figure. The
// blobs of the last run are left in `directory`, for run_one_validator().
[[nodiscard]] RoundCosts measure_round(const Setup& setup, int repeats,
                                       const std::filesystem::path& directory);

// A process that is one validator of that run and does its whole work, reading one blob at a time.
void run_one_validator(const Setup& setup, const std::filesystem::path& directory);

}  // namespace consilium::bench
