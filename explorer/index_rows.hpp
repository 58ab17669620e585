// Turns what a verified block wrote into rows that people ask for.
//
// Rows are derived from the state's records (what is true now) and from events (what happened).
// Everything is written through the given connection, inside the caller's transaction; errors stay
// in the connection until the caller asks for them.
#pragma once
#include "explorer/chain_verifier.hpp"
#include "explorer/database.hpp"

namespace consilium::explorer {

// Rows of block, signers, transactions, receipts and events.
void index_block(Database& database, const CertifiedBlock& certified, const BlockReceipts& receipts,
                 const Membership& membership);
// Rows of organisations, accounts, tasks, rounds, verdicts and models; `state` is that after the
// block.
void index_records(Database& database, const BlockHeader& header, const StateWrites& writes,
                   const StateReader& state);

}  // namespace consilium::explorer
