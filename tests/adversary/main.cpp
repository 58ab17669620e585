// consilium-adversary: a trainer that deviates from honest training. For tests and demonstrations.
//
// It is the shipped trainer's program with one option more; the shipped trainer does not link the
// attacks.
#include <exception>
#include <iostream>

#include "fl_engine/attacks/attacks.hpp"
#include "fl_engine/trainer/program.hpp"
#include "tests/adversary/oversize_sealer.hpp"

namespace {

using consilium::Result;

Result<consilium::fl::Deviation> deviate(const std::string& attack, std::uint64_t seed) {
    const auto spec = consilium::fl::parse_attack(attack);
    if (!spec) return tl::unexpected(spec.error());
    return consilium::fl::make_deviation(*spec, seed);
}

Result<std::unique_ptr<consilium::trainer::UpdateSealer>> seal(const std::string& attack) {
    const auto spec = consilium::fl::parse_attack(attack);
    if (!spec) return tl::unexpected(spec.error());
    return consilium::adversary::make_sealer(*spec);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return consilium::trainer::run_program(
            argc, argv,
            {"consilium-adversary",
             "A trainer that attacks the training it takes part in. For tests only.",
             consilium::trainer::DeviationOption{
                 "--attack",
                 "none, sign-flip, scale, label-flip, gaussian or oversize, as sign-flip:4",
                 deviate, seal}});
    } catch (const std::exception& error) {
        std::cerr << "consilium-adversary: " << error.what() << '\n';
        return 1;
    }
}
