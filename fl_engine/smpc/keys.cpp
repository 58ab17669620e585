// Derivation steps of the epoch's keys and the majority over client bundles.
#include "fl_engine/smpc/keys.hpp"

#include <algorithm>
#include <set>

namespace consilium::smpc {
namespace {

void append_le(Bytes& out, std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

template <typename ChainKey, typename MaskKey>
MaskKey step_chain(const Kdf& kdf, ChainKey& chain) {
    MaskKey mask(kdf.derive(chain.secret(), "mask"));
    chain = ChainKey(kdf.derive(chain.secret(), "next"));
    return mask;
}

// The value of one subset that at least t+1 of the bundles hold, if any.
std::optional<ClientChainKey> majority_key(const Committee& committee, SubsetRank rank,
                                           std::span<const ClientBundle* const> bundles) {
    std::vector<ByteView> copies;
    for (const ClientBundle* bundle : bundles) {
        const auto ranks = committee.subsets_of(bundle->member);
        const auto found = std::lower_bound(ranks.begin(), ranks.end(), rank);
        if (found == ranks.end() || *found != rank) continue;
        const auto position = static_cast<std::size_t>(found - ranks.begin());
        copies.push_back(bundle->plaintext.view().subspan(position * kKeyBytes, kKeyBytes));
    }
    for (const ByteView copy : copies) {
        const auto equal = std::count_if(copies.begin(), copies.end(), [copy](ByteView other) {
            return constant_time_equal(copy, other);
        });
        if (static_cast<std::size_t>(equal) >= committee.t() + std::size_t{1}) {
            return ClientChainKey(copy.first<kKeyBytes>());
        }
    }
    return std::nullopt;
}

}  // namespace

MemberIndex subset_leader(const Committee& committee, SubsetRank rank, std::uint64_t mpc_epoch,
                          std::uint64_t turn) {
    const std::vector<MemberIndex> members = committee.members(rank);
    const std::uint64_t size = members.size();
    return members[(rank % size + mpc_epoch % size + turn % size) % size];
}

SecretBytes encode_subset_opening(const SubsetOpening& opening) {
    SecretBytes bytes(kSubsetOpeningBytes);
    const auto key = opening.key.secret().view();
    const auto nonce = opening.nonce.view();
    std::copy(key.begin(), key.end(), bytes.mutable_view().begin());
    std::copy(nonce.begin(), nonce.end(), bytes.mutable_view().begin() + kKeyBytes);
    return bytes;
}

Result<SubsetOpening> decode_subset_opening(ByteView bytes) {
    if (bytes.size() != kSubsetOpeningBytes) {
        return make_error(ErrorCode::kMalformed, "a subset opening is 64 bytes");
    }
    return SubsetOpening{SubsetKey(bytes.first<kKeyBytes>()), Secret32(bytes.last<kKeyBytes>())};
}

Digest commit_subset_key(const Kdf& kdf, std::uint64_t mpc_epoch, std::uint16_t bitmap,
                         const SubsetOpening& opening) {
    Bytes head = to_bytes(as_bytes("KA"));
    const ByteView chain = as_bytes(kdf.chain_id());
    head.insert(head.end(), chain.begin(), chain.end());
    append_le(head, mpc_epoch, 8);
    append_le(head, bitmap, 2);
    Sha256 hash;
    hash.update(head).update(opening.key.secret().view()).update(opening.nonce.view());
    return hash.finish();
}

SubRoots derive_sub_roots(const Kdf& kdf, SubsetKey key) {
    return {ClientRoot(kdf.derive(key.secret(), "cl")),
            PrepChainKey(kdf.derive(key.secret(), "prep")),
            CoinRoundKey(kdf.derive(key.secret(), "coin")),
            BlurRoundKey(kdf.derive(key.secret(), "blur"))};
}

ClientChainKey start_client_chain(const Kdf& kdf, const ClientRoot& root, ClientIndex client) {
    return ClientChainKey(kdf.derive(root.secret(), "client", {client}));
}

ClientMaskKey step_client_chain(const Kdf& kdf, ClientChainKey& chain) {
    return step_chain<ClientChainKey, ClientMaskKey>(kdf, chain);
}

PrepMaskKey step_prep_chain(const Kdf& kdf, PrepChainKey& chain) {
    return step_chain<PrepChainKey, PrepMaskKey>(kdf, chain);
}

void step_round_key(const Kdf& kdf, CoinRoundKey& key) {
    key = CoinRoundKey(kdf.derive(key.secret(), "next"));
}

void step_round_key(const Kdf& kdf, BlurRoundKey& key) {
    key = BlurRoundKey(kdf.derive(key.secret(), "next"));
}

std::size_t client_bundle_bytes(const Committee& committee) {
    return kKeyBytes * committee.subsets_of(1).size();
}

SecretBytes encode_client_bundle(std::span<const ClientChainKey> ring) {
    SecretBytes bytes(ring.size() * kKeyBytes);
    auto out = bytes.mutable_view().begin();
    for (const ClientChainKey& key : ring) {
        out = std::copy(key.secret().view().begin(), key.secret().view().end(), out);
    }
    return bytes;
}

Result<std::vector<ClientChainKey>> combine_client_bundles(const Committee& committee,
                                                           std::span<const ClientBundle> bundles) {
    std::set<MemberIndex> seen;
    std::vector<const ClientBundle*> usable;
    for (const ClientBundle& bundle : bundles) {
        if (!committee.is_member(bundle.member) ||
            bundle.plaintext.size() != client_bundle_bytes(committee)) {
            continue;
        }
        if (seen.insert(bundle.member).second) usable.push_back(&bundle);
    }
    std::vector<ClientChainKey> ring;
    for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
        auto key = majority_key(committee, rank, usable);
        if (!key) {
            return make_error(ErrorCode::kUnavailable, "a subset key lacks t+1 equal copies");
        }
        ring.push_back(std::move(*key));
    }
    return ring;
}

}  // namespace consilium::smpc
