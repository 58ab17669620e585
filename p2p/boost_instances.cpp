// The one translation unit that compiles Asio and Beast themselves.
//
// Everything else sees declarations (BOOST_ASIO_SEPARATE_COMPILATION and its Beast twin are set by
// the CMake target), which keeps builds short.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
