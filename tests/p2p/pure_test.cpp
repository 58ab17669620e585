// Tests of the pure parts: frames, send queue, buckets, backoff, HTTP text, blob signatures.
#include <gtest/gtest.h>

#include <random>

#include "p2p/blob_put.hpp"
#include "p2p/frame.hpp"
#include "p2p/http_message.hpp"
#include "p2p/limits.hpp"
#include "p2p/rate.hpp"
#include "p2p/send_queue.hpp"
#include "p2p/tls_identity.hpp"

namespace consilium::p2p {
namespace {

constexpr std::uint32_t kSeed = 20'240'611;  // fixed, printed by the failing assertions below

std::uint8_t raw(FrameKind kind) {
    return static_cast<std::uint8_t>(kind);
}

Bytes header_of(std::uint32_t length, std::uint8_t kind) {
    Bytes header;
    for (unsigned shift = 0; shift < 32; shift += 8) {
        header.push_back(static_cast<std::uint8_t>((length >> shift) & 0xffU));
    }
    header.push_back(kind);
    return header;
}

TEST(FrameReader, frames_split_at_every_byte_come_out_whole) {
    Bytes stream;
    append_frame(stream, raw(FrameKind::kVote), as_bytes("vote"));
    append_frame(stream, raw(FrameKind::kBlob), {});
    append_frame(stream, raw(FrameKind::kSync), Bytes(300, 7));
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        FrameReader reader;
        std::vector<Frame> frames;
        ASSERT_TRUE(reader.feed(ByteView(stream).first(cut), frames));
        ASSERT_TRUE(reader.feed(ByteView(stream).subspan(cut), frames));
        ASSERT_EQ(frames.size(), 3U) << "cut at " << cut;
        EXPECT_EQ(frames[0].payload, to_bytes(as_bytes("vote")));
        EXPECT_EQ(frames[1].kind, raw(FrameKind::kBlob));
        EXPECT_EQ(frames[2].payload, Bytes(300, 7));
    }
}

TEST(FrameReader, length_over_the_maximum_of_its_kind_is_refused_without_allocation) {
    for (unsigned kind = 0; kind < 256; ++kind) {
        const auto value = static_cast<std::uint8_t>(kind);
        const auto maximum = max_frame_payload(value);
        if (!maximum) continue;
        FrameReader reader;
        std::vector<Frame> frames;
        const auto fed =
            reader.feed(header_of(static_cast<std::uint32_t>(*maximum) + 1, value), frames);
        ASSERT_FALSE(fed.has_value()) << kind;
        EXPECT_EQ(fed.error().code, ErrorCode::kLimitExceeded);
        EXPECT_EQ(reader.buffered_capacity(), 0U);
        EXPECT_FALSE(reader.feed(Bytes{0}, frames).has_value()) << "a failed reader stays failed";
    }
}

TEST(FrameReader, claimed_length_allocates_only_what_comes) {
    FrameReader reader;
    std::vector<Frame> frames;
    ASSERT_TRUE(reader.feed(header_of(limits::kSyncFrame, raw(FrameKind::kSync)), frames));
    ASSERT_TRUE(reader.feed(Bytes(1000, 1), frames));
    EXPECT_LE(reader.buffered_capacity(), 4096U);
    EXPECT_TRUE(frames.empty());
}

TEST(FrameReader, unknown_kind_is_refused) {
    for (unsigned kind = 6; kind < 255; ++kind) {
        FrameReader reader;
        std::vector<Frame> frames;
        const auto fed = reader.feed(header_of(0, static_cast<std::uint8_t>(kind)), frames);
        ASSERT_FALSE(fed.has_value());
        EXPECT_EQ(fed.error().code, ErrorCode::kMalformed);
    }
}

TEST(FrameReader, random_bytes_never_pass_a_limit) {
    std::mt19937 random(kSeed);
    for (int run = 0; run < 2000; ++run) {
        FrameReader reader;
        std::vector<Frame> frames;
        Bytes noise(random() % 200);
        for (auto& byte : noise) byte = static_cast<std::uint8_t>(random() % 7);
        (void)reader.feed(noise, frames);
        for (const auto& frame : frames) {
            EXPECT_LE(frame.payload.size(), noise.size()) << "seed " << kSeed << " run " << run;
        }
    }
}

QueuedFrame queued(FrameKind kind, std::size_t size, std::uint8_t mark = 0) {
    return {kind, std::make_shared<const Bytes>(size, mark)};
}

TEST(SendQueue, highest_priority_comes_first_and_oldest_first_within_it) {
    SendQueue queue(1 << 20U);
    const FrameKind order[] = {FrameKind::kBlob, FrameKind::kVote,     FrameKind::kSync,
                               FrameKind::kVote, FrameKind::kProposal, FrameKind::kTransaction};
    std::uint8_t mark = 0;
    for (const FrameKind kind : order) ASSERT_TRUE(queue.push(queued(kind, 8, mark++)).is_queued);
    std::vector<std::uint8_t> marks;
    while (const auto frame = queue.pop()) marks.push_back(frame->payload->front());
    EXPECT_EQ(marks, (std::vector<std::uint8_t>{1, 3, 4, 5, 2, 0}));
    EXPECT_TRUE(queue.is_empty());
}

TEST(SendQueue, over_the_quota_the_lowest_priority_goes_and_votes_stay) {
    constexpr std::size_t kFrame = 1000;
    constexpr std::size_t kCost = kFrame + limits::kFrameOverhead;
    SendQueue queue(4 * kCost);
    ASSERT_TRUE(queue.push(queued(FrameKind::kVote, kFrame)).is_queued);
    ASSERT_TRUE(queue.push(queued(FrameKind::kBlob, kFrame)).is_queued);
    ASSERT_TRUE(queue.push(queued(FrameKind::kBlob, kFrame)).is_queued);
    ASSERT_TRUE(queue.push(queued(FrameKind::kSync, kFrame)).is_queued);
    const auto second_vote = queue.push(queued(FrameKind::kVote, kFrame));
    EXPECT_TRUE(second_vote.is_queued);
    EXPECT_EQ(second_vote.dropped, 1U);
    EXPECT_EQ(queue.push(queued(FrameKind::kProposal, kFrame)).dropped, 1U);
    EXPECT_EQ(queue.push(queued(FrameKind::kTransaction, kFrame)).dropped, 1U);
    const auto blob = queue.push(queued(FrameKind::kBlob, kFrame));
    EXPECT_FALSE(blob.is_queued) << "a blob must not push out anything higher";
    EXPECT_EQ(blob.dropped, 0U);
    EXPECT_EQ(queue.bytes(), 4 * kCost);
    EXPECT_EQ(queue.pop()->kind, FrameKind::kVote);
    EXPECT_EQ(queue.pop()->kind, FrameKind::kVote);
    EXPECT_EQ(queue.pop()->kind, FrameKind::kProposal);
    EXPECT_EQ(queue.pop()->kind, FrameKind::kTransaction);
}

TEST(SendQueue, frame_that_cannot_fit_drops_nothing) {
    SendQueue queue(1000);
    ASSERT_TRUE(queue.push(queued(FrameKind::kVote, 500)).is_queued);
    ASSERT_TRUE(queue.push(queued(FrameKind::kBlob, 100)).is_queued);
    const auto big = queue.push(queued(FrameKind::kSync, 600));
    EXPECT_FALSE(big.is_queued);
    EXPECT_EQ(big.dropped, 0U);
    EXPECT_EQ(queue.clear(), 2U);
}

TEST(TokenBucket, burst_passes_then_the_average_rules) {
    TokenBucket bucket(100, 200);
    bucket.take(200, 1000);
    EXPECT_EQ(bucket.wait_ms(1000), 0U);
    bucket.take(50, 1000);
    EXPECT_EQ(bucket.wait_ms(1000), 500U);
    EXPECT_EQ(bucket.wait_ms(1500), 0U);
    EXPECT_EQ(bucket.wait_ms(1400), 0U) << "time does not go back";
}

TEST(Backoff, doubles_up_to_the_cap_and_resets) {
    Backoff backoff(100, 1000);
    const std::uint64_t wholes[] = {100, 200, 400, 800, 1000, 1000};
    for (const std::uint64_t whole : wholes) {
        const std::uint64_t delay = backoff.next_ms(0x1234'5678'9abcULL);
        EXPECT_GE(delay, whole / 2);
        EXPECT_LE(delay, whole);
    }
    for (int i = 0; i < 100; ++i) EXPECT_LE(backoff.next_ms(~0ULL), 1000U);
    backoff.reset();
    EXPECT_LE(backoff.next_ms(~0ULL), 100U);
}

TEST(HttpTarget, good_targets_are_split_and_decoded) {
    const auto target = parse_target("/v1/a%20b/c%C3%A4?x=1&name=a+b%26&flag");
    ASSERT_TRUE(target.has_value());
    EXPECT_EQ(target->path, "/v1/a b/c\xc3\xa4");
    EXPECT_EQ(target->query.at("x"), "1");
    EXPECT_EQ(target->query.at("name"), "a b&");
    EXPECT_EQ(target->query.at("flag"), "");
    EXPECT_TRUE(parse_target("/").has_value());
    EXPECT_TRUE(parse_target("/ui/").has_value());
}

TEST(HttpTarget, bad_targets_are_refused) {
    const char* const bad[] = {
        "",           "v1",       "/../x",    "/a/..",        "/a/./b", "/a//b",   "/%2e%2e/x",
        "/%2E/x",     "/a%2fb",   "/a%5cb",   "/a\\b",        "/a%00",  "/a%0a",   "/%",
        "/%4",        "/%zz",     "/a%252e",  "/\xff",        "/%ff",   "/%c0%ae", "/%ed%a0%80",
        "/a?x=1&x=2", "/a?x=%00", "/a?x=%ff", "http://host/", "*"};
    for (const char* target : bad) EXPECT_FALSE(parse_target(target).has_value()) << target;
    EXPECT_FALSE(parse_target(std::string_view("/a\0b", 4)).has_value());
    EXPECT_FALSE(parse_target("/" + std::string(limits::kHttpUrlBytes, 'a')).has_value());
    std::string many = "/a?";
    for (int i = 0; i < 65; ++i) many += "p" + std::to_string(i) + "&";
    EXPECT_FALSE(parse_target(many).has_value());
}

TEST(HttpTarget, encoding_and_decoding_are_inverse_on_random_text) {
    std::mt19937 random(kSeed);
    for (int run = 0; run < 500; ++run) {
        std::string text(random() % 40, ' ');
        for (char& c : text) c = static_cast<char>(random() % 256);
        const auto decoded = percent_decode(percent_encode(text), false);
        ASSERT_TRUE(decoded.has_value()) << "seed " << kSeed << " run " << run;
        EXPECT_EQ(*decoded, text);
    }
}

TEST(HttpHost, only_listed_hosts_pass) {
    const std::vector<std::string> allowed{"localhost", "127.0.0.1", "::1"};
    for (const char* good :
         {"localhost", "LOCALHOST:80", "127.0.0.1:27100", "[::1]:443", "[::1]"}) {
        EXPECT_TRUE(is_host_allowed(good, allowed)) << good;
    }
    for (const char* bad : {"", "evil.example", "localhost.evil.example", "localhost:", ":80",
                            "localhost:80x", "[::1", "127.0.0.1:1234567"}) {
        EXPECT_FALSE(is_host_allowed(bad, allowed)) << bad;
    }
    EXPECT_TRUE(is_origin_allowed("http://localhost:27200", allowed));
    EXPECT_FALSE(is_origin_allowed("http://evil.example", allowed));
    EXPECT_FALSE(is_origin_allowed("null", allowed));
}

TEST(HttpProblem, text_is_escaped) {
    const auto problem = make_problem(404, "not_found", "say \"hi\"\\\n\x01");
    const std::string body(problem.body.begin(), problem.body.end());
    EXPECT_EQ(body, R"({"type":"about:blank","title":"Not Found","status":404,"code":"not_found",)"
                    R"("detail":"say \"hi\"\\\u000a\u0001"})");
    const auto binary = make_problem(400, "x", "\xff");
    EXPECT_EQ(std::string(binary.body.begin(), binary.body.end()).find('\xff'), std::string::npos);
}

