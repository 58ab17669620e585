// What the two files of a connection share of Beast.
//
// Internal to p2p; included by http_session.cpp and http_events.cpp only.
#pragma once
#include <boost/beast/core/flat_buffer.hpp>

#include "p2p/http_server_core.hpp"

namespace consilium::p2p {

inline constexpr std::size_t kHttpBufferBytes = 64 * 1024;  // above the header limit
inline constexpr std::uint64_t kWriteTimeoutMs = 30'000;    // of one piece of an answer

struct HttpSession::Buffer {
    boost::beast::flat_buffer bytes{kHttpBufferBytes};
};

}  // namespace consilium::p2p
