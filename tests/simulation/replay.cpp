// Replays blocks through the driver's chain on an empty disk.
#include "tests/simulation/replay.hpp"

#include "node/driver/chain.hpp"
#include "tests/simulation/disk.hpp"

namespace consilium::simulation {
namespace {

// A disk and nobody to talk to.
class LonelyEnv final : public driver::Env {
  public:
    explicit LonelyEnv(const std::map<Digest, Bytes>& blobs) {
        SimulatedDisk::Content content;
        content.blobs = blobs;
        disk_.restore(std::move(content));
    }
    void send(const PublicKey& /*to*/, const driver::Frame& /*frame*/) override {}
    void broadcast(const driver::Frame& /*frame*/) override {}
    void report_invalid(const PublicKey& /*peer*/) override {}
    void wake_at(std::uint64_t /*monotonic_ms*/) override {}
    [[nodiscard]] driver::Storage& storage() override { return disk_; }
    [[nodiscard]] Signature sign(const Digest& /*message*/) override { UNREACHABLE(); }
    [[nodiscard]] driver::SignatureVerifier& verifier() override { return verifier_; }
    void check_later(driver::Ticket /*ticket*/,
                     std::vector<driver::SignatureCheck> /*checks*/) override {}
    void on_committed(const driver::CommittedBlock& /*committed*/) override {}
    void on_submission(const driver::SubmissionResult& /*result*/) override {}
    void on_report(const driver::Report& /*report*/) override {}

  private:
    SimulatedDisk disk_;
    driver::DirectVerifier verifier_;
};

}  // namespace

std::optional<std::string> find_replay_difference(const Genesis& genesis,
                                                  const std::vector<driver::CertifiedBlock>& blocks,
                                                  const std::map<Digest, Bytes>& blobs) {
    LonelyEnv env(blobs);
    auto chain = driver::Chain::open(genesis, env);
    if (!chain) return "genesis: " + chain.error().context;
    for (const driver::CertifiedBlock& block : blocks) {
        const std::string where = "height " + std::to_string(block.block.header.height.value);
        auto executed = chain->execute(block.block);
        if (!executed) return where + ": " + executed.error().error.context;
        auto certified = chain->check_certificate_of(block.block.header, block.certificate);
        if (!certified) return where + ": " + certified.error().context;
        auto committed = chain->commit(std::move(*executed), block.certificate, false);
        if (!committed) return where + ": " + committed.error().context;
    }
    return std::nullopt;
}

}  // namespace consilium::simulation
