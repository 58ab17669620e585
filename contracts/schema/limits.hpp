// Named limits of the protocol that the records and arguments share.
#pragma once
#include <cstddef>
#include <cstdint>

namespace consilium::schema {

inline constexpr std::size_t kMaxCommittee = 13;  // C(13, 4) = 715 subset keys; beyond, it explodes
inline constexpr std::size_t kMaxSubsets = 715;
inline constexpr std::size_t kMaxRing = 495;    // C(12, 4): subsets of one member
inline constexpr std::size_t kMaxClients = 64;  // slots 1..64; a 64-bit word holds a set of slots
inline constexpr std::size_t kMaxUpdateLength = std::size_t{1} << 20;
inline constexpr std::size_t kMinUpdateLength = 16;  // fewer coordinates hide nothing
inline constexpr std::size_t kMaxPairs = kMaxClients * (kMaxClients - 1) / 2;
inline constexpr std::size_t kMaxShareWords = kMaxClients * (kMaxClients + 1) / 2 + kMaxClients;
inline constexpr std::uint32_t kMaxAttempts = 256;  // of one round; then it is cancelled

inline constexpr std::size_t kMaxLayers = 8;
inline constexpr std::size_t kMaxProposalPayloadBytes = 8192;
inline constexpr std::size_t kMaxOpenProposals = 64;
inline constexpr std::size_t kMaxPendingAccounts = 256;
inline constexpr std::size_t kMaxCouncil = 64;
inline constexpr std::size_t kMaxActiveTasks = 16;
inline constexpr std::size_t kMaxLiveBatches = 32;          // neither CONSUMED, VOID nor BURNED
inline constexpr std::uint64_t kMaxKeyBlobBytes = 1 << 20;  // ciphertexts of one sender

}  // namespace consilium::schema
