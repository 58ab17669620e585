// Cuts a byte stream into frames; see the grammar in the header.
#include "p2p/frame.hpp"

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "p2p/limits.hpp"

namespace consilium::p2p {

std::string_view to_string(FrameKind kind) {
    switch (kind) {
        case FrameKind::kVote:
            return "vote";
        case FrameKind::kProposal:
            return "proposal";
        case FrameKind::kTransaction:
            return "transaction";
        case FrameKind::kSync:
            return "sync";
        case FrameKind::kBlob:
            return "blob";
    }
    UNREACHABLE();
}

std::optional<FrameKind> frame_kind_from(std::uint8_t value) {
    if (value < 1 || value > kFrameKindCount) return std::nullopt;
    return static_cast<FrameKind>(value);
}

std::optional<std::size_t> max_frame_payload(std::uint8_t kind) {
    if (kind == kIdentityKind) return limits::kIdentityFrame;
    if (kind == kPingKind) return 0;
    const auto known = frame_kind_from(kind);
    if (!known) return std::nullopt;
    switch (*known) {
        case FrameKind::kVote:
            return limits::kVoteFrame;
        case FrameKind::kProposal:
            return limits::kProposalFrame;
        case FrameKind::kTransaction:
            return limits::kTransactionFrame;
        case FrameKind::kSync:
            return limits::kSyncFrame;
        case FrameKind::kBlob:
            return limits::kBlobFrame;
    }
    UNREACHABLE();
}

void append_frame(Bytes& out, std::uint8_t kind, ByteView payload) {
    const auto maximum = max_frame_payload(kind);
    CHECK(maximum.has_value());
    CHECK(payload.size() <= *maximum);
    out.reserve(out.size() + kFrameHeaderBytes + payload.size());
    for (unsigned shift = 0; shift < 32; shift += 8) {
        out.push_back(static_cast<std::uint8_t>((payload.size() >> shift) & 0xffU));
    }
    out.push_back(kind);
    out.insert(out.end(), payload.begin(), payload.end());
}

Result<void> FrameReader::begin_frame() {
    const std::uint8_t kind = header_[kFrameHeaderBytes - 1];
    const auto maximum = max_frame_payload(kind);
    if (!maximum) return make_error(ErrorCode::kMalformed, "unknown frame kind");
    payload_size_ = 0;
    for (unsigned i = 0; i < 4; ++i) {
        payload_size_ |= static_cast<std::size_t>(header_[i]) << (8 * i);
    }
    if (payload_size_ > *maximum) {
        return make_error(ErrorCode::kLimitExceeded, "frame longer than its kind allows");
    }
    return {};
}

Result<void> FrameReader::feed(ByteView data, std::vector<Frame>& out) {
    if (failed_) return make_error(ErrorCode::kMalformed, "stream already failed");
    for (;;) {
        if (header_size_ < kFrameHeaderBytes) {
            if (data.empty()) return {};
            const std::size_t taken = std::min(kFrameHeaderBytes - header_size_, data.size());
            std::copy_n(data.begin(), taken, header_.begin() + static_cast<long>(header_size_));
            header_size_ += taken;
            data = data.subspan(taken);
            if (header_size_ < kFrameHeaderBytes) return {};
            if (auto begun = begin_frame(); !begun) {
                failed_ = true;
                return begun;
            }
        }
        const std::size_t taken = std::min(payload_size_ - payload_.size(), data.size());
        payload_.insert(payload_.end(), data.begin(), data.begin() + static_cast<long>(taken));
        data = data.subspan(taken);
        if (payload_.size() < payload_size_) return {};
        out.push_back(Frame{header_[kFrameHeaderBytes - 1], std::exchange(payload_, {})});
        header_size_ = 0;
    }
}

}  // namespace consilium::p2p
