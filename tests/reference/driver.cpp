// Prints what the reference trainer computes for the frozen jobs: built with several compilers and
// levels of optimisation, whose outputs must be the same bytes.
#include <iostream>

#include "tests/reference/cases.hpp"

int main() {
    std::cout << consilium::reference::testing::describe_cases();
    return 0;
}
