// Requests and replies for keys of the setup.
#include "node/mpc/key_exchange.hpp"

#include <algorithm>
#include <set>

#include "node/mpc/peer_letters.hpp"

namespace consilium::mpc {
namespace {

using schema::SetupRecord;
using schema::SubsetSetup;

smpc::SealContext reply_context(const Context& context, std::uint16_t subset,
                                smpc::MemberIndex sender, smpc::MemberIndex recipient) {
    return {.chain_id = context.kdf.chain_id(),
            .mpc_epoch = context.epoch.mpc_epoch,
            .label = smpc::kKeyReplyLabel,
            .sender = sender,
            .subject = subset,
            .recipient = recipient};
}

// The subset's entry when it has a commitment and both of us are in it. Entries stand in the order
// of ranks.
const SubsetSetup* find_shared(const Context& context, const SetupRecord& setup,
                               std::uint16_t subset, smpc::MemberIndex member) {
    const auto rank = context.committee.rank_of(subset);
    if (!rank || *rank >= setup.subsets.size()) return nullptr;
    const SubsetSetup& entry = setup.subsets[*rank];
    const bool is_shared = entry.subset == subset && context.is_mine(subset) &&
                           (subset & schema::member_bit(member)) != 0 && entry.commitment;
    return is_shared ? &entry : nullptr;
}

}  // namespace

KeyExchange::Talk& KeyExchange::talk(const SubsetSetup& entry, smpc::MemberIndex member) {
    Talk& found = talks_[{entry.subset, member}];
    if (found.commitment != *entry.commitment) found = {.commitment = *entry.commitment};
    return found;
}

bool KeyExchange::accept(const Context& context, SetupSecrets& secrets, const SubsetSetup& entry,
                         smpc::MemberIndex member, const KeyAnswer& answer) {
    Talk& with = talk(entry, member);
    if (with.has_lied) return false;
    const auto plaintext =
        smpc::open_sealed(reply_context(context, entry.subset, member, context.self),
                          smpc::TransportSecretKey(secrets.transport.clone()), answer.sealed);
    auto opening = plaintext ? smpc::decode_subset_opening(plaintext->view())
                             : Result<smpc::SubsetOpening>(tl::unexpected(plaintext.error()));
    if (!opening || smpc::commit_subset_key(context.kdf, context.epoch.mpc_epoch, entry.subset,
                                            *opening) != *entry.commitment) {
        with.has_lied = true;
        context.refuse("member " + std::to_string(member) + " answered with no key that fits");
        return false;
    }
    secrets.openings.insert_or_assign(entry.subset,
                                      HeldOpening{*entry.commitment, std::move(*opening)});
    secrets.misfits.erase(entry.subset);
    return true;
}

bool KeyExchange::accept(const Context& context, SetupSecrets& secrets, const SetupRecord& setup,
                         const std::vector<Letter>& received) {
    bool has_news = false;
    for (const Letter& letter : received) {
        const auto member = find_peer(context, letter);
        const auto reply = member ? content_of<KeyReply>(context, letter) : std::nullopt;
        if (!reply) continue;
        for (const KeyAnswer& answer : reply->answers) {
            const auto* const entry = find_shared(context, setup, answer.subset, *member);
            if (entry == nullptr || !secrets.misfits.contains(answer.subset)) continue;
            has_news = accept(context, secrets, *entry, *member, answer) || has_news;
        }
    }
    return has_news;
}

std::optional<KeyAnswer> KeyExchange::answer(const Context& context, const SetupSecrets& secrets,
                                             const SubsetSetup& entry, smpc::MemberIndex asker,
                                             const KeyQuestion& question) {
    if (question.commitment != *entry.commitment) return std::nullopt;
    const auto held = secrets.openings.find(entry.subset);
    if (held == secrets.openings.end() || held->second.commitment != *entry.commitment) {
        return std::nullopt;
    }
    const auto recipient = context.find<schema::EphemeralKeyRecord>(schema::keys::ephemeral(
        context.epoch.mpc_epoch, context.epoch.members[asker - std::size_t{1}]));
    Talk& with = talk(entry, asker);
    if (!recipient || with.answers >= kMaxQuestions) return std::nullopt;
    ++with.answers;
    smpc::Secret32 random;
    context.options.random(random.mutable_view());
    const auto sealed = smpc::seal(reply_context(context, entry.subset, context.self, asker),
                                   recipient->key, smpc::TransportSecretKey(std::move(random)),
                                   smpc::encode_subset_opening(held->second.opening).view());
    if (!sealed) return std::nullopt;  // the asker's key is no good
    KeyAnswer given{.subset = entry.subset};
    CHECK(sealed->size() == given.sealed.size());
    std::copy(sealed->begin(), sealed->end(), given.sealed.begin());
    return given;
}

void KeyExchange::answer(const Context& context, const SetupSecrets& secrets,
                         const SetupRecord& setup, const std::vector<Letter>& received) {
    for (const Letter& letter : received) {
        const auto asker = find_peer(context, letter);
        const auto request = asker ? content_of<KeyRequest>(context, letter) : std::nullopt;
        if (!request) continue;
        KeyReply reply{.mpc_epoch = context.epoch.mpc_epoch, .answers = {}};
        std::set<std::uint16_t> answered;  // once per letter, however often it asks
        for (const KeyQuestion& question : request->questions) {
            const auto* const entry = find_shared(context, setup, question.subset, *asker);
            if (entry == nullptr || !answered.insert(question.subset).second) continue;
            if (auto found = answer(context, secrets, *entry, *asker, question)) {
                reply.answers.push_back(*found);
            }
        }
        if (!reply.answers.empty()) sent_.push_back({letter.peer, encode_letter(reply)});
    }
}

void KeyExchange::ask(const Context& context, const SetupSecrets& secrets,
                      const SetupRecord& setup) {
    ++steps_;
    for (smpc::MemberIndex member = 1; member <= context.committee.n(); ++member) {
        if (member == context.self) continue;
        KeyRequest request{.mpc_epoch = context.epoch.mpc_epoch, .questions = {}};
        for (const std::uint16_t subset : secrets.misfits) {
            const auto* const entry = find_shared(context, setup, subset, member);
            if (entry == nullptr || (entry->acknowledged & schema::member_bit(member)) == 0) {
                continue;
            }
            Talk& with = talk(*entry, member);
            const bool is_due =
                !with.has_lied && with.questions < kMaxQuestions && steps_ >= with.next_step;
            if (!is_due) continue;
            ++with.questions;
            with.next_step = steps_ + (std::uint64_t{1} << with.questions);
            request.questions.push_back({subset, *entry->commitment});
        }
        if (request.questions.empty()) continue;
        sent_.push_back({context.epoch.members[member - std::size_t{1}], encode_letter(request)});
    }
}

}  // namespace consilium::mpc
