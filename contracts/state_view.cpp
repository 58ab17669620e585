// The two layers of writes over the base state.
#include "contracts/state_view.hpp"

namespace consilium::contracts {

std::optional<Bytes> StateView::get(const Bytes& key) const {
    if (const auto found = pending_.find(key); found != pending_.end()) return found->second;
    if (const auto found = block_.find(key); found != block_.end()) return found->second;
    return base_.get(key);
}

void StateView::commit() {
    for (auto& [key, value] : pending_) block_[key] = std::move(value);
    pending_.clear();
}

void StateView::roll_back() {
    pending_.clear();
}

StateWrites StateView::take() && {
    CHECK(pending_.empty());
    for (auto entry = block_.begin(); entry != block_.end();) {
        entry = base_.get(entry->first) == entry->second ? block_.erase(entry) : std::next(entry);
    }
    return std::move(block_);
}

}  // namespace consilium::contracts
