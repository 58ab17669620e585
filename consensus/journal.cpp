// Reading the vote journal back.
#include "consensus/journal.hpp"

#include <string>

#include "consensus/evidence.hpp"

namespace consilium::consensus {
namespace {

// Puts the record's message where it belongs; the record is of the state's height and view.
struct Restore {
    RecoveredState& state;

    bool operator()(const PrePrepare& m) const { return set(state.pre_prepare, m); }
    bool operator()(const Prepare& m) const { return set(state.prepare, m); }
    bool operator()(const Commit& m) const { return set(state.commit, m); }
    bool operator()(const ViewChange& m) const { return set(state.view_change, m); }
    bool operator()(const NewView& m) const { return set(state.new_view, m); }
    bool operator()(const Checkpoint& /*m*/) const { return false; }
    bool operator()(const CheckpointQuery& /*m*/) const { return false; }

    template <typename T>
    static bool set(std::optional<T>& target, const T& message) {
        if (target && *target != message) return false;
        target = message;
        return true;
    }
};

void enter(RecoveredState& state, const Slot& slot) {
    const bool is_new_height = slot.height != state.height;
    state.height = slot.height;
    state.view = slot.view;
    state.pre_prepare.reset();
    state.prepare.reset();
    state.commit.reset();
    state.view_change.reset();
    state.new_view.reset();
    if (is_new_height) state.prepared.reset();
}

Result<void> apply(RecoveredState& state, const JournalRecord& record) {
    const auto message = decode_message(record.message);
    if (!message) return tl::unexpected(message.error());
    if (slot_of(*message) != record.slot) {
        return make_error(ErrorCode::kMismatch, "journal record of another slot");
    }
    const Slot& slot = record.slot;
    if (slot.height < state.height || (slot.height == state.height && slot.view < state.view)) {
        return make_error(ErrorCode::kMismatch, "journal goes back in height or view");
    }
    if (slot.height != state.height || slot.view != state.view) enter(state, slot);
    if (!std::visit(Restore{state}, *message)) {
        return make_error(ErrorCode::kMismatch, "journal holds two votes for one slot");
    }
    if (record.prepared) state.prepared = record.prepared;
    return {};
}

}  // namespace

Result<RecoveredState> recover_state(const std::vector<Bytes>& records) {
    RecoveredState state;
    bool is_first = true;
    for (const Bytes& bytes : records) {
        auto record = decode<JournalRecord>(bytes);
        if (!record) return tl::unexpected(record.error());
        if (!is_first && record->sequence != state.next_sequence) {
            return make_error(ErrorCode::kMismatch, "journal sequence has a gap");
        }
        is_first = false;
        const auto next = checked_add(record->sequence, std::uint64_t{1});
        if (!next) return make_error(ErrorCode::kMalformed, "journal sequence is exhausted");
        state.next_sequence = *next;
        if (auto applied = apply(state, *record); !applied) {
            return tl::unexpected(applied.error());
        }
    }
    const bool is_installed = state.view == View{0} || state.new_view.has_value();
    if (!is_installed && !state.view_change) {
        return make_error(ErrorCode::kMismatch, "journal votes in a view it never entered");
    }
    if (!is_installed && (state.prepare || state.commit || state.pre_prepare)) {
        return make_error(ErrorCode::kMismatch, "journal votes in a view that was not installed");
    }
    return state;
}

}  // namespace consilium::consensus
