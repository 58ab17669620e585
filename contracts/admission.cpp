// Chain, expiry, nonce, account, quota.
#include "contracts/admission.hpp"

#include "contracts/registration.hpp"
#include "contracts/schema/keys.hpp"

namespace consilium::contracts {
namespace {

using schema::AccountRecord;
using schema::AccountStatus;
using schema::Code;
using schema::NonceRecord;
namespace keys = schema::keys;

std::uint64_t quota_window(const schema::Parameters& parameters, Height height) {
    return height.value / parameters.quota_window_blocks;
}

bool is_register(const Transaction& transaction) {
    return transaction.module == static_cast<std::uint16_t>(schema::Module::kRegistration) &&
           transaction.action == schema::action::kRegister;
}

Code check_frame(const ChainRules& rules, const Transaction& transaction, Height height) {
    if (transaction.chain_id != rules.chain.chain_id) return Code::kWrongChain;
    if (transaction.genesis_hash != rules.chain.genesis_hash) return Code::kWrongGenesis;
    if (transaction.valid_until < height) return Code::kExpired;
    const std::uint64_t horizon =
        saturating_add<std::uint64_t>(height.value, rules.parameters.expiry_horizon_blocks);
    if (transaction.valid_until.value > horizon) return Code::kExpiryTooFar;
    return Code::kOk;
}

Code check_newcomer(const StateView& state, const ChainRules& rules,
                    const Transaction& transaction) {
    if (!is_register(transaction)) return Code::kUnknownAccount;
    if (transaction.nonce != 0) return Code::kNonceGap;
    return registration::check_register(state, rules.parameters, transaction);
}

}  // namespace

ChainRules load_rules(const StateView& state) {
    return {state.load<schema::ChainRecord>(keys::chain()),
            state.load<schema::Parameters>(keys::parameters())};
}

Code check_admission(const StateView& state, const ChainRules& rules,
                     const Transaction& transaction, const AdmissionContext& context) {
    if (const Code code = check_frame(rules, transaction, context.height); code != Code::kOk) {
        return code;
    }
    const auto account = state.find<AccountRecord>(keys::account(transaction.sender));
    if (!account) return check_newcomer(state, rules, transaction);
    const auto nonce =
        state.find<NonceRecord>(keys::nonce(transaction.sender)).value_or(NonceRecord{});
    if (transaction.nonce < nonce.next) return Code::kNonceUsed;
    if (account->status != AccountStatus::kApproved) return Code::kAccountNotActive;
    if (transaction.nonce - nonce.next > context.nonce_gap) return Code::kNonceGap;
    const bool is_same_window = nonce.window == quota_window(rules.parameters, context.height);
    if (is_same_window && nonce.used >= rules.parameters.quota_transactions) {
        return Code::kQuotaExceeded;
    }
    return Code::kOk;
}

void use_nonce(StateView& state, const schema::Parameters& parameters,
               const Transaction& transaction, Height height) {
    const Bytes key = keys::nonce(transaction.sender);
    auto nonce = state.find<NonceRecord>(key).value_or(NonceRecord{});
    CHECK(nonce.next == transaction.nonce);
    const std::uint64_t window = quota_window(parameters, height);
    if (nonce.window != window) nonce.used = 0;
    nonce.window = window;
    ++nonce.next;
    ++nonce.used;
    state.store(key, nonce);
}

void hand_quota_over(StateView& state, const schema::Parameters& parameters, const PublicKey& from,
                     const PublicKey& to, Height height) {
    const auto old = state.find<NonceRecord>(keys::nonce(from)).value_or(NonceRecord{});
    NonceRecord fresh;
    fresh.window = quota_window(parameters, height);
    fresh.used = old.window == fresh.window ? old.used + 1 : 1;
    state.store(keys::nonce(to), fresh);
}

schema::Code check_admission(const StateReader& state, const Transaction& transaction,
                             const AdmissionContext& context) {
    const StateView view(state);
    return check_admission(view, load_rules(view), transaction, context);
}

std::optional<std::uint64_t> next_nonce(const StateReader& state, const PublicKey& account) {
    const StateView view(state);
    if (!view.contains(keys::account(account))) return std::nullopt;
    const auto nonce = view.find<NonceRecord>(keys::nonce(account));
    return nonce ? nonce->next : 0;
}

std::uint64_t block_cost_limit(const StateReader& state) {
    return StateView(state).load<schema::Parameters>(keys::parameters()).block_cost_max;
}

}  // namespace consilium::contracts
