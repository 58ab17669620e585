// Events from outside, and the messages of peers.
#include <algorithm>
#include <string>
#include <utility>

#include "node/driver/core.hpp"

namespace consilium::driver {

void Driver::Core::on_event(const PeerFrame& event) {
    auto message = decode_frame(event.kind, event.payload);
    if (!message) return invalid(event.from, message.error().context);
    std::visit(
        [this, &event](auto&& content) {
            on_message(event.from, std::forward<decltype(content)>(content));
        },
        std::move(*message));
}

void Driver::Core::on_event(const PeerConnected& event) {
    env_.send(event.peer, encode_frame(StatusMessage{chain_.height(), true}));
}

void Driver::Core::on_event(const PeerDisconnected& event) {
    sync_.on_gone(event.peer);
}

void Driver::Core::on_event(const SubmitTransaction& event) {
    if (is_degraded_) return refuse_degraded(event.ticket);
    entry_.submit(event, now_.monotonic_ms);
}

void Driver::Core::refuse_degraded(Ticket ticket) {
    env_.on_submission({ticket,
                        SubmissionStatus::kRefused,
                        {ErrorCode::kUnavailable, "storage failed, this node only answers reads"}});
}

void Driver::Core::on_event(const SubmitBlob& event) {
    if (is_degraded_) return refuse_degraded(event.ticket);
    entry_.submit(event, now_.monotonic_ms);
}

void Driver::Core::on_event(const SignaturesChecked& event) {
    entry_.on_checked(event, now_.monotonic_ms);
}

void Driver::Core::on_event(const TimerFired& /*event*/) {
    if (replica_wake_ms_ && *replica_wake_ms_ <= now_.monotonic_ms) queue(consensus::Tick{});
}

void Driver::Core::invalid(const PublicKey& from, const std::string& why) {
    ++invalid_messages_;
    env_.on_report({ReportKind::kInvalidMessage, from.hex().substr(0, 8) + ": " + why});
    env_.report_invalid(from);
}

void Driver::Core::on_consensus(const PublicKey& from, ByteView content) {
    if (is_degraded_) return;
    auto message = consensus::decode_message(content);
    if (!message) return invalid(from, message.error().context);
    // An epoch this replica does not know: one of the two is late.
    if (replica_.verify_context().find(consensus::epoch_of(*message)) == nullptr) {
        return ask_status();
    }
    // Whoever helps a late replica sends on what others have signed; verify() knows the signer, and
    // what fails there costs this link.
    if (replica_.admit(*message, TimeMs{now_.monotonic_ms}) != consensus::Admission::kVerify) {
        return;
    }
    auto verified = consensus::verify(std::move(*message), replica_.verify_context());
    if (!verified) {
        if (verified.error().code == ErrorCode::kUnavailable) return ask_status();
        return invalid(from, verified.error().context);
    }
    queue(std::move(*verified));
}

void Driver::Core::on_message(const PublicKey& from, const VoteMessage& message) {
    on_consensus(from, message.content);
}

void Driver::Core::on_message(const PublicKey& from, const ProposalMessage& message) {
    on_consensus(from, message.content);
}

void Driver::Core::on_message(const PublicKey& from, const ProposalIdsRequest& message) {
    desk_.on_request(from, message);
}

void Driver::Core::on_message(const PublicKey& /*from*/, ProposalIds message) {
    desk_.on_ids(std::move(message));
}

void Driver::Core::on_message(const PublicKey& from, const TransactionRequest& message) {
    desk_.on_request(from, message);
}

void Driver::Core::on_message(const PublicKey& /*from*/, TransactionResponse message) {
    desk_.on_transactions(std::move(message));
}

void Driver::Core::on_message(const PublicKey& from, const TransactionRelay& message) {
    entry_.on_relay(from, message, now_.monotonic_ms);
}

void Driver::Core::on_message(const PublicKey& from, const StatusMessage& message) {
    sync_.on_claim(from, message.height);
    if (message.wants_answer) {
        env_.send(from, encode_frame(StatusMessage{chain_.height(), false}));
    }
}

void Driver::Core::on_message(const PublicKey& from, const BlockRequest& message) {
    BlockResponse response{.first = message.first, .blocks = {}};
    std::size_t size_bytes = 0;
    Height height = message.first;
    while (response.blocks.size() <
               std::min<std::size_t>(message.count, limits::kSyncBlocksPerRequest) &&
           height <= chain_.height() && height.value > 0) {
        auto block = env_.storage().block_at(height);
        if (!block) {
            if (block.error().code != ErrorCode::kNotFound) {
                fail(block.error(), ReportKind::kDegraded);
            }
            break;
        }
        size_bytes += encode(*block).size();
        if (!response.blocks.empty() && size_bytes > limits::kResponseBytes) break;
        response.blocks.push_back(std::move(*block));
        height = height.next();
    }
    env_.send(from, encode_frame(response));
}

void Driver::Core::on_message(const PublicKey& from, BlockResponse message) {
    sync_.on_response(from, std::move(message), now_.monotonic_ms);
}

void Driver::Core::on_message(const PublicKey& from, const HaveMessage& message) {
    if (auto news = blobs_.on_haves(message); !news) invalid(from, news.error().context);
}

void Driver::Core::on_message(const PublicKey& from, const ManifestRequest& message) {
    blobs_.on_request(from, message);
}

void Driver::Core::on_message(const PublicKey& from, Manifest message) {
    blobs_.on_manifest(from, std::move(message), now_.monotonic_ms);
}

void Driver::Core::on_message(const PublicKey& from, const ChunkRequest& message) {
    blobs_.on_request(from, message);
}

void Driver::Core::on_message(const PublicKey& from, Chunk message) {
    blobs_.on_chunk(from, std::move(message), now_.monotonic_ms);
}

void Driver::Core::on_message(const PublicKey& from, WorkerLetter message) {
    // Observers have no worker; whose letter it is beyond that, the worker judges.
    if (chain_.membership().find(from)) env_.on_letter(from, std::move(message.content));
}

}  // namespace consilium::driver
