// Failures with cures, and the rendering of answers.
#include "wallet/outcome.hpp"

#include <array>

#include "core/check.hpp"

namespace consilium::wallet {
namespace {

using nlohmann::json;

struct Cure {
    std::string_view code;
    std::string_view text;
};

constexpr std::array kCures{
    Cure{"wrong_chain", "give the genesis file of the chain that the node serves"},
    Cure{"wrong_genesis", "give the genesis file of the chain that the node serves"},
    Cure{"expired", "send it again; with a slow network, use a larger --expiry-blocks"},
    Cure{"expiry_too_far", "use a smaller --expiry-blocks"},
    Cure{"nonce_used", "another transaction of this key came first; run the command again"},
    Cure{"nonce_gap", "an earlier transaction of this key is missing; run the command again"},
    Cure{"unknown_account", "register this key and have the council approve it"},
    Cure{"account_not_active", "the account waits for approval or is suspended; ask the council"},
    Cure{"quota_exceeded", "too many transactions of this key in a short time; wait a little"},
    Cure{"unknown_action", "see the modules and actions with: consilium-wallet tx actions"},
    Cure{"bad_arguments", "compare the arguments with: consilium-wallet tx actions"},
    Cure{"role_not_allowed", "use the key of an account whose role may do this"},
    Cure{"wrong_phase", "see where the round stands with: consilium-wallet round"},
    Cure{"wrong_label", "the round has moved on; see it with: consilium-wallet round"},
    Cure{"name_invalid", "names have 1-64 letters, digits, spaces and ' - . , & ( )"},
    Cure{"name_taken", "choose another name, or spell the existing one exactly alike"},
    Cure{"already_registered", "nothing to do; see: consilium-wallet account"},
    Cure{"pending_full",
         "strangers fill the places; have a council member vouch: consilium-wallet invite KEY"},
    Cure{"role_taken", "the organisation has such an account; have the old one retired first"},
    Cure{"unknown_target", "check the account's key; list them with: consilium-wallet accounts"},
    Cure{"wrong_status", "see the account's status with: consilium-wallet account KEY"},
    Cure{"already_voted", "nothing to do; this key has voted"},
    Cure{"successor_known", "choose a key that was never registered: consilium-wallet key new"},
    Cure{"successor_unproven", "let the wallet make the proof: consilium-wallet rotate-key"},
    Cure{"invitations_full", "have the council decide first on the accounts that you invited"},
    Cure{"unknown_proposal", "list proposals with: consilium-wallet proposals"},
    Cure{"proposal_closed", "it is decided; see: consilium-wallet proposals ID"},
    Cure{"bad_payload", "compare it with: consilium-wallet create-task --example"},
    Cure{"task_invalid", "compare it with: consilium-wallet create-task --example"},
    Cure{"not_proposer", "only the proposer can withdraw; vote no instead"},
    Cure{"parameter_out_of_bounds", "see the values in force with: consilium-wallet parameters"},
    Cure{"membership_outdated", "the validators have changed since; propose the change anew"},
    Cure{"membership_pending",
         "a change waits for its height: consilium-wallet validators show; cancel it first"},
    Cure{"membership_unchanged", "nothing to do; see: consilium-wallet validators show"},
    Cure{"too_few_validators", "a chain needs 4 validators"},
    Cure{"validator_twice", "name each key and each organisation once"},
    Cure{"not_a_validator_key",
         "register the new key first: consilium-wallet register --role validator"},
    Cure{"wrong_organisation", "the key is registered for another name; check it"},
    Cure{"address_invalid", "write host:port, an IPv6 address in brackets, at most 128 bytes"},
    Cure{"too_many_leave", "let fewer leave at once, in several changes"},
    Cure{"too_many_join", "let fewer join at once, in several changes"},
    Cure{"activation_too_soon", "name a later height; votes and new nodes need their time"},
    Cure{"activation_too_late", "name a height at most 100,000 blocks ahead"},
    Cure{"no_membership_pending", "nothing to do; see: consilium-wallet validators show"},
    Cure{"validator_fixed", "validators change by: consilium-wallet validators propose"},
    Cure{"unknown_task", "list tasks with: consilium-wallet tasks"},
    Cure{"task_not_active", "list tasks with: consilium-wallet tasks"},
    Cure{"round_running", "wait for the round to end: consilium-wallet round"},
    Cure{"no_certified_batch", "the validators still prepare masks; try again in some seconds"},
    Cure{"unknown_round", "list rounds with: consilium-wallet rounds"},
    Cure{"not_manual", "the task opens its rounds by itself"},
    Cure{"too_few_clients", "register and approve more trainers first"},
    Cure{"too_late_to_abort", "submissions are closed; cancel the round instead"},
    Cure{"node_busy", "wait until the node has caught up: consilium-wallet status"},
};

bool is_not_proven(ErrorCode code) {
    return code == ErrorCode::kInvalidSignature || code == ErrorCode::kMismatch ||
           code == ErrorCode::kInvalidKey;
}

tl::unexpected<Failure> fail_with_node(const Error& error) {
    if (is_not_proven(error.code)) {
        return tl::unexpected(
            Failure{ExitCode::kNotProven, "not_proven", error.context,
                    "do not trust this answer; ask another node, and compare genesis.json and node "
                    "keys with the other hospitals"});
    }
    if (error.code == ErrorCode::kUnavailable) {
        return tl::unexpected(Failure{ExitCode::kUnreachable, "node_unreachable", error.context,
                                      "start the node, or name another with --node host:port"});
    }
    if (error.code == ErrorCode::kNotFound) {
        return tl::unexpected(Failure{ExitCode::kFailed, "not_found", error.context,
                                      "check what was asked for; a fresh node may still lack it"});
    }
    return tl::unexpected(Failure{ExitCode::kFailed, "bad_answer", error.context,
                                  "the node may be of another version; ask another node"});
}

std::string quoted_if_needed(const json& scalar) {
    if (!scalar.is_string()) return scalar.dump();
    const std::string escaped = scalar.dump(-1, ' ', false, json::error_handler_t::replace);
    const std::string& text = scalar.get_ref<const std::string&>();
    // Whatever JSON had to escape could play tricks on a terminal, so it stays escaped.
    return escaped.size() == text.size() + 2 && !text.empty() ? text : escaped;
}

void render(const json& value, std::size_t depth, std::string& out) {
    const std::string indent(2 * depth, ' ');
    const auto nested = [&](const std::string& head, const json& inner) {
        if (inner.is_structured() && !inner.empty()) {
            out += indent + head + "\n";
            render(inner, depth + 1, out);
        } else {
            out += indent + head + " " +
                   (inner.is_structured() ? "none" : quoted_if_needed(inner)) + "\n";
        }
    };
    if (value.is_object()) {
        for (const auto& item : value.items()) nested(item.key() + ":", item.value());
    } else if (value.is_array()) {
        for (const json& element : value) nested("-", element);
    } else {
        out += indent + quoted_if_needed(value) + "\n";
    }
}

}  // namespace

std::string_view cure_of(std::string_view code_name) {
    for (const Cure& cure : kCures) {
        if (cure.code == code_name) return cure.text;
    }
    return "look the code up in docs/api, section result codes";
}

tl::unexpected<Failure> fail_usage(std::string message, std::string cure) {
    return tl::unexpected(Failure{ExitCode::kUsage, "usage", std::move(message), std::move(cure)});
}

tl::unexpected<Failure> fail_with(ErrorSource source, const Error& error) {
    switch (source) {
        case ErrorSource::kNode:
            return fail_with_node(error);
        case ErrorSource::kKeyFile:
            return tl::unexpected(
                Failure{ExitCode::kFailed, "keystore", error.context,
                        "name the key file with --keystore and its password with --password-file, "
                        "--password-fd or at the prompt"});
        case ErrorSource::kInput:
            return fail_usage(error.context, "correct the input; --help shows the form it has");
    }
    UNREACHABLE();
}

std::string render_lines(const json& value) {
    std::string out;
    render(value, 0, out);
    return out;
}

json envelope(const CommandResult& result) {
    if (result) return {{"ok", true}, {"result", result->result}};
    const Failure& failure = result.error();
    json error = {{"code", failure.code}, {"message", failure.message}, {"cure", failure.cure}};
    if (!failure.details.is_null()) error["details"] = failure.details;
    return {{"ok", false}, {"error", error}};
}

}  // namespace consilium::wallet
