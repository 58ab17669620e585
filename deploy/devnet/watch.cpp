// Reads blocks, rounds and verdicts, and puts them in words.
#include "deploy/devnet/watch.hpp"

#include <algorithm>
#include <bit>

#include <nlohmann/json.hpp>

#include "contracts/schema/keys.hpp"
#include "deploy/devnet/interrupt.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "p2p/client/bounded_json.hpp"

namespace consilium::devnet {
namespace {

using nlohmann::json;
using schema::Phase;
namespace keys = schema::keys;

constexpr std::uint32_t kTask = 1;  // a devnet opens one

Result<json> get_json(p2p::NodePool& nodes, const std::string& target) {
    const auto answer = nodes.get(target);
    if (!answer) return tl::unexpected(answer.error());
    if (!answer->is_success()) {
        return make_error(ErrorCode::kUnavailable,
                          target + ": the node answers " + std::to_string(answer->status));
    }
    return p2p::parse_bounded_json(answer->body);
}

std::uint64_t number_at(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text_at(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string of(std::size_t part, std::size_t whole) {
    return std::to_string(part) + " of " + std::to_string(whole);
}

std::uint64_t between(std::uint64_t earlier, std::uint64_t later) {
    return later > earlier ? later - earlier : 0;
}

template <typename Record>
Result<std::optional<Record>> read_from(p2p::VerifiedReader& reader, const Bytes& key) {
    return reader.read_record<Record>(key);
}

std::string why_aborted(schema::EndReason reason) {
    if (reason == schema::EndReason::kNoReference) {
        return "no quorum of validators computed the same reference update";
    }
    if (reason == schema::EndReason::kMembershipChanged) return "the validators have changed";
    if (reason == schema::EndReason::kChainSetBack) return "the chain was set back";
    return "too few took part";
}

}  // namespace

std::string explain(const std::string& code) {
    if (code == "NO_RANGE") return "its norm was not proved in time";
    if (code == "RANGE_FAIL") return "the proof of its norm does not hold";
    if (code == "NORM_FAIL") return "longer than the clip norm allows";
    if (code == "NULL") return "almost nothing in it";
    if (code == "REF") return "points against the reference";
    if (code == "AGREE") return "agrees with too few others";
    if (code == "LOO") return "points against the sum of the others";
    if (code == "NO_SUBMIT") return "nothing was submitted in time";
    return "see docs/protocol.md";
}

Watch::Watch(const Setup& setup)
    : setup_(setup),
      nodes_([&] {
          auto options = setup.all_nodes();
          options.cancel_flag = &stop_flag();
          return options;
      }()),
      reader_(nodes_, setup.genesis),
      situation_since_ms_(monotonic_ms()) {}

Result<void> Watch::read_blocks() {
    const auto status = get_json(nodes_, "/v1/status");
    if (!status) return tl::unexpected(status.error());
    const std::uint64_t newest = number_at(*status, "height");
    constexpr std::uint64_t kAtOnce = 50;  // then the display gets its turn
    const std::uint64_t end = std::min(newest, height_ + kAtOnce);
    while (height_ < end) {
        const auto block = get_json(nodes_, "/v1/blocks/" + std::to_string(height_ + 1));
        if (!block) return tl::unexpected(block.error());
        if (!block->contains("header") || !block->contains("events") ||
            !block->contains("transactions")) {
            return make_error(ErrorCode::kMalformed, "the node's answer is no block");
        }
        const std::uint64_t time = number_at(block->at("header"), "time_ms");
        ++height_;
        block_times_[height_] = time;
        transactions_ += block->at("transactions").size();
        // A phase changes with a window (events of the block) or with the last answer (receipts).
        json events = block->at("events");
        for (const json& transaction : block->at("transactions")) {
            if (!transaction.contains("receipt")) continue;
            for (const json& event : transaction.at("receipt").value("events", json::array())) {
                events.push_back(event);
            }
        }
        for (const json& event : events) {
            if (text_at(event, "name") != "phase_changed" || !event.contains("payload")) continue;
            const json& payload = event.at("payload");
            if (text_at(payload, "phase") != "aggregate" || !payload.contains("label")) continue;
            aggregate_times_[number_at(payload.at("label"), "round")] = time;
        }
    }
    return {};
}

Result<std::vector<RoundRow>> Watch::advance() {
    if (auto read = read_blocks(); !read) return tl::unexpected(read.error());
    auto rounds = read_from<schema::RoundsRecord>(reader_, keys::rounds());
    if (!rounds) return tl::unexpected(rounds.error());
    std::vector<RoundRow> ended;
    const std::uint64_t next = *rounds ? (*rounds)->next_round : 1;
    while (next_round_ < next) {
        auto round = read_from<schema::RoundRecord>(reader_, keys::round(next_round_));
        if (!round) return tl::unexpected(round.error());
        if (!*round) break;
        const bool has_ended =
            (*round)->phase == Phase::kResult || (*round)->phase == Phase::kCancelled;
        if (!has_ended || (*round)->phase_height.value > height_) break;
        auto row = describe(**round);
        if (!row) return tl::unexpected(row.error());
        ended.push_back(std::move(*row));
        ++next_round_;
    }
    if (auto read = read_progress(); !read) return tl::unexpected(read.error());
    return ended;
}

Result<void> Watch::read_progress() {
    auto task = read_from<schema::TaskRecord>(reader_, keys::task(kTask));
    if (!task) return tl::unexpected(task.error());
    if (*task) task_ = **task;
    current_.reset();
    auto round = read_from<schema::RoundRecord>(reader_, keys::round(next_round_));
    if (!round) return tl::unexpected(round.error());
    if (*round && (*round)->phase != Phase::kResult && (*round)->phase != Phase::kCancelled) {
        current_ = **round;
    }
    if (auto read = read_coin(); !read) return read;
    auto mpc = read_from<schema::MpcRecord>(reader_, keys::mpc());
    if (!mpc) return tl::unexpected(mpc.error());
    epoch_.reset();
    batch_.reset();
    if (*mpc && (*mpc)->current) {
        auto epoch = read_from<schema::EpochRecord>(reader_, keys::epoch(*(*mpc)->current));
        if (!epoch) return tl::unexpected(epoch.error());
        if (*epoch) epoch_ = **epoch;
    }
    if (epoch_ && !epoch_->live_batches.empty()) {
        auto batch = read_from<schema::BatchRecord>(
            reader_, keys::batch({epoch_->mpc_epoch, epoch_->live_batches.back()}));
        if (!batch) return tl::unexpected(batch.error());
        if (*batch) batch_ = **batch;
    }
    is_finished_ =
        task_ && task_->status != schema::TaskStatus::kActive && next_round_ > task_->rounds_begun;
    note(current_ ? "round " + std::to_string(current_->label.round) + " " +
                        std::string(to_string(current_->phase)) +
                        (current_->pledges_closed ? " submit" : "") + " " +
                        std::to_string(current_->label.attempt)
                  : describe_preparation().doing);
    return {};
}

Result<void> Watch::read_coin() {
    coin_posters_ = 0;
    if (!current_) return {};
    const bool is_range = current_->phase == Phase::kCoinRange;
    if (!is_range && current_->phase != Phase::kCoinTest) return {};
    const auto kind = is_range ? schema::CoinKind::kRange : schema::CoinKind::kTest;
    auto coin = read_from<schema::CoinRecord>(reader_, keys::coin({kind, current_->label}));
    if (!coin) return tl::unexpected(coin.error());
    if (*coin) coin_posters_ = (*coin)->posters;
    return {};
}

void Watch::note(const std::string& situation) {
    if (situation == situation_) return;
    situation_ = situation;
    situation_since_ms_ = monotonic_ms();
}

std::string Watch::name_of(const schema::EpochRecord& epoch, std::uint32_t slot) const {
    if (slot < 1 || slot > epoch.clients.size()) return "slot " + std::to_string(slot);
    const Hospital* hospital = setup_.find_trainer(epoch.clients[slot - 1]);
    return hospital == nullptr ? epoch.clients[slot - 1].hex() : hospital->name;
}

std::string Watch::names_without(schema::SlotSet present) const {
    if (!epoch_) return {};
    std::string names;
    for (std::uint32_t slot = 1; slot <= epoch_->clients.size(); ++slot) {
        if ((present & schema::slot_bit(slot)) != 0) continue;
        names += (names.empty() ? "" : ", ") + name_of(*epoch_, slot);
    }
    return names;
}

std::string Watch::members_without(schema::MemberSet present) const {
    if (!epoch_) return {};
    std::string names;
    for (std::uint32_t member = 1; member <= epoch_->members.size(); ++member) {
        if ((present & schema::member_bit(member)) != 0) continue;
        for (const Hospital& hospital : setup_.hospitals) {
            if (hospital.validator != epoch_->members[member - 1]) continue;
            names += (names.empty() ? "" : ", ") + hospital.name;
        }
    }
    return names;
}

Watch::Situation Watch::describe_round(const schema::RoundRecord& round) const {
    const std::size_t clients = epoch_ ? epoch_->clients.size() : 0;
    const std::size_t members = epoch_ ? epoch_->members.size() : 0;
    const std::string attempt =
        round.label.attempt == 0 ? "" : ", attempt " + std::to_string(round.label.attempt + 1);
    const std::string head = "round " + std::to_string(round.terms.task_round) + "/" +
                             std::to_string(setup_.options.rounds) + attempt + " - ";
    const auto trainers = [&](const char* doing, schema::SlotSet done) {
        const auto count = std::min(clients, static_cast<std::size_t>(std::popcount(done)));
        return Situation{head + doing + ": waiting for " + of(clients - count, clients),
                         names_without(done)};
    };
    const auto validators = [&](const char* doing, schema::MemberSet done) {
        const auto count = static_cast<std::size_t>(std::popcount(done));
        return Situation{head + doing + ": shares of " + of(count, members) + " validators",
                         members_without(done)};
    };
    const auto provers = [&](schema::SlotSet all, schema::SlotSet done) {
        const auto count = static_cast<std::size_t>(std::popcount(all));
        return Situation{head + "proving norms: waiting for " +
                             of(static_cast<std::size_t>(std::popcount(all & ~done)), count),
                         names_without(done | ~all)};
    };
    switch (round.phase) {
        case Phase::kSubmitting:
            if (round.pledges_closed && round.submitted == round.pledged &&
                round.terms.reference_set) {
                return {head + "the validators agree on the reference update", ""};
            }
            return round.pledges_closed ? trainers("submitting", round.submitted)
                                        : trainers("training", round.pledged);
        case Phase::kCoinRange:
            return validators("drawing the projections", coin_posters_);
        case Phase::kRanging:
            return provers(round.submitted, round.ranged);
        case Phase::kCoinTest:
            return validators("drawing the test of the proofs", coin_posters_);
        case Phase::kStat1:
            return validators("checking norms", round.stat1_posters);
        case Phase::kStat2:
            return validators("opening inner products", round.stat2_posters);
        case Phase::kAggregate:
            return validators("opening the sum", round.aggregate_posters);
        case Phase::kAborted:
            return {
                head + why_aborted(round.reason) + ": a new attempt follows with the next masks",
                ""};
        case Phase::kResult:
        case Phase::kCancelled:
            return {head + "done", ""};
    }
    UNREACHABLE();
}

Watch::Situation Watch::describe_preparation() const {
    if (!task_) return {"waiting for the task to stand on the chain", ""};
    if (is_finished_) return {"all rounds are done", ""};
    if (!epoch_) return {"waiting for the first keys of the secure computation", ""};
    const std::size_t clients = epoch_->clients.size();
    const std::size_t members = epoch_->members.size();
    const auto member_keys = static_cast<std::size_t>(std::popcount(epoch_->members_with_key));
    const auto client_keys = static_cast<std::size_t>(std::popcount(epoch_->clients_with_key));
    switch (epoch_->phase) {
        case schema::EpochPhase::kEphemeralKeys:
            return {"key setup: have keys of " + of(member_keys, members) + " validators and " +
                        of(client_keys, clients) + " trainers",
                    client_keys < clients ? names_without(epoch_->clients_with_key)
                                          : members_without(epoch_->members_with_key)};
        case schema::EpochPhase::kCommitments:
            return {"key setup: the validators agree on the shared mask keys", ""};
        case schema::EpochPhase::kActive:
            if (batch_ && batch_->state == schema::BatchState::kPosting) {
                const auto posted = static_cast<std::size_t>(std::popcount(batch_->posters));
                return {"preparing masks: shares of " + of(posted, members) + " validators",
                        members_without(batch_->posters)};
            }
            if (batch_ && batch_->state == schema::BatchState::kSacrifice) {
                return {"checking masks that not all validators prepared",
                        members_without(batch_->delta_posters)};
            }
            if (batch_ && batch_->state == schema::BatchState::kDisputed) {
                return {"finding out which validator lied about the masks", ""};
            }
            return {"preparing the next round", ""};
        case schema::EpochPhase::kEnded:
            return {"the keys are being replaced", ""};
    }
    UNREACHABLE();
}

std::string Watch::waiting_for() const {
    const std::uint64_t seconds = between(situation_since_ms_, monotonic_ms()) / 1000;
    const Situation now = current_ ? describe_round(*current_) : describe_preparation();
    return "  " + now.doing + ", " + std::to_string(seconds) + " s, block " +
           std::to_string(height_) + (now.missing.empty() ? "" : ", not yet: " + now.missing);
}

Result<void> Watch::describe_verdict(const schema::RoundRecord& round, RoundRow& row) {
    const auto epoch = read_from<schema::EpochRecord>(reader_, keys::epoch(round.label.mpc_epoch));
    if (!epoch) return tl::unexpected(epoch.error());
    if (!*epoch) return make_error(ErrorCode::kNotFound, "the round's epoch is not on the chain");
    for (std::uint32_t slot = 1; slot <= (*epoch)->clients.size(); ++slot) {
        if ((round.submitted & schema::slot_bit(slot)) != 0) {
            row.submitted.push_back(name_of(**epoch, slot));
        }
    }
    const auto verdict =
        read_from<schema::VerdictRecord>(reader_, keys::verdict(round.label.round));
    if (!verdict) return tl::unexpected(verdict.error());
    if (!*verdict) return {};  // cancelled before there was one
    for (const schema::ClientOutcome& client : (*verdict)->clients) {
        if (client.code == schema::ClientCode::kNoSubmit) continue;
        const std::string name = name_of(**epoch, client.slot);
        const std::string code(to_string(client.code));
        if (client.is_suspect) row.suspects.push_back({name, code});
        if (client.code == schema::ClientCode::kOk || client.is_suspect) {
            row.accepted.push_back(name);
            const std::uint64_t sum = std::max<std::uint64_t>((*verdict)->weight_sum, 1);
            row.weights.emplace_back(
                name, static_cast<double>(client.reduced_weight) / static_cast<double>(sum));
        } else {
            row.rejected.push_back({name, code});
        }
    }
    return {};
}

Result<RoundRow> Watch::describe(const schema::RoundRecord& round) {
    RoundRow row;
    row.round = round.label.round;
    row.attempts = round.label.attempt + 1;
    row.height = round.phase_height.value;
    row.is_cancelled = round.phase == Phase::kCancelled;
    if (round.reference) row.reference = round.reference->sha256.hex();
    if (row.is_cancelled) row.cancel_reason = std::string(to_string(round.reason));
    if (auto described = describe_verdict(round, row); !described) {
        return tl::unexpected(described.error());
    }
    const std::uint64_t opened = round.opened_time.value;
    const std::uint64_t pledged = round.pledges_closed ? round.pledges_closed_time.value : opened;
    const std::uint64_t submitted =
        round.submissions_closed ? block_times_[round.submissions_closed->value] : pledged;
    const auto aggregating = aggregate_times_.find(round.label.round);
    const std::uint64_t judged =
        aggregating == aggregate_times_.end() ? submitted : aggregating->second;
    row.times = {between(opened, pledged), between(pledged, submitted), between(submitted, judged),
                 between(judged, round.phase_time.value)};
    const std::uint32_t version = round.model_version.value_or(round.terms.model_version);
    const auto numbers = model(version);
    if (!numbers) return tl::unexpected(numbers.error());
    row.metrics = fl::evaluate(setup_.recipe.spec, *numbers, setup_.test);
    return row;
}

Result<schema::ModelRecord> Watch::model_record(std::uint32_t version) {
    const auto record = read_from<schema::ModelRecord>(reader_, keys::model(kTask, version));
    if (!record) return tl::unexpected(record.error());
    if (!*record) {
        return make_error(ErrorCode::kNotFound,
                          "there is no model version " + std::to_string(version));
    }
    return **record;
}

Result<std::optional<schema::PrivacyRecord>> Watch::privacy(const Hospital& hospital) {
    const auto account = read_from<schema::AccountRecord>(reader_, keys::account(hospital.trainer));
    if (!account) return tl::unexpected(account.error());
    if (!*account) return std::optional<schema::PrivacyRecord>();
    return read_from<schema::PrivacyRecord>(reader_,
                                            keys::privacy(kTask, (*account)->organisation));
}

Result<fl::IntegerModel> Watch::model(std::uint32_t version) {
    const auto record = model_record(version);
    if (!record) return tl::unexpected(record.error());
    const auto blob = nodes_.get_blob(record->parameters.sha256, record->parameters.length);
    if (!blob) return tl::unexpected(blob.error());
    return smpc::decode_integers(*blob, setup_.recipe.spec.parameter_count());
}

}  // namespace consilium::devnet
