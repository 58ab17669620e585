// Records of batches: taken from the chains once, claimed for one use, erased at the end.
#include "node/mpc/batch_keys.hpp"

#include <algorithm>

#include "contracts/schema/arguments.hpp"
#include "fl_engine/smpc/prss.hpp"
#include "fl_engine/smpc/secret_codec.hpp"

namespace consilium::mpc {
namespace {

std::string batch_prefix(const Context& context) {
    return epoch_name(context.epoch.mpc_epoch) + "/batch-";
}

// Keys of the chains' next batch. The chains move on only after the batch's record is durable; a
// crash in between takes the same keys again.
BatchKeys take_keys(const Context& context, EpochKeys& keys) {
    BatchKeys taken;
    for (auto& ring : keys.chains) {
        auto& masks = taken.masks.emplace_back();
        for (auto& chain : ring) masks.push_back(smpc::step_client_chain(context.kdf, chain));
    }
    for (auto& chain : keys.prep) {
        taken.prep.push_back(smpc::step_prep_chain(context.kdf, chain));
    }
    ++keys.next_batch;
    return taken;
}

bool has_sizes_of(const Context& context, const BatchKeys& keys) {
    const auto clients = static_cast<std::uint32_t>(context.epoch.clients.size());
    const std::size_t ring = context.committee.subsets_of(context.self).size();
    const bool has_products =
        keys.products.empty() || keys.products.size() == smpc::BatchItems(clients).size();
    return keys.masks.size() == clients + std::size_t{1} && has_products &&
           std::all_of(keys.masks.begin(), keys.masks.end(),
                       [&](const auto& mask) { return mask.size() == ring; }) &&
           keys.prep.size() == ring && keys.use <= BatchUse::kRevealed;
}

void read_released(smpc::SecretReader& reader, BatchKeys& keys) {
    const std::uint64_t count = reader.number();
    for (std::uint64_t i = 0; i < count && !reader.has_failed(); ++i) {
        Digest& digest = keys.released[reader.number()];
        const ByteView bytes = reader.take(Digest::kSize);
        std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
    }
}

}  // namespace

bool is_over(const schema::BatchRecord& record) {
    return record.state == schema::BatchState::kConsumed ||
           record.state == schema::BatchState::kVoid || record.state == schema::BatchState::kBurned;
}

std::string batch_name(const Context& context, std::uint64_t batch) {
    return batch_prefix(context) + std::to_string(batch);
}

Result<void> BatchKeys::store(const Context& context, std::uint64_t batch) const {
    std::size_t size = 5 * 8 + 8 * products.size() + smpc::SecretWriter::ring_bytes(prep) +
                       released.size() * (8 + Digest::kSize);
    for (const auto& ring : masks) size += smpc::SecretWriter::ring_bytes(ring);
    smpc::SecretWriter writer(size);
    writer.number(dimension);
    writer.number(masks.size());
    for (const auto& ring : masks) writer.ring(ring);
    writer.ring(prep);
    writer.number(products.size());
    for (const smpc::Element product : products) writer.number(product);
    writer.number(static_cast<std::uint64_t>(use));
    writer.number(released.size());
    for (const auto& [action, digest] : released) {
        writer.number(action);
        writer.bytes(digest.view());
    }
    return context.secrets.put(batch_name(context, batch), writer.finish());
}

Result<std::optional<BatchKeys>> BatchKeys::load(const Context& context, std::uint64_t batch) {
    auto found = find_secret(context.secrets, batch_name(context, batch));
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::optional<BatchKeys>();
    smpc::SecretReader reader((*found)->view());
    BatchKeys keys;
    keys.dimension = reader.number();
    const std::uint64_t slots = reader.number();
    for (std::uint64_t slot = 0; slot < slots && !reader.has_failed(); ++slot) {
        keys.masks.push_back(reader.ring<smpc::ClientMaskKey>());
    }
    keys.prep = reader.ring<smpc::PrepMaskKey>();
    const std::uint64_t products = reader.number();
    for (std::uint64_t i = 0; i < products && !reader.has_failed(); ++i) {
        keys.products.push_back(reader.number());
    }
    keys.use = static_cast<BatchUse>(reader.number());
    read_released(reader, keys);
    if (auto done = reader.finish("the record of a batch's keys"); !done) {
        return tl::unexpected(done.error());
    }
    if (!has_sizes_of(context, keys)) {
        return make_error(ErrorCode::kInternal, "the record of a batch's keys is not of the epoch");
    }
    return std::optional<BatchKeys>(std::move(keys));
}

Result<smpc::SecretElements> BatchKeys::update_share(const Context& context, std::size_t slot,
                                                     ByteView blob) const {
    smpc::ShareStream stream(context.committee, context.self,
                             smpc::open_streams<smpc::ClientMaskKey>(context.kdf, masks.at(slot),
                                                                     smpc::PrgDomain::kUpdateMask));
    return smpc::add_stream_to_blob(stream, blob, dimension);
}

std::vector<std::vector<smpc::Prg>> BatchKeys::mask_streams(const Context& context) const {
    std::vector<std::vector<smpc::Prg>> streams;
    for (const auto& ring : masks) {
        streams.push_back(smpc::open_streams<smpc::ClientMaskKey>(context.kdf, ring,
                                                                  smpc::PrgDomain::kUpdateMask));
    }
    return streams;
}

Result<void> take_new_batches(const Context& context, EpochKeys& keys) {
    const std::uint64_t first_new = keys.next_batch;
    while (keys.next_batch < context.epoch.next_batch) {
        const std::uint64_t batch = keys.next_batch;
        BatchKeys taken = take_keys(context, keys);
        const auto record = context.find<schema::BatchRecord>(
            schema::keys::batch({context.epoch.mpc_epoch, batch}));
        // Over before we saw it: its keys are dropped right here.
        if (!record || is_over(*record)) continue;
        taken.dimension = record->dimension;
        if (auto stored = taken.store(context, batch); !stored) return stored;
    }
    if (keys.next_batch == first_new) return {};
    return keys.store(context);
}

Result<void> erase_finished_batches(const Context& context) {
    auto names = context.secrets.list(batch_prefix(context));
    if (!names) return tl::unexpected(names.error());
    const std::vector<std::uint64_t>& live = context.epoch.live_batches;
    context.status.batches = 0;
    for (const std::string& name : *names) {
        const auto batch = number_after(name, batch_prefix(context));
        // A batch that this state does not know yet is of a later one: the node is catching up.
        const bool is_kept = batch && (*batch >= context.epoch.next_batch ||
                                       std::binary_search(live.begin(), live.end(), *batch));
        if (is_kept) {
            ++context.status.batches;
        } else if (auto erased = context.secrets.erase(name); !erased) {
            return erased;
        }
    }
    return {};
}

Result<bool> claim_for_round(const Context& context, std::uint64_t batch, BatchKeys& keys) {
    if (keys.use == BatchUse::kRevealed) {
        context.refuse("the keys of batch " + std::to_string(batch) + " were revealed");
        return false;
    }
    if (keys.use == BatchUse::kServes) return true;
    keys.use = BatchUse::kServes;
    if (auto stored = keys.store(context, batch); !stored) return tl::unexpected(stored.error());
    return true;
}

Result<bool> may_release_once(const Context& context, std::uint64_t batch, BatchKeys& keys,
                              const Outgoing& outgoing) {
    const Digest digest = sha256(outgoing.arguments);
    const auto [entry, is_new] = keys.released.try_emplace(outgoing.action, digest);
    if (!is_new) {
        if (entry->second == digest) return true;
        context.refuse("another share of the check of batch " + std::to_string(batch) +
                       " was released already");
        return false;
    }
    if (auto stored = keys.store(context, batch); !stored) return tl::unexpected(stored.error());
    return true;
}

}  // namespace consilium::mpc
