// The node API: REST and events over TLS, described by node/openapi.json.
//
// Reads are answered on the network threads from the snapshot of the last committed block and from
// storage; what needs the driver (submissions, pending nonces, wanted blobs) is handed to its
// thread and answered from there. Every write is a signed transaction or a signed blob.
#pragma once
#include <atomic>
#include <memory>

#include "node/blob_uploads.hpp"
#include "node/disk_watch.hpp"
#include "node/mpc_thread.hpp"
#include "node/runtime.hpp"
#include "p2p/http_server.hpp"

namespace consilium::node {

class Api {
  public:
    // Before the runtime starts. All must outlive the API; `mpc` may be null.
    [[nodiscard]] static Result<std::unique_ptr<Api>> create(Runtime& runtime, const KeyPair& key,
                                                             const MpcThread* mpc);
    [[nodiscard]] Result<void> start(boost::asio::io_context& io);
    void stop();  // waits until the server has stopped
    [[nodiscard]] std::uint16_t port() const { return server_->port(); }

  private:
    Api(Runtime& runtime, const MpcThread* mpc)
        : runtime_(runtime), mpc_(mpc), disk_(runtime.config().data_dir) {}
    using Segments = std::vector<std::string>;

    void handle(const p2p::HttpRequest& request, const p2p::HttpResponder& responder);
    [[nodiscard]] bool handle_write(const p2p::HttpRequest& request, const Segments& segments,
                                    const p2p::HttpResponder& responder);
    void post_transaction(const p2p::HttpRequest& request, const p2p::HttpResponder& responder);
    void put_chunk(const p2p::HttpRequest& request, const p2p::HttpResponder& responder);
    void take_chunk(const p2p::HttpRequest& request, std::uint64_t length, const PublicKey& account,
                    const p2p::HttpResponder& responder);
    void get_account(const std::string& key_hex, const p2p::HttpResponder& responder);
    void get_transaction(const p2p::HttpRequest& request, const std::string& id_hex,
                         const p2p::HttpResponder& responder);

    // Answered at once, on the network thread.
    [[nodiscard]] p2p::HttpResponse read(const p2p::HttpRequest& request,
                                         const Segments& segments) const;
    [[nodiscard]] p2p::HttpResponse status() const;
    [[nodiscard]] p2p::HttpResponse health(bool is_readiness) const;
    [[nodiscard]] p2p::HttpResponse block(const p2p::HttpRequest& request,
                                          const std::string& which) const;
    [[nodiscard]] p2p::HttpResponse blocks(const p2p::HttpRequest& request) const;
    [[nodiscard]] p2p::HttpResponse state(const p2p::HttpRequest& request,
                                          const std::string& key_hex) const;
    [[nodiscard]] p2p::HttpResponse chunk(const p2p::HttpRequest& request) const;
    [[nodiscard]] p2p::HttpResponse record(ByteView key) const;
    // One page of the records whose keys begin so, in the order of keys.
    [[nodiscard]] p2p::HttpResponse records(const p2p::HttpRequest& request,
                                            std::string_view prefix) const;
    // What members signed twice; one of it with the signed messages.
    [[nodiscard]] p2p::HttpResponse evidence() const;
    [[nodiscard]] p2p::HttpResponse evidence(const std::string& id) const;
    [[nodiscard]] p2p::HttpResponse current_round() const;
    [[nodiscard]] p2p::HttpResponse current_epoch() const;
    [[nodiscard]] p2p::HttpResponse membership(Epoch epoch) const;
    [[nodiscard]] p2p::HttpResponse metrics() const;
    void publish(const driver::CommittedBlock& committed);

    // True after having answered that the disk has no room for more.
    [[nodiscard]] bool refuse_if_scarce(const p2p::HttpResponder& responder);

    Runtime& runtime_;
    const MpcThread* mpc_;
    mutable DiskWatch disk_;
    std::unique_ptr<p2p::HttpServer> server_;
    std::optional<p2p::EventChannel> events_;
    BlobUploads uploads_;
    std::atomic<std::uint64_t> transactions_posted_{0};
    std::atomic<std::uint64_t> transactions_refused_{0};
    std::atomic<std::uint64_t> blob_chunks_{0};
    std::atomic<std::uint64_t> blob_chunks_refused_{0};
};

}  // namespace consilium::node
