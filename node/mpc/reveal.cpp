// The decision to reveal, and the message.
#include "node/mpc/reveal.hpp"

#include <algorithm>

namespace consilium::mpc {
namespace {

template <typename Key>
void append_keys(std::vector<schema::KeyBytes>& out, const std::vector<Key>& ring) {
    for (const Key& key : ring) {
        const auto bytes = key.secret().view();
        std::copy(bytes.begin(), bytes.end(), out.emplace_back().begin());
    }
}

}  // namespace

Result<std::optional<RevealableBatch>> RevealableBatch::examine(const Context& context,
                                                                const schema::BatchRecord& record) {
    const std::uint64_t batch = record.label.batch;
    const auto refuse = [&](const char* why) {
        context.refuse("batch " + std::to_string(batch) + " is not revealed: " + why);
        return std::optional<RevealableBatch>();
    };
    if (record.state != schema::BatchState::kDisputed) return refuse("it is not disputed");
    if (record.certified || record.round) return refuse("it was certified");
    if (record.label.mpc_epoch != context.epoch.mpc_epoch) return refuse("another epoch's");
    const auto dispute = context.find<schema::DisputeRecord>(schema::keys::dispute(record.label));
    if (!dispute) return refuse("no dispute is on the chain");
    auto keys = BatchKeys::load(context, batch);
    if (!keys) return tl::unexpected(keys.error());
    if (!*keys) return refuse("its keys are not held");
    if ((*keys)->dimension != record.dimension) return refuse("its length has changed");
    if ((*keys)->use == BatchUse::kServes) return refuse("it was seen certified");
    const std::vector<std::uint16_t> slots = dispute->asked_slots();
    const bool has_slots = std::all_of(slots.begin(), slots.end(), [&](std::uint16_t slot) {
        return slot < (*keys)->masks.size();
    });
    if (!has_slots) return refuse("it has no such slot");
    if ((*keys)->use != BatchUse::kRevealed) {
        (*keys)->use = BatchUse::kRevealed;
        if (auto stored = (*keys)->store(context, batch); !stored) {
            return tl::unexpected(stored.error());
        }
    }
    return std::optional(RevealableBatch(record.label, slots, std::move(**keys)));
}

Outgoing make_reveal(const Context& context, const RevealableBatch& batch) {
    schema::PrepReveal arguments;
    arguments.label = batch.label();
    for (const std::uint16_t slot : batch.slots()) {
        append_keys(arguments.masks, batch.keys().masks.at(slot));
    }
    append_keys(arguments.prep, batch.keys().prep);
    return {.label = batch_name(context, batch.label().batch) + "/prep-reveal",
            .module = static_cast<std::uint16_t>(schema::Module::kVerification),
            .action = schema::action::kPrepReveal,
            .arguments = encode(arguments),
            .blobs = {}};
}

}  // namespace consilium::mpc
