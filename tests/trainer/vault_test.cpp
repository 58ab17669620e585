// The trainer's sealed files: what survives a restart, what is erased and when.
#include "fl_engine/trainer/vault.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "core/digest.hpp"
#include "tests/wallet/temporary_directory.hpp"

namespace consilium::trainer {
namespace {

using smpc::ClientMaskKey;

std::vector<ClientMaskKey> make_ring(const std::string& seed) {
    std::vector<ClientMaskKey> ring;
    for (int rank = 0; rank < 4; ++rank) {
        const Digest secret = sha256(as_bytes(seed + std::to_string(rank)));
        ring.emplace_back(std::span<const std::uint8_t, 32>(secret.bytes));
    }
    return ring;
}

bool are_equal(const std::vector<ClientMaskKey>& a, const std::vector<ClientMaskKey>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return constant_time_equal(x.secret().view(), y.secret().view());
    });
}

class VaultTest : public ::testing::Test {
  protected:
    [[nodiscard]] Vault open() const {
        return std::move(Vault::open((directory_.path() / "vault").string(), key_).value());
    }
    wallet_tests::TemporaryDirectory directory_;
    KeyPair key_ = KeyPair::generate();
};

TEST_F(VaultTest, mask_keys_and_proofs_survive_a_restart) {
    {
        Vault vault = open();
        EXPECT_FALSE(vault.mask_ring(1, 2)->has_value());
        EXPECT_FALSE(vault.range_proof(1, 2)->has_value());
        EXPECT_TRUE(vault.store_mask_ring(1, 2, make_ring("a")).has_value());
        EXPECT_TRUE(vault.store_range_proof(1, 2, as_bytes("proof")).has_value());
    }
    Vault vault = open();
    const auto ring = vault.mask_ring(1, 2);
    ASSERT_TRUE(ring && *ring);
    EXPECT_TRUE(are_equal(**ring, make_ring("a")));
    EXPECT_EQ(vault.range_proof(1, 2).value(), to_bytes(as_bytes("proof")));
    EXPECT_EQ(vault.mask_rings(1).value(), std::vector<std::uint64_t>{2});
    EXPECT_TRUE(vault.mask_rings(2)->empty());
}

TEST_F(VaultTest, erased_mask_keys_are_gone_and_the_proof_stays) {
    Vault vault = open();
    ASSERT_TRUE(vault.store_mask_ring(1, 2, make_ring("a")).has_value());
    ASSERT_TRUE(vault.store_range_proof(1, 2, as_bytes("proof")).has_value());
    EXPECT_TRUE(vault.erase_mask_ring(1, 2).has_value());
    EXPECT_TRUE(vault.erase_mask_ring(1, 2).has_value());  // again is no error
    EXPECT_FALSE(vault.mask_ring(1, 2)->has_value());
    EXPECT_TRUE(vault.mask_rings(1)->empty());
    EXPECT_TRUE(vault.range_proof(1, 2)->has_value());
}

TEST_F(VaultTest, what_belongs_to_older_batches_and_epochs_is_erased) {
    Vault vault = open();
    for (const std::uint64_t batch : {1U, 2U, 12U}) {
        ASSERT_TRUE(vault.store_masked_update(3, batch, as_bytes("e")).has_value());
        ASSERT_TRUE(vault.store_mask_ring(3, batch, make_ring("a")).has_value());
        ASSERT_TRUE(vault.store_range_proof(3, batch, as_bytes("z")).has_value());
    }
    ASSERT_TRUE(vault.store_range_proof(2, 9, as_bytes("z")).has_value());
    EXPECT_TRUE(vault.erase_older(3, 2).has_value());
    EXPECT_FALSE(vault.range_proof(2, 9)->has_value());
    for (const std::uint64_t batch : {1U, 2U, 12U}) {
        const bool is_kept = batch >= 2;
        EXPECT_EQ(vault.masked_update(3, batch)->has_value(), is_kept) << batch;
        EXPECT_EQ(vault.mask_ring(3, batch)->has_value(), is_kept) << batch;
        EXPECT_EQ(vault.range_proof(3, batch)->has_value(), is_kept) << batch;
    }
}

TEST_F(VaultTest, update_serves_one_round_also_after_a_restart_and_a_new_epoch) {
    const Digest update = sha256(as_bytes("u"));
    EXPECT_TRUE(open().claim_update(7, update).value());
    EXPECT_TRUE(open().claim_update(7, update).value());  // another attempt
    EXPECT_TRUE(open().erase_older(9, 0).has_value());
    EXPECT_FALSE(open().claim_update(8, update).value());
    EXPECT_FALSE(open().claim_update(6, update).value());
    EXPECT_TRUE(open().claim_update(8, sha256(as_bytes("v"))).value());
}

TEST_F(VaultTest, files_that_were_changed_are_an_error_and_never_another_key) {
    Vault vault = open();
    ASSERT_TRUE(vault.store_mask_ring(1, 2, make_ring("a")).has_value());
    const auto file = directory_.path() / "vault" / "epoch-1-masks-2";
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(40);
    const char byte = static_cast<char>(stream.get() ^ 1);
    stream.seekp(40);
    stream.put(byte);
    stream.close();
    EXPECT_FALSE(vault.mask_ring(1, 2).has_value());
}

}  // namespace
}  // namespace consilium::trainer
