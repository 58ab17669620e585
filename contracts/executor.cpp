// The order of work inside a block.
#include "contracts/executor.hpp"

#include "contracts/admission.hpp"
#include "contracts/execution.hpp"
#include "contracts/governance.hpp"
#include "contracts/membership.hpp"
#include "contracts/models.hpp"
#include "contracts/registration.hpp"
#include "contracts/rounds.hpp"
#include "contracts/submission.hpp"
#include "contracts/verification/batches.hpp"
#include "contracts/verification/coins.hpp"
#include "contracts/verification/disputes.hpp"
#include "contracts/verification/epochs.hpp"
#include "contracts/verification/phases.hpp"
#include "contracts/verification/reference.hpp"
#include "contracts/verification/sacrifice.hpp"

namespace consilium::contracts {
namespace {

using schema::Code;
using schema::Module;
namespace action = schema::action;
namespace keys = schema::keys;

Code run_verification(Execution& execution, const Sender& sender, const Transaction& transaction) {
    if (transaction.action <= action::kClientKeys) {
        return verification::execute_setup(execution, sender, transaction);
    }
    if (transaction.action == action::kPrepShare) {
        return verification::execute_prep_share(execution, sender, transaction);
    }
    if (transaction.action == action::kPrepWeights || transaction.action == action::kPrepCheck) {
        return verification::execute_sacrifice(execution, sender, transaction);
    }
    if (transaction.action == action::kPrepReveal) {
        return verification::execute_reveal(execution, sender, transaction);
    }
    if (transaction.action == action::kCoinShare) {
        return verification::execute_coin_share(execution, sender, transaction);
    }
    if (transaction.action == action::kVoidEpoch) {
        return verification::execute_void(execution, sender, transaction);
    }
    if (transaction.action == action::kReference) {
        return verification::execute_reference(execution, sender, transaction);
    }
    return verification::execute_share(execution, sender, transaction);
}

Code run_module(Execution& execution, const Sender& sender, const Transaction& transaction,
                Module module) {
    switch (module) {
        case Module::kRegistration:
            return registration::execute(execution, sender, transaction);
        case Module::kGovernance:
            return governance::execute(execution, sender, transaction);
        case Module::kRounds:
            return rounds::execute(execution, sender, transaction);
        case Module::kSubmission:
            return submission::execute(execution, sender, transaction);
        case Module::kVerification:
            return run_verification(execution, sender, transaction);
        case Module::kModels:
            return models::execute(execution, sender, transaction);
    }
    UNREACHABLE();
}

// The transaction of an approved account.
Code run_action(Execution& execution, const Transaction& transaction) {
    const schema::ActionInfo* info = schema::find_action(transaction.module, transaction.action);
    if (info == nullptr) return Code::kUnknownAction;
    if (execution.block.height < info->activation) return Code::kActionInactive;
    const Sender sender{transaction.sender, execution.state.load<schema::AccountRecord>(
                                                keys::account(transaction.sender))};
    const bool is_open_to_all = info->roles == schema::kNoAccountNeeded;
    if (!is_open_to_all && (info->roles & schema::role_bit(sender.account.role)) == 0) {
        return Code::kRoleNotAllowed;
    }
    return run_module(execution, sender, transaction, info->module);
}

bool has_account(const Execution& execution, const Transaction& transaction) {
    return execution.state.contains(keys::account(transaction.sender));
}

// Runs one admissible transaction. A refused one keeps only its nonce, and as an event only the
// record of an equivocation.
Receipt run_transaction(Execution& execution, const Transaction& transaction) {
    execution.events.clear();
    const bool is_known = has_account(execution, transaction);
    const Code code = is_known ? run_action(execution, transaction)
                               : registration::execute_register(execution, transaction);
    if (code != Code::kOk) execution.state.roll_back();
    if (code != Code::kOk && code != Code::kEquivocation) execution.events.clear();
    use_nonce(execution.state, execution.parameters, transaction, execution.block.height);
    execution.state.commit();
    return {transaction_id(transaction), static_cast<std::uint16_t>(code),
            std::move(execution.events)};
}

class BlockRun {
  public:
    BlockRun(const StateReader& state, const BlobReader& blobs, const BlockContext& context)
        : execution_(state, blobs, context), rules_(load_rules(execution_.state)) {
        execution_.parameters = rules_.parameters;
    }

    void run(std::span<const Transaction> transactions) {
        fire_deadlines();
        keep_block_events();
        for (std::size_t i = 0; i < transactions.size(); ++i) run_one(i, transactions[i]);
        execution_.events.clear();
        settle();
        keep_block_events();
    }

    [[nodiscard]] tl::expected<BlockEffects, MissingBlob> take() && {
        if (execution_.missing_blob) return tl::unexpected(MissingBlob{*execution_.missing_blob});
        execution_.state.commit();
        effects_.writes = std::move(execution_.state).take();
        effects_.blobs = std::move(execution_.derived);
        effects_.next_membership = std::move(execution_.next_membership);
        return std::move(effects_);
    }

  private:
    void fire_deadlines() {
        governance::fire_deadlines(execution_);
        verification::fire_setup_deadlines(execution_);
        verification::fire_batch_deadlines(execution_);
        verification::fire_round_deadlines(execution_);
    }

    void settle() {
        verification::settle_setup(execution_);
        verification::settle_batches(execution_);
        verification::settle_round(execution_);
        membership::advance(execution_);
        verification::advance_epochs(execution_);
        rounds::advance(execution_);
        verification::prepare_batches(execution_);
    }

    void keep_block_events() {
        execution_.state.commit();
        for (Event& event : execution_.events) {
            effects_.receipts.events.push_back(std::move(event));
        }
        execution_.events.clear();
    }

    void run_one(std::size_t position, const Transaction& transaction) {
        Code code = check_admission(execution_.state, rules_, transaction,
                                    {.height = execution_.block.height, .nonce_gap = 0});
        const std::uint64_t cost = schema::transaction_cost(transaction);
        if (code == Code::kOk && effects_.cost + cost > rules_.parameters.block_cost_max) {
            code = Code::kBlockFull;
        }
        if (code != Code::kOk) {
            effects_.inadmissible.push_back(position);
            effects_.receipts.receipts.push_back(
                {transaction_id(transaction), static_cast<std::uint16_t>(code), {}});
            return;
        }
        effects_.cost += cost;
        effects_.receipts.receipts.push_back(run_transaction(execution_, transaction));
    }

    Execution execution_;
    ChainRules rules_;
    BlockEffects effects_;
};

}  // namespace

tl::expected<BlockEffects, MissingBlob> execute_block(const StateReader& state,
                                                      const BlobReader& blobs,
                                                      const BlockContext& context,
                                                      std::span<const Transaction> transactions) {
    BlockRun run(state, blobs, context);
    run.run(transactions);
    return std::move(run).take();
}

}  // namespace consilium::contracts
