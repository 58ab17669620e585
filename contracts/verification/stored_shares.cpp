// Opening them, and asking afterwards.
#include "contracts/verification/stored_shares.hpp"

namespace consilium::contracts::verification {

bool StoredShares::add(Execution& execution, std::uint16_t member, const Digest& hash,
                       std::size_t length) {
    auto content = execution.open_blob(hash);
    if (!content) return false;
    if (content->size_bytes() != length * smpc::StoredShare::kWordBytes) {
        execution.missing_blob = hash;
        return false;
    }
    members_.push_back(member);
    shares_.push_back(std::make_unique<smpc::StoredShare>(hash, std::move(content)));
    return true;
}

std::vector<smpc::PostedShare> StoredShares::posts() const {
    std::vector<smpc::PostedShare> posts;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        posts.push_back({members_[i], smpc::ShareValues(*shares_[i])});
    }
    return posts;
}

bool StoredShares::are_read(Execution& execution) const {
    for (const auto& share : shares_) {
        if (!share->has_failed()) continue;
        if (!execution.missing_blob) execution.missing_blob = share->hash();
        return false;
    }
    return true;
}

}  // namespace consilium::contracts::verification
