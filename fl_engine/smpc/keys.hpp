// Keys of an epoch: leaders, commitments, sub-roots, chains and ratchets (section 2.1).
//
// Every key has one owner function that steps it and erases what it came from. Key rings of a
// member follow Committee::subsets_of(k). Randomness comes in as arguments.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/digest.hpp"
#include "fl_engine/smpc/committee.hpp"
#include "fl_engine/smpc/kdf.hpp"

namespace consilium::smpc {

// The member that draws K_A: position (rank + epoch + turn) mod |A|.
[[nodiscard]] MemberIndex subset_leader(const Committee& committee, SubsetRank rank,
                                        std::uint64_t mpc_epoch, std::uint64_t turn);

// What a commitment opens to.
struct SubsetOpening {
    SubsetKey key;
    Secret32 nonce;
    [[nodiscard]] SubsetOpening clone() const { return {key.clone(), nonce.clone()}; }
};
inline constexpr std::size_t kSubsetOpeningBytes = 2 * kKeyBytes;
[[nodiscard]] SecretBytes encode_subset_opening(const SubsetOpening& opening);
[[nodiscard]] Result<SubsetOpening> decode_subset_opening(ByteView bytes);

// SHA256("KA" || chain_id || le64(epoch) || le16(bitmap(A)) || K_A || nonce).
[[nodiscard]] Digest commit_subset_key(const Kdf& kdf, std::uint64_t mpc_epoch,
                                       std::uint16_t bitmap, const SubsetOpening& opening);

struct SubRoots {
    ClientRoot client;
    PrepChainKey prep;  // p_A^0
    CoinRoundKey coin;  // of the first round opened in the epoch
    BlurRoundKey blur;
};
// Consumes K_A: it is erased.
[[nodiscard]] SubRoots derive_sub_roots(const Kdf& kdf, SubsetKey key);

// c_A^{i,0}, i = 0..M.
[[nodiscard]] ClientChainKey start_client_chain(const Kdf& kdf, const ClientRoot& root,
                                                ClientIndex client);
// Gives k_A^{i,b} of the chain's present batch and moves the chain to b+1; the old key is erased.
[[nodiscard]] ClientMaskKey step_client_chain(const Kdf& kdf, ClientChainKey& chain);
// The same for pi_A^b.
[[nodiscard]] PrepMaskKey step_prep_chain(const Kdf& kdf, PrepChainKey& chain);
// Moves to the next round; call when RESULT or CANCELLED of the present round is final.
void step_round_key(const Kdf& kdf, CoinRoundKey& key);
void step_round_key(const Kdf& kdf, BlurRoundKey& key);

// The plaintext of CLIENT_KEYS(ep, k, i): c_A^{i,0} for the subsets of k, in ring order.
[[nodiscard]] std::size_t client_bundle_bytes(const Committee& committee);  // 32 * C(n-1, t)
[[nodiscard]] SecretBytes encode_client_bundle(std::span<const ClientChainKey> ring);

struct ClientBundle {
    MemberIndex member{};
    SecretBytes plaintext;
};
// For each subset the value with at least t+1 identical copies from distinct members; the ring in
// rank order. kUnavailable while some subset has none: wait, do not submit. Bundles of a wrong
// length, of an unknown member or a second one of the same member are passed over.
[[nodiscard]] Result<std::vector<ClientChainKey>> combine_client_bundles(
    const Committee& committee, std::span<const ClientBundle> bundles);

}  // namespace consilium::smpc
