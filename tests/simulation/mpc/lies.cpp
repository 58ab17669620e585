// Changing, withholding, delaying and doubling messages.
#include "tests/simulation/mpc/lies.hpp"

#include <algorithm>
#include <functional>

#include "core/digest.hpp"
#include "fl_engine/smpc/field61.hpp"

namespace consilium::simulation {
namespace {

constexpr std::uint64_t kLateForMs = 10'000;  // afterwards a late message is not sent any more

void change_last_word(Bytes& bytes, std::uint64_t error) {
    CHECK(!bytes.empty());
    if (bytes.size() < 8) {
        bytes.back() ^= 1;
        return;
    }
    const std::size_t at = bytes.size() - 8;
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i) word |= std::uint64_t{bytes[at + i]} << (8 * i);
    // A word that is no field element belongs to a hash or a ciphertext.
    const std::uint64_t changed =
        word < smpc::Field61::kModulus ? smpc::Field61::add(word, error) : word ^ error;
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[at + i] = static_cast<std::uint8_t>(changed >> (8 * i));
    }
}

void replace(Bytes& bytes, const Digest& from, const Digest& to) {
    const auto found =
        std::search(bytes.begin(), bytes.end(), from.bytes.begin(), from.bytes.end());
    CHECK(found != bytes.end());  // a blob is named by its hash
    std::copy(to.bytes.begin(), to.bytes.end(), found);
}

[[nodiscard]] bool is_late(LieKind kind) {
    return kind == LieKind::kLate || kind == LieKind::kLateWrong;
}

}  // namespace

const char* name_of(LieKind kind) {
    switch (kind) {
        case LieKind::kWrong:
            return "share_wrong";
        case LieKind::kWithheld:
            return "share_withheld";
        case LieKind::kLate:
            return "share_late";
        case LieKind::kLateWrong:
            return "share_late_wrong";
        case LieKind::kTwice:
            return "share_twice";
    }
    UNREACHABLE();
}

const std::vector<std::uint16_t>& validator_actions() {
    static const std::vector<std::uint16_t> kActions = {1, 2, 3,  4,  5,  6,  7,
                                                        8, 9, 10, 11, 12, 13, 14};
    return kActions;
}

mpc::Outgoing falsify(mpc::Outgoing outgoing, std::uint64_t error) {
    if (outgoing.blobs.empty()) {
        change_last_word(outgoing.arguments, error);
        return outgoing;
    }
    Bytes& blob = outgoing.blobs.back();
    const Digest truth = sha256(blob);
    change_last_word(blob, error);
    replace(outgoing.arguments, truth, sha256(blob));
    return outgoing;
}

void Liar::keep_only_from(std::uint16_t first_action) {
    std::erase_if(lies_, [&](const Lie& lie) { return lie.action < first_action; });
    std::erase_if(chosen_,
                  [&](const auto& entry) { return entry.second.lie.action < first_action; });
}

void Liar::choose(const mpc::Outgoing& outgoing, std::uint64_t now_ms,
                  const std::function<void(const Lie&)>& on_lie) {
    if (chosen_.contains(outgoing.label)) return;
    for (Lie& lie : lies_) {
        if (lie.action != outgoing.action || lie.labels_max == 0) continue;
        --lie.labels_max;
        chosen_.emplace(outgoing.label, Chosen{lie, outgoing, now_ms});
        on_lie(lie);
        return;
    }
}

bool Liar::tell(mpc::Letter& letter, const std::function<void(const Lie&)>& on_lie) {
    for (Lie& lie : lies_) {
        if (lie.action != kLetterAction || lie.labels_max == 0) continue;
        --lie.labels_max;
        on_lie(lie);
        if (lie.kind == LieKind::kWithheld) return false;
        letter.content.back() ^= 1;
    }
    return true;
}

std::vector<Told> Liar::tell(const std::vector<mpc::Outgoing>& owed, std::uint64_t now_ms,
                             const std::function<void(const Lie&)>& on_lie) {
    std::vector<Told> told;
    for (const mpc::Outgoing& outgoing : owed) {
        choose(outgoing, now_ms, on_lie);
        const auto found = chosen_.find(outgoing.label);
        if (found == chosen_.end()) {
            told.push_back({outgoing, false});
            continue;
        }
        const Lie& lie = found->second.lie;
        if (lie.kind == LieKind::kWrong) {
            told.push_back({falsify(outgoing, lie.error), true});
        } else if (lie.kind == LieKind::kTwice) {
            told.push_back({outgoing, false});
            mpc::Outgoing second = falsify(outgoing, lie.error);
            second.label += "/second";
            told.push_back({std::move(second), true});
        }
    }
    for (const auto& [label, chosen] : chosen_) {
        const std::uint64_t due_ms = chosen.since_ms + chosen.lie.delay_ms;
        if (!is_late(chosen.lie.kind) || now_ms < due_ms || now_ms > due_ms + kLateForMs) continue;
        const bool is_false = chosen.lie.kind == LieKind::kLateWrong;
        told.push_back(
            {is_false ? falsify(chosen.truth, chosen.lie.error) : chosen.truth, is_false});
    }
    return told;
}

}  // namespace consilium::simulation
