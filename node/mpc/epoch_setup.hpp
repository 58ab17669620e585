// Key setup of an epoch (smpc-protocol.md, section 2.1): EPK, KEY_COMMIT, KEY_ACK.
//
// Openings that we drew or received are durable before we commit to, acknowledge or pass on them.
#pragma once
#include <map>
#include <set>
#include <vector>

#include "fl_engine/smpc/keys.hpp"
#include "fl_engine/smpc/transport.hpp"
#include "node/mpc/context.hpp"
#include "node/mpc/mailbox.hpp"

namespace consilium::mpc {

struct HeldOpening {
    Digest commitment;
    smpc::SubsetOpening opening;
};

// The secrets of a setup in progress; one record of the SecretStore.
struct SetupSecrets {
    smpc::Secret32 transport;
    std::map<std::uint16_t, HeldOpening> openings;  // by subset
    // Subsets whose leader sealed nothing for us that fits; found by collect(), not stored.
    std::set<std::uint16_t> misfits;
};

// Whether the openings of every subset we belong to are here.
enum class Completeness : std::uint8_t {
    kComplete,
    kWaiting,   // for ciphertexts that are being fetched
    kHopeless,  // a leader sealed nothing for us that fits its commitment
};

class KeyExchange;  // key_exchange.hpp

class EpochSetup {
  public:
    // Posts what is owed in the phases of ephemeral keys and commitments, and talks with the other
    // members about keys that leaders did not send.
    [[nodiscard]] static Result<void> step(const Context& context, KeyExchange& exchange,
                                           const std::vector<Letter>& received);

    [[nodiscard]] static Result<bool> is_stored(const Context& context);
    // nullopt: this member has no record of the epoch's setup.
    [[nodiscard]] static Result<std::optional<SetupSecrets>> load(const Context& context);
    // Opens what can be opened of the commitments on chain; new openings are durable on return.
    [[nodiscard]] static Result<Completeness> collect(const Context& context, SetupSecrets& secrets,
                                                      const schema::SetupRecord& setup);
    // After the epoch's keys are derived and durable: erases openings, transport key and messages.
    [[nodiscard]] static Result<void> erase(const Context& context);
};

}  // namespace consilium::mpc
