// consilium-devnet: a whole consortium on one machine, from data to result.
#include <exception>
#include <iostream>

#include "deploy/devnet/demo.hpp"
#include "deploy/devnet/interrupt.hpp"
#include "deploy/devnet/options.hpp"

int main(int argc, char** argv) {
    using namespace consilium::devnet;
    try {
        const auto options = parse_command_line(argc, argv);
        if (!options) return options.error();
        catch_stop_signals();
        return run_demo(*options);
    } catch (const std::exception& error) {
        std::cerr << "consilium-devnet: " << error.what() << '\n';
        return kFailed;
    }
}
