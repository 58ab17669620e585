// Settings of the C library's allocator for a process that now and then holds large vectors.
#pragma once

namespace consilium::node {

// Before any thread is started. Blocks of 128 KiB or more are mapped one by one, so that their
// memory goes back to the system when they are freed: left to itself the library raises this bound
// to the size of the largest block it has seen freed, and a vector of a million parameters stays in
// the process for ever. And two arenas at most: each thread that allocates would else get its own,
// up to eight for each core, and none gives back what lies below its last live block. Does nothing
// with another C library than glibc.
void bound_allocator();

}  // namespace consilium::node
