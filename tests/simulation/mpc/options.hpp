// What a run with the secure computation is made of.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/simulation/mpc/lies.hpp"
#include "tests/simulation/mpc/trainer.hpp"

namespace consilium::simulation {

// Defects planted into test doubles to show that the checks see them.
enum class MpcPlanted : std::uint8_t {
    kNothing,
    kResignsAfterCrash,  // a worker that answers differently after a restart
    kForgetsSecrets,     // a store of secrets that forgets a synced write
    kKeepsSecrets,       // a store that erases nothing
    kOtherParameters,    // contracts of the reference replica with a parameter off by one
    kHonestError,        // one worker computes STAT1 wrong
    kCommonStatistics,   // all workers shift STAT1 alike: more than t collude
    kCommonAggregate,    // the same for AGG
    kClaimedLie,         // a right share is on record as wrong: nobody will name it
    kTwoProofs,          // a trainer proves anew each time
    kTwoUpdates,         // a trainer masks anew each time
    kSilentMajority,     // more than t workers stay silent for ever
    kOtherReference,     // a quorum of validators computes another reference update
    kNoLetters,          // links carry no letters
    kSilentWorker        // one worker posts no share of a mask batch
};

// Where an epoch and its rounds stand, in the order of a run.
enum class Step : std::uint8_t {
    kNone,
    kEphemeralKeys,
    kCommitments,
    kPreparing,  // the epoch is active, no round has begun
    kSubmitting,
    kCoinRange,
    kRanging,
    kCoinTest,
    kStat1,
    kStat2,
    kAggregate,
    kBetween  // the round has ended
};

// Of the reference update in the rounds of a run.
enum class ReferenceUse : std::uint8_t { kNone, kOptional, kRequired };

// A validator that goes down when the chain first comes to a step.
struct Outage {
    std::size_t process{};
    Step step{};
    std::uint64_t down_ms{};
};

struct MpcOptions {
    bool is_on = false;
    // Who takes part; empty: four or five trainers, at most one of them malicious.
    std::vector<TrainerKind> trainers;
    // Of the validator `liar`, which is then the faulty one; nullopt: who is faulty and how it lies
    // are drawn.
    std::optional<std::vector<Lie>> lies;
    std::size_t liar = 3;
    bool are_haves_hidden = false;  // the liar shows its HAVEs to backups only
    // Of the letters between members, beside what the weather does.
    std::uint64_t letter_loss_percent = 5;
    std::uint64_t letter_delay_max_ms = 200;
    // Whether the task has a reference set, and whether it requires a reference; nullopt: by seed.
    std::optional<ReferenceUse> references;
    std::vector<Outage> outages;
    MpcPlanted planted = MpcPlanted::kNothing;
};

}  // namespace consilium::simulation
