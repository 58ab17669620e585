// What a member holds of an active epoch, cut into parts that can be asked for and handed over
// (smpc-protocol.md, section 10, lost disk).
//
// A part is a matrix: rows as RecoveryPart says, one key per subset of the member in ring order.
// Between two members only the columns of the subsets that hold both are spoken of. A part exists
// at one index only, the one that the final state says: older keys exist nowhere.
#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "node/mpc/batch_keys.hpp"
#include "node/mpc/epoch_keys.hpp"
#include "node/mpc/key_letters.hpp"

namespace consilium::mpc {

struct PartId {
    RecoveryPart part = RecoveryPart::kChains;
    std::uint64_t index{};
    friend auto operator<=>(const PartId&, const PartId&) = default;
};

// The parts that a member needs in this state: the chains at the next batch, the round keys at the
// current round, every batch that is not CONSUMED, BURNED or VOID.
[[nodiscard]] std::vector<PartId> parts_of(const Context& context);
[[nodiscard]] std::size_t rows_of(const Context& context, RecoveryPart part);
// Positions in our ring of the subsets that hold that member too, ascending.
[[nodiscard]] std::vector<std::size_t> shared_columns(const Context& context,
                                                      smpc::MemberIndex member);

// A part of ours, to be handed over.
class HeldPart {
  public:
    // nullopt: not one of parts_of(), or we do not hold it. `keys` must outlive the part.
    [[nodiscard]] static Result<std::optional<HeldPart>> find(const Context& context,
                                                              const EpochKeys& keys,
                                                              const PartId& id);
    [[nodiscard]] std::size_t rows() const;
    [[nodiscard]] const smpc::Secret32& key(std::size_t row, std::size_t column) const;

  private:
    HeldPart(const EpochKeys& keys, RecoveryPart part) : keys_(&keys), part_(part) {}

    const EpochKeys* keys_;
    RecoveryPart part_;
    std::optional<BatchKeys> batch_;
};

// Rows of one part as they travel.
struct HandedRows {
    PartId id;
    std::uint64_t first_row{};
    std::vector<std::vector<smpc::Secret32>> rows;  // of shared columns
};
// The plaintext of a RecoveryReply: u64 part, index, first row, number of rows; then the keys row
// by row; and again.
[[nodiscard]] SecretBytes encode_rows(const std::vector<HandedRows>& handed);
// kMalformed when it is no such text for this number of shared columns.
[[nodiscard]] Result<std::vector<HandedRows>> decode_rows(ByteView text, std::size_t columns);
inline constexpr std::size_t kHandedHeaderBytes = 4 * 8;

// Where a reply belongs; `challenge` ties it to its request.
[[nodiscard]] smpc::SealContext recovery_context(const Context& context, smpc::MemberIndex sender,
                                                 smpc::MemberIndex recipient,
                                                 const Digest& challenge);

}  // namespace consilium::mpc
