// Every limit of the driver, with its reason: their sum bounds its memory.
//
// Sizes are in bytes, times in milliseconds, unless the name says otherwise.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/block.hpp"
#include "core/membership.hpp"
#include "core/transaction.hpp"

namespace consilium::driver::limits {

inline constexpr std::size_t kMebibyte = 1024 * 1024;

// Mempool (64 MiB of encoded transactions is what one node may spend on waiting work).
inline constexpr std::size_t kMempoolTransactions = 10'000;
inline constexpr std::size_t kMempoolBytes = 64 * kMebibyte;
inline constexpr std::size_t kMempoolPerAccount = 64;  // one account never crowds out the others
inline constexpr std::uint64_t kNonceGap = 64;         // as many as an account may have waiting
// Accounts that the state does not know share this many places, so that keys made up by a flood
// never crowd out registered ones.
inline constexpr std::size_t kMempoolUnknownAccounts = 512;
inline constexpr std::size_t kMaxPendingChecks = 4'096;  // signatures being checked elsewhere
// Blob transactions that wait for the next block: those of all members and clients of a phase.
inline constexpr std::size_t kEarlyRelays = 1'024;
inline constexpr std::size_t kEarlyRelayBytes = 4 * kMebibyte;

// Blocks.
inline constexpr std::size_t kBlockTransactionBytes = kMaxBlockBytes - 1024;  // room for a header
inline constexpr std::size_t kBlockBlobBytes = 64 * kMebibyte;                // rule D
inline constexpr std::size_t kSpeculativeBlocks = 4;  // executed proposals kept per height
inline constexpr std::size_t kKnownProposals = 16;    // proposals whose bodies are being fetched

// Blobs.
inline constexpr std::size_t kBlobChunkBytes = kMebibyte;
inline constexpr std::size_t kMaxBlobBytes = 64 * kMebibyte;  // what one block can name
inline constexpr std::size_t kMaxBlobChunks = kMaxBlobBytes / kBlobChunkBytes;
inline constexpr std::size_t kServedBlobs = 16;  // open for those who pull them; manifests of 2 KB
inline constexpr std::size_t kConcurrentPulls = 16;
inline constexpr std::size_t kPullBytes = 128 * kMebibyte;  // assembled but not yet verified
inline constexpr std::size_t kWantedBlobs = 4'096;  // more than one round's blobs of 64 members
inline constexpr std::size_t kHaveHashesPerMember = 8'192;  // hashes a member may vouch for at once
inline constexpr std::uint64_t kChunkTimeoutMs = 2'000;
inline constexpr std::size_t kHavesPerFrame = 512;

// Sync.
inline constexpr std::size_t kSyncBlocksPerRequest = 32;
inline constexpr std::uint64_t kSyncTimeoutMs = 2'000;
inline constexpr std::uint64_t kSyncGoodAnswerMs = 500;  // a slower peer is not asked twice running
inline constexpr std::uint64_t kSyncPauseMs = 5'000;     // for a peer that lied or did not answer
// For one that has not got the block yet and never said so: about what a block takes to spread.
inline constexpr std::uint64_t kSyncEmptyPauseMs = 50;
// Claims of, and pauses for, keys outside the own head's membership: those of its successors.
inline constexpr std::size_t kSyncForeignPeers = 64;
inline constexpr std::uint64_t kMaxClaimedLead = 1ULL << 32U;  // heights above are not believed

// Frames (p2p's maxima with a margin).
inline constexpr std::size_t kRelayBytes = kMaxTransactionBytes;  // of one relay frame
inline constexpr std::size_t kFetchIds = kMaxTransactionsPerBlock;
inline constexpr std::size_t kResponseBytes = kMaxBlockBytes;

// What workers tell each other: a reply for each of the 330 subsets that two of 13 members share is
// 38 KB.
inline constexpr std::size_t kWorkerLetterBytes = 64 * 1024;

// Evidence: two messages of at most 1 MiB each. Accounts of validators are made by the council
// only, so the number of offenders is small.
inline constexpr std::size_t kEvidencePerMember = 8;

// Restart.
inline constexpr std::uint64_t kVerifiedOnStart = 128;  // newest blocks checked, at least 100

}  // namespace consilium::driver::limits
