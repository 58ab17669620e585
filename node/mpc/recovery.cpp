// Requests for lost keys, the count of copies, and the records that end a recovery.
#include "node/mpc/recovery.hpp"

#include <algorithm>
#include <bit>

#include "node/mpc/peer_letters.hpp"
#include "node/mpc/posted_shares.hpp"

namespace consilium::mpc {
namespace {

std::uint32_t count_of(const Context& context, schema::MemberSet members) {
    const auto counted = static_cast<schema::MemberSet>(members & ~context.epoch.excluded);
    return static_cast<std::uint32_t>(std::popcount(counted));
}

}  // namespace

// Parts of this state; what belongs to an earlier one exists nowhere any more.
void Recovery::want(const Context& context) {
    const std::vector<PartId> wanted = parts_of(context);
    std::erase_if(parts_, [&](const auto& entry) {
        return std::find(wanted.begin(), wanted.end(), entry.first) == wanted.end();
    });
    const std::size_t ring = context.committee.subsets_of(context.self).size();
    for (const PartId& id : wanted) {
        Part& part = parts_[id];
        if (!part.cells.empty()) continue;
        part.cells.resize(rows_of(context, id.part));
        for (auto& row : part.cells) row.resize(ring);
    }
}

bool Recovery::is_asked(const Context& context, smpc::MemberIndex member) const {
    if (member == context.self || context.epoch.is_excluded(static_cast<std::uint16_t>(member))) {
        return false;
    }
    const auto talk = talks_.find(member);
    return talk == talks_.end() || !talk->second.has_lied;
}

bool Recovery::take_rows(const Context& context, smpc::MemberIndex member, HandedRows handed) {
    const auto found = parts_.find(handed.id);
    if (found == parts_.end()) return true;  // of a state that is over: useless, not a lie
    Part& part = found->second;
    std::size_t& given = part.rows_given[member];
    if (handed.first_row != given || handed.rows.size() > part.cells.size() - given) return false;
    const std::vector<std::size_t> columns = shared_columns(context, member);
    for (auto& keys : handed.rows) {
        auto& row = part.cells[given++];
        for (std::size_t i = 0; i < columns.size(); ++i) {
            Cell& cell = row[columns[i]];
            auto same = std::find_if(cell.begin(), cell.end(), [&](const Candidate& candidate) {
                return constant_time_equal(candidate.key.view(), keys[i].view());
            });
            if (same == cell.end()) {
                Candidate fresh;
                fresh.key = std::move(keys[i]);
                same = cell.insert(cell.end(), std::move(fresh));
            }
            same->members |= schema::member_bit(member);
        }
    }
    return true;
}

void Recovery::accept(const Context& context, smpc::MemberIndex member,
                      const RecoveryReply& reply) {
    const auto found = talks_.find(member);
    if (found == talks_.end() || !is_asked(context, member)) return;
    Talk& with = found->second;
    if (reply.challenge != with.sent || reply.next.is_zero()) return;
    with.next = reply.next;
    if (reply.sealed.empty()) {
        // The first request only gets a challenge; whoever has nothing to give is left in peace.
        if (with.sent.is_zero()) with.next_step = steps_;
        return;
    }
    const auto text =
        smpc::open_sealed(recovery_context(context, member, context.self, reply.challenge),
                          *transport_, reply.sealed);
    auto handed = text ? decode_rows(text->view(), shared_columns(context, member).size())
                       : Result<std::vector<HandedRows>>(tl::unexpected(text.error()));
    bool is_fitting = handed.has_value();
    if (handed) {
        for (HandedRows& rows : *handed) {
            is_fitting = is_fitting && take_rows(context, member, std::move(rows));
        }
    }
    if (is_fitting) {
        with.silence = 0;
        with.next_step = steps_;
        return;
    }
    with.has_lied = true;
    context.refuse("member " + std::to_string(member) + " sent no rows of lost keys that fit");
}

std::vector<RecoveryQuestion> Recovery::questions_for(const Context& context,
                                                      smpc::MemberIndex member) const {
    std::vector<RecoveryQuestion> questions;
    for (const PartId& id : parts_of(context)) {
        const Part& part = parts_.at(id);
        const auto given = part.rows_given.find(member);
        const std::size_t first = given == part.rows_given.end() ? 0 : given->second;
        if (first == part.cells.size()) continue;
        questions.push_back({id.part, id.index, static_cast<std::uint32_t>(first)});
    }
    return questions;
}

void Recovery::ask(const Context& context) {
    for (smpc::MemberIndex member = 1; member <= context.committee.n(); ++member) {
        if (!is_asked(context, member)) continue;
        RecoveryRequest request;
        request.questions = questions_for(context, member);
        Talk& with = talks_[member];
        if (request.questions.empty() || steps_ < with.next_step) continue;
        with.silence = std::min(with.silence + 1, kMaxPauseExponent);
        with.next_step = steps_ + (std::uint64_t{1} << with.silence);
        with.sent = with.next;
        request.mpc_epoch = context.epoch.mpc_epoch;
        request.key = transport_->public_key();
        request.challenge = with.sent;
        const PublicKey& peer = key_of_member(context, member);
        request.signature =
            context.options.sign(recovery_digest(context.options.identity, peer, request));
        sent_.push_back({peer, encode_letter(request)});
    }
}

Recovery::Standing Recovery::standing(const Context& context, const Part& part, std::size_t row,
                                      std::size_t column) const {
    const std::uint32_t needed = context.committee.t() + 1;
    std::uint32_t most = 0;
    for (const Candidate& candidate : part.cells[row][column]) {
        most = std::max(most, count_of(context, candidate.members));
    }
    if (most >= needed) return Standing::kComplete;
    std::uint32_t outstanding = 0;
    const smpc::SubsetRank rank = context.committee.subsets_of(context.self)[column];
    for (const smpc::MemberIndex member : context.committee.members(rank)) {
        if (!is_asked(context, member)) continue;
        const auto given = part.rows_given.find(member);
        if (given == part.rows_given.end() || given->second <= row) ++outstanding;
    }
    return most + outstanding >= needed ? Standing::kWaiting : Standing::kContradicted;
}

Recovery::Standing Recovery::standing(const Context& context) const {
    Standing all = Standing::kComplete;
    for (const auto& [id, part] : parts_) {
        for (std::size_t row = 0; row < part.cells.size(); ++row) {
            for (std::size_t column = 0; column < part.cells[row].size(); ++column) {
                const Standing one = standing(context, part, row, column);
                if (one == Standing::kContradicted) return one;
                if (one == Standing::kWaiting) all = one;
            }
        }
    }
    return all;
}

smpc::Secret32 Recovery::agreed(const Context& context, const PartId& id, std::size_t row,
                                std::size_t column) const {
    for (const Candidate& candidate : parts_.at(id).cells.at(row).at(column)) {
        if (count_of(context, candidate.members) > context.committee.t()) {
            return candidate.key.clone();
        }
    }
    UNREACHABLE();
}

template <typename Key>
std::vector<Key> Recovery::agreed_row(const Context& context, const PartId& id,
                                      std::size_t row) const {
    std::vector<Key> ring;
    const std::size_t columns = parts_.at(id).cells.at(row).size();
    for (std::size_t column = 0; column < columns; ++column) {
        ring.emplace_back(agreed(context, id, row, column));
    }
    return ring;
}

Result<void> Recovery::store_batch(const Context& context, const PartId& id) const {
    const auto record =
        context.find<schema::BatchRecord>(schema::keys::batch({context.epoch.mpc_epoch, id.index}));
    CHECK(record.has_value());  // parts_of() found it in this state
    BatchKeys keys;
    keys.dimension = record->dimension;
    const std::size_t slots = context.epoch.clients.size() + 1;
    for (std::size_t slot = 0; slot < slots; ++slot) {
        keys.masks.push_back(agreed_row<smpc::ClientMaskKey>(context, id, slot));
    }
    keys.prep = agreed_row<smpc::PrepMaskKey>(context, id, slots);
    // Invariant I: what was certified serves rounds and is never revealed; what is disputed has
    // perhaps been revealed by us already and never serves one.
    if (record->certified || record->round) keys.use = BatchUse::kServes;
    if (record->state == schema::BatchState::kDisputed) keys.use = BatchUse::kRevealed;
    keys.released = posted_of_batch(context, *record);
    return keys.store(context, id.index);
}

Result<EpochKeys> Recovery::finish(const Context& context) {
    EpochKeys keys;
    for (const auto& [id, part] : parts_) {
        switch (id.part) {
            case RecoveryPart::kChains: {
                keys.next_batch = id.index;
                const std::size_t slots = context.epoch.clients.size() + 1;
                for (std::size_t slot = 0; slot < slots; ++slot) {
                    keys.chains.push_back(agreed_row<smpc::ClientChainKey>(context, id, slot));
                }
                keys.prep = agreed_row<smpc::PrepChainKey>(context, id, slots);
                break;
            }
            case RecoveryPart::kRoundKeys:
                keys.round_steps = id.index;
                keys.coin = agreed_row<smpc::CoinRoundKey>(context, id, 0);
                keys.blur = agreed_row<smpc::BlurRoundKey>(context, id, 1);
                break;
            case RecoveryPart::kBatch:
                if (auto stored = store_batch(context, id); !stored) {
                    return tl::unexpected(stored.error());
                }
                break;
        }
    }
    if (auto learned = learn_posted_of_round(context); !learned) {
        return tl::unexpected(learned.error());
    }
    if (auto stored = keys.store(context); !stored) return tl::unexpected(stored.error());
    return keys;
}

Result<std::optional<EpochKeys>> Recovery::step(const Context& context,
                                                const std::vector<Letter>& received) {
    const auto silent = [&](const char* why) {
        context.refuse(why);
        return std::optional<EpochKeys>();
    };
    if (!context.options.sign) return silent("no keys of this epoch; silent until the next one");
    if (context.epoch.is_excluded(static_cast<std::uint16_t>(context.self)) ||
        context.epoch.is_halted) {
        return silent("no keys of this epoch, and nobody gives them to an excluded member");
    }
    if (is_contradicted_) {
        return silent(
            "the members contradict each other about lost keys; silent until the next "
            "epoch");
    }
    ++steps_;
    if (!transport_) {
        smpc::Secret32 random;
        context.options.random(random.mutable_view());
        transport_.emplace(std::move(random));
    }
    want(context);
    for (const Letter& letter : received) {
        const auto member = find_peer(context, letter);
        const auto reply = member ? content_of<RecoveryReply>(context, letter) : std::nullopt;
        if (reply) accept(context, *member, *reply);
    }
    switch (standing(context)) {
        case Standing::kContradicted:
            is_contradicted_ = true;
            ++context.status.contradictions;
            parts_.clear();
            return silent(
                "the members contradict each other about lost keys; silent until the "
                "next epoch");
        case Standing::kWaiting:
            ask(context);
            return silent("keys of this epoch are lost; the other members are asked for them");
        case Standing::kComplete:
            break;
    }
    auto keys = finish(context);
    if (!keys) return tl::unexpected(keys.error());
    ++context.status.recoveries;
    *this = Recovery();
    return std::optional<EpochKeys>(std::move(*keys));
}

}  // namespace consilium::mpc
