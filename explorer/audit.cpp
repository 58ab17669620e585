// Walking the chain, and recomputing what is over in waves of threads.
#include "explorer/audit.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "explorer/audit_batch.hpp"
#include "explorer/audit_blobs.hpp"
#include "explorer/audit_epoch.hpp"
#include "explorer/audit_privacy.hpp"
#include "explorer/blob_lengths.hpp"

namespace consilium::explorer {
namespace {

constexpr std::uint64_t kBlocksPerNote = 100;

// Calls work(0) .. work(count-1), each once, on at most that many threads.
void run_parallel(unsigned threads, std::size_t count,
                  const std::function<void(std::size_t)>& work) {
    std::atomic<std::size_t> next{0};
    const auto loop = [&] {
        for (std::size_t i = next++; i < count; i = next++) work(i);
    };
    std::vector<std::thread> helpers;
    for (std::size_t i = 1; i < std::min<std::size_t>(threads, count); ++i) {
        helpers.emplace_back(loop);
    }
    loop();
    for (std::thread& helper : helpers) helper.join();
}

class Audit {
  public:
    Audit(const Genesis& genesis, NodeSource& source, const AuditOptions& options, ChainHead head)
        : identity_(genesis.identity()),
          source_(source),
          options_(options),
          blobs_(source, options.recorder),
          head_(std::move(head)) {
        report_.genesis = genesis.hash();
        report_.from = options.from;
        report_.last = options.last;
    }

    [[nodiscard]] Result<AuditReport> run() {
        while (head_.header.height < options_.last && verify_next()) {
            if (attempts_.size() + batches_.size() >= options_.threads) recompute();
            if (auto kept = recorded(); !kept) return tl::unexpected(kept.error());
        }
        if (auto kept = recorded(); !kept) return tl::unexpected(kept.error());
        if (is_cancelled()) return make_error(ErrorCode::kUnavailable, "stopped before the end");
        collector_.finish(head_.state);
        collect();
        recompute();
        report_.verified = head_.header.height;
        report_.head = header_digest(head_.header);
        report_.state_root = head_.state.root();
        return std::move(report_);
    }

  private:
    [[nodiscard]] bool is_cancelled() const {
        return options_.cancel_flag != nullptr && *options_.cancel_flag;
    }

    [[nodiscard]] Result<void> recorded() const {
        return options_.recorder == nullptr ? Result<void>() : options_.recorder->outcome();
    }
    void record(const CertifiedBlock& block) {
        if (options_.recorder != nullptr) options_.recorder->add_block(block);
    }

    // False: the walk ends here; the report says why.
    [[nodiscard]] bool verify_next() {
        const Height height = head_.header.height.next();
        blobs_.begin_block();
        std::optional<Finding> lie;
        for (std::size_t node = 0; node < source_.size() && !is_cancelled(); ++node) {
            auto block = source_.block(node, height);
            if (!block && block.error().code == ErrorCode::kMalformed) {
                lie = lie.value_or(Finding{height, std::nullopt, "", "encoding", "a block",
                                           "bytes that are none"});
            }
            if (!block) {
                options_.note(source_.name(node) + ": block " + std::to_string(height.value) +
                              ": " + block.error().context);
                continue;
            }
            auto verified = verify(*block);
            if (verified) {
                accept(*std::move(verified));
                return true;
            }
            if (!verified.error()) return false;  // already reported
            options_.note(source_.name(node) + ": " + verified.error()->check);
            lie = lie.value_or(*std::move(verified.error()));
        }
        if (is_cancelled()) return false;
        if (lie) {
            report_.findings.push_back(*std::move(lie));
        } else {
            report_.not_recomputable.push_back({height, "", "block"});
        }
        return false;
    }

    // The error: what its sender made up, or nullopt when the walk ends and the report knows why.
    [[nodiscard]] tl::expected<VerifiedBlock, std::optional<Finding>> verify(
        const CertifiedBlock& block) {
        const Height height = head_.header.height.next();
        for (std::size_t fetched = 0; fetched < kMaxBlobsPerBlock; ++fetched) {
            auto verified = verify_block(identity_, head_, blobs_, block);
            if (verified) return *std::move(verified);
            if (const auto* unproven = std::get_if<Unproven>(&verified.error())) {
                return tl::unexpected(std::optional(as_finding(*unproven)));
            }
            if (const auto* diverged = std::get_if<Diverged>(&verified.error())) {
                report_.findings.push_back(as_finding(*diverged));
                record(block);
                return tl::unexpected(std::optional<Finding>());
            }
            const Digest hash = std::get<contracts::MissingBlob>(verified.error()).sha256;
            const auto length = find_blob_length(head_.state, block.block, hash);
            if (!length || !blobs_.fetch(hash, *length)) {
                report_.not_recomputable.push_back({height, "", "blob " + hash.hex()});
                record(block);
                return tl::unexpected(std::optional<Finding>());
            }
        }
        report_.not_recomputable.push_back({height, "", "a block that reads too many blobs"});
        record(block);
        return tl::unexpected(std::optional<Finding>());
    }

    [[nodiscard]] static Finding as_finding(const Disagreement& what) {
        return {what.height, std::nullopt, "", what.check, what.expected, what.found};
    }

    void accept(VerifiedBlock block) {
        for (Bytes& content : block.blobs) blobs_.put(std::move(content));
        record(block.certified);
        report_.transactions += block.certified.block.transactions.size();
        collector_.add(block, head_.state);
        head_ = std::move(block.next);
        collect();
        const std::uint64_t height = head_.header.height.value;
        if (height % kBlocksPerNote == 0) {
            options_.note("block " + std::to_string(height) + " of " +
                          std::to_string(options_.last.value));
        }
    }

