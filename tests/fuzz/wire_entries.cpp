// Entry points of the wires: consensus messages, frames between nodes, requests to the API.
#include "consensus/messages.hpp"
#include "node/driver/wire.hpp"
#include "node/mpc/key_letters.hpp"
#include "p2p/blob_put.hpp"
#include "p2p/frame.hpp"
#include "p2p/http_message.hpp"
#include "tests/fuzz/entry_points.hpp"

namespace consilium::fuzz {
namespace {

void check_same(const Bytes& again, ByteView data) {
    CHECK(again.size() == data.size());
    CHECK(std::equal(again.begin(), again.end(), data.begin()));
}

// Fills the alternative that a random index chooses.
template <typename Variant, std::size_t Index = 0>
Variant make_alternative(Random& random, std::size_t choice) {
    if constexpr (Index + 1 < std::variant_size_v<Variant>) {
        if (choice != Index) return make_alternative<Variant, Index + 1>(random, choice);
    }
    return make_filled<std::variant_alternative_t<Index, Variant>>(random);
}
template <typename Variant>
Variant make_any(Random& random) {
    return make_alternative<Variant>(random, random.below(std::variant_size_v<Variant>));
}

bool run_consensus(ByteView data) {
    const auto message = consensus::decode_message(data);
    if (!message) return false;
    check_same(consensus::encode_message(*message), data);
    return true;
}
Bytes consensus_sample(Random& random) {
    return consensus::encode_message(make_any<consensus::Message>(random));
}

// The first byte is the frame's kind.
bool run_peer_message(ByteView data) {
    if (data.empty()) return false;
    const auto kind = static_cast<driver::FrameKind>(1 + data.front() % 5);
    const auto message = driver::decode_frame(kind, data.subspan(1));
    if (!message) return false;
    check_same(*driver::encode_frame(*message).payload, data.subspan(1));
    return true;
}
Bytes peer_message_sample(Random& random) {
    const auto frame = driver::encode_frame(make_any<driver::PeerMessage>(random));
    Bytes sample{static_cast<std::uint8_t>(static_cast<unsigned>(frame.kind) - 1)};
    sample.insert(sample.end(), frame.payload->begin(), frame.payload->end());
    return sample;
}

bool run_key_letter(ByteView data) {
    const auto letter = mpc::decode_letter(data);
    if (!letter) return false;
    check_same(mpc::encode_letter(*letter), data);
    return true;
}
Bytes key_letter_sample(Random& random) {
    return mpc::encode_letter(make_any<mpc::KeyLetter>(random));
}

// A stream cut at places that the first byte chooses must give the same frames as the whole.
bool run_frames(ByteView data) {
    if (data.empty()) return false;
    const std::size_t step = 1 + data.front() % 16;
    std::vector<p2p::Frame> whole;
    std::vector<p2p::Frame> parts;
    p2p::FrameReader at_once;
    p2p::FrameReader in_parts;
    const bool whole_ok = at_once.feed(data.subspan(1), whole).has_value();
    bool parts_ok = true;
    for (std::size_t at = 1; at < data.size() && parts_ok; at += step) {
        const std::size_t size = std::min(step, data.size() - at);
        parts_ok = in_parts.feed(data.subspan(at, size), parts).has_value();
    }
    CHECK(whole_ok == parts_ok);
    CHECK(whole.size() == parts.size());
    return whole_ok;
}
Bytes frames_sample(Random& random) {
    Bytes sample{static_cast<std::uint8_t>(random.next())};
    for (std::size_t i = random.below(4); i > 0; --i) {
        const auto kind = static_cast<std::uint8_t>(1 + random.below(p2p::kFrameKindCount));
        p2p::append_frame(sample, kind, encode_sample<Digest>(random));
    }
    return sample;
}

bool run_target(ByteView data) {
    const std::string text(data.begin(), data.end());
    const auto target = p2p::parse_target(text);
    if (target) CHECK(!target->path.empty() && target->path.front() == '/');
    const auto plain = p2p::percent_decode(text, true);
    if (plain) CHECK(plain->size() <= text.size());
    (void)p2p::decode_blob_path(text);
    (void)p2p::is_host_allowed(text, {"localhost"});
    (void)p2p::is_origin_allowed(text, {"localhost"});
    return target.has_value();
}
Bytes target_sample(Random& random) {
    std::string text = p2p::encode_blob_path(
        {make_filled<Digest>(random), static_cast<std::uint32_t>(random.below(100))});
    if (random.below(2) == 1) text += "?proof=1&cursor=" + p2p::percent_encode("a b/c");
    return {text.begin(), text.end()};
}

}  // namespace

const std::vector<EntryPoint>& wire_entry_points() {
    static const std::vector<EntryPoint> kEntries{
        {"consensus_message", run_consensus, consensus_sample},
        {"peer_message", run_peer_message, peer_message_sample},
        {"key_letter", run_key_letter, key_letter_sample},
        {"frames", run_frames, frames_sample},
        {"request_target", run_target, target_sample},
    };
    return kEntries;
}

}  // namespace consilium::fuzz
