// Blobs as files, as a node keeps them; and how the benchmark stops when something is wrong.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "core/bytes.hpp"

namespace consilium::bench {

[[noreturn]] inline void stop(const std::string& why) {
    std::cerr << "consilium-smpc-bench: " << why << '\n';
    std::exit(1);
}
inline void require(bool condition, const char* what) {
    if (!condition) stop(std::string("the round went wrong: ") + what);
}

class BlobFolder {
  public:
    explicit BlobFolder(std::filesystem::path directory) : directory_(std::move(directory)) {}

    void write(const std::string& kind, std::size_t number, const Bytes& bytes) const {
        std::ofstream out(file(kind, number), std::ios::binary);
        out.write(reinterpret_cast<const char*>(bytes.data()),
                  static_cast<std::streamsize>(bytes.size()));
        if (!out) stop("cannot write " + file(kind, number).string());
    }
    [[nodiscard]] Bytes read(const std::string& kind, std::size_t number) const {
        std::ifstream in(file(kind, number), std::ios::binary | std::ios::ate);
        const auto size = in.tellg();
        if (!in) stop("cannot read " + file(kind, number).string());
        Bytes bytes(static_cast<std::size_t>(size));
        in.seekg(0);
        in.read(reinterpret_cast<char*>(bytes.data()), size);
        if (!in) stop("cannot read " + file(kind, number).string());
        return bytes;
    }

    [[nodiscard]] std::filesystem::path file(const std::string& kind, std::size_t number) const {
        return directory_ / (kind + std::to_string(number));
    }

  private:
    std::filesystem::path directory_;
};

}  // namespace consilium::bench
