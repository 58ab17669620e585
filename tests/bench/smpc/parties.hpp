// The parties of a benchmark round: their keys, what each computes, what each keeps.
#pragma once
#include <cstdint>
#include <vector>

#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/keys.hpp"
#include "fl_engine/smpc/verdict.hpp"
#include "tests/bench/smpc/range_stage.hpp"
#include "tests/bench/smpc/round_costs.hpp"

namespace consilium::bench {

inline constexpr std::uint32_t kNormBits = 22;
inline constexpr std::uint64_t kClipNorm = std::uint64_t{4} << 32;  // 4.0
inline constexpr std::uint32_t kMaliciousClients = 1;               // c_max

// What everybody knows.
struct Public {
    explicit Public(const Setup& setup, std::uint64_t batch_number);

    smpc::Committee committee;
    smpc::BatchItems items;
    smpc::Kdf kdf;
    std::uint64_t dimension;
    std::uint64_t batch;  // another one gives other masks
    std::uint32_t blur_bits;
    smpc::StatMode mode;
    RangeStage range;

    [[nodiscard]] std::uint32_t clients() const { return items.clients(); }
    // Sub-roots of a subset's key; the same key at every holder.
    [[nodiscard]] smpc::SubRoots sub_roots(smpc::SubsetRank rank) const;
    [[nodiscard]] smpc::ClientMaskKey mask_key(smpc::SubsetRank rank, std::uint32_t slot) const;
};

struct Blob {
    Bytes bytes;
    Digest hash;
};
[[nodiscard]] Blob make_blob(std::span<const smpc::Element> words);

class Client {
  public:
    Client(const Public& world, smpc::ClientIndex self);
    // Encoding, SUBMIT and RANGE.
    void submit(const Public& world);

    [[nodiscard]] const std::vector<std::int64_t>& update() const { return update_; }
    [[nodiscard]] const Blob& update_blob() const { return update_blob_; }
    [[nodiscard]] const Blob& range_blob() const { return range_blob_; }

  private:
    std::vector<smpc::ClientMaskKey> ring_;  // every rank
    std::vector<double> delta_;              // what training gave
    std::vector<std::int64_t> update_;
    Blob update_blob_;
    Blob range_blob_;
};

class Validator {
  public:
    Validator(const Public& world, smpc::MemberIndex self);

    [[nodiscard]] smpc::MemberIndex self() const { return self_; }
    // P1 and P2; gives the PREP_SHARE vector.
    [[nodiscard]] std::vector<smpc::Element> prepare(const Public& world);
    void certify(std::vector<smpc::Element> delta) { delta_ = std::move(delta); }
    // s_i^(k) of the next client, in ascending order.
    void take_update(const Public& world, const Bytes& blob);
    void take_proof(const Bytes& blob, std::size_t length);
    [[nodiscard]] std::vector<smpc::Element> stat1(const Public& world) const;
    // `norms` of STAT1, all passing.
    [[nodiscard]] std::vector<smpc::Element> stat2(const Public& world,
                                                   std::span<const std::int64_t> norms) const;
    [[nodiscard]] smpc::AggregateStream aggregate(const Public& world,
                                                  std::span<const std::uint32_t> weights) const;

  private:
    [[nodiscard]] smpc::StatShares statistics(const Public& world) const;
    [[nodiscard]] std::vector<smpc::ClientShare> client_shares() const;

    smpc::MemberIndex self_;
    std::vector<std::vector<smpc::ClientMaskKey>> masks_;  // per slot 0..M, in ring order
    std::vector<smpc::PrepMaskKey> prep_ring_;
    std::vector<smpc::BlurRoundKey> blur_ring_;
    std::vector<smpc::Element> products_;
    std::vector<smpc::Element> delta_;
    smpc::PrepShares prep_;
    std::vector<smpc::SecretElements> shares_;        // entry i-1 for client i
    std::vector<std::vector<smpc::Element>> proofs_;  // the same
};

}  // namespace consilium::bench
