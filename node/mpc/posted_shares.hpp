// What this member has posted already, as the final state tells it: for one that has lost its own
// record of it. Hashes of the arguments by action, as release_log.hpp and the batches' records
// keep them.
#pragma once
#include <map>

#include "node/mpc/context.hpp"

namespace consilium::mpc {

// PREP_W and PREP_CHK of the batch.
[[nodiscard]] std::map<std::uint64_t, Digest> posted_of_batch(const Context& context,
                                                              const schema::BatchRecord& record);
// STAT1, STAT2, AGG and AGG_OK of the current round, into the release log.
[[nodiscard]] Result<void> learn_posted_of_round(const Context& context);

}  // namespace consilium::mpc
