// The trainer's loop against a chain in memory: what it sends, what it never sends, and what a
// crash, an old disk, a second trainer with its key or a lying node change about that.
//
// Every answer of the chain is proven; the test writes the records that contracts would.
#include "fl_engine/trainer/trainer.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "contracts/schema/keys.hpp"
#include "contracts/schema/modules.hpp"
#include "contracts/schema/records.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "tests/wallet/fake_chain.hpp"
#include "tests/wallet/temporary_directory.hpp"

namespace consilium::trainer {
namespace {

namespace action = schema::action;
namespace keys = schema::keys;
using schema::Phase;
using wallet_tests::FakeChain;
using wallet_tests::FakeConsortium;
using wallet_tests::TemporaryDirectory;

constexpr std::uint32_t kFeatures = 140;  // beyond the small mode: RANGE needs a seed
constexpr std::uint64_t kDimension = kFeatures + 1;
constexpr std::uint16_t kSlot = 2;

// Sixty rows of two classes; another seed, another hospital's patients.
void write_data(const TemporaryDirectory& folder, std::uint64_t seed) {
    std::ofstream schema(folder.file("schema.toml"));
    schema << "format = \"consilium-schema-1\"\nheader = \"names\"\n";
    std::ofstream data(folder.file("data.csv"));
    for (std::uint32_t c = 0; c < kFeatures; ++c) {
        schema << "[[column]]\nname = \"f" << c << "\"\nkind = \"numeric\"\ncentre = 0.0\n"
               << "scale = 1.0\n";
        data << "f" << c << ",";
    }
    schema << "[[column]]\nname = \"y\"\nkind = \"label\"\nnegative = [\"0\"]\n"
           << "positive = [\"1\"]\n";
    data << "y\n";
    fl::RandomStream stream(seed);
    for (int row = 0; row < 60; ++row) {
        for (std::uint32_t c = 0; c < kFeatures; ++c) {
            data << stream.normal() + (row % 2 == 0 ? 1 : -1) << ",";
        }
        data << row % 2 << "\n";
    }
}

std::vector<smpc::ClientChainKey> chain_keys() {
    std::vector<smpc::ClientChainKey> ring;
    for (int rank = 0; rank < 4; ++rank) {
        const Digest secret = sha256(as_bytes("chain" + std::to_string(rank)));
        ring.emplace_back(std::span<const std::uint8_t, 32>(secret.bytes));
    }
    return ring;
}

// One trainer program with its disk.
class Site {
  public:
    Site(FakeChain& chain, const Genesis& genesis, const KeyPair& key, std::uint64_t data_seed,
         fl::Deviation deviation = {})
        : chain_(chain), genesis_(genesis), key_(key) {
        write_data(folder_, data_seed);
        LearnerOptions options;
        options.data_file = folder_.file("data.csv");
        options.schema_file = folder_.file("schema.toml");
        options.deviation = std::move(deviation);
        learner_.emplace(std::move(Learner::load(options).value()));
        restart();
        CHECK(vault_->store_chains(1, {0, chain_keys()}).has_value());
    }
    // A new process on what lies on the disk.
    void restart() {
        trainer_.reset();
        vault_.emplace(std::move(Vault::open(vault_folder(), key_).value()));
        guard_.emplace(std::nullopt, *vault_);
        trainer_.emplace(
            TrainerParts{.nodes = chain_,
                         .genesis = genesis_,
                         .key = key_,
                         .vault = *vault_,
                         .learner = *learner_,
                         .sealer = sealer_,
                         .guard = *guard_,
                         .wall_time = [] { return TimeMs{1'700'000'000'000}; },
                         .notice = [this](const std::string& line) { notices += line + "\n"; }});
    }
    [[nodiscard]] Result<void> tick() { return trainer_->tick(); }
    // The disk as it is now / as it was then.
    void take_snapshot() {
        std::filesystem::remove_all(folder_.path() / "snapshot");
        std::filesystem::copy(vault_folder(), folder_.path() / "snapshot");
    }
    void restore_snapshot() {
        std::filesystem::remove_all(vault_folder());
        std::filesystem::copy(folder_.path() / "snapshot", vault_folder());
        restart();
    }

    std::string notices;

  private:
    [[nodiscard]] std::string vault_folder() const { return (folder_.path() / "vault").string(); }

