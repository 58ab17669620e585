// Challenges, the choice of what is given, and the seal.
#include "node/mpc/recovery_answers.hpp"

#include <algorithm>

#include "node/mpc/peer_letters.hpp"

namespace consilium::mpc {
namespace {

constexpr std::size_t kMaxTextBytes = RecoveryReply::kMaxSealedBytes - smpc::kSealOverheadBytes;
static_assert(kMaxTextBytes <= smpc::kMaxSealedPlaintext);
static_assert(RecoveryReply::kMaxSealedBytes + 128 <= kMaxLetterBytes);

Digest draw_challenge(const Context& context) {
    Digest challenge;
    while (challenge.is_zero()) context.options.random(challenge.bytes);
    return challenge;
}

// All that this asker may be given, once.
std::size_t whole_bytes(const Context& context, smpc::MemberIndex asker) {
    const std::size_t row_bytes = shared_columns(context, asker).size() * smpc::kKeyBytes;
    std::size_t bytes = 0;
    for (const PartId& id : parts_of(context)) {
        bytes += kHandedHeaderBytes + rows_of(context, id.part) * row_bytes;
    }
    return bytes;
}

// Rows of what is asked for and held, as many as one letter takes.
Result<std::vector<HandedRows>> choose(const Context& context, const EpochKeys& keys,
                                       smpc::MemberIndex asker,
                                       const std::vector<RecoveryQuestion>& questions) {
    const std::vector<std::size_t> columns = shared_columns(context, asker);
    const std::size_t row_bytes = columns.size() * smpc::kKeyBytes;
    std::vector<HandedRows> handed;
    std::vector<PartId> seen;
    std::size_t room = kMaxTextBytes;
    for (const RecoveryQuestion& question : questions) {
        const PartId id{question.part, question.index};
        // Once per letter, however often it asks.
        if (std::find(seen.begin(), seen.end(), id) != seen.end()) continue;
        seen.push_back(id);
        if (room < kHandedHeaderBytes + row_bytes) break;
        auto part = HeldPart::find(context, keys, id);
        if (!part) return tl::unexpected(part.error());
        if (!*part || question.first_row >= (*part)->rows()) continue;
        room -= kHandedHeaderBytes;
        HandedRows& given = handed.emplace_back();
        given.id = id;
        given.first_row = question.first_row;
        for (std::size_t row = question.first_row; row < (*part)->rows() && room >= row_bytes;
             ++row) {
            auto& ring = given.rows.emplace_back();
            for (const std::size_t column : columns) {
                ring.push_back((*part)->key(row, column).clone());
            }
            room -= row_bytes;
        }
    }
    return handed;
}

}  // namespace

Result<void> RecoveryAnswers::answer(const Context& context, const EpochKeys& keys,
                                     smpc::MemberIndex asker, const RecoveryRequest& request) {
    Talk& with = talks_[asker];
    RecoveryReply reply{.mpc_epoch = context.epoch.mpc_epoch,
                        .challenge = request.challenge,
                        .next = {},
                        .sealed = {}};
    const bool is_fresh = !with.challenge.is_zero() && request.challenge == with.challenge;
    if (is_fresh) {
        with.challenge = {};  // one answer each
        auto handed = choose(context, keys, asker, request.questions);
        if (!handed) return tl::unexpected(handed.error());
        if (!handed->empty()) {
            smpc::Secret32 random;
            context.options.random(random.mutable_view());
            const SecretBytes text = encode_rows(*handed);
            auto sealed =
                smpc::seal(recovery_context(context, context.self, asker, request.challenge),
                           request.key, smpc::TransportSecretKey(std::move(random)), text.view());
            if (!sealed) return {};  // its key is no good
            reply.sealed = std::move(*sealed);
            with.bytes_given += text.size();
            ++context.status.keys_given;
            context.status.last_receiver = key_of_member(context, asker).hex().substr(0, 16);
        }
    }
    if (with.challenge.is_zero()) with.challenge = draw_challenge(context);
    reply.next = with.challenge;
    sent_.push_back({key_of_member(context, asker), encode_letter(reply)});
    return {};
}

Result<void> RecoveryAnswers::step(const Context& context, const EpochKeys& keys,
                                   const std::vector<Letter>& received) {
    ++steps_;
    if (context.epoch.is_excluded(static_cast<std::uint16_t>(context.self)) ||
        context.epoch.is_halted) {
        return {};
    }
    for (const Letter& letter : received) {
        const auto asker = find_peer(context, letter);
        if (!asker || context.epoch.is_excluded(static_cast<std::uint16_t>(*asker))) continue;
        const auto request = content_of<RecoveryRequest>(context, letter);
        if (!request) continue;
        Talk& with = talks_[*asker];
        if (with.step == steps_) continue;
        with.step = steps_;
        if (with.bytes_given >= kMaxRepeats * whole_bytes(context, *asker)) continue;
        if (!verify_signature(
                letter.peer,
                recovery_digest(context.options.identity, context.options.own_key, *request),
                request->signature)) {
            continue;
        }
        if (auto answered = answer(context, keys, *asker, *request); !answered) return answered;
    }
    return {};
}

}  // namespace consilium::mpc
