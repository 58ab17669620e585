// The timing parameters of a replica. Logical milliseconds, as passed in with every input.
//
// All replicas of a chain should hold the same values: they are consensus parameters for liveness,
// safety does not depend on them.
#pragma once
#include <cstdint>

namespace consilium::consensus {

struct ReplicaConfig {
    // Time a view gets at view 0 of a height until the block commits; doubles with each view.
    std::uint64_t view_timeout_ms = 2'000;
    // Cap of the doubling, so that a long outage is followed by a short wait (P14).
    std::uint64_t view_timeout_max_ms = 30'000;
    // While work waits, a primary that has not proposed after this share of the view's time loses
    // its view (P16). Doubles with the view like the timeout.
    std::uint64_t proposal_timeout_ms = 1'000;
    // The oldest waiting transaction must be committed this long after both it and the primary
    // came, else the primary loses its view although blocks commit (P17).
    std::uint64_t inclusion_timeout_ms = 3'000;
    // While a window is open the primary proposes this long after the last block, empty if need be.
    std::uint64_t proposal_interval_ms = 250;
    // Without any work there is one block per this time.
    std::uint64_t heartbeat_ms = 30'000;
    // Own messages are sent again when there is no progress: first after resend_ms, doubling.
    std::uint64_t resend_ms = 500;
    std::uint64_t resend_max_ms = 4'000;
};

}  // namespace consilium::consensus
