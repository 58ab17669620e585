// What every module works on while one block is executed.
//
// One Execution per block. A module function checks first and writes afterwards: whatever it
// returns but kOk has changed nothing that lasts.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "contracts/executor.hpp"
#include "contracts/schema/codes.hpp"
#include "contracts/schema/events.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/modules.hpp"
#include "contracts/schema/parameters.hpp"
#include "contracts/schema/records.hpp"
#include "contracts/state_view.hpp"

namespace consilium::contracts {

struct Sender {
    PublicKey key;
    schema::AccountRecord account;
};

struct Execution {
    Execution(const StateReader& base, const BlobReader& blob_reader, const BlockContext& context)
        : state(base), blobs(blob_reader), block(context) {}

    StateView state;
    const BlobReader& blobs;
    BlockContext block;
    schema::Parameters parameters;  // as they stood at the start of the block
    std::vector<Event> events;      // of the present transaction, or of the block
    std::vector<Bytes> derived;
    std::optional<Digest> missing_blob;         // once set, the effects are worthless
    std::set<std::uint64_t> posted_batches;     // of the current epoch, with a new PREP_SHARE
    bool has_round_news = false;                // a share for the open phase came
    bool has_phase_changed = false;             // at most once a block
    std::optional<Membership> next_membership;  // certifies the next block, if it changes

    template <typename Payload>
    void emit(schema::Module module, std::uint16_t kind, const Payload& payload) {
        events.push_back({static_cast<std::uint16_t>(module), kind, encode(payload)});
    }
    // nullopt notes the blob as missing.
    [[nodiscard]] std::optional<Bytes> read_blob(const Digest& hash);
    // nullptr notes the blob as missing.
    [[nodiscard]] std::unique_ptr<BlobContent> open_blob(const Digest& hash);
    void derive_blob(Bytes content) { derived.push_back(std::move(content)); }
};

// Runs `apply` on the decoded arguments.
template <typename Arguments, typename Apply>
[[nodiscard]] schema::Code with_arguments(ByteView raw, Apply apply) {
    const auto decoded = decode<Arguments>(raw);
    if (!decoded) return schema::Code::kBadArguments;
    return apply(*decoded);
}

// A moment of the chain.
struct Moment {
    Height height;
    TimeMs time;
};
// Whether both the blocks and the milliseconds of the window have passed since `start`.
[[nodiscard]] bool is_window_over(const schema::Window& window, const Moment& start,
                                  const BlockContext& now);

// Ballots that decide: floor(2c/3) + 1 of c council members.
[[nodiscard]] constexpr std::size_t council_threshold(std::size_t council) {
    return 2 * council / 3 + 1;
}

}  // namespace consilium::contracts
