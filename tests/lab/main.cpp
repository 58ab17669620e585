// consilium-lab: attacks on federated training, measured against rules of aggregation.
#include <atomic>
#include <csignal>
#include <exception>
#include <iostream>

#include "tests/lab/program.hpp"

namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // it is set in a signal handler

}  // namespace

int main(int argc, char** argv) {
    try {
        for (const int number : {SIGINT, SIGTERM}) {
            std::signal(number, [](int received) {
                stop_requested = true;
                std::signal(received, SIG_DFL);  // a second one ends it at once
            });
        }
        return consilium::lab::run_lab(argc, argv, stop_requested);
    } catch (const std::exception& error) {
        std::cerr << "consilium-lab: " << error.what() << '\n';
        return 1;
    }
}
