// Parts of an epoch's keys as matrices, and their text.
#include "node/mpc/recovery_parts.hpp"

#include <algorithm>

#include "fl_engine/smpc/secret_codec.hpp"

namespace consilium::mpc {

std::vector<PartId> parts_of(const Context& context) {
    std::vector<PartId> parts{
        {RecoveryPart::kChains, context.epoch.next_batch},
        {RecoveryPart::kRoundKeys, round_steps_of(context)},
    };
    for (const std::uint64_t batch : context.epoch.live_batches) {
        const auto record = context.find<schema::BatchRecord>(
            schema::keys::batch({context.epoch.mpc_epoch, batch}));
        if (record && !is_over(*record)) parts.push_back({RecoveryPart::kBatch, batch});
    }
    return parts;
}

std::size_t rows_of(const Context& context, RecoveryPart part) {
    switch (part) {
        case RecoveryPart::kRoundKeys:
            return 2;
        case RecoveryPart::kChains:
        case RecoveryPart::kBatch:
            return context.epoch.clients.size() + 2;
    }
    UNREACHABLE();
}

std::vector<std::size_t> shared_columns(const Context& context, smpc::MemberIndex member) {
    const auto ring = context.committee.subsets_of(context.self);
    std::vector<std::size_t> columns;
    for (std::size_t column = 0; column < ring.size(); ++column) {
        if (context.committee.contains(ring[column], member)) columns.push_back(column);
    }
    return columns;
}

Result<std::optional<HeldPart>> HeldPart::find(const Context& context, const EpochKeys& keys,
                                               const PartId& id) {
    const std::vector<PartId> parts = parts_of(context);
    const bool is_needed = std::find(parts.begin(), parts.end(), id) != parts.end();
    HeldPart held(keys, id.part);
    bool is_held = is_needed;
    switch (id.part) {
        case RecoveryPart::kChains:
            is_held = is_held && keys.next_batch == id.index;
            break;
        case RecoveryPart::kRoundKeys:
            is_held = is_held && keys.round_steps == id.index;
            break;
        case RecoveryPart::kBatch: {
            if (!is_held) break;
            auto batch = BatchKeys::load(context, id.index);
            if (!batch) return tl::unexpected(batch.error());
            held.batch_ = std::move(*batch);
            is_held = held.batch_.has_value();
            break;
        }
    }
    if (!is_held) return std::optional<HeldPart>();
    return std::optional<HeldPart>(std::move(held));
}

std::size_t HeldPart::rows() const {
    switch (part_) {
        case RecoveryPart::kChains:
            return keys_->chains.size() + 1;
        case RecoveryPart::kRoundKeys:
            return 2;
        case RecoveryPart::kBatch:
            return batch_->masks.size() + 1;
    }
    UNREACHABLE();
}

const smpc::Secret32& HeldPart::key(std::size_t row, std::size_t column) const {
    CHECK(row < rows());
    switch (part_) {
        case RecoveryPart::kChains:
            return row < keys_->chains.size() ? keys_->chains[row].at(column).secret()
                                              : keys_->prep.at(column).secret();
        case RecoveryPart::kRoundKeys:
            return row == 0 ? keys_->coin.at(column).secret() : keys_->blur.at(column).secret();
        case RecoveryPart::kBatch:
            return row < batch_->masks.size() ? batch_->masks[row].at(column).secret()
                                              : batch_->prep.at(column).secret();
    }
    UNREACHABLE();
}

SecretBytes encode_rows(const std::vector<HandedRows>& handed) {
    std::size_t size = 0;
    for (const HandedRows& part : handed) {
        size += kHandedHeaderBytes;
        for (const auto& row : part.rows) size += row.size() * smpc::kKeyBytes;
    }
    smpc::SecretWriter writer(size);
    for (const HandedRows& part : handed) {
        writer.number(static_cast<std::uint64_t>(part.id.part));
        writer.number(part.id.index);
        writer.number(part.first_row);
        writer.number(part.rows.size());
        for (const auto& row : part.rows) {
            for (const smpc::Secret32& key : row) writer.bytes(key.view());
        }
    }
    return SecretBytes(writer.finish());
}

Result<std::vector<HandedRows>> decode_rows(ByteView text, std::size_t columns) {
    const auto malformed = make_error(ErrorCode::kMalformed, "not rows of a recovery");
    std::vector<HandedRows> handed;
    const std::size_t row_bytes = columns * smpc::kKeyBytes;
    if (row_bytes == 0) return malformed;
    while (!text.empty()) {
        if (text.size() < kHandedHeaderBytes) return malformed;
        smpc::SecretReader header(text.first(kHandedHeaderBytes));
        HandedRows part;
        const std::uint64_t kind = header.number();
        part.id.index = header.number();
        part.first_row = header.number();
        const std::uint64_t rows = header.number();
        text = text.subspan(kHandedHeaderBytes);
        if (kind > 255 || !is_known(static_cast<RecoveryPart>(kind)) || rows == 0 ||
            rows > text.size() / row_bytes) {
            return malformed;
        }
        part.id.part = static_cast<RecoveryPart>(kind);
        for (std::uint64_t row = 0; row < rows; ++row) {
            smpc::SecretReader reader(text.first(row_bytes));
            auto& keys = part.rows.emplace_back();
            for (std::size_t column = 0; column < columns; ++column) keys.push_back(reader.key());
            text = text.subspan(row_bytes);
        }
        handed.push_back(std::move(part));
    }
    return handed;
}

smpc::SealContext recovery_context(const Context& context, smpc::MemberIndex sender,
                                   smpc::MemberIndex recipient, const Digest& challenge) {
    std::uint64_t subject = 0;
    for (std::size_t i = 0; i < 8; ++i) subject |= std::uint64_t{challenge.bytes[i]} << (8 * i);
    return {.chain_id = context.kdf.chain_id(),
            .mpc_epoch = context.epoch.mpc_epoch,
            .label = smpc::kRecoveryLabel,
            .sender = sender,
            .subject = subject,
            .recipient = recipient};
}

}  // namespace consilium::mpc
