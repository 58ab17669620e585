// Asking other members of a subset for a key that its leader did not send, and answering them
// (smpc-protocol.md, section 2.1 step 3).
//
// Asked are members that acknowledged the commitment on the chain: with t+1 of them one is honest.
// An answer counts only when it opens the commitment, so a liar costs a question and no more.
// Answered is a member of the subset, for a commitment that the final state shows and we hold,
// and only sealed to the asker's ephemeral key: no link, log or third party ever sees a K_A.
//
// Bounded: kMaxQuestions questions per commitment and member, in steps that lie further and further
// apart; as many answers; one look at a false answer. Lives in memory: a restart begins to count
// again.
#pragma once
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "node/mpc/epoch_setup.hpp"
#include "node/mpc/key_letters.hpp"
#include "node/mpc/mailbox.hpp"

namespace consilium::mpc {

class KeyExchange {
  public:
    static constexpr std::uint32_t kMaxQuestions = 8;

    // Takes what was received at its word only after opening the commitment. True: `secrets` has
    // new openings, which the caller makes durable.
    [[nodiscard]] bool accept(const Context& context, SetupSecrets& secrets,
                              const schema::SetupRecord& setup,
                              const std::vector<Letter>& received);
    // Replies to the requests among `received`; openings in `secrets` must be durable.
    void answer(const Context& context, const SetupSecrets& secrets,
                const schema::SetupRecord& setup, const std::vector<Letter>& received);
    // Asks for what `secrets.misfits` names.
    void ask(const Context& context, const SetupSecrets& secrets, const schema::SetupRecord& setup);
    // What accept(), answer() and ask() want to be sent.
    [[nodiscard]] std::vector<Letter> take_sent() { return std::exchange(sent_, {}); }

  private:
    // What passed between us and one member about one subset, while this commitment stands.
    struct Talk {
        Digest commitment;
        std::uint32_t questions{};  // that we asked
        std::uint64_t next_step{};  // when we may ask again
        bool has_lied{};            // its answer did not open the commitment
        std::uint32_t answers{};    // that we gave
    };
    [[nodiscard]] Talk& talk(const schema::SubsetSetup& entry, smpc::MemberIndex member);
    [[nodiscard]] bool accept(const Context& context, SetupSecrets& secrets,
                              const schema::SubsetSetup& entry, smpc::MemberIndex member,
                              const KeyAnswer& answer);
    [[nodiscard]] std::optional<KeyAnswer> answer(const Context& context,
                                                  const SetupSecrets& secrets,
                                                  const schema::SubsetSetup& entry,
                                                  smpc::MemberIndex asker,
                                                  const KeyQuestion& question);

    std::map<std::pair<std::uint16_t, smpc::MemberIndex>, Talk> talks_;  // by subset and member
    std::uint64_t steps_ = 0;
    std::vector<Letter> sent_;
};

}  // namespace consilium::mpc