TEST(IdentityProof, json_and_frame_round_trip_and_refuse_every_change) {
    const KeyPair key = KeyPair::generate();
    ExporterValue exporter{};
    exporter[3] = 9;
    const Digest genesis = sha256(as_bytes("g"));
    const auto proof =
        make_identity_proof(make_identity_signer(key), genesis, TlsRole::kServer, exporter);
    EXPECT_TRUE(verify_identity_proof(proof, genesis, TlsRole::kServer, exporter));
    EXPECT_FALSE(verify_identity_proof(proof, genesis, TlsRole::kClient, exporter));
    EXPECT_FALSE(verify_identity_proof(proof, sha256({}), TlsRole::kServer, exporter));
    exporter[0] ^= 1U;
    EXPECT_FALSE(verify_identity_proof(proof, genesis, TlsRole::kServer, exporter));

    const std::string json = encode_identity_proof_json(proof);
    const auto parsed = decode_identity_proof_json(json);
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->key, proof.key);
    EXPECT_EQ(parsed->signature, proof.signature);
    for (std::size_t i = 0; i < json.size(); ++i) {
        EXPECT_FALSE(decode_identity_proof_json(json.substr(0, i)).has_value());
        std::string changed = json;
        changed[i] = 'Z';
        EXPECT_FALSE(decode_identity_proof_json(changed).has_value()) << i;
    }
    const Bytes frame = encode_identity_frame(proof);
    EXPECT_EQ(frame.size(), 98U);
    EXPECT_EQ(decode_identity_frame(frame)->signature, proof.signature);
    EXPECT_FALSE(decode_identity_frame(ByteView(frame).first(97)).has_value());
    Bytes other_version = frame;
    other_version[0] = 2;
    EXPECT_FALSE(decode_identity_frame(other_version).has_value());
}

