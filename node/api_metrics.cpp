// /metrics in Prometheus' text format, collected from the counters at each scrape.
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <fstream>

#include <unistd.h>

#include "node/api.hpp"
#include "node/api_text.hpp"

namespace consilium::node {
namespace {

class Scrape {
  public:
    void gauge(const std::string& name, const std::string& help, double value) {
        prometheus::BuildGauge()
            .Name("consilium_" + name)
            .Help(help)
            .Register(registry_)
            .Add({})
            .Set(value);
    }
    void counter(const std::string& name, const std::string& help, std::uint64_t value) {
        prometheus::BuildCounter()
            .Name("consilium_" + name)
            .Help(help)
            .Register(registry_)
            .Add({})
            .Increment(static_cast<double>(value));
    }
    [[nodiscard]] std::string text() const {
        return prometheus::TextSerializer().Serialize(registry_.Collect());
    }

  private:
    prometheus::Registry registry_;
};

double resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    file >> total >> resident;
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

void add_driver(Scrape& scrape, const Runtime& runtime) {
    const driver::DriverStatus status = runtime.status();
    using driver::ReportKind;
    scrape.gauge("height", "Newest committed height", static_cast<double>(status.height.value));
    scrape.gauge("view", "View of the height being decided",
                 static_cast<double>(status.view.value));
    scrape.gauge("is_voting", "1 while the node takes part in consensus",
                 status.mode == driver::DriverMode::kVoting ? 1 : 0);
    scrape.gauge("is_degraded", "1 after a storage error",
                 status.mode == driver::DriverMode::kDegraded ? 1 : 0);
    scrape.gauge("highest_claim", "Newest height a peer has proven",
                 static_cast<double>(status.highest_claim.value));
    scrape.gauge("mempool_transactions", "Waiting transactions",
                 static_cast<double>(status.waiting_transactions));
    scrape.gauge("mempool_bytes", "Their size", static_cast<double>(status.waiting_bytes));
    scrape.counter("view_changes_total", "Views that were left", status.view_changes);
    scrape.gauge("client_blobs", "Masked updates and range proofs held",
                 static_cast<double>(status.client_blobs));
    scrape.counter("client_blobs_erased_total", "Of these erased after their attempt",
                   status.client_blobs_erased);
    const StorageMemory memory = runtime.blocks().memory();
    scrape.gauge("ledger_write_buffer_bytes", "What the ledger holds of writes, in memory",
                 static_cast<double>(memory.write_buffer_bytes));
    scrape.gauge("ledger_cache_bytes", "Blocks of the ledger's files cached in memory",
                 static_cast<double>(memory.cache_bytes));
    scrape.gauge("ledger_table_reader_bytes", "Indexes of the ledger's files in memory",
                 static_cast<double>(memory.table_reader_bytes));
    scrape.counter("proposals_refused_total", "Proposals not voted for", status.proposals_refused);
    scrape.counter("invalid_messages_total", "Messages no correct node sends",
                   status.invalid_messages);
    scrape.counter("evidence_total", "Proven double votes of members", status.evidence);
    scrape.counter("dropped_frames_total", "Frames dropped because the driver was busy",
                   runtime.dropped_frames());
    scrape.counter("sync_peer_switches_total", "Peers left while catching up",
                   runtime.report_count(ReportKind::kSyncPeerSwitched));
}

void add_mesh(Scrape& scrape, const p2p::MeshStats& stats) {
    scrape.gauge("p2p_links", "Links that are up", static_cast<double>(stats.links_up.load()));
    scrape.counter("p2p_handshake_failures_total", "Handshakes that failed",
                   stats.handshake_failures.load());
    scrape.counter("p2p_identity_failures_total", "Identity proofs refused",
                   stats.identity_failures.load());
    scrape.counter("p2p_invalid_frames_total", "Frames that are malformed or too long",
                   stats.invalid_frames.load());
    scrape.counter("p2p_dropped_frames_total", "Frames dropped for a queue's quota",
                   stats.frames_dropped_quota.load());
    scrape.counter("p2p_received_bytes_total", "Bytes received", stats.bytes_received.load());
    scrape.counter("p2p_sent_bytes_total", "Bytes sent", stats.bytes_sent.load());
}

void add_http(Scrape& scrape, const p2p::HttpServerStats& stats) {
    scrape.gauge("api_connections", "Open connections",
                 static_cast<double>(stats.connections.load()));
    scrape.counter("api_requests_total", "Requests", stats.requests.load());
    scrape.counter("api_malformed_total", "Requests that are no HTTP",
                   stats.malformed_requests.load());
    scrape.counter("api_limit_refusals_total", "Requests over a limit",
                   stats.limit_refusals.load());
    scrape.counter("api_host_refusals_total", "Requests with a foreign Host or Origin",
                   stats.host_refusals.load());
    scrape.counter("api_timeouts_total", "Clients that were too slow", stats.timeouts.load());
}

}  // namespace

p2p::HttpResponse Api::metrics() const {
    Scrape scrape;
    add_driver(scrape, runtime_);
    add_mesh(scrape, runtime_.mesh().stats());
    add_http(scrape, server_->stats());
    scrape.gauge("disk_is_scarce", "1 while the disk is nearly full and nothing new is taken",
                 disk_.is_scarce() ? 1 : 0);
    scrape.counter("api_transactions_total", "Transactions posted", transactions_posted_.load());
    scrape.counter("api_transactions_refused_total", "Transactions refused at entry",
                   transactions_refused_.load());
    scrape.counter("api_blob_chunks_total", "Blob chunks uploaded", blob_chunks_.load());
    scrape.counter("api_blob_chunks_refused_total", "Blob chunks refused",
                   blob_chunks_refused_.load());
    scrape.gauge("resident_bytes", "Resident memory of the process", resident_bytes());
    scrape.gauge("secret_memory_bytes", "Reserved for secrets, locked where the limit allows",
                 static_cast<double>(reserved_secret_bytes()));
    scrape.gauge("secret_memory_used_bytes", "Of it in use",
                 static_cast<double>(used_secret_bytes()));
    if (mpc_ != nullptr) {
        const mpc::WorkerStatus status = mpc_->status();
        scrape.gauge("mpc_epoch", "Epoch whose keys are held",
                     static_cast<double>(status.mpc_epoch));
        scrape.gauge("mpc_batches", "Mask batches whose keys are held", status.batches);
        scrape.counter("mpc_refusals_total", "Times the worker kept silent to protect a secret",
                       status.refusals);
        scrape.gauge("mpc_is_behind", "1 while the chain lacks the state that was answered last",
                     status.is_behind ? 1 : 0);
        scrape.gauge("mpc_is_set_back", "1 while the epoch is void: the chain was set back",
                     status.is_set_back ? 1 : 0);
        scrape.counter("mpc_recoveries_total", "Epochs whose lost keys the other members gave",
                       status.recoveries);
        scrape.counter("mpc_contradictions_total",
                       "Epochs whose members contradict each other about lost keys",
                       status.contradictions);
        scrape.counter("mpc_keys_given_total",
                       "Letters with keys for members that have lost theirs", status.keys_given);
    }
    return p2p::make_response(200, "text/plain; version=0.0.4", scrape.text());
}

}  // namespace consilium::node
