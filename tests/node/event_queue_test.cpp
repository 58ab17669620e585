// Fairness and bounds of what waits for the driver's thread.
#include "node/event_queue.hpp"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace consilium::node {
namespace {

using driver::FrameKind;
using driver::PeerFrame;

PublicKey peer(std::uint8_t number) {
    PublicKey key;
    key.bytes[0] = number;
    return key;
}

PeerFrame frame(std::uint8_t from, std::size_t size, FrameKind kind = FrameKind::kBlob) {
    return {peer(from), kind, Bytes(size)};
}

bool anybody(const PublicKey& /*peer*/) {
    return true;
}

std::optional<PeerFrame> next_frame(EventQueue& queue) {
    auto work = queue.pop(EventQueue::Clock::now());
    if (!work) return std::nullopt;
    return std::get<PeerFrame>(std::get<driver::Event>(std::move(*work)));
}

TEST(FrameLane, peers_are_served_in_turn_however_much_one_of_them_sends) {
    FrameLane lane(1'000'000);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(lane.push(frame(1, 10)), 0U);
    EXPECT_EQ(lane.push(frame(2, 20)), 0U);
    EXPECT_EQ(lane.push(frame(3, 30)), 0U);
    EXPECT_EQ(lane.pop(anybody)->from, peer(1));
    EXPECT_EQ(lane.pop(anybody)->from, peer(2));
    EXPECT_EQ(lane.pop(anybody)->from, peer(3));
    EXPECT_EQ(lane.pop(anybody)->from, peer(1));
}

TEST(FrameLane, frames_of_one_peer_keep_their_order) {
    FrameLane lane(1'000'000);
    for (std::size_t size = 1; size <= 5; ++size) EXPECT_EQ(lane.push(frame(1, size)), 0U);
    for (std::size_t size = 1; size <= 5; ++size) {
        EXPECT_EQ(lane.pop(anybody)->payload.size(), size);
    }
    EXPECT_FALSE(lane.pop(anybody).has_value());
    EXPECT_TRUE(lane.is_empty());
}

TEST(FrameLane, a_full_lane_drops_the_flooding_peers_frames_and_no_others) {
    constexpr std::size_t kQuota = 100'000;
    FrameLane lane(kQuota);
    EXPECT_EQ(lane.push(frame(2, 1'000)), 0U);
    std::size_t dropped = 0;
    for (int i = 0; i < 1'000; ++i) dropped += lane.push(frame(1, 1'000));
    EXPECT_GT(dropped, 900U);
    EXPECT_LE(lane.bytes(), kQuota);
    // One who comes when the lane is full gets its place from the flood, too.
    EXPECT_GT(lane.push(frame(3, 1'000)), 0U);
    EXPECT_LE(lane.bytes(), kQuota);
    std::map<PublicKey, int> served;
    while (const auto one = lane.pop(anybody)) ++served[one->from];
    EXPECT_EQ(served[peer(2)], 1);
    EXPECT_EQ(served[peer(3)], 1);
    EXPECT_EQ(lane.bytes(), 0U);
}

TEST(FrameLane, a_frame_over_the_whole_quota_is_dropped_alone) {
    FrameLane lane(10'000);
    EXPECT_EQ(lane.push(frame(1, 100)), 0U);
    EXPECT_EQ(lane.push(frame(2, 10'000)), 1U);
    EXPECT_EQ(lane.pop(anybody)->from, peer(1));
    EXPECT_TRUE(lane.is_empty());
}

TEST(EventQueue, votes_go_before_blobs_and_calls_between_proposals_and_transactions) {
    EventQueue queue;
    queue.push_frame(frame(1, 1, FrameKind::kBlob));
    queue.push_frame(frame(1, 2, FrameKind::kTransaction));
    ASSERT_TRUE(queue.call([](driver::Driver&, driver::Now) {}));
    queue.push_frame(frame(1, 3, FrameKind::kProposal));
    queue.push_frame(frame(1, 4, FrameKind::kVote));
    EXPECT_EQ(next_frame(queue)->kind, FrameKind::kVote);
    EXPECT_EQ(next_frame(queue)->kind, FrameKind::kProposal);
    EXPECT_TRUE(std::holds_alternative<DriverCall>(*queue.pop(EventQueue::Clock::now())));
    EXPECT_EQ(next_frame(queue)->kind, FrameKind::kTransaction);
    EXPECT_EQ(next_frame(queue)->kind, FrameKind::kBlob);
    EXPECT_FALSE(next_frame(queue).has_value());
}

TEST(EventQueue, a_peer_that_cost_too_much_waits_for_all_others_and_is_served_then) {
    EventQueue queue;
    const auto now = EventQueue::Clock::now();
    queue.charge(peer(1), std::chrono::seconds(60), now);
    queue.charge(peer(2), std::chrono::milliseconds(100), now);
    queue.push_frame(frame(1, 1, FrameKind::kVote));
    queue.push_frame(frame(1, 2, FrameKind::kBlob));
    queue.push_frame(frame(2, 3, FrameKind::kBlob));
    queue.push_frame(frame(3, 4, FrameKind::kSync));
    EXPECT_EQ(next_frame(queue)->from, peer(3));
    EXPECT_EQ(next_frame(queue)->from, peer(2));
    EXPECT_EQ(next_frame(queue)->kind, FrameKind::kVote);
    EXPECT_EQ(next_frame(queue)->kind, FrameKind::kBlob);
    EXPECT_FALSE(next_frame(queue).has_value());
}

TEST(EventQueue, a_peers_debt_is_forgotten_with_time) {
    EventQueue queue;
    // Two minutes ago: at a quarter of the time a debt of 10 s is long paid.
    queue.charge(peer(1), std::chrono::seconds(10),
                 EventQueue::Clock::now() - std::chrono::minutes(2));
    queue.push_frame(frame(2, 1, FrameKind::kBlob));
    queue.push_frame(frame(1, 1, FrameKind::kVote));
    EXPECT_EQ(next_frame(queue)->from, peer(1));
}

TEST(EventQueue, dropped_frames_are_counted_and_the_queue_stays_bounded) {
    EventQueue queue;
    for (int i = 0; i < 100; ++i) queue.push_frame(frame(1, std::size_t{1} << 20U));
    EXPECT_GT(queue.dropped_frames(), 30U);
    std::size_t held = 0;
    while (const auto one = next_frame(queue)) held += one->payload.size();
    EXPECT_LE(held, EventQueue::kFrameQuotaBytes);
}

TEST(EventQueue, a_waiting_reader_gets_what_another_thread_pushes_and_ends_with_stop) {
    EventQueue queue;
    std::atomic<std::size_t> received{0};
    std::thread reader([&] {
        while (queue.pop(EventQueue::Clock::time_point::max())) ++received;
    });
    constexpr std::size_t kFrames = 200;
    std::thread writer([&] {
        for (std::size_t i = 0; i < kFrames; ++i) queue.push_frame(frame(2, 1, FrameKind::kVote));
    });
    for (std::size_t i = 0; i < kFrames; ++i) queue.push_frame(frame(1, 1));
    writer.join();
    while (next_frame(queue)) ++received;
    queue.stop();
    reader.join();
    EXPECT_EQ(received.load(), 2 * kFrames);
    EXPECT_TRUE(queue.is_stopped());
    EXPECT_FALSE(queue.call([](driver::Driver&, driver::Now) {}));
}

}  // namespace
}  // namespace consilium::node
