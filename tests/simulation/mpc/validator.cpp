// Steps of one validator's worker.
#include "tests/simulation/mpc/validator.hpp"

#include <utility>

#include "tests/simulation/crypto.hpp"

namespace consilium::simulation {
namespace {

constexpr std::uint64_t kIdleMs = 500;  // as the node: looks again although no block came

}  // namespace

Validator::Validator(Parts parts)
    : parts_(std::move(parts)),
      secrets_(parts_.defect),
      blobs_(parts_.stage.disk_of(parts_.process)) {}

void Validator::start() {
    ++life_;
    const KeyPair& key = simulation_key(parts_.key);
    // Never the same bytes in two lives: a worker that draws again gets something else.
    auto random = std::make_shared<Random>(parts_.seed * 1'009 + parts_.process * 101 + life_);
    worker_ = std::make_unique<mpc::Worker>(
        mpc::WorkerOptions{parts_.identity, key.public_key(),
                           [random](std::span<std::uint8_t> out) {
                               for (std::uint8_t& byte : out) {
                                   byte = static_cast<std::uint8_t>(random->next());
                               }
                           }},
        secrets_, blobs_, parts_.references);
    outbox_.emplace(parts_.identity, key.public_key(),
                    [&key](const Digest& message) { return simulation_sign(key, message); });
    plan_step(parts_.stage.random().between(1, kIdleMs));
}

void Validator::stop() {
    if (!worker_) return;
    worker_.reset();
    outbox_.reset();
    secrets_.on_crash();
}

void Validator::plan_step(std::uint64_t delay_ms) {
    parts_.stage.schedule(delay_ms, [this, life = life_] {
        if (worker_ && life_ == life) parts_.stage.run_guarded(parts_.process, [this] { step(); });
    });
}

void Validator::step() {
    driver::Driver* driver = parts_.stage.driver_of(parts_.process);
    CHECK(driver != nullptr);
    plan_step(kIdleMs);
    const StateTree state = driver->state();
    auto owed = worker_->step(state);
    if (!owed) return parts_.stage.count("secret_error");
    if (parts_.resigns_after_crash && life_ > 1) {
        for (mpc::Outgoing& outgoing : *owed) {
            if (seen_labels_.contains(outgoing.label)) outgoing = falsify(outgoing, 1);
        }
    }
    for (const mpc::Outgoing& outgoing : *owed) seen_labels_.insert(outgoing.label);
    for (mpc::Letter& letter : worker_->take_letters()) {
        const auto on_lie = [this](const Lie& lie) { parts_.stage.count(name_of(lie.kind)); };
        if (liar_.tell(letter, on_lie)) parts_.send_letter(std::move(letter));
    }
    parts_.observer.on_stepped(state);
    parts_.observer.on_owed(*owed);
    hand_in(*owed, *driver);
}

void Validator::receive(mpc::Letter letter) {
    if (worker_) worker_->receive(std::move(letter));
}

std::string Validator::describe() const {
    std::string text = "; validator " + std::to_string(parts_.process);
    if (!worker_) return text + " down";
    if (!liar_.is_honest()) text += " lies";
    text += " problem: " + worker_->status().last_problem + ", stores";
    for (const auto& [name, secret] : secrets_.content()) text += " " + name;
    return text;
}

void Validator::hand_in(const std::vector<mpc::Outgoing>& owed, const driver::Driver& driver) {
    if (std::exchange(is_refused_, false)) outbox_->forget();
    std::vector<mpc::Outgoing> said;
    for (Told& told : liar_.tell(owed, parts_.stage.now_ms(), [this](const Lie& lie) {
             parts_.stage.count(name_of(lie.kind));
         })) {
        parts_.observer.on_told(told);
        said.push_back(std::move(told.outgoing));
    }
    const PublicKey key = simulation_key(parts_.key).public_key();
    const auto due = outbox_->plan(said, {driver.head().header.height, parts_.stage.now_ms()},
                                   [&] { return std::optional(driver.next_nonce(key)); });
    for (const mpc::HandIn& one : due) {
        parts_.stage.schedule(0, [this, life = life_, message = one.message] {
            if (life_ != life) return;
            parts_.stage.feed(parts_.process,
                              driver::SubmitTransaction{
                                  kTicket, message->transaction, {message, &message->blobs}});
        });
    }
}

}  // namespace consilium::simulation