    // What is over, with its blobs while they are still in the cache.
    void collect() {
        for (AttemptTranscript& attempt : collector_.take_attempts()) {
            if (attempt.last < options_.from) {
                adopt_history(attempt, histories_);
                adopt_privacy(attempt, accounts_);
                continue;
            }
            if (attempt.aggregate.opened) {
                for (const Post& post : attempt.aggregate.all) attach(attempt.blobs, post.blob);
                attach(attempt.blobs, attempt.terms.model);
            }
            attempts_.push_back(std::move(attempt));
        }
        for (BatchTranscript& batch : collector_.take_batches()) {
            if (batch.last < options_.from) {
                if (auto blame = adopt_blame(batch)) {
                    blames_[batch.label.mpc_epoch].push_back(*std::move(blame));
                }
                continue;
            }
            for (const Post& post : batch.weights.all) attach(batch.blobs, post.blob);
            batches_.push_back(std::move(batch));
        }
        for (EpochTranscript& epoch : collector_.take_epochs()) {
            if (epoch.last >= options_.from) epochs_.push_back(std::move(epoch));
        }
    }
    void attach(BlobContents& contents, const schema::BlobName& name) {
        if (auto content = blobs_.fetch(name.sha256, name.length)) {
            contents.emplace(name.sha256, std::move(content));
        }
    }

    void recompute() {
        std::vector<std::optional<AttemptAudit>> attempts(attempts_.size());
        std::vector<std::optional<BatchAuditResult>> batches(batches_.size());
        run_parallel(options_.threads, attempts.size() + batches.size(), [&](std::size_t i) {
            if (i < attempts.size()) {
                attempts[i] = audit_attempt_openings(std::move(attempts_[i]));
            } else {
                const std::size_t batch = i - attempts.size();
                batches[batch] = audit_batch(std::move(batches_[batch]), identity_.chain_id);
            }
        });
        attempts_.clear();
        batches_.clear();
        for (auto& attempt : attempts) {
            audit_attempt_verdict(*attempt, histories_);
            audit_attempt_privacy(*attempt, accounts_);
            add(attempt->comparison);
            report_.attempts.push_back(summary(*attempt));
        }
        for (auto& batch : batches) {
            add(batch->comparison);
            if (batch->blame) blames_[batch->mpc_epoch].push_back(*std::move(batch->blame));
        }
        for (const EpochTranscript& epoch : std::exchange(epochs_, {})) {
            add(audit_epoch(epoch, blames_[epoch.mpc_epoch]));
            blames_.erase(epoch.mpc_epoch);
        }
    }

    void add(const Comparison& comparison) {
        report_.counts.add(comparison.counts);
        const auto& findings = comparison.findings();
        report_.findings.insert(report_.findings.end(), findings.begin(), findings.end());
        const auto& missing = comparison.missing();
        report_.not_recomputable.insert(report_.not_recomputable.end(), missing.begin(),
                                        missing.end());
    }

    [[nodiscard]] static AuditedAttempt summary(const AttemptAudit& audit) {
        const AttemptTranscript& round = audit.transcript;
        AuditedAttempt attempt;
        attempt.label = text_of(round.label);
        attempt.outcome = "open";
        if (round.result) {
            attempt.outcome = "RESULT";
            attempt.aggregate = round.result->aggregate;
            attempt.model = round.result->model.sha256;
        } else if (round.ended) {
            attempt.outcome = schema::to_string(round.ended->reason);
        }
        attempt.is_equal =
            audit.comparison.findings().empty() && audit.comparison.missing().empty();
        return attempt;
    }

    ChainIdentity identity_;
    NodeSource& source_;
    const AuditOptions& options_;
    AuditBlobs blobs_;
    ChainHead head_;
    TranscriptCollector collector_;
    std::vector<AttemptTranscript> attempts_;  // over, not yet recomputed
    std::vector<BatchTranscript> batches_;
    std::vector<EpochTranscript> epochs_;
    VerdictHistories histories_;
    PrivacyAccounts accounts_;
    std::map<std::uint64_t, std::vector<Blame>> blames_;  // of the epochs that are not over
    AuditReport report_;
};

// Waves depend on the number of threads; the order of the report must not.
void sort_report(AuditReport& report) {
    std::stable_sort(report.findings.begin(), report.findings.end(),
                     [](const Finding& a, const Finding& b) {
                         return std::tie(a.height, a.label) < std::tie(b.height, b.label);
                     });
    std::stable_sort(report.not_recomputable.begin(), report.not_recomputable.end(),
                     [](const NotRecomputable& a, const NotRecomputable& b) {
                         return std::tie(a.height, a.label) < std::tie(b.height, b.label);
                     });
}

}  // namespace

Result<AuditReport> run_audit(const Genesis& genesis, NodeSource& source,
                              const AuditOptions& options) {
    CHECK(options.threads >= 1);
    CHECK(options.threads <= kMaxAuditThreads);
    auto start = make_genesis(genesis);
    if (!start) return tl::unexpected(start.error());
    Audit audit(genesis, source, options, std::move(start->head));
    auto report = audit.run();
    if (report) sort_report(*report);
    return report;
}

AuditOutcome outcome_of(const AuditReport& report) {
    if (!report.findings.empty() || !report.damaged_files.empty()) return AuditOutcome::kMismatch;
    return report.not_recomputable.empty() ? AuditOutcome::kEqual : AuditOutcome::kIncomplete;
}

}  // namespace consilium::explorer