    TemporaryDirectory folder_;
    FakeChain& chain_;
    const Genesis& genesis_;
    const KeyPair& key_;
    std::optional<Learner> learner_;
    UpdateSealer sealer_;
    std::optional<Vault> vault_;
    std::optional<SiteGuard> guard_;
    std::optional<Trainer> trainer_;
};

class TrainerLoop : public ::testing::Test {
  protected:
    TrainerLoop()
        : consortium(FakeConsortium::make()), chain(consortium.validators, consortium.genesis) {
        schema::EpochRecord epoch;
        epoch.mpc_epoch = 1;
        epoch.phase = schema::EpochPhase::kActive;
        for (const KeyPair& validator : consortium.validators) {
            epoch.members.push_back(validator.public_key());
        }
        epoch.clients = {KeyPair::generate().public_key(), key.public_key()};
        epoch.bundles.assign(2, 0xF);
        epoch.clients_with_key = 3;
        epoch.next_batch = 3;
        epoch.live_batches = {0, 1, 2};
        chain.write(keys::epoch(1), encode(epoch));
        schema::MpcRecord mpc;
        mpc.next_epoch = 2;
        mpc.current = 1;
        chain.write(keys::mpc(), encode(mpc));
        schema::TaskRecord task;
        task.id = 1;
        task.spec.model = {schema::ModelKind::kLogistic, {kFeatures, 1}};
        task.dimension = kDimension;
        chain.write(keys::task(1), encode(task));
        chain.write(keys::tasks(), encode(schema::TasksRecord{2, {1}}));
        const Bytes model =
            smpc::encode_integers(std::vector<std::int64_t>(std::size_t{kDimension}, 0));
        chain.add_blob(model);
        round.label = {.mpc_epoch = 1, .round = 1, .attempt = 0, .batch = 0};
        round.terms.task = 1;
        round.terms.task_round = 1;
        round.terms.model = {sha256(model), model.size()};
        round.terms.dimension = kDimension;
        round.terms.nu = 22;
        round.terms.clip_norm = std::uint64_t{8} << 32U;
        publish();
    }
    // The round as `round` says.
    void publish() {
        chain.write(keys::round(round.label.round), encode(round));
        schema::RoundsRecord rounds;
        rounds.next_round = round.label.round + 1;
        rounds.current = round.label.round;
        chain.write(keys::rounds(), encode(rounds));
        chain.make_block();
    }
    [[nodiscard]] std::unique_ptr<Site> make_site(std::uint64_t data_seed,
                                                  fl::Deviation deviation = {}) {
        return std::make_unique<Site>(chain, consortium.genesis, key, data_seed,
                                      std::move(deviation));
    }
    // What the blocks hold of this action.
    template <typename Arguments>
    [[nodiscard]] std::vector<Arguments> executed(std::uint16_t number) const {
        std::vector<Arguments> found;
        for (const Transaction& transaction : chain.executed()) {
            if (transaction.module == static_cast<std::uint16_t>(schema::Module::kSubmission) &&
                transaction.action == number) {
                found.push_back(decode<Arguments>(transaction.arguments).value());
            }
        }
        return found;
    }
    [[nodiscard]] std::vector<schema::Pledge> pledges() const {
        return executed<schema::Pledge>(action::kPledge);
    }
    // As the contract does: the first pledge of a batch counts.
    void record_pledge(const schema::Pledge& pledge) {
        schema::PledgeRecord record;
        record.update = pledge.update;
        record.round = pledge.label.round;
        record.attempt = pledge.label.attempt;
        chain.write(keys::pledge({pledge.label.mpc_epoch, pledge.label.batch}, pledge.slot),
                    encode(record));
        round.pledged |= schema::slot_bit(pledge.slot);
        chain.expect_blob(pledge.update.sha256);
        publish();
    }
    // Up to RANGING with the site's update in it.
    void submit(Site& site) {
        EXPECT_TRUE(site.tick().has_value());
        record_pledge(pledges().back());
        EXPECT_TRUE(site.tick().has_value());
        round.submitted |= schema::slot_bit(kSlot);
        round.phase = Phase::kRanging;
    }

