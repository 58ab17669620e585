// One step of the worker: which epoch, which phase, what is owed.
#include "node/mpc/worker.hpp"

#include "contracts/schema/arguments.hpp"
#include "fl_engine/smpc/committee.hpp"
#include "node/mpc/chain_mark.hpp"
#include "node/mpc/context.hpp"
#include "node/mpc/epoch_keys.hpp"
#include "node/mpc/epoch_setup.hpp"
#include "node/mpc/key_exchange.hpp"
#include "node/mpc/preparation.hpp"
#include "node/mpc/recovery.hpp"
#include "node/mpc/recovery_answers.hpp"
#include "node/mpc/round_reference.hpp"
#include "node/mpc/round_shares.hpp"

namespace consilium::mpc {

class Worker::Core {
  public:
    Core(WorkerOptions options, SecretStore& secrets, BlobSource& blobs,
         ReferenceSource* references)
        : options_(std::move(options)),
          secrets_(secrets),
          blobs_(blobs),
          references_(references),
          kdf_(options_.identity.chain_id) {}

    Result<std::vector<Outgoing>> step(const StateReader& state,
                                       const std::optional<ChainPosition>& at) {
        std::vector<Outgoing> owed;
        const std::vector<Letter> received = mailbox_.take();
        const schema::MpcRecord mpc = find_mpc(state);
        const auto epoch = current_epoch(state, mpc);
        status_.mpc_epoch = epoch ? epoch->mpc_epoch : 0;
        status_.has_work_left = false;
        if (at) {
            auto is_usable = compare_chain(state, *at, mpc, epoch, owed);
            if (!is_usable) return tl::unexpected(is_usable.error());
            if (!*is_usable) return owed;
        }
        const std::uint64_t newest = mpc.current.value_or(mpc.next_epoch);
        if (newest_ != newest) {
            forget_epoch();
            const auto has_later = erase_older_epochs(secrets_, newest);
            if (!has_later) return tl::unexpected(has_later.error());
            is_behind_ = *has_later;
            newest_ = newest;
        }
        if (is_behind_) {
            refuse("this state is behind: secrets of a later epoch are held");
            return owed;
        }
        if (references_ != nullptr) {
            reference_.step({options_.own_key, blobs_, *references_, state, status_, owed});
        }
        if (!epoch) return owed;
        const auto self = epoch->find_member(options_.own_key);
        const auto committee =
            smpc::Committee::make(static_cast<std::uint32_t>(epoch->members.size()));
        if (!self || !committee) return owed;
        const Context context{options_, secrets_,   blobs_, state,   kdf_,
                              *epoch,   *committee, *self,  status_, owed};
        auto done = epoch->phase == schema::EpochPhase::kActive
                        ? step_active(context, received)
                        : EpochSetup::step(context, exchange_, received);
        if (!done) return tl::unexpected(done.error());
        return owed;
    }
    [[nodiscard]] WorkerStatus status() const { return status_; }
    void receive(Letter letter) { (void)mailbox_.push(std::move(letter)); }
    [[nodiscard]] std::vector<Letter> take_letters() {
        std::vector<Letter> all = exchange_.take_sent();
        for (auto more : {recovery_.take_sent(), answers_.take_sent()}) {
            all.insert(all.end(), more.begin(), more.end());
        }
        return all;
    }

  private:
    static schema::MpcRecord find_mpc(const StateReader& state) {
        const auto bytes = state.get(schema::keys::mpc());
        if (!bytes) return {};
        return decode<schema::MpcRecord>(*bytes).value_or(schema::MpcRecord{});
    }
    static std::optional<schema::EpochRecord> current_epoch(const StateReader& state,
                                                            const schema::MpcRecord& mpc) {
        if (!mpc.current) return std::nullopt;
        const auto record = state.get(schema::keys::epoch(*mpc.current));
        if (!record) return std::nullopt;
        auto epoch = decode<schema::EpochRecord>(*record);
        if (!epoch) return std::nullopt;
        return std::move(*epoch);
    }

    void refuse(const char* why) {
        ++status_.refusals;
        status_.last_problem = why;
    }
    void forget_epoch() {
        round_ = RoundShares();
        preparation_ = Preparation();
        exchange_ = KeyExchange();
        recovery_ = Recovery();
        answers_ = RecoveryAnswers();
        is_setup_erased_ = false;
        newest_.reset();
    }

