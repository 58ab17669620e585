// One hospital's part in training: follows the chain, trains, masks, pledges, submits, proves the
// range of its update, reports.
//
// tick() reads the proven state through the hospital's own node and does what is due: post the
// epoch's key, receive mask keys, take part in the open round, report metrics. It may be killed
// anywhere and started again: the chain's pledge and the vault decide what may still be sent.
// Reads are verified from genesis; the masked update leaves this process only after the final
// pledge of exactly these bytes is proven (smpc-protocol.md, R2). One thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/genesis.hpp"
#include "fl_engine/smpc/committee.hpp"
#include "fl_engine/trainer/learner.hpp"
#include "fl_engine/trainer/site_guard.hpp"
#include "fl_engine/trainer/update_sealer.hpp"
#include "fl_engine/trainer/vault.hpp"
#include "p2p/client/api_channel.hpp"
#include "p2p/client/transaction_sender.hpp"
#include "p2p/client/verified_reader.hpp"

namespace consilium::trainer {

struct TrainerParts {
    p2p::ApiChannel& nodes;
    const Genesis& genesis;
    const KeyPair& key;
    Vault& vault;
    const Learner& learner;
    const UpdateSealer& sealer;
    SiteGuard& guard;
    std::function<TimeMs()> wall_time;               // for signed uploads
    std::function<void(const std::string&)> notice;  // one line for people, never a secret
};

class Trainer {
  public:
    explicit Trainer(TrainerParts parts);

    // Does what is due now. kUnavailable: no node answers, try again. Other errors are told by
    // `notice`, too; none of them ends the trainer.
    [[nodiscard]] Result<void> tick();

  private:
    struct Epoch {
        schema::EpochRecord record;
        std::uint16_t slot{};
        smpc::Committee committee;
    };

    [[nodiscard]] Result<void> post_ephemeral_key(const Epoch& epoch);
    // True when the mask chains of the epoch are at hand.
    [[nodiscard]] Result<bool> receive_keys(const Epoch& epoch);
    [[nodiscard]] Result<void> take_part(const Epoch& epoch, const schema::RoundRecord& round);
    // The masked update of the round's batch, made now if there is none yet and the site admits the
    // round; nullopt: skip it.
    [[nodiscard]] Result<std::optional<Bytes>> masked_update(const Epoch& epoch,
                                                             const schema::RoundRecord& round);
    [[nodiscard]] Result<Bytes> train_and_mask(const Epoch& epoch, const schema::TaskSpec& task,
                                               const schema::RoundRecord& round);
    [[nodiscard]] Result<void> submit_update(const Epoch& epoch, const schema::RoundRecord& round);
    // The RANGE blob of the pledged update, made and stored now if there is none yet.
    [[nodiscard]] Result<std::optional<Bytes>> range_proof(const Epoch& epoch,
                                                           const schema::RoundRecord& round,
                                                           ByteView update);
    [[nodiscard]] Result<void> prove_range(const Epoch& epoch, const schema::RoundRecord& round);
    [[nodiscard]] Result<void> erase_spent_keys(const Epoch& epoch);
    // Asks the site's policy and budget, and counts the round; errors as SiteGuard::admit.
    [[nodiscard]] Result<void> admit(const schema::TaskSpec& task,
                                     const schema::RoundRecord& round);
    [[nodiscard]] Result<ChainSpending> read_spending(std::uint32_t task);
    [[nodiscard]] Result<void> report_metrics();
    [[nodiscard]] Result<void> report_version(const schema::TaskRecord& task);
    [[nodiscard]] Result<void> execute(
        std::uint16_t module, std::uint16_t action, Bytes arguments,
        const p2p::TransactionSender::IsPointless& is_pointless = nullptr);
    [[nodiscard]] Result<void> execute_with_blob(
        const p2p::Instruction& instruction, const Bytes& blob,
        const p2p::TransactionSender::IsPointless& is_pointless);
    [[nodiscard]] static Result<void> check_outcome(const Result<p2p::SendOutcome>& outcome);
    // Whether the round no longer takes what is sent for this attempt: waiting on would only make
    // the next round late.
    [[nodiscard]] bool is_over(const schema::RoundLabel& label, bool needs_open_pledges);
    void tell_once(const std::string& line);

    template <typename Record>
    [[nodiscard]] Result<std::optional<Record>> read(const Bytes& key) {
        return reader_.read_record<Record>(key);
    }

    TrainerParts parts_;
    p2p::VerifiedReader reader_;
    p2p::TransactionSender sender_;
    smpc::Kdf kdf_;
    std::string last_line_;
    std::map<std::uint32_t, std::uint32_t> settled_versions_;  // task -> newest version done with
    std::uint64_t skipped_round_ = 0;
    std::uint64_t settled_round_ = 0;  // whose SUBMIT is on the chain
    std::uint32_t settled_attempt_ = 0;
};

}  // namespace consilium::trainer
