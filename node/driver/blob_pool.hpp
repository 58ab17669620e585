// Who holds which blob, and pulling the ones this node needs (smpc-protocol.md, rule D).
//
// A blob is *eligible* when this node holds it and a quorum of members (itself included) has said
// HAVE. Pulls go to any member that said HAVE, in chunks of at most 1 MiB that are verified one by
// one against the sender's manifest; the whole is verified at the end. A peer that lies, has
// nothing or is slow is left for the next one. Only what was asked for by want() is ever pulled.
//
// Blobs of clients are erased some blocks after the attempt that they were for (R9); peers that ask
// for one of these then hear, as for any that is not here, a length of zero.
//
// Effects go through Env; the caller asks take_changes() after each call.
#pragma once
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "contracts/schema/table.hpp"
#include "core/membership.hpp"
#include "node/driver/env.hpp"
#include "node/driver/mempool.hpp"

namespace consilium::driver {

struct WantedBlob {
    BlobKey key;              // length 0: not known, only the hash counts
    schema::BlobKind kind{};  // kNone: an input of execution, pulled without saying HAVE
    bool is_urgent{};         // a proposal or a block names it: ask anybody, before other pulls
    std::optional<schema::BatchLabel> batch{};  // of a client: stored as such
};
[[nodiscard]] WantedBlob wanted_by(const schema::BlobReference& name, bool is_urgent);

enum class BlobPresence {
    kAbsent,
    kHeld,      // of the named length, and it parses
    kUnusable,  // these bytes hash right but can never be what the name says
};

class BlobPool {
  public:
    BlobPool(ChainIdentity identity, PublicKey own_key, Env& env);

    // HAVEs count within one epoch; earlier ones are void afterwards.
    void set_membership(const Membership& membership);

    // Pulls the blob unless it is here. Wanting it again may make it urgent.
    void want(const WantedBlob& wanted, std::uint64_t now_ms);
    // Forgets every wish for which `keep` says no.
    void keep_only(const std::set<Digest>& keep);
    // Content from this node's own API: checked, stored durably, announced.
    // kMismatch: not the wanted content; kMalformed: it does not parse.
    [[nodiscard]] Result<void> store(const WantedBlob& wanted, ByteView content);

    // At the start: what the store holds of clients.
    void restore(const std::vector<ClientBlob>& held);
    // A block is about to be committed that names this blob as a member's: it stays for ever, even
    // if a client's blob with the same bytes is held.
    void keep(const Digest& hash);
    // Erases what clients sent for attempts that were over `keep_blocks` blocks before `head`.
    void erase_spent(const StateReader& state, Height head, std::uint64_t keep_blocks);
    [[nodiscard]] std::size_t held_of_clients() const { return of_clients_.size(); }
    [[nodiscard]] std::uint64_t erased_of_clients() const { return erased_of_clients_; }

    // Reads the content unless this node has said HAVE for it already.
    [[nodiscard]] BlobPresence examine(const WantedBlob& blob) const;
    [[nodiscard]] bool is_eligible(const BlobKey& blob) const;
    // Says HAVE for a blob that is here; again with `repeat`.
    void announce(const WantedBlob& blob, bool repeat);
    // Gives the primary every HAVE known of these blobs.
    void forward(const PublicKey& primary, const std::vector<BlobKey>& blobs);

    // Verified HAVEs that were news; kInvalidSignature and kRefused cost the sender.
    [[nodiscard]] Result<std::vector<BlobKey>> on_haves(const HaveMessage& message);
    void on_request(const PublicKey& from, const ManifestRequest& request);
    void on_request(const PublicKey& from, const ChunkRequest& request);
    void on_manifest(const PublicKey& from, Manifest manifest, std::uint64_t now_ms);
    void on_chunk(const PublicKey& from, Chunk chunk, std::uint64_t now_ms);

    // Leaves slow peers and starts what waits. Returns when to be called again.
    [[nodiscard]] std::optional<std::uint64_t> tick(std::uint64_t now_ms);

    // Hashes whose presence or eligibility changed since the last call.
    [[nodiscard]] std::set<Digest> take_changes();
    // Set after a failed write: the node is degraded.
    [[nodiscard]] const std::optional<Error>& storage_error() const { return storage_error_; }
    [[nodiscard]] std::size_t wanted() const { return pulls_.size(); }
    [[nodiscard]] std::size_t pulled_bytes() const { return pulled_bytes_; }
    [[nodiscard]] std::size_t served() const { return served_.size(); }  // kept open for peers

  private:
    struct Pull {
        WantedBlob wanted;
        std::set<PublicKey> tried;         // in this lap
        std::optional<PublicKey> peer;     // being asked; absent: waits for its turn
        std::uint64_t deadline_ms{};       // of the answer, or of the next lap
        std::optional<Manifest> manifest;  // of `peer`
        Bytes content;
    };
    // What somebody pulls from us: open, not in memory.
    struct Served {
        Digest hash;
        std::unique_ptr<BlobContent> content;
        Manifest manifest;
    };

    [[nodiscard]] std::optional<PublicKey> next_peer(const Pull& pull) const;
    void ask(Pull& pull, std::uint64_t now_ms);
    void leave_peer(Pull& pull, std::uint64_t now_ms);
    void drop_content(Pull& pull);
    void finish(std::map<Digest, Pull>::iterator pull, std::uint64_t now_ms);
    [[nodiscard]] const Served* serve(const Digest& hash);
    void add_have(const Have& have);
    void say_have(const BlobKey& blob);
    [[nodiscard]] const Have* own_have(const BlobKey& blob) const;
    [[nodiscard]] Result<void> put(const WantedBlob& wanted, ByteView content);
    // Takes back our HAVE of every length and what is kept at hand for peers.
    void forget(const Digest& hash);

    ChainIdentity identity_;
    PublicKey own_key_;
    Env& env_;
    Membership membership_;
    std::map<BlobKey, std::map<ReplicaId, Have>> haves_;
    std::map<ReplicaId, std::deque<BlobKey>> haves_by_member_;  // oldest first
    std::map<Digest, Pull> pulls_;
    std::list<Served> served_;                         // most recently asked first
    std::map<Digest, schema::BatchLabel> of_clients_;  // as in the store
    std::uint64_t erased_of_clients_ = 0;
    std::set<Digest> changes_;
    std::size_t pulled_bytes_ = 0;
    std::optional<Error> storage_error_;
};

}  // namespace consilium::driver
