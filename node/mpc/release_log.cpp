// One small record per epoch: the round, and per action the hash of the arguments released.
#include "node/mpc/release_log.hpp"

#include <algorithm>
#include <map>

#include "fl_engine/smpc/secret_codec.hpp"

namespace consilium::mpc {
namespace {

struct Released {
    std::uint64_t round{};
    std::map<std::uint64_t, Digest> arguments;  // by action
};

std::string log_name(const Context& context) {
    return epoch_name(context.epoch.mpc_epoch) + "/released";
}

Result<Released> load(const Context& context) {
    auto found = find_secret(context.secrets, log_name(context));
    if (!found) return tl::unexpected(found.error());
    Released released;
    if (!*found) return released;
    smpc::SecretReader reader((*found)->view());
    released.round = reader.number();
    const std::uint64_t count = reader.number();
    for (std::uint64_t i = 0; i < count && !reader.has_failed(); ++i) {
        Digest& digest = released.arguments[reader.number()];
        const ByteView bytes = reader.take(Digest::kSize);
        std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
    }
    if (auto done = reader.finish("the record of released shares"); !done) {
        return tl::unexpected(done.error());
    }
    return released;
}

Result<void> store(const Context& context, const Released& released) {
    smpc::SecretWriter writer(2 * 8 + released.arguments.size() * (8 + Digest::kSize));
    writer.number(released.round);
    writer.number(released.arguments.size());
    for (const auto& [action, digest] : released.arguments) {
        writer.number(action);
        writer.bytes(digest.view());
    }
    return context.secrets.put(log_name(context), writer.finish());
}

}  // namespace

Result<bool> may_release(const Context& context, std::uint64_t round, const Outgoing& outgoing) {
    auto released = load(context);
    if (!released) return tl::unexpected(released.error());
    if (released->round > round) {
        context.refuse("shares of a later round were released already");
        return false;
    }
    if (released->round < round) *released = {round, {}};
    const Digest digest = sha256(outgoing.arguments);
    const auto [entry, is_new] = released->arguments.try_emplace(outgoing.action, digest);
    if (is_new) {
        if (auto stored = store(context, *released); !stored) {
            return tl::unexpected(stored.error());
        }
    } else if (entry->second != digest) {
        context.refuse("another share of round " + std::to_string(round) + " was released already");
        return false;
    }
    return true;
}

Result<void> note_released(const Context& context, std::uint64_t round,
                           const std::map<std::uint64_t, Digest>& arguments) {
    auto released = load(context);
    if (!released) return tl::unexpected(released.error());
    if (released->round > round || arguments.empty()) return {};
    if (released->round < round) *released = {round, {}};
    released->arguments.insert(arguments.begin(), arguments.end());
    return store(context, *released);
}

}  // namespace consilium::mpc
