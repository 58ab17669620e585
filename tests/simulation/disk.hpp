// A disk of the simulation: keeps what was synced, loses what was not, dies when told.
//
// Each write is a write followed by a sync. A crash is planned for the k-th one: before its sync
// (nothing of it survives), in the middle (the journal without its guard), or after it (it
// survives, but the writer never learns). The crash is an exception that unwinds to the simulated
// process.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "node/driver/storage.hpp"

namespace consilium::simulation {

enum class CrashPoint { kBeforeSync, kBetweenSyncs, kAfterSync };

struct ProcessCrash {
    CrashPoint point{};
};

class SimulatedDisk final : public driver::Storage {
  public:
    // What a disk holds; copied to make a backup.
    struct Content {
        std::vector<driver::CertifiedBlock> blocks;  // index = height
        std::vector<BlockReceipts> receipts;
        std::vector<Membership> memberships;  // that certify the block of this index
        std::map<Bytes, Bytes> state;
        std::map<Digest, driver::TransactionLocation> transactions;
        std::vector<driver::VoteRecord> votes;
        std::map<Digest, Block> bodies;
        std::map<Digest, Bytes> blobs;
        std::map<Digest, std::pair<driver::ClientBlob, Bytes>> client_blobs;
        std::vector<driver::EvidenceRecord> evidence;
    };

    void plan_crash(std::uint64_t writes, CrashPoint point);
    void plan_error(std::uint64_t writes);
    void clear_plans();
    // From now on votes are reported as written and are not: a planted defect.
    void forget_votes() { is_forgetful_ = true; }
    [[nodiscard]] const Content& content() const { return content_; }
    [[nodiscard]] std::uint64_t writes() const { return writes_; }
    // Loses everything, the guard included.
    void wipe();
    // An old copy comes back; the guard lies elsewhere and stays.
    void restore(Content backup) { content_ = std::move(backup); }

    [[nodiscard]] Result<void> commit_block(const driver::BlockCommit& commit) override;
    [[nodiscard]] Result<void> write_votes(const std::vector<driver::VoteWrite>& votes) override;
    [[nodiscard]] Result<driver::JournalState> load_votes() const override;
    [[nodiscard]] Result<void> distrust_votes() override;
    [[nodiscard]] Result<void> add_evidence(const driver::EvidenceRecord& evidence) override;
    [[nodiscard]] Result<std::vector<driver::EvidenceRecord>> load_evidence() const override;
    [[nodiscard]] Result<std::optional<driver::Head>> load_head() const override;
    [[nodiscard]] Result<void> load_state(
        const std::function<void(ByteView key, ByteView value)>& visit) const override;
    [[nodiscard]] Result<driver::CertifiedBlock> block_at(Height height) const override;
    [[nodiscard]] Result<BlockReceipts> receipts_at(Height height) const override;
    [[nodiscard]] Result<Membership> membership_at(Height height) const override;
    [[nodiscard]] Result<std::optional<driver::TransactionLocation>> find_transaction(
        const Digest& id) const override;
    [[nodiscard]] Result<void> put_blob(const Digest& hash, ByteView content) override;
    [[nodiscard]] Result<Bytes> get_blob(const Digest& hash) const override;
    [[nodiscard]] bool has_blob(const Digest& hash) const override;
    [[nodiscard]] Result<void> put_client_blob(const driver::ClientBlob& blob,
                                               ByteView content) override;
    [[nodiscard]] Result<std::vector<driver::ClientBlob>> client_blobs() const override;
    [[nodiscard]] Result<void> keep_client_blob(const Digest& hash) override;
    [[nodiscard]] Result<void> erase_client_blobs(const std::vector<Digest>& hashes) override;

  private:
    // The crash that hits the write now beginning, if any; an error for a failing disk.
    [[nodiscard]] Result<std::optional<CrashPoint>> begin_write();

    Content content_;
    std::uint64_t guard_ = 0;
    std::uint64_t writes_ = 0;
    std::uint64_t crash_in_ = 0;  // writes; 0: none planned
    std::uint64_t error_in_ = 0;
    CrashPoint crash_point_ = CrashPoint::kBeforeSync;
    bool is_forgetful_ = false;
};

}  // namespace consilium::simulation
