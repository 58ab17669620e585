// Key setup of an epoch (smpc-protocol.md, section 2.1): EPK, KEY_COMMIT, KEY_ACK.
//
// Openings that we drew or received are durable before we commit to or acknowledge them.
#pragma once
#include <map>

#include "fl_engine/smpc/keys.hpp"
#include "fl_engine/smpc/transport.hpp"
#include "node/mpc/context.hpp"

namespace consilium::mpc {

struct HeldOpening {
    Digest commitment;
    smpc::SubsetOpening opening;
};

// The secrets of a setup in progress; one record of the SecretStore.
struct SetupSecrets {
    smpc::Secret32 transport;
    std::map<std::uint16_t, HeldOpening> openings;  // by subset
};

// Whether the openings of every subset we belong to are here.
enum class Completeness : std::uint8_t {
    kComplete,
    kWaiting,   // for ciphertexts that are being fetched
    kHopeless,  // a leader sealed nothing for us that fits its commitment
};

class EpochSetup {
  public:
    // Posts what is owed in the phases of ephemeral keys and commitments.
    [[nodiscard]] static Result<void> step(const Context& context);

    // nullopt: this member has no record of the epoch's setup.
    [[nodiscard]] static Result<std::optional<SetupSecrets>> load(const Context& context);
    // Opens what can be opened of the commitments on chain; new openings are durable on return.
    [[nodiscard]] static Result<Completeness> collect(const Context& context, SetupSecrets& secrets,
                                                      const schema::SetupRecord& setup);
    // After the epoch's keys are derived and durable: erases openings, transport key and messages.
    [[nodiscard]] static Result<void> erase(const Context& context);
};

}  // namespace consilium::mpc