KeyPair fixed_key() {
    std::array<std::uint8_t, 32> secret{};
    secret[31] = 3;
    return *KeyPair::from_secret(secret);
}

HttpRequest signed_request(const KeyPair& key, TimeMs expiry) {
    HttpRequest request;
    request.method = "PUT";
    request.path = encode_blob_path({sha256(as_bytes("blob")), 7});
    request.body = to_bytes(as_bytes("chunk"));
    for (const auto& [name, value] :
         sign_blob_put(key, {request.method, request.path, request.body, expiry})) {
        std::string lower = name;
        for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        request.headers[lower] = value;
    }
    return request;
}

TEST(BlobPut, message_is_the_documented_hash) {
    // Written out by hand from the grammar at the head of blob_put.hpp.
    Bytes message{3, 0, 0, 0, 'P', 'U', 'T', 2, 0, 0, 0, '/', 'x'};
    const Digest body = sha256(as_bytes("abc"));
    message.insert(message.end(), body.bytes.begin(), body.bytes.end());
    const Bytes expiry{0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01};
    message.insert(message.end(), expiry.begin(), expiry.end());
    EXPECT_EQ(blob_put_message({"PUT", "/x", as_bytes("abc"), TimeMs{0x0102030405060708ULL}}),
              tagged_hash("consilium/blob-put/v1", message));
}

