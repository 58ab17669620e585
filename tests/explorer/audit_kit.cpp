// Auditing ledgers and their transcripts.
#include "tests/explorer/audit_kit.hpp"

#include <gtest/gtest.h>

#include "explorer/audit_batch.hpp"
#include "explorer/audit_epoch.hpp"
#include "explorer/audit_privacy.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::explorer::testing {

using contracts::testing::Chain;
using contracts::testing::Conduct;
using contracts::testing::ConsortiumDriver;

namespace {

Ledger build_three_rounds() {
    Chain chain(4);
    ConsortiumDriver driver(chain);
    for (std::size_t i = 0; i < 4; ++i) chain.add_trainer(i);
    EXPECT_EQ(
        chain.decide(schema::ProposalKind::kCreateTask, encode(contracts::testing::test_task())),
        schema::Code::kOk);
    driver.set_up_epoch();
    const std::vector<Conduct> conducts{
        {.silent = {}, .liars = {2}}, {.silent = {3}, .liars = {}}, {}};
    std::uint64_t seed = 11;
    for (const Conduct& conduct : conducts) {
        driver.prepare_batches();
        driver.submit(driver.similar_updates(seed++, 3), {1, 2, 3, 4});
        driver.verify(conduct);
    }
    EXPECT_EQ(driver.round().label.round, 3U);
    return certify_chain(chain);
}
}  // namespace

const Ledger& three_rounds() {
    static const Ledger ledger = build_three_rounds();
    return ledger;
}

Result<AuditReport> audit(NodeSource& source, const Ledger& ledger, unsigned threads) {
    AuditOptions options;
    options.last = ledger.height();
    options.threads = threads;
    return run_audit(ledger.genesis, source, options);
}

AuditReport audit_honestly(const Ledger& ledger, unsigned threads) {
    FakeSource source(ledger, 1);
    return audit(source, ledger, threads).value();
}

Transcripts collect(const Ledger& ledger) {
    TranscriptCollector collector;
    ChainHead head = make_genesis(ledger.genesis).value().head;
    contracts::testing::MemoryBlobs blobs = ledger.blobs;
    for (std::size_t height = 1; height < ledger.blocks.size(); ++height) {
        auto verified = verify_block(ledger.genesis.identity(), head, blobs, ledger.blocks[height]);
        EXPECT_TRUE(verified.has_value()) << "block " << height;
        for (const Bytes& content : verified->blobs) blobs.put(content);
        collector.add(*verified, head.state);
        head = std::move(verified->next);
    }
    collector.finish(head.state);
    Transcripts transcripts{collector.take_attempts(), collector.take_batches(),
                            collector.take_epochs()};
    const auto attach = [&](BlobContents& contents, const Digest& hash) {
        contents[hash] = std::make_shared<const Bytes>(blobs.get(hash).value());
    };
    for (AttemptTranscript& attempt : transcripts.attempts) {
        attach(attempt.blobs, attempt.terms.model.sha256);
        for (const Post& post : attempt.aggregate.all) attach(attempt.blobs, post.blob.sha256);
    }
    for (BatchTranscript& batch : transcripts.batches) {
        for (const Post& post : batch.weights.all) attach(batch.blobs, post.blob.sha256);
    }
    return transcripts;
}

Checks failed_checks(const Ledger& ledger, const std::function<void(Transcripts&)>& change) {
    Transcripts transcripts = collect(ledger);
    change(transcripts);
    Checks checks;
    const auto add = [&](const Comparison& comparison) {
        for (const Finding& finding : comparison.findings()) checks.insert(finding.check);
        for (const NotRecomputable& missing : comparison.missing()) checks.insert(missing.what);
    };
    VerdictHistories histories;
    PrivacyAccounts accounts;
    for (AttemptTranscript& transcript : transcripts.attempts) {
        AttemptAudit attempt = audit_attempt_openings(std::move(transcript));
        audit_attempt_verdict(attempt, histories);
        audit_attempt_privacy(attempt, accounts);
        add(attempt.comparison);
    }
    std::map<std::uint64_t, std::vector<Blame>> blames;
    for (BatchTranscript& transcript : transcripts.batches) {
        const auto batch = audit_batch(std::move(transcript), ledger.genesis.chain_id);
        add(batch.comparison);
        if (batch.blame) blames[batch.mpc_epoch].push_back(*batch.blame);
    }
    for (const EpochTranscript& epoch : transcripts.epochs) {
        add(audit_epoch(epoch, blames[epoch.mpc_epoch]));
    }
    return checks;
}

Checks failed_checks(const Ledger& ledger, std::size_t attempt,
                     const std::function<void(AttemptTranscript&)>& change) {
    return failed_checks(ledger, [&](Transcripts& all) { change(all.attempts.at(attempt)); });
}

Checks failed_checks(const Ledger& ledger, const std::function<void(BatchTranscript&)>& change) {
    return failed_checks(ledger, [&](Transcripts& all) { change(all.batches.at(0)); });
}

}  // namespace consilium::explorer::testing
