// The mark: where it was, whether the chain has it, and moving it on.
#include "node/mpc/chain_mark.hpp"

#include <algorithm>

#include "fl_engine/smpc/secret_codec.hpp"
#include "node/mpc/context.hpp"

namespace consilium::mpc {
namespace {

constexpr const char* kMarkName = "chain-mark";

}  // namespace

Result<std::optional<ChainMark::Mark>> ChainMark::load(SecretStore& secrets) {
    auto found = find_secret(secrets, kMarkName);
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::optional<Mark>();
    smpc::SecretReader reader((*found)->view());
    Mark mark;
    mark.height = Height{reader.number()};
    mark.newest_epoch = reader.number();
    mark.void_through = reader.number();
    const ByteView block = reader.take(Digest::kSize);
    std::copy(block.begin(), block.end(), mark.block.bytes.begin());
    if (auto done = reader.finish("the mark of the chain"); !done) {
        return tl::unexpected(done.error());
    }
    return std::optional(mark);
}

Result<void> ChainMark::store(SecretStore& secrets, const Mark& mark) {
    smpc::SecretWriter writer(3 * 8 + Digest::kSize);
    writer.number(mark.height.value);
    writer.number(mark.newest_epoch);
    writer.number(mark.void_through);
    writer.bytes(mark.block.view());
    auto stored = secrets.put(kMarkName, writer.finish());
    if (stored) mark_ = mark;
    return stored;
}

Result<ChainView> ChainMark::look(SecretStore& secrets, const ChainPosition& at,
                                  std::uint64_t newest_epoch,
                                  const std::function<std::optional<Digest>(Height)>& block_at) {
    if (!mark_) {
        auto loaded = load(secrets);
        if (!loaded) return tl::unexpected(loaded.error());
        mark_ = *loaded;
        is_part_ = false;
    }
    Mark next{at.height, at.block, newest_epoch, 0};
    if (mark_) {
        next.void_through = mark_->void_through;
        next.newest_epoch = std::max(newest_epoch, mark_->newest_epoch);
        const bool has_reached = at.height >= mark_->height;
        is_part_ = is_part_ && has_reached;
        if (!is_part_) {
            // An epoch that was never known has keys that never answered anything.
            const bool is_new_epoch = newest_epoch > mark_->newest_epoch;
            if (!has_reached && !is_new_epoch) return ChainView::kBehind;
            const auto block = has_reached ? block_at(mark_->height) : std::nullopt;
            // A block that cannot be read proves nothing.
            if (has_reached && !block) return ChainView::kBehind;
            if (block != mark_->block) next.void_through = mark_->newest_epoch;
        }
    }
    const bool is_moved = !mark_ || mark_->height != next.height || mark_->block != next.block;
    if (is_moved || next.void_through != mark_->void_through) {
        if (auto stored = store(secrets, next); !stored) return tl::unexpected(stored.error());
    }
    is_part_ = true;
    const bool is_void = next.void_through != 0 && newest_epoch <= next.void_through;
    return is_void ? ChainView::kSetBack : ChainView::kFollows;
}

}  // namespace consilium::mpc
