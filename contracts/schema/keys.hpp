// Keys of the chain's state: a readable name, then fixed-width big-endian numbers or key bytes.
//
// "round/" + be64(7) is the record of round 7. Big-endian keeps the order of numbers.
#pragma once
#include <cstdint>
#include <string_view>

#include "contracts/schema/arguments.hpp"
#include "core/bytes.hpp"
#include "core/signature.hpp"

namespace consilium::schema::keys {

[[nodiscard]] Bytes chain();        // ChainRecord
[[nodiscard]] Bytes parameters();   // Parameters
[[nodiscard]] Bytes registry();     // RegistryRecord
[[nodiscard]] Bytes governance();   // GovernanceRecord
[[nodiscard]] Bytes tasks();        // TasksRecord
[[nodiscard]] Bytes rounds();       // RoundsRecord
[[nodiscard]] Bytes mpc();          // MpcRecord
[[nodiscard]] Bytes membership();   // MembershipRecord
[[nodiscard]] Bytes invitations();  // InvitationsRecord, absent before the first one

[[nodiscard]] Bytes account(const PublicKey& key);                // AccountRecord
[[nodiscard]] Bytes account_at(std::uint32_t index);              // 32 bytes: the account's key
[[nodiscard]] Bytes nonce(const PublicKey& key);                  // NonceRecord
[[nodiscard]] Bytes organisation(std::uint32_t id);               // OrganisationRecord
[[nodiscard]] Bytes organisation_named(std::string_view folded);  // u32: the organisation's id
[[nodiscard]] Bytes ballot(const PublicKey& key, std::uint16_t action);  // BallotRecord
[[nodiscard]] Bytes proposal(std::uint64_t id);                          // ProposalRecord
[[nodiscard]] Bytes rotation(const PublicKey& key);                      // RotationRecord

[[nodiscard]] Bytes task(std::uint32_t id);                              // TaskRecord
[[nodiscard]] Bytes model(std::uint32_t task, std::uint32_t version);    // ModelRecord
[[nodiscard]] Bytes metrics(std::uint32_t task, std::uint32_t version);  // MetricsRecord
// PrivacyRecord; task 0 adds up all tasks.
[[nodiscard]] Bytes privacy(std::uint32_t task, std::uint32_t organisation);

[[nodiscard]] Bytes epoch(std::uint64_t mpc_epoch);                            // EpochRecord
[[nodiscard]] Bytes epoch_void(std::uint64_t mpc_epoch);                       // EpochVoidRecord
[[nodiscard]] Bytes setup(std::uint64_t mpc_epoch);                            // SetupRecord
[[nodiscard]] Bytes ephemeral(std::uint64_t mpc_epoch, const PublicKey& key);  // EphemeralKeyRecord
struct BundleId {
    std::uint64_t mpc_epoch{};
    std::uint16_t member{};
    std::uint16_t slot{};
};
[[nodiscard]] Bytes bundle(const BundleId& id);                                 // BundleRecord
[[nodiscard]] Bytes batch(const BatchLabel& label);                             // BatchRecord
[[nodiscard]] Bytes prep_share(const BatchLabel& label, std::uint16_t member);  // ShareRecord
[[nodiscard]] Bytes prep_w(const BatchLabel& label, std::uint16_t member);      // WeightShareRecord
[[nodiscard]] Bytes prep_check(const BatchLabel& label, std::uint16_t member);  // ShareRecord
[[nodiscard]] Bytes prep_reveal(const BatchLabel& label, std::uint16_t member);  // RevealRecord
[[nodiscard]] Bytes dispute(const BatchLabel& label);                            // DisputeRecord
[[nodiscard]] Bytes dispute_keys(const BatchLabel& label);                     // DisputeKeysRecord
[[nodiscard]] Bytes exclusion(std::uint64_t mpc_epoch, std::uint16_t member);  // ExclusionRecord
struct CoinId {
    CoinKind kind = CoinKind::kChi;
    RoundLabel label;
};
[[nodiscard]] Bytes coin(const CoinId& id);                               // CoinRecord
[[nodiscard]] Bytes coin_share(const CoinId& id, std::uint16_t member);   // ShareRecord
[[nodiscard]] Bytes pledge(const BatchLabel& label, std::uint16_t slot);  // PledgeRecord
[[nodiscard]] Bytes range(const BatchLabel& label, std::uint16_t slot);   // RangeRecord

[[nodiscard]] Bytes round(std::uint64_t round);                                  // RoundRecord
[[nodiscard]] Bytes verdict(std::uint64_t round);                                // VerdictRecord
[[nodiscard]] Bytes reference(std::uint64_t round, const PublicKey& validator);  // ReferenceRecord
[[nodiscard]] Bytes reference_set(const Digest& sha256);                   // ReferenceSetRecord
[[nodiscard]] Bytes stat1(std::uint64_t round, std::uint16_t member);      // ShareRecord
[[nodiscard]] Bytes stat2(std::uint64_t round, std::uint16_t member);      // ShareRecord
[[nodiscard]] Bytes aggregate(std::uint64_t round, std::uint16_t member);  // AggregateShareRecord
[[nodiscard]] Bytes aggregate_ok(std::uint64_t round, std::uint16_t member);  // AggregateOkRecord
[[nodiscard]] Bytes history(std::uint32_t task, std::uint64_t mpc_epoch);     // HistoryRecord

// What a key stands for: the record's name as in the list above ("round", "verdict", ...), or ""
// for a key that is none of them.
[[nodiscard]] std::string_view record_name(ByteView key);

}  // namespace consilium::schema::keys