    // Whether this chain may be answered: it has the state that was answered last.
    Result<bool> compare_chain(const StateReader& state, const ChainPosition& at,
                               const schema::MpcRecord& mpc,
                               const std::optional<schema::EpochRecord>& epoch,
                               std::vector<Outgoing>& owed) {
        const std::uint64_t opened = mpc.current.value_or(mpc.next_epoch - 1);
        const auto view = mark_.look(secrets_, at, opened, options_.block_at);
        if (!view) return tl::unexpected(view.error());
        status_.is_behind = *view == ChainView::kBehind;
        status_.is_set_back = *view == ChainView::kSetBack;
        if (*view == ChainView::kFollows) return true;
        forget_epoch();
        if (status_.is_behind) {
            refuse("this chain has not come to the state yet that was answered last");
            return false;
        }
        refuse("the chain was set back behind what was answered: the epoch is void");
        // All of them: none of an epoch that is not void can be there yet.
        const auto erased = erase_older_epochs(secrets_, ~std::uint64_t{0});
        if (!erased) return tl::unexpected(erased.error());
        if (epoch) tell_void(state, *epoch, owed);
        return false;
    }

    void tell_void(const StateReader& state, const schema::EpochRecord& epoch,
                   std::vector<Outgoing>& owed) const {
        const auto self = epoch.find_member(options_.own_key);
        if (!self) return;
        const auto bytes = state.get(schema::keys::epoch_void(epoch.mpc_epoch));
        const auto told = bytes ? decode<schema::EpochVoidRecord>(*bytes)
                                : Result<schema::EpochVoidRecord>(schema::EpochVoidRecord{});
        if (!told || (told->members & schema::member_bit(*self)) != 0) return;
        owed.push_back({.label = "epoch-" + std::to_string(epoch.mpc_epoch) + "/void",
                        .module = static_cast<std::uint16_t>(schema::Module::kVerification),
                        .action = schema::action::kVoidEpoch,
                        .arguments = encode(schema::EpochReference{epoch.mpc_epoch}),
                        .blobs = {}});
    }

    // The keys of the active epoch: held, derived from the setup, or had from the other members.
    Result<std::optional<EpochKeys>> find_keys(const Context& context,
                                               const std::vector<Letter>& received) {
        auto keys = hold_epoch_keys(context);
        if (!keys || *keys) return keys;
        const auto is_setup_stored = EpochSetup::is_stored(context);
        if (!is_setup_stored) return tl::unexpected(is_setup_stored.error());
        if (*is_setup_stored) return std::optional<EpochKeys>();  // ciphertexts are on their way
        return recovery_.step(context, received);
    }

    Result<void> step_active(const Context& context, const std::vector<Letter>& received) {
        auto keys = find_keys(context, received);
        if (!keys) return tl::unexpected(keys.error());
        if (!*keys) return {};
        // Also after a crash between storing the keys and erasing what they came from.
        if (!is_setup_erased_) {
            if (auto erased = EpochSetup::erase(context); !erased) return erased;
            is_setup_erased_ = true;
        }
        if (auto posted = post_client_keys(context); !posted) return posted;
        if (auto stepped = step_round_keys(context, **keys); !stepped) return stepped;
        // The round before the batches: its phase has others waiting.
        if (auto shares = round_.step(context, **keys); !shares) return shares;
        if (auto prepared = preparation_.step(context, **keys); !prepared) return prepared;
        return answers_.step(context, **keys, received);
    }

    WorkerOptions options_;
    SecretStore& secrets_;
    BlobSource& blobs_;
    ReferenceSource* references_;
    smpc::Kdf kdf_;
    ChainMark mark_;
    RoundReference reference_;
    RoundShares round_;
    Preparation preparation_;
    Mailbox mailbox_;
    KeyExchange exchange_;
    Recovery recovery_;
    RecoveryAnswers answers_;
    std::optional<std::uint64_t> newest_;  // epoch of the last state; older ones are erased
    bool is_behind_ = false;               // that state is older than what the store has seen
    bool is_setup_erased_ = false;         // of that epoch
    WorkerStatus status_;
};

Worker::Worker(WorkerOptions options, SecretStore& secrets, BlobSource& blobs,
               ReferenceSource* references)
    : core_(std::make_unique<Core>(std::move(options), secrets, blobs, references)) {}
Worker::~Worker() = default;

Result<std::vector<Outgoing>> Worker::step(const StateReader& state,
                                           const std::optional<ChainPosition>& at) {
    return core_->step(state, at);
}

WorkerStatus Worker::status() const {
    return core_->status();
}

void Worker::receive(Letter letter) {
    core_->receive(std::move(letter));
}

std::vector<Letter> Worker::take_letters() {
    return core_->take_letters();
}

}  // namespace consilium::mpc