    KeyPair key = KeyPair::generate();
    FakeConsortium consortium;
    FakeChain chain;
    schema::RoundRecord round;
};

TEST_F(TrainerLoop, update_leaves_after_the_final_pledge_and_is_the_same_after_a_crash) {
    const auto site = make_site(1);
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_EQ(pledges().size(), 1U);
    const schema::Pledge pledge = pledges()[0];
    EXPECT_EQ(pledge.slot, kSlot);
    EXPECT_EQ(pledge.label, round.label);
    EXPECT_TRUE(chain.uploaded().empty());
    // Killed before it saw the pledge's block.
    site->restart();
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_EQ(pledges().size(), 2U);
    EXPECT_EQ(pledges()[1], pledge);
    EXPECT_TRUE(chain.uploaded().empty());
    record_pledge(pledge);
    site->restart();
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_EQ(chain.uploaded().size(), 1U);
    EXPECT_EQ(sha256(chain.uploaded()[0]), pledge.update.sha256);
    ASSERT_EQ(executed<schema::Submit>(action::kSubmit).size(), 1U);
    EXPECT_EQ(executed<schema::Submit>(action::kSubmit)[0].update, pledge.update);
}

TEST_F(TrainerLoop, second_trainer_with_the_same_key_sends_nothing_of_its_own) {
    const auto site = make_site(1);
    const auto clone = make_site(2);
    ASSERT_TRUE(site->tick().has_value());
    record_pledge(pledges().at(0));
    ASSERT_TRUE(clone->tick().has_value());
    ASSERT_TRUE(clone->tick().has_value());
    EXPECT_EQ(pledges().size(), 1U);
    EXPECT_TRUE(chain.uploaded().empty());
    EXPECT_NE(clone->notices.find("another update is pledged"), std::string::npos)
        << clone->notices;
    // Nor does it prove the range of the other's update.
    ASSERT_TRUE(site->tick().has_value());
    round.submitted = schema::slot_bit(kSlot);
    round.phase = Phase::kRanging;
    round.range_seed = sha256(as_bytes("seed"));
    publish();
    clone->restart();
    ASSERT_TRUE(clone->tick().has_value());
    EXPECT_TRUE(executed<schema::Range>(action::kRange).empty());
    EXPECT_EQ(chain.uploaded().size(), 1U);
}

TEST_F(TrainerLoop, old_disk_gives_the_same_bytes_or_none) {
    const auto site = make_site(1);
    site->take_snapshot();  // before the pledge
    ASSERT_TRUE(site->tick().has_value());
    record_pledge(pledges().at(0));
    site->restore_snapshot();
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_EQ(chain.uploaded().size(), 1U);
    EXPECT_EQ(sha256(chain.uploaded()[0]), pledges()[0].update.sha256);
    // A disk of after the pledge, in a round whose keys it has used: another batch, other bytes.
    site->take_snapshot();
    round.label.attempt = 1;
    round.label.batch = 1;
    round.pledged = 0;
    publish();
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_EQ(pledges().size(), 2U);
    EXPECT_NE(pledges()[1].update.sha256, pledges()[0].update.sha256);
    record_pledge(pledges()[1]);
    site->restore_snapshot();
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_EQ(chain.uploaded().size(), 2U);
    EXPECT_EQ(sha256(chain.uploaded()[1]), pledges()[1].update.sha256);
}

TEST_F(TrainerLoop, pledges_closed_without_its_own_mean_no_part_in_the_round) {
    const auto site = make_site(1);
    round.pledges_closed = Height{5};
    publish();
    ASSERT_TRUE(site->tick().has_value());
    EXPECT_TRUE(chain.posted().empty());
}

TEST_F(TrainerLoop, seed_that_is_not_proven_gets_no_proof_and_another_seed_no_second_one) {
    const auto site = make_site(1);
    submit(*site);
    round.range_seed = sha256(as_bytes("seed"));
    publish();
    const std::size_t uploads = chain.uploaded().size();
    chain.faults.forges_value = true;
    EXPECT_FALSE(site->tick().has_value());
    chain.faults.forges_value = false;
    chain.faults.forges_certificate = true;
    chain.make_block();
    EXPECT_FALSE(site->tick().has_value());
    EXPECT_TRUE(executed<schema::Range>(action::kRange).empty());
    EXPECT_EQ(chain.uploaded().size(), uploads);
    chain.faults.forges_certificate = false;
    chain.make_block();
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_EQ(chain.uploaded().size(), uploads + 1);
    const Bytes proof = chain.uploaded().back();
    ASSERT_EQ(executed<schema::Range>(action::kRange).size(), 1U);
    // A quorum that breaks the assumption signs another seed: two proofs would show the digits.
    round.range_seed = sha256(as_bytes("another seed"));
    publish();
    site->restart();
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_EQ(chain.uploaded().size(), uploads + 2);
    EXPECT_EQ(chain.uploaded().back(), proof);
    const auto ranges = executed<schema::Range>(action::kRange);
    ASSERT_EQ(ranges.size(), 2U);
    EXPECT_EQ(ranges[0].proof, ranges[1].proof);
}

// Exclusion differencing (smpc-protocol.md, section 9).
TEST_F(TrainerLoop, update_of_an_earlier_round_is_not_sent_again_but_an_attempt_may_use_it) {
    fl::Deviation same;
    same.update = [](std::span<const double> delta, const fl::TransformContext&) {
        return std::vector<double>(delta.size(), 0.01);
    };
    const auto site = make_site(1, same);
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_EQ(pledges().size(), 1U);
    round.label.attempt = 1;
    round.label.batch = 1;
    publish();
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_EQ(pledges().size(), 2U);
    round.label.round = 2;
    round.label.attempt = 0;
    round.label.batch = 2;
    publish();
    site->restart();
    ASSERT_TRUE(site->tick().has_value());
    ASSERT_TRUE(site->tick().has_value());
    EXPECT_EQ(pledges().size(), 2U);
    EXPECT_NE(site->notices.find("earlier round"), std::string::npos) << site->notices;
    // A trained update differs from round to round.
    const auto honest = make_site(1);
    ASSERT_TRUE(honest->tick().has_value());
    EXPECT_EQ(pledges().size(), 3U);
}

}  // namespace
}  // namespace consilium::trainer
