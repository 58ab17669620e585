// What the council may change by vote, with the bounds it must keep to.
#pragma once
#include <cstdint>

#include "core/codec.hpp"

namespace consilium::schema {

// A window closes at the first block with both passed: `blocks` heights and `ms` of header time.
struct Window {
    std::uint32_t blocks{};
    std::uint32_t ms{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("blocks", self.blocks);
        visit("ms", self.ms);
    }
    friend bool operator==(const Window&, const Window&) = default;
};
inline constexpr Window kMaxWindow{.blocks = 1'000'000, .ms = 30U * 24 * 3600 * 1000};

struct Parameters {
    std::uint32_t expiry_horizon_blocks = 10'000;  // valid_until may lie this far ahead
    std::uint32_t nonce_gap_max = 64;              // waiting transactions of one account
    std::uint32_t pending_accounts_max = 64;       // that nobody of the council has invited
    std::uint32_t open_proposals_max = 16;
    std::uint32_t proposal_lifetime_blocks = 20'000;
    std::uint32_t quota_window_blocks = 100;
    std::uint32_t quota_transactions = 10'000;  // per account and quota window
    std::uint64_t block_cost_max = 2'000'000;   // a transaction costs about 200 (schema table)
    std::uint32_t epoch_rounds_max = 100;       // then a fresh MPC epoch opens
    std::uint32_t batch_stock = 2;              // certified mask batches kept ready, two at least
    Window setup_window{.blocks = 20, .ms = 20'000};        // of each step of the key setup
    Window preparation_window{.blocks = 20, .ms = 10'000};  // T_prep: for the shares of a batch
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("expiry_horizon_blocks", self.expiry_horizon_blocks);
        visit("nonce_gap_max", self.nonce_gap_max);
        visit("pending_accounts_max", self.pending_accounts_max);
        visit("open_proposals_max", self.open_proposals_max);
        visit("proposal_lifetime_blocks", self.proposal_lifetime_blocks);
        visit("quota_window_blocks", self.quota_window_blocks);
        visit("quota_transactions", self.quota_transactions);
        visit("block_cost_max", self.block_cost_max);
        visit("epoch_rounds_max", self.epoch_rounds_max);
        visit("batch_stock", self.batch_stock);
        visit("setup_window", self.setup_window);
        visit("preparation_window", self.preparation_window);
    }
    friend bool operator==(const Parameters&, const Parameters&) = default;
};

// Name of the first parameter outside its bounds, or nullptr.
[[nodiscard]] const char* find_out_of_bounds(const Parameters& parameters);

}  // namespace consilium::schema
