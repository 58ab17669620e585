// Parties, their clocks and their faults.
#include "tests/simulation/mpc/protocol.hpp"

#include "tests/simulation/crypto.hpp"
#include "tests/simulation/mpc/records.hpp"

namespace consilium::simulation {
namespace {

namespace action = schema::action;

constexpr std::size_t kTrainerKeys = 300;  // index of the first trainer's key
constexpr std::uint64_t kCouncilTickMs = 150;
// Lies in the key setup end with healing: it needs every leader, and the council's patience with an
// epoch is longer than a run. All others go on.
constexpr std::uint16_t kFirstLastingAction = action::kPrepShare;

// Every second one where shares are opened, every fourth in the preparation.
[[nodiscard]] std::uint16_t draw_action(Random& random) {
    if (random.one_in(2)) {
        return static_cast<std::uint16_t>(random.between(action::kCoinShare, action::kAggregateOk));
    }
    if (random.one_in(2)) {
        return static_cast<std::uint16_t>(random.between(action::kPrepShare, action::kPrepReveal));
    }
    const auto& actions = validator_actions();
    const std::uint64_t which = random.below(actions.size() + 1);
    return which == actions.size() ? kLetterAction : actions[which];
}

[[nodiscard]] Lie draw_lie(Random& random, std::uint16_t number) {
    Lie lie;
    lie.action = number;
    lie.kind = static_cast<LieKind>(random.below(5));
    lie.error = random.between(1, 1'000'000);
    lie.labels_max = static_cast<std::uint32_t>(
        lie.action < kFirstLastingAction ? random.between(1, 3) : random.between(1, 40));
    lie.delay_ms = random.between(100, 4'000);
    return lie;
}

// What follows PREP_SHARE is asked for only when somebody's share is missing or wrong.
[[nodiscard]] std::vector<Lie> draw_lies(Random& random) {
    std::vector<Lie> lies;
    if (random.percent(60)) {
        lies.push_back(draw_lie(random, action::kPrepShare));
        if (random.one_in(2)) lies.back().kind = LieKind::kWrong;
    }
    if (random.percent(20)) {  // so that members have to write letters
        lies.push_back(draw_lie(random, action::kKeyCommit));
        lies.back().kind = LieKind::kWrong;
    }
    const std::uint64_t count = random.between(1, 4);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint16_t number = draw_action(random);
        lies.push_back(draw_lie(random, number));
    }
    return lies;
}

[[nodiscard]] ReferenceUse reference_use(const MpcOptions& options, std::uint64_t seed) {
    if (options.references) return *options.references;
    if (seed % 7 == 1) return ReferenceUse::kOptional;
    return seed % 7 == 4 ? ReferenceUse::kRequired : ReferenceUse::kNone;
}

[[nodiscard]] Bytes reference_set_of(const schema::TaskSpec& task) {
    if (!task.reference_set) return {};
    return encode(simulated_reference_set(task.model.layers.front()));
}

[[nodiscard]] Step step_of(const StateReader& state) {
    const auto epoch = current_epoch(state);
    if (!epoch) return Step::kNone;
    if (epoch->phase == schema::EpochPhase::kEphemeralKeys) return Step::kEphemeralKeys;
    if (epoch->phase == schema::EpochPhase::kCommitments) return Step::kCommitments;
    const auto round = current_round(state);
    if (!round) return epoch->rounds_opened == 0 ? Step::kPreparing : Step::kBetween;
    switch (round->phase) {
        case schema::Phase::kSubmitting:
            return Step::kSubmitting;
        case schema::Phase::kCoinRange:
            return Step::kCoinRange;
        case schema::Phase::kRanging:
            return Step::kRanging;
        case schema::Phase::kCoinTest:
            return Step::kCoinTest;
        case schema::Phase::kStat1:
            return Step::kStat1;
        case schema::Phase::kStat2:
            return Step::kStat2;
        case schema::Phase::kAggregate:
            return Step::kAggregate;
        case schema::Phase::kResult:
        case schema::Phase::kAborted:
        case schema::Phase::kCancelled:
            return Step::kBetween;
    }
    UNREACHABLE();
}

[[nodiscard]] SecretDefect defect_of(MpcPlanted planted) {
    if (planted == MpcPlanted::kForgetsSecrets) return SecretDefect::kForgetsSynced;
    if (planted == MpcPlanted::kKeepsSecrets) return SecretDefect::kKeepsErased;
    return SecretDefect::kNone;
}

// Lies that a planted defect tells in the name of a validator held for honest.
[[nodiscard]] std::vector<Lie> planted_lies(MpcPlanted planted, std::size_t member) {
    Lie lie{.action = action::kStat1, .kind = LieKind::kWrong, .error = 1, .labels_max = 1'000'000};
    if (planted == MpcPlanted::kCommonStatistics) {
        lie.error = std::uint64_t{1} << 43;
        return {lie};
    }
    if (planted == MpcPlanted::kCommonAggregate) {
        lie.action = action::kAggregate;
        lie.error = std::uint64_t{1} << 30;
        return {lie};
    }
    if (planted == MpcPlanted::kHonestError && member == 1) return {lie};
    Lie silence = lie;
    silence.kind = LieKind::kWithheld;
    if (planted == MpcPlanted::kSilentMajority && member < 2) return {silence};
    if (planted == MpcPlanted::kSilentWorker && member == 2) {
        silence.action = action::kPrepShare;
        return {silence};
    }
    if (planted == MpcPlanted::kNoLetters && member == 3) {
        lie.action = action::kKeyCommit;
        return {lie, silence};
    }
    return {};
}

}  // namespace

schema::Parameters simulated_parameters() {
    schema::Parameters parameters;
    parameters.setup_window = {.blocks = 8, .ms = 3'000};
    parameters.preparation_window = {.blocks = 4, .ms = 1'000};
    parameters.epoch_rounds_max = 6;
    return parameters;
}

schema::TaskSpec simulated_task(std::uint64_t seed, ReferenceUse references) {
    schema::TaskSpec spec;
    spec.name = "Study";
    spec.data_schema = "study";
    const bool is_sum = seed % 3 == 0;
    // 129 parameters: the range is proved of random projections (COIN_R), not of each coordinate.
    const std::uint32_t inputs = seed % 5 == 4 ? 14 : 3;
    spec.mode = is_sum ? schema::Mode::kSum : schema::Mode::kPairwise;
    spec.model = is_sum ? schema::ModelSpec{schema::ModelKind::kLogistic, {15, 1}}
                        : schema::ModelSpec{schema::ModelKind::kMlp, {inputs, 8, 1}};
    spec.seed.fill(7);
    spec.rounds = 10'000;
    spec.windows.pledge = {.blocks = 4, .ms = 2'500};
    spec.windows.submit = {.blocks = 4, .ms = 2'500};
    spec.windows.range = {.blocks = 4, .ms = 2'500};
    spec.windows.aggregate = {.blocks = 3, .ms = 1'000};
    if (references != ReferenceUse::kNone) {
        spec.reference_set = sha256(encode(simulated_reference_set(spec.model.layers.front())));
        spec.is_reference_required = references == ReferenceUse::kRequired;
    }
    return spec;
}

Protocol::Protocol(const Parts& parts)
    : parts_(parts),
      references_(reference_use(parts.options, parts.seed)),
      // A planted defect: what all validators compute alike is not g.
      reference_(parts.seed + (parts.options.planted == MpcPlanted::kOtherReference ? 1 : 0)),
      random_(parts.seed * 40'503 + 17),
      checks_(parts.genesis, parts.options.planted == MpcPlanted::kOtherParameters,
              [&stage = parts.stage](const std::string& what) { stage.fail(what); }),
      council_(parts.stage, parts.genesis, parts.first_council_key,
               simulated_task(parts.seed, references_),
               reference_set_of(simulated_task(parts.seed, references_))),
      outages_(parts.options.outages) {
    if (references_ != ReferenceUse::kNone) {
        checks_.expect_references(reference_set_of(simulated_task(parts.seed, references_)),
                                  [seed = parts.seed](std::uint64_t round, std::size_t dimension) {
                                      return reference_update(seed, round, dimension);
                                  });
    }
    for (const GenesisOrganisation& organisation : parts_.genesis.organisations) {
        checks_.add_validator(organisation.validator_key);
    }
    make_trainers();
}

void Protocol::make_trainers() {
    std::vector<TrainerKind> kinds = parts_.options.trainers;
    if (kinds.empty()) {
        kinds.assign(4, TrainerKind::kHonest);
        if (random_.percent(60))
            kinds.push_back(static_cast<TrainerKind>(random_.between(1, kTrainerKinds - 1)));
    }
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        trainers_.emplace_back(
            Trainer::Parts{.stage = parts_.stage,
                           .genesis = parts_.genesis,
                           .witness = checks_,
                           .key = kTrainerKeys + i,
                           .seed = parts_.seed,
                           .kind = kinds[i],
                           .is_forgetful = parts_.options.planted == MpcPlanted::kTwoUpdates,
                           .is_unsteady = parts_.options.planted == MpcPlanted::kTwoProofs});
        const bool is_honest = kinds[i] == TrainerKind::kHonest;
        if (!is_honest) parts_.stage.count(name_of(kinds[i]));
        checks_.add_trainer(trainers_.back().public_key(), is_honest);
        trainer_keys_.push_back(trainers_.back().public_key());
    }
}

Validator* Protocol::validator_of(std::size_t process) {
    const auto found = validators_.find(process);
    return found == validators_.end() ? nullptr : found->second.get();
}

void Protocol::plan_lies(Validator& validator, const PublicKey& key) {
    const std::vector<Lie> lies = parts_.options.lies ? *parts_.options.lies : draw_lies(random_);
    for (const Lie& lie : lies) validator.liar().add(lie);
    if (!lies.empty()) checks_.set_liar(key);
}

void Protocol::send_letter(std::size_t process, const PublicKey& from, const mpc::Letter& letter) {
    ++letters_;
    if (parts_.options.planted == MpcPlanted::kNoLetters) return;
    parts_.stage.carry(process, letter.peer,
                       [this, from, content = letter.content](std::size_t target) {
                           Validator* validator = validator_of(target);
                           if (validator != nullptr) validator->receive({from, content});
                       });
}

Validator::Parts Protocol::validator_parts(std::size_t process, std::size_t member) {
    const MpcPlanted planted = parts_.options.planted;
    const PublicKey key = simulation_key(member).public_key();
    const bool is_planted = planted != MpcPlanted::kNothing;
    const bool is_claimed = planted == MpcPlanted::kClaimedLie && member == 0;
    return {.stage = parts_.stage,
            .identity = parts_.genesis.identity(),
            .process = process,
            .key = member,
            .seed = parts_.seed,
            .defect = defect_of(planted),
            .resigns_after_crash = planted == MpcPlanted::kResignsAfterCrash,
            .observer = {.on_owed = [this, key](const auto& owed) { checks_.on_owed(key, owed); },
                         .on_told =
                             [this, key, is_planted, is_claimed](const Told& told) {
                                 Told record = told;
                                 if (is_planted) record.is_false = is_claimed;
                                 checks_.on_told(key, record);
                             },
                         .on_stepped =
                             [this, process, key](const StateReader& state) {
                                 checks_.on_stepped({process, key}, state,
                                                    validators_.at(process)->secrets().content());
                             }},
            .send_letter = [this, process,
                            key](const mpc::Letter& letter) { send_letter(process, key, letter); },
            .references = references_ == ReferenceUse::kNone ? nullptr : &reference_};
}

void Protocol::add_process(std::size_t process, std::size_t member, bool is_faulty) {
    auto validator = std::make_unique<Validator>(validator_parts(process, member));
    const MpcPlanted planted = parts_.options.planted;
    const std::vector<Lie> lies = planted_lies(planted, member);
    for (const Lie& lie : lies) validator->liar().add(lie);
    const bool may_lie = is_faulty && planted == MpcPlanted::kNothing;
    if (may_lie && (parts_.options.lies || random_.percent(75))) {
        plan_lies(*validator, simulation_key(member).public_key());
    }
    checks_.add_validator(simulation_key(member).public_key());  // a newcomer is not in genesis
    members_[process] = member;
    validators_.emplace(process, std::move(validator));
}

void Protocol::begin() {
    for (Trainer& trainer : trainers_) tick_trainer(trainer);
    tick_council();
}

void Protocol::tick_trainer(Trainer& trainer) {
    parts_.stage.schedule(random_.between(40, 260), [this, &trainer] {
        trainer.tick();
        tick_trainer(trainer);
    });
}

void Protocol::tick_council() {
    parts_.stage.schedule(kCouncilTickMs, [this] {
        council_.tick(checks_.reference().state(), trainer_keys_);
        tick_council();
    });
}

void Protocol::on_started(std::size_t process) {
    if (Validator* validator = validator_of(process)) validator->start();
}

void Protocol::on_stopped(std::size_t process) {
    if (Validator* validator = validator_of(process)) validator->stop();
}

void Protocol::on_committed(std::size_t process) {
    if (Validator* validator = validator_of(process)) validator->plan_step(random_.between(1, 25));
}

void Protocol::on_submission(std::size_t process, const driver::SubmissionResult& result) {
    if (result.ticket != Validator::kTicket) return;
    Validator* validator = validator_of(process);
    if (validator == nullptr || result.status != driver::SubmissionStatus::kRefused) return;
    validator->on_refused();
}

void Protocol::on_decided(const Block& block) {
    checks_.on_block(block);
    follow_step();
    const auto& counts = checks_.counts();
    // Not attempts: an epoch may lack the keys of so many trainers that each of them is aborted.
    const std::uint64_t progress = counts.results + counts.newest_round;
    if (progress == seen_progress_) return;
    seen_progress_ = progress;
    council_.on_progress();
}

void Protocol::on_backup(std::size_t process) {
    if (Validator* validator = validator_of(process)) {
        validator->backup() = validator->secrets().content();
    }
}

void Protocol::on_store_lost(std::size_t process, bool is_wiped) {
    Validator* validator = validator_of(process);
    if (validator == nullptr) return;
    checks_.set_robbed(simulation_key(members_.at(process)).public_key());
    validator->secrets().restore(is_wiped ? SecretDisk::Content{}
                                          : validator->backup().value_or(SecretDisk::Content{}));
}

void Protocol::follow_step() {
    const Step now = step_of(checks_.reference().state());
    if (now == step_) return;
    step_ = now;
    parts_.stage.log(0, "step " + std::to_string(static_cast<int>(now)));
    for (auto outage = outages_.begin(); outage != outages_.end();) {
        if (outage->step != now) {
            ++outage;
            continue;
        }
        parts_.stage.count("crash_at_step");
        // Not now: a process may be in the middle of announcing this very block.
        parts_.stage.schedule(random_.below(40), [this, out = *outage] {
            if (parts_.stage.driver_of(out.process) != nullptr) {
                parts_.stage.crash(out.process, out.down_ms);
            }
        });
        outage = outages_.erase(outage);
    }
}

CrashPoint Protocol::draw_crash_point() {
    return random_.one_in(2) ? CrashPoint::kBeforeSync : CrashPoint::kAfterSync;
}

void Protocol::inject_fault() {
    const std::uint64_t which = random_.below(8);
    if (which > 5) {  // a validator will be down at some step
        const auto process = parts_.stage.random_process();
        const auto step =
            static_cast<Step>(random_.between(1, static_cast<std::uint64_t>(Step::kBetween)));
        if (process && outages_.size() < 2) {
            outages_.push_back({*process, step, random_.between(50, 4'000)});
        }
        return;
    }
    if (which < 3) {  // a validator dies at one of its next writes of a secret
        const auto process = parts_.stage.random_process();
        Validator* validator = process ? validator_of(*process) : nullptr;
        if (validator == nullptr) return;
        if (which == 2) return validator->secrets().plan_error(random_.between(1, 4));
        parts_.stage.count("secret_crash_planned");
        const std::uint64_t writes = random_.between(1, 6);
        return validator->secrets().plan_crash(writes, draw_crash_point());
    }
    Trainer& trainer = trainers_[random_.below(trainers_.size())];
    if (which == 3) {
        parts_.stage.count("trainer_crash");
        trainer.crash(random_.between(50, 2'500));
    } else if (which == 4) {
        const std::uint64_t writes = random_.between(1, 4);
        trainer.crash_at_write(writes, draw_crash_point());
    } else if (!trainer.restore_backup()) {
        trainer.back_up();
    } else {
        parts_.stage.count("trainer_restored");
        trainer.crash(random_.between(50, 1'000));
    }
}

void Protocol::heal() {
    for (auto& [process, validator] : validators_) {
        validator->secrets().clear_plans();
        if (parts_.options.planted == MpcPlanted::kNothing) {
            validator->liar().keep_only_from(kFirstLastingAction);
        }
    }
    outages_.clear();
    council_.on_progress();
    goal_round_ = checks_.counts().newest_round;
}

bool Protocol::is_settled() const {
    return goal_round_ && checks_.counts().last_result > *goal_round_;
}

std::string Protocol::describe() const {
    const StateTree& state = checks_.reference().state();
    std::string text = "; results " + std::to_string(checks_.counts().results);
    if (const auto epoch = current_epoch(state)) {
        text += ", epoch " + std::to_string(epoch->mpc_epoch) + " " +
                std::string(schema::to_string(epoch->phase));
        for (const std::uint64_t number : epoch->live_batches) {
            const auto batch = read_record<schema::BatchRecord>(
                state, schema::keys::batch({epoch->mpc_epoch, number}));
            text += ", batch " + std::to_string(number) + " " +
                    std::string(schema::to_string(batch->state)) + " posters " +
                    std::to_string(batch->posters);
        }
    }
    if (const auto round = current_round(state)) {
        text += ", round " + std::to_string(round->label.round) + " attempt " +
                std::to_string(round->label.attempt) + " " +
                std::string(schema::to_string(round->phase)) + " posters " +
                std::to_string(round->stat1_posters) + " " + std::to_string(round->stat2_posters) +
                " " + std::to_string(round->aggregate_posters) + " " +
                std::to_string(round->aggregate_oks);
    }
    for (const auto& [process, validator] : validators_) text += validator->describe();
    return text;
}

}  // namespace consilium::simulation
