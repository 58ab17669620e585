// What survives of each write.
#include "tests/simulation/disk.hpp"

#include <algorithm>

namespace consilium::simulation {

void SimulatedDisk::plan_crash(std::uint64_t writes, CrashPoint point) {
    crash_in_ = writes;
    crash_point_ = point;
}

void SimulatedDisk::plan_error(std::uint64_t writes) {
    error_in_ = writes;
}

void SimulatedDisk::clear_plans() {
    crash_in_ = 0;
    error_in_ = 0;
}

void SimulatedDisk::wipe() {
    content_ = {};
    guard_ = 0;
}

Result<std::optional<CrashPoint>> SimulatedDisk::begin_write() {
    ++writes_;
    if (error_in_ > 0 && --error_in_ == 0) {
        return make_error(ErrorCode::kInternal, "simulated input/output error");
    }
    if (crash_in_ == 0 || --crash_in_ > 0) return std::optional<CrashPoint>{};
    if (crash_point_ == CrashPoint::kBeforeSync) throw ProcessCrash{crash_point_};
    return std::optional(crash_point_);
}

Result<void> SimulatedDisk::commit_block(const driver::BlockCommit& commit) {
    const auto crash = begin_write();
    if (!crash) return tl::unexpected(crash.error());
    const Height height = commit.block.header.height;
    CHECK(height.value == content_.blocks.size());
    if (content_.memberships.empty()) content_.memberships.push_back(commit.next_membership);
    content_.memberships.push_back(commit.next_membership);
    content_.blocks.push_back({commit.block, commit.certificate});
    content_.receipts.push_back(commit.receipts);
    for (const auto& [key, value] : commit.writes) {
        if (value) {
            content_.state[key] = *value;
        } else {
            content_.state.erase(key);
        }
    }
    std::uint32_t index = 0;
    for (const Digest& id : transaction_ids(commit.block.transactions)) {
        content_.transactions[id] = {height, index++};
    }
    for (const Bytes& blob : commit.blobs) content_.blobs[sha256(blob)] = blob;
    auto& votes = content_.votes;
    while (votes.size() > 1 && votes.front().height <= height) votes.erase(votes.begin());
    std::erase_if(content_.bodies,
                  [height](const auto& body) { return body.second.header.height <= height; });
    if (*crash) throw ProcessCrash{**crash};
    return {};
}

Result<void> SimulatedDisk::write_votes(const std::vector<driver::VoteWrite>& votes) {
    if (is_forgetful_) return {};
    const auto crash = begin_write();
    if (!crash) return tl::unexpected(crash.error());
    for (const driver::VoteWrite& vote : votes) {
        content_.votes.push_back(vote.record);
        if (vote.body) content_.bodies[header_digest(vote.body->header)] = *vote.body;
    }
    if (*crash == CrashPoint::kBetweenSyncs) throw ProcessCrash{CrashPoint::kBetweenSyncs};
    guard_ = votes.back().record.sequence + 1;
    if (*crash) throw ProcessCrash{**crash};
    return {};
}

Result<void> SimulatedDisk::distrust_votes() {
    ++guard_;
    return {};
}

Result<driver::JournalState> SimulatedDisk::load_votes() const {
    driver::JournalState state;
    state.records = content_.votes;
    for (const auto& [digest, body] : content_.bodies) state.bodies.push_back(body);
    state.sequence_guard = guard_;
    return state;
}

Result<void> SimulatedDisk::add_evidence(const driver::EvidenceRecord& evidence) {
    const auto crash = begin_write();
    if (!crash) return tl::unexpected(crash.error());
    content_.evidence.push_back(evidence);
    if (*crash) throw ProcessCrash{**crash};
    return {};
}

Result<std::vector<driver::EvidenceRecord>> SimulatedDisk::load_evidence() const {
    return content_.evidence;
}

Result<std::optional<driver::Head>> SimulatedDisk::load_head() const {
    if (content_.blocks.empty()) return std::optional<driver::Head>{};
    const driver::CertifiedBlock& last = content_.blocks.back();
    return std::optional(
        driver::Head{last.block.header, last.certificate, content_.memberships.back()});
}

Result<void> SimulatedDisk::load_state(
    const std::function<void(ByteView key, ByteView value)>& visit) const {
    for (const auto& [key, value] : content_.state) visit(key, value);
    return {};
}

Result<driver::CertifiedBlock> SimulatedDisk::block_at(Height height) const {
    if (height.value >= content_.blocks.size()) return make_error(ErrorCode::kNotFound, "block");
    return content_.blocks[height.value];
}

Result<BlockReceipts> SimulatedDisk::receipts_at(Height height) const {
    if (height.value >= content_.receipts.size()) return make_error(ErrorCode::kNotFound, "block");
    return content_.receipts[height.value];
}

Result<Membership> SimulatedDisk::membership_at(Height height) const {
    if (height.value >= content_.memberships.size()) {
        return make_error(ErrorCode::kNotFound, "membership");
    }
    return content_.memberships[height.value];
}

Result<std::optional<driver::TransactionLocation>> SimulatedDisk::find_transaction(
    const Digest& id) const {
    const auto found = content_.transactions.find(id);
    if (found == content_.transactions.end()) {
        return std::optional<driver::TransactionLocation>{};
    }
    return std::optional(found->second);
}

Result<void> SimulatedDisk::put_blob(const Digest& hash, ByteView content) {
    const auto crash = begin_write();
    if (!crash) return tl::unexpected(crash.error());
    content_.blobs[hash] = to_bytes(content);
    if (*crash) throw ProcessCrash{**crash};
    return {};
}

Result<Bytes> SimulatedDisk::get_blob(const Digest& hash) const {
    const auto found = content_.blobs.find(hash);
    if (found != content_.blobs.end()) return found->second;
    const auto client = content_.client_blobs.find(hash);
    if (client != content_.client_blobs.end()) return client->second.second;
    return make_error(ErrorCode::kNotFound, "blob");
}

bool SimulatedDisk::has_blob(const Digest& hash) const {
    return content_.blobs.contains(hash) || content_.client_blobs.contains(hash);
}

Result<void> SimulatedDisk::put_client_blob(const driver::ClientBlob& blob, ByteView content) {
    if (has_blob(blob.hash)) return {};
    const auto crash = begin_write();
    if (!crash) return tl::unexpected(crash.error());
    content_.client_blobs[blob.hash] = {blob, to_bytes(content)};
    if (*crash) throw ProcessCrash{**crash};
    return {};
}

Result<std::vector<driver::ClientBlob>> SimulatedDisk::client_blobs() const {
    std::vector<driver::ClientBlob> blobs;
    for (const auto& [hash, blob] : content_.client_blobs) blobs.push_back(blob.first);
    return blobs;
}

Result<void> SimulatedDisk::keep_client_blob(const Digest& hash) {
    const auto client = content_.client_blobs.find(hash);
    if (client == content_.client_blobs.end()) return {};
    const auto crash = begin_write();
    if (!crash) return tl::unexpected(crash.error());
    content_.blobs[hash] = std::move(client->second.second);
    content_.client_blobs.erase(client);
    if (*crash) throw ProcessCrash{**crash};
    return {};
}

Result<void> SimulatedDisk::erase_client_blobs(const std::vector<Digest>& hashes) {
    const auto crash = begin_write();
    if (!crash) return tl::unexpected(crash.error());
    for (const Digest& hash : hashes) content_.client_blobs.erase(hash);
    if (*crash) throw ProcessCrash{**crash};
    return {};
}

}  // namespace consilium::simulation
