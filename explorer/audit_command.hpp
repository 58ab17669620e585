// `consilium-explorer audit`: its command line, and what it prints.
#pragma once

namespace consilium::explorer {

// `argv[0]` is the program, `argv[1]` "audit". Returns the exit code.
[[nodiscard]] int run_audit_command(int argc, char** argv);

}  // namespace consilium::explorer
