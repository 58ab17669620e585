// consilium-trainer: trains beside one hospital's patient data and sends masked updates.
#include <exception>
#include <iostream>

#include "fl_engine/trainer/program.hpp"

int main(int argc, char** argv) {
    try {
        return consilium::trainer::run_program(
            argc, argv,
            {.name = "consilium-trainer",
             .summary = "Trains on one hospital's data and takes part in secure aggregation.",
             .deviation = std::nullopt});
    } catch (const std::exception& error) {
        std::cerr << "consilium-trainer: " << error.what() << '\n';
        return 1;
    }
}
