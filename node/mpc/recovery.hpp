// A member without the keys of its active epoch asks the others for them (smpc-protocol.md,
// section 10): it has lost its disk, or a leader sealed nothing for it and it was away.
//
// Asked are all members that are not excluded, for the columns shared with each, in letters that
// are signed and carry a fresh X25519 key. A key counts with t+1 identical copies from distinct
// members that are not excluded: one of them is honest. When some key can no longer get them, the
// members contradict each other, and this one is silent until the next epoch. The commitments of
// the setup open K_A only, which is erased everywhere by now: there is nothing to check against.
//
// All parts are of one state. Batches are stored before the record of the epoch's keys, which ends
// the recovery; a crash before that begins it again. Whatever was posted before the loss is learned
// from the state first, so that the release log and the batches' records refuse to contradict it.
// CLIENT_KEYS are never made anew: they are random, and one may be on its way.
//
// Lives in memory, bounded by the epoch's size times its members. Asks in steps that lie further
// and further apart while a member is silent, without an end: it may be down.
#pragma once
#include <map>
#include <utility>
#include <vector>

#include "node/mpc/mailbox.hpp"
#include "node/mpc/recovery_parts.hpp"

namespace consilium::mpc {

class Recovery {
  public:
    static constexpr std::uint32_t kMaxPauseExponent = 6;  // at most 64 steps between two requests

    // Takes the replies among `received`, asks for what is missing. The keys when they are complete
    // and durable; nullopt: not yet, or never in this epoch.
    [[nodiscard]] Result<std::optional<EpochKeys>> step(const Context& context,
                                                        const std::vector<Letter>& received);
    [[nodiscard]] std::vector<Letter> take_sent() { return std::exchange(sent_, {}); }

  private:
    // One value that some members gave for a key.
    struct Candidate {
        smpc::Secret32 key;
        schema::MemberSet members{};
    };
    using Cell = std::vector<Candidate>;
    struct Part {
        std::vector<std::vector<Cell>> cells;                 // by row and column of our ring
        std::map<smpc::MemberIndex, std::size_t> rows_given;  // by member: a prefix of all rows
    };
    struct Talk {
        Digest sent;  // challenge that we showed last
        Digest next;  // that we must show; zeros: none known
        std::uint64_t next_step{};
        std::uint32_t silence{};  // requests without an answer
        bool has_lied{};          // sent what does not open or does not fit: not asked again
    };
    enum class Standing : std::uint8_t { kComplete, kWaiting, kContradicted };

    void want(const Context& context);
    void accept(const Context& context, smpc::MemberIndex member, const RecoveryReply& reply);
    // False: not what was asked for.
    [[nodiscard]] bool take_rows(const Context& context, smpc::MemberIndex member,
                                 HandedRows handed);
    void ask(const Context& context);
    [[nodiscard]] std::vector<RecoveryQuestion> questions_for(const Context& context,
                                                              smpc::MemberIndex member) const;
    [[nodiscard]] bool is_asked(const Context& context, smpc::MemberIndex member) const;
    [[nodiscard]] Standing standing(const Context& context) const;
    [[nodiscard]] Standing standing(const Context& context, const Part& part, std::size_t row,
                                    std::size_t column) const;
    // The key of a complete cell.
    [[nodiscard]] smpc::Secret32 agreed(const Context& context, const PartId& id, std::size_t row,
                                        std::size_t column) const;
    template <typename Key>
    [[nodiscard]] std::vector<Key> agreed_row(const Context& context, const PartId& id,
                                              std::size_t row) const;
    [[nodiscard]] Result<EpochKeys> finish(const Context& context);
    [[nodiscard]] Result<void> store_batch(const Context& context, const PartId& id) const;

    std::optional<smpc::TransportSecretKey> transport_;
    std::map<PartId, Part> parts_;
    std::map<smpc::MemberIndex, Talk> talks_;
    std::uint64_t steps_ = 0;
    bool is_contradicted_ = false;
    std::vector<Letter> sent_;
};

}  // namespace consilium::mpc
