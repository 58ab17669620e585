// Bounds of the governance parameters.
#include "contracts/schema/parameters.hpp"

#include "contracts/schema/limits.hpp"

namespace consilium::schema {
namespace {

constexpr bool is_within(std::uint64_t value, std::uint64_t low, std::uint64_t high) {
    return value >= low && value <= high;
}

constexpr bool is_valid_window(const Window& window) {
    return is_within(window.blocks, 1, kMaxWindow.blocks) && window.ms <= kMaxWindow.ms;
}

}  // namespace

const char* find_out_of_bounds(const Parameters& parameters) {
    const Parameters& p = parameters;
    if (!is_within(p.expiry_horizon_blocks, 16, 10'000'000)) return "expiry_horizon_blocks";
    if (!is_within(p.nonce_gap_max, 1, 10'000)) return "nonce_gap_max";
    if (!is_within(p.pending_accounts_max, 1, kMaxPendingAccounts)) return "pending_accounts_max";
    if (!is_within(p.open_proposals_max, 1, kMaxOpenProposals)) return "open_proposals_max";
    if (!is_within(p.proposal_lifetime_blocks, 10, 10'000'000)) return "proposal_lifetime_blocks";
    if (!is_within(p.quota_window_blocks, 1, 1'000'000)) return "quota_window_blocks";
    // A validator of a full epoch sends about 200 transactions; less would stop the protocol.
    if (!is_within(p.quota_transactions, 200, 1'000'000'000)) return "quota_transactions";
    if (!is_within(p.block_cost_max, 10'000, 1'000'000'000)) return "block_cost_max";
    if (!is_within(p.epoch_rounds_max, 1, 100'000)) return "epoch_rounds_max";
    if (!is_within(p.batch_stock, 2, kMaxLiveBatches - 2)) return "batch_stock";
    if (!is_valid_window(p.setup_window)) return "setup_window";
    if (!is_valid_window(p.preparation_window)) return "preparation_window";
    return nullptr;
}

}  // namespace consilium::schema
