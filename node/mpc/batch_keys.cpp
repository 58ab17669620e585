// Keys of batches: taken from the chains once, used for P1 and P2, erased at the end.
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
std::string batch_name(const Context& context, std::uint64_t batch) {
    return batch_prefix(context) + std::to_string(batch);
}

Result<void> store(const Context& context, std::uint64_t batch, const BatchKeys& keys) {
    std::size_t size = 3 * 8 + 8 * keys.products.size() + smpc::SecretWriter::ring_bytes(keys.prep);
    for (const auto& ring : keys.masks) size += smpc::SecretWriter::ring_bytes(ring);
    smpc::SecretWriter writer(size);
    writer.number(keys.dimension);
    writer.number(keys.masks.size());
    for (const auto& ring : keys.masks) writer.ring(ring);
    writer.ring(keys.prep);
    writer.number(keys.products.size());
    for (const smpc::Element product : keys.products) writer.number(product);
    return context.secrets.put(batch_name(context, batch), writer.finish());
}

// P1: expands every mask once for the local products.
smpc::SecretElements local_products(const Context& context, const BatchKeys& keys) {
    std::vector<std::vector<smpc::Prg>> streams;
    for (const auto& ring : keys.masks) {
        streams.push_back(smpc::open_streams<smpc::ClientMaskKey>(context.kdf, ring,
                                                                  smpc::PrgDomain::kUpdateMask));
    }
    smpc::MaskBuilder builder(context.committee, context.self, std::move(streams), keys.dimension);
    while (builder.advance()) {
    }
    return {builder.products().begin(), builder.products().end()};
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

Result<void> take_new_batches(const Context& context, EpochKeys& keys) {
    const std::uint64_t first_new = keys.next_batch;
    while (keys.next_batch < context.epoch.next_batch) {
        const std::uint64_t batch = keys.next_batch;
        BatchKeys taken = take_keys(context, keys);
        const auto record = context.find<schema::BatchRecord>(
            schema::keys::batch({context.epoch.mpc_epoch, batch}));
        const bool is_alive = record && (record->state == schema::BatchState::kPosting ||
                                         record->state == schema::BatchState::kCertified ||
                                         record->state == schema::BatchState::kAssigned);
        if (!is_alive) continue;  // over before we saw it: its keys are dropped right here
        taken.dimension = record->dimension;
        taken.products = local_products(context, taken);
        if (auto stored = store(context, batch, taken); !stored) return stored;
    }
    if (keys.next_batch == first_new) return {};
    return keys.store(context);
}

bool has_sizes_of(const Context& context, const BatchKeys& keys) {
    const auto clients = static_cast<std::uint32_t>(context.epoch.clients.size());
    const std::size_t ring = context.committee.subsets_of(context.self).size();
    return keys.masks.size() == clients + std::size_t{1} &&
           std::all_of(keys.masks.begin(), keys.masks.end(),
                       [&](const auto& mask) { return mask.size() == ring; }) &&
           keys.prep.size() == ring && keys.products.size() == smpc::BatchItems(clients).size();
}

Result<void> erase_finished(const Context& context) {
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

Result<void> post_share(const Context& context, const schema::BatchRecord& record) {
    auto keys = BatchKeys::load(context, record.label.batch);
    if (!keys) return tl::unexpected(keys.error());
    if (!*keys || (*keys)->dimension != record.dimension) {
        context.refuse("no keys of batch " + std::to_string(record.label.batch));
        return {};
    }
    const smpc::BatchItems items(static_cast<std::uint32_t>(context.epoch.clients.size()));
    const HeldPrep prep(context, **keys, items);
    context.owed.push_back(
        {.label = batch_name(context, record.label.batch) + "/prep-share",
         .module = static_cast<std::uint16_t>(schema::Module::kVerification),
         .action = schema::action::kPrepShare,
         .arguments = encode(
             schema::PrepShare{record.label, smpc::delta_shares((*keys)->products, prep.shares())}),
         .blobs = {}});
    return {};
}

}  // namespace

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

Result<void> step_batches(const Context& context, EpochKeys& keys) {
    if (auto taken = take_new_batches(context, keys); !taken) return taken;
    if (auto erased = erase_finished(context); !erased) return erased;
    for (const std::uint64_t batch : context.epoch.live_batches) {
        const auto record = context.find<schema::BatchRecord>(
            schema::keys::batch({context.epoch.mpc_epoch, batch}));
        const bool is_owed = record && record->state == schema::BatchState::kPosting &&
                             !context.is_mine(record->posters);
        if (!is_owed) continue;
        if (auto posted = post_share(context, *record); !posted) return posted;
    }
    return {};
}

}  // namespace consilium::mpc
