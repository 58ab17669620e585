// The validators of an epoch, with what a light client needs to follow the change that made them.
#include "contracts/schema/keys.hpp"
#include "contracts/schema_json/tables.hpp"
#include "node/api.hpp"
#include "node/api_text.hpp"

namespace consilium::node {
namespace {

using nlohmann::json;

// The first height that the membership of `epoch` or a later one certifies, up to `end`.
Result<Height> first_height_of(const driver::Storage& storage, Epoch epoch, Height end) {
    std::uint64_t low = 0;
    std::uint64_t high = end.value;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        const auto membership = storage.membership_at(Height{middle});
        if (!membership) return tl::unexpected(membership.error());
        if (membership->epoch < epoch) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return Height{low};
}

}  // namespace

p2p::HttpResponse Api::membership(Epoch epoch) const {
    const auto now = runtime_.snapshot();
    if (epoch > now->membership.epoch) {
        return problem(404, "not_found", "this membership epoch has not begun");
    }
    const RocksStorage& storage = runtime_.blocks();
    const auto first = first_height_of(storage, epoch, now->header.height.next());
    if (!first) return problem_of(first.error());
    const auto membership = storage.membership_at(*first);
    if (!membership) return problem_of(membership.error());
    json members = json::array();
    for (const Member& member : membership->members) {
        members.push_back({{"name", member.name}, {"key", member.validator_key.hex()}});
    }
    json answer = {{"epoch", epoch.value},
                   {"first_height", first->value},
                   {"members", std::move(members)},
                   {"quorum", membership->quorum()},
                   {"membership", to_hex(encode(*membership))},
                   {"header", nullptr},
                   {"certificate", nullptr}};
    if (epoch.value == 0) return json_response(answer);  // known from the genesis
    const auto block = storage.block_at(first->previous());
    if (!block) return problem_of(block.error());
    answer["header"] = to_hex(encode(block->block.header));
    answer["certificate"] = to_hex(encode(block->certificate));
    return json_response(answer);
}

}  // namespace consilium::node
