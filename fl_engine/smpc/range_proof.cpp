// Digits, the polynomial through them, and the mask.
#include "fl_engine/smpc/range_proof.hpp"

#include <algorithm>

#include "fl_engine/smpc/range_formulas.hpp"

namespace consilium::smpc {
Element range_point(const Kdf& kdf, const Committee& committee,
                    std::span<const ClientMaskKey> ring) {
    SecretStream stream(committee, open_streams(kdf, ring, PrgDomain::kRangePoint));
    Element f0 = 0;
    stream.next({&f0, 1});
    return f0;
}

SecretElements digits_message(std::span<const Element> digits, Element f0) {
    return digits_message_over<Field61>(digits, f0);
}

Result<SecretElements> range_message(const RangeShape& shape,
                                     std::span<const std::int64_t> projections, Element f0) {
    CHECK(projections.size() == shape.projections);
    SecretElements digits(shape.bits());
    for (std::size_t c = 0; c < projections.size(); ++c) {
        const std::int64_t y = projections[c];
        if (y < -shape.bound() || y >= shape.bound()) {
            return make_error(ErrorCode::kRefused, "a projection is out of range");
        }
        const auto shifted = static_cast<std::uint64_t>(y + shape.bound());
        for (std::uint32_t l = 0; l < shape.digits; ++l) {
            digits[c * shape.digits + l] = (shifted >> l) & 1;
        }
    }
    return digits_message(digits, f0);
}

std::vector<Element> mask_range_message(const Kdf& kdf, const Committee& committee,
                                        std::span<const ClientMaskKey> ring,
                                        std::span<const Element> message) {
    SecretStream masks(committee, open_streams(kdf, ring, PrgDomain::kRangeMask));
    std::vector<Element> blob(message.size());
    masks.next(blob);
    for (std::size_t x = 0; x < blob.size(); ++x) blob[x] = Field61::sub(message[x], blob[x]);
    return blob;
}

Result<std::vector<Element>> make_range_proof(const Kdf& kdf, const Committee& committee,
                                              std::span<const ClientMaskKey> ring,
                                              const RangeStatement& statement,
                                              std::span<const Element> masked) {
    if (ring.size() != committee.subset_count()) {
        return make_error(ErrorCode::kMismatch, "one mask key per subset");
    }
    if (masked.size() != statement.shape.dimension) {
        return make_error(ErrorCode::kMismatch, "the masked update has another length");
    }
    if (statement.seed.has_value() == statement.shape.is_small()) {
        return make_error(ErrorCode::kMismatch, "a seed belongs to more than 128 coordinates");
    }
    std::vector<std::int64_t> update = unmask_update(kdf, committee, ring, masked);
    const RangeProjections rows(statement.shape, statement.seed);
    const SecretIntegers projections = rows.project(update);
    erase_memory(update.data(), update.size() * sizeof(std::int64_t));
    const auto message =
        range_message(statement.shape, projections, range_point(kdf, committee, ring));
    if (!message) return tl::unexpected(message.error());
    return mask_range_message(kdf, committee, ring, *message);
}

}  // namespace consilium::smpc
