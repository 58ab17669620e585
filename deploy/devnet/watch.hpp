// Follows the chain through the nodes' API and tells what happens in each round.
//
// Rounds, verdicts and models are read with proofs from genesis; block times, events and counts of
// transactions are the node's word. When a node does not answer, the next one is asked. One thread.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/records.hpp"
#include "core/result.hpp"
#include "deploy/devnet/setup.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/training/metrics.hpp"
#include "p2p/client/node_pool.hpp"
#include "p2p/client/verified_reader.hpp"

namespace consilium::devnet {

struct Rejection {
    std::string hospital;
    std::string reason;  // the verdict's code, such as "AGREE"
};

struct PhaseTimes {                  // by the blocks' times
    std::uint64_t train_ms = 0;      // opening to the last pledge
    std::uint64_t submit_ms = 0;     // to the close of submissions
    std::uint64_t verify_ms = 0;     // to the verdict
    std::uint64_t aggregate_ms = 0;  // to the new model
    [[nodiscard]] std::uint64_t total_ms() const {
        return train_ms + submit_ms + verify_ms + aggregate_ms;
    }
};

// One finished round, with hospitals by name.
struct RoundRow {
    std::uint64_t round = 0;
    std::uint32_t attempts = 1;
    std::uint64_t height = 0;  // of the block with the result
    bool is_cancelled = false;
    std::string cancel_reason;
    std::vector<std::string> submitted;
    std::vector<std::string> accepted;  // suspects among them
    std::vector<Rejection> rejected;
    std::vector<Rejection> suspects;
    std::vector<std::pair<std::string, double>> weights;  // shares of the sum
    PhaseTimes times;
    std::optional<std::string> reference;  // hash of the agreed update, if any
    fl::Metrics metrics;                   // of the round's model on the rows that no hospital has
};

class Watch {
  public:
    explicit Watch(const Setup& setup);

    // Reads what is new; rounds that have ended since are returned, in order. kUnavailable: no
    // node answers now.
    [[nodiscard]] Result<std::vector<RoundRow>> advance();
    // What the consortium waits for, in plain words, with the seconds it has lasted.
    [[nodiscard]] std::string waiting_for() const;
    [[nodiscard]] bool is_finished() const { return is_finished_; }
    [[nodiscard]] std::uint64_t height() const { return height_; }
    [[nodiscard]] std::optional<schema::TaskRecord> task() const { return task_; }
    [[nodiscard]] const std::optional<schema::RoundRecord>& current() const { return current_; }

    // The numbers of one version, proven and checked by hash.
    [[nodiscard]] Result<fl::IntegerModel> model(std::uint32_t version);
    [[nodiscard]] Result<schema::ModelRecord> model_record(std::uint32_t version);
    // What a hospital has spent of its privacy in the task, proven; nullopt: nothing.
    [[nodiscard]] Result<std::optional<schema::PrivacyRecord>> privacy(const Hospital& hospital);
    // Transactions of all blocks up to the height that was read.
    [[nodiscard]] std::uint64_t transactions() const { return transactions_; }

  private:
    [[nodiscard]] Result<void> read_blocks();
    [[nodiscard]] Result<RoundRow> describe(const schema::RoundRecord& round);
    [[nodiscard]] Result<void> describe_verdict(const schema::RoundRecord& round, RoundRow& row);
    [[nodiscard]] Result<void> read_progress();
    [[nodiscard]] Result<void> read_coin();
    [[nodiscard]] std::string name_of(const schema::EpochRecord& epoch, std::uint32_t slot) const;
    [[nodiscard]] std::string names_without(schema::SlotSet present) const;
    [[nodiscard]] std::string members_without(schema::MemberSet present) const;
    // What is going on, and who has not answered yet (may be nobody).
    struct Situation {
        std::string doing;
        std::string missing;
    };
    [[nodiscard]] Situation describe_round(const schema::RoundRecord& round) const;
    [[nodiscard]] Situation describe_preparation() const;
    void note(const std::string& situation);

    const Setup& setup_;
    p2p::NodePool nodes_;
    p2p::VerifiedReader reader_;
    std::uint64_t height_ = 0;  // blocks up to here are counted
    std::uint64_t transactions_ = 0;
    std::map<std::uint64_t, std::uint64_t> block_times_;      // by height
    std::map<std::uint64_t, std::uint64_t> aggregate_times_;  // by round
    std::uint64_t next_round_ = 1;                            // the first that has not ended
    bool is_finished_ = false;
    std::optional<schema::TaskRecord> task_;
    std::optional<schema::RoundRecord> current_;
    std::optional<schema::EpochRecord> epoch_;
    std::optional<schema::BatchRecord> batch_;  // the newest
    schema::MemberSet coin_posters_{};          // of the coin of the current phase
    std::string situation_;
    std::uint64_t situation_since_ms_ = 0;
};

// A code of the verdict in words, such as "points against the others".
[[nodiscard]] std::string explain(const std::string& code);

}  // namespace consilium::devnet
