// The transactions of the key setup: EPK, KEY_COMMIT, KEY_ACK, CLIENT_KEYS.
#include <algorithm>

#include "contracts/schema/arguments.hpp"
#include "contracts/verification/epochs.hpp"
#include "contracts/verification/labels.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::Code;
using schema::EpochPhase;
using schema::EpochRecord;
using schema::SetupRecord;
using schema::SubsetSetup;
namespace action = schema::action;
namespace keys = schema::keys;

SubsetSetup* find_subset(SetupRecord& setup, schema::MemberSet subset) {
    const auto found =
        std::find_if(setup.subsets.begin(), setup.subsets.end(),
                     [&](const SubsetSetup& entry) { return entry.subset == subset; });
    return found == setup.subsets.end() ? nullptr : &*found;
}

Code post_ephemeral_key(Execution& execution, const Sender& sender, EpochRecord epoch,
                        const schema::EphemeralKey& arguments) {
    const auto member = epoch.find_member(sender.key);
    const auto slot = epoch.find_slot(sender.key);
    if (!member && !slot) return Code::kNotAMember;
    const Bytes key = keys::ephemeral(epoch.mpc_epoch, sender.key);
    if (const auto stored = execution.state.find<schema::EphemeralKeyRecord>(key)) {
        return compare_stored(execution, sender, action::kEphemeralKey,
                              stored->key == arguments.key);
    }
    const bool is_open =
        epoch.phase == EpochPhase::kEphemeralKeys || epoch.phase == EpochPhase::kCommitments;
    if (!is_open) return Code::kWrongPhase;
    if (member) epoch.members_with_key |= schema::member_bit(*member);
    if (slot) epoch.clients_with_key |= schema::slot_bit(*slot);
    execution.state.store(
        key, schema::EphemeralKeyRecord{.key = arguments.key, .height = execution.block.height});
    execution.state.store(keys::epoch(epoch.mpc_epoch), epoch);
    return Code::kOk;
}

Code commit_keys(Execution& execution, const Sender& sender, const EpochRecord& epoch,
                 const schema::KeyCommit& arguments) {
    const auto member = epoch.find_member(sender.key);
    if (!member) return Code::kNotAMember;
    if (epoch.phase != EpochPhase::kCommitments) return Code::kWrongPhase;
    if (arguments.entries.empty()) return Code::kBadArguments;
    if (arguments.ciphertexts.length > schema::kMaxKeyBlobBytes) return Code::kBlobTooLong;
    auto setup = execution.state.load<SetupRecord>(keys::setup(epoch.mpc_epoch));
    for (const schema::KeyCommitment& item : arguments.entries) {
        SubsetSetup* entry = find_subset(setup, item.subset);
        if (entry == nullptr) return Code::kUnknownSubset;
        if (item.turn != entry->turn) return Code::kWrongLabel;
        if (entry->leader != *member) return Code::kWrongLeader;
        if (entry->commitment) {
            return compare_stored(execution, sender, action::kKeyCommit,
                                  *entry->commitment == item.commitment);
        }
        entry->commitment = item.commitment;
        entry->ciphertexts = arguments.ciphertexts;
    }
    execution.state.store(keys::setup(epoch.mpc_epoch), setup);
    return Code::kOk;
}

// Entries that a moved leader has overtaken are passed over: the member will send them anew.
Code acknowledge_keys(Execution& execution, const Sender& sender, const EpochRecord& epoch,
                      const schema::KeyAck& arguments) {
    const auto member = epoch.find_member(sender.key);
    if (!member) return Code::kNotAMember;
    if (epoch.phase != EpochPhase::kCommitments) return Code::kWrongPhase;
    auto setup = execution.state.load<SetupRecord>(keys::setup(epoch.mpc_epoch));
    const schema::MemberSet own = schema::member_bit(*member);
    bool has_match = false;
    bool has_news = false;
    for (const schema::KeyAcknowledgement& item : arguments.entries) {
        SubsetSetup* entry = find_subset(setup, item.subset);
        if (entry == nullptr) return Code::kUnknownSubset;
        if ((entry->subset & own) == 0) return Code::kNotAMember;
        if (!entry->commitment || *entry->commitment != item.commitment) continue;
        has_match = true;
        has_news = has_news || (entry->acknowledged & own) == 0;
        entry->acknowledged |= own;
    }
    if (!has_match) return Code::kWrongCommitment;
    if (!has_news) return Code::kDuplicate;
    execution.state.store(keys::setup(epoch.mpc_epoch), setup);
    return Code::kOk;
}

Code post_client_keys(Execution& execution, const Sender& sender, EpochRecord epoch,
                      const schema::ClientKeys& arguments) {
    const auto member = epoch.find_member(sender.key);
    if (!member) return Code::kNotAMember;
    if (epoch.phase != EpochPhase::kActive) return Code::kWrongPhase;
    if (arguments.slot == 0 || arguments.slot > epoch.clients.size()) return Code::kNotAClient;
    if ((epoch.clients_with_key & schema::slot_bit(arguments.slot)) == 0) {
        return Code::kNoEphemeralKey;
    }
    if (arguments.ciphertexts.length > schema::kMaxKeyBlobBytes) return Code::kBlobTooLong;
    const Bytes key = keys::bundle({epoch.mpc_epoch, *member, arguments.slot});
    if (const auto stored = execution.state.find<schema::BundleRecord>(key)) {
        return compare_stored(execution, sender, action::kClientKeys,
                              stored->ciphertexts == arguments.ciphertexts);
    }
    execution.state.store(key, schema::BundleRecord{arguments.ciphertexts});
    epoch.bundles[arguments.slot - 1U] |= schema::member_bit(*member);
    execution.state.store(keys::epoch(epoch.mpc_epoch), epoch);
    return Code::kOk;
}

template <typename Arguments, typename Apply>
Code in_current_epoch(Execution& execution, ByteView raw, Apply apply) {
    return with_arguments<Arguments>(raw, [&](const Arguments& arguments) {
        const auto epoch = current_epoch(execution.state);
        if (!epoch) return Code::kWrongPhase;
        if (arguments.mpc_epoch != epoch->mpc_epoch) return Code::kWrongLabel;
        return apply(*epoch, arguments);
    });
}

}  // namespace

Code execute_setup(Execution& execution, const Sender& sender, const Transaction& transaction) {
    const ByteView raw = transaction.arguments;
    if (transaction.action == action::kEphemeralKey) {
        return in_current_epoch<schema::EphemeralKey>(
            execution, raw, [&](const EpochRecord& epoch, const auto& arguments) {
                return post_ephemeral_key(execution, sender, epoch, arguments);
            });
    }
    if (transaction.action == action::kKeyCommit) {
        return in_current_epoch<schema::KeyCommit>(
            execution, raw, [&](const EpochRecord& epoch, const auto& arguments) {
                return commit_keys(execution, sender, epoch, arguments);
            });
    }
    if (transaction.action == action::kKeyAck) {
        return in_current_epoch<schema::KeyAck>(
            execution, raw, [&](const EpochRecord& epoch, const auto& arguments) {
                return acknowledge_keys(execution, sender, epoch, arguments);
            });
    }
    CHECK(transaction.action == action::kClientKeys);
    return in_current_epoch<schema::ClientKeys>(
        execution, raw, [&](const EpochRecord& epoch, const auto& arguments) {
            return post_client_keys(execution, sender, epoch, arguments);
        });
}

}  // namespace consilium::contracts::verification
