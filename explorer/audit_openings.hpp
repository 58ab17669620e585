// Opening a transcript's posts again, and the faults that follow from them.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "explorer/audit_findings.hpp"
#include "explorer/audit_transcript.hpp"
#include "fl_engine/smpc/opening.hpp"

namespace consilium::explorer {

// Everything an audit of one transcript collects on its way.
struct OpeningAudit {
    const smpc::Committee& committee;
    schema::RoundLabel label;  // of faults; round and attempt are 0 for a batch
    Comparison& comparison;
    std::vector<Comparison::ExpectedFault> faults;
};

// Posts of members outside X that came before the opening, as far as they have this many values.
[[nodiscard]] std::vector<smpc::PostedShare> heard_posts(const Posts& posts);
// Everybody posts once, with vectors of `length` field elements; otherwise nothing is opened, and
// why not is a finding.
[[nodiscard]] bool are_well_formed(OpeningAudit& audit, const Posts& posts, std::uint16_t action,
                                   std::size_t length);
// VECOPEN of what was heard, and the faults of early and late posters under this action. A claimed
// opening that does not come out is a finding; nullopt then, and when none is claimed.
[[nodiscard]] std::optional<smpc::Opening> reopen(OpeningAudit& audit, const Posts& posts,
                                                  std::uint16_t action, std::size_t length);
void expect_fault(OpeningAudit& audit, const Posts& posts, std::uint16_t action,
                  const smpc::Fault& fault);
// The coin's seed against the claimed one; what came out here.
std::optional<Digest> audit_coin(OpeningAudit& audit, const Posts& posts, ByteView label,
                                 const std::optional<Digest>& claimed);
// The blobs of the posts as words. False, and noted as not recomputable, when one is not here.
[[nodiscard]] bool read_words(OpeningAudit& audit, Posts& posts, const BlobContents& blobs,
                              std::uint64_t dimension);

}  // namespace consilium::explorer
