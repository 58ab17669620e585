// The same source, compiled by g++ and by clang, without and with optimisation: the same bytes.
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace consilium::reference {
namespace {

std::string vectors() {
    std::ifstream file(std::string(CONSILIUM_TEST_VECTORS) + "/reference.txt");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::string> drivers() {
    std::vector<std::string> paths;
    std::istringstream list(CONSILIUM_REFERENCE_DRIVERS);
    for (std::string path; std::getline(list, path, ':');) paths.push_back(path);
    return paths;
}

// What the program prints; empty when it fails.
std::string output_of(const std::string& program) {
    std::FILE* pipe = ::popen(("'" + program + "'").c_str(), "r");
    if (pipe == nullptr) return {};
    std::string text;
    std::array<char, 4096> buffer{};
    for (std::size_t size = 0; (size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        text.append(buffer.data(), size);
    }
    const int status = ::pclose(pipe);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : std::string();
}

bool is_built_by(const std::string& driver, const char* compiler) {
    return driver.find(std::string("_") + compiler + "_") != std::string::npos;
}

void expect_equal_outputs(const char* compiler) {
    std::size_t compared = 0;
    for (const std::string& driver : drivers()) {
        if (!is_built_by(driver, compiler)) continue;
        EXPECT_EQ(output_of(driver), vectors()) << driver;
        ++compared;
    }
    if (compared == 0)
        GTEST_SKIP() << compiler << " is not installed, or this is a sanitizer build";
    EXPECT_EQ(compared, 2U);
}

}  // namespace

TEST(ReferenceDrivers, gxx_builds_with_and_without_optimisation_give_the_frozen_bytes) {
    ASSERT_FALSE(vectors().empty());
    expect_equal_outputs("GXX");
}

TEST(ReferenceDrivers, clang_builds_with_and_without_optimisation_give_the_frozen_bytes) {
    expect_equal_outputs("CLANGXX");
}

}  // namespace consilium::reference