// Computed independently with Python's hashlib.
TEST(BlobPut, frozen_vector_holds) {
    EXPECT_EQ(
        blob_put_message({"PUT", "/v1/blobs/00/0", as_bytes("abc"), TimeMs{1'700'000'000'000}})
            .hex(),
        "d2f572a6db5abdd396922c7a612a9a1e1087b762a30d0caad6e08c09a39e4085");
}

TEST(BlobPut, signed_request_verifies_until_it_expires) {
    const KeyPair key = fixed_key();
    const HttpRequest request = signed_request(key, TimeMs{100'000});
    const auto account = verify_blob_put(request, TimeMs{99'999});
    ASSERT_TRUE(account.has_value());
    EXPECT_EQ(*account, key.public_key());
    EXPECT_EQ(verify_blob_put(request, TimeMs{100'000}).error().code, ErrorCode::kRefused);
    const HttpRequest long_lived = signed_request(key, TimeMs{10'000'000});
    EXPECT_EQ(verify_blob_put(long_lived, TimeMs{1}).error().code, ErrorCode::kRefused);
}

TEST(BlobPut, every_change_is_refused) {
    const KeyPair key = fixed_key();
    const HttpRequest good = signed_request(key, TimeMs{100'000});
    const TimeMs now{50'000};
    HttpRequest changed = good;
    changed.body.push_back(0);
    EXPECT_EQ(verify_blob_put(changed, now).error().code, ErrorCode::kInvalidSignature);
    changed = good;
    changed.path += "0";
    EXPECT_EQ(verify_blob_put(changed, now).error().code, ErrorCode::kInvalidSignature);
    changed = good;
    changed.method = "POST";
    EXPECT_EQ(verify_blob_put(changed, now).error().code, ErrorCode::kInvalidSignature);
    changed = good;
    changed.headers["x-consilium-expiry"] = "100001";
    EXPECT_EQ(verify_blob_put(changed, now).error().code, ErrorCode::kInvalidSignature);
    for (const char* expiry : {"", "+100000", "0100000", "1e5", "99999999999999999999"}) {
        changed.headers["x-consilium-expiry"] = expiry;
        EXPECT_EQ(verify_blob_put(changed, now).error().code, ErrorCode::kMalformed) << expiry;
    }
    for (const char* name :
         {"x-consilium-account", "x-consilium-expiry", "x-consilium-signature"}) {
        changed = good;
        changed.headers.erase(name);
        EXPECT_EQ(verify_blob_put(changed, now).error().code, ErrorCode::kMalformed) << name;
    }
    changed = good;
    changed.headers["x-consilium-account"] = KeyPair::generate().public_key().hex();
    EXPECT_EQ(verify_blob_put(changed, now).error().code, ErrorCode::kInvalidSignature);
}

TEST(BlobPath, only_the_one_spelling_is_accepted) {
    const Digest hash = sha256(as_bytes("blob"));
    const std::string path = encode_blob_path({hash, 12});
    ASSERT_TRUE(decode_blob_path(path).has_value());
    EXPECT_EQ(decode_blob_path(path)->blob, hash);
    EXPECT_EQ(decode_blob_path(path)->chunk, 12U);
    const std::string prefix = "/v1/blobs/" + hash.hex();
    for (const std::string& bad :
         {prefix, prefix + "/", prefix + "/012", prefix + "/-1", prefix + "/1024", prefix + "/1/",
          prefix + "/4294967296", std::string("/v1/blobs/zz/0")}) {
        EXPECT_FALSE(decode_blob_path(bad).has_value()) << bad;
    }
}

TEST(BlobChunks, count_covers_the_length) {
    EXPECT_EQ(blob_chunk_count(0), 1U);
    EXPECT_EQ(blob_chunk_count(1), 1U);
    EXPECT_EQ(blob_chunk_count(limits::kBlobChunkBytes), 1U);
    EXPECT_EQ(blob_chunk_count(limits::kBlobChunkBytes + 1), 2U);
    EXPECT_EQ(blob_chunk_count(limits::kBlobMaxBytes), 1024U);
}

}  // namespace
}  // namespace consilium::p2p
