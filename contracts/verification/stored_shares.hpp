// Posted vectors that are blobs, as the openings want them: never held as a whole.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "contracts/execution.hpp"
#include "fl_engine/smpc/opening.hpp"
#include "fl_engine/smpc/stored_share.hpp"

namespace consilium::contracts::verification {

class StoredShares {
  public:
    // Opens the vector of one more member. False, with the blob noted as missing, unless `length`
    // elements are here.
    [[nodiscard]] bool add(Execution& execution, std::uint16_t member, const Digest& hash,
                           std::size_t length);
    // Valid as long as this object.
    [[nodiscard]] std::vector<smpc::PostedShare> posts() const;
    // After they were worked on: whether every tile could be read. If not, the blob is noted as
    // missing and what was computed is worthless. Voters check the words before they vote: what
    // fails is not the blob of the chain.
    [[nodiscard]] bool are_read(Execution& execution) const;

  private:
    std::vector<std::uint16_t> members_;
    std::vector<std::unique_ptr<smpc::StoredShare>> shares_;
};

}  // namespace consilium::contracts::verification
