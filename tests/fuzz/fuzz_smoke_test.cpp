// Feeds every entry point with samples and seeded mutations of them, in every build.
//
// A fuzzer finds more, but runs rarely; this keeps the entry points alive and catches what a few
// thousand mutations can catch.
#include <gtest/gtest.h>

#include "tests/fuzz/entry_points.hpp"

namespace consilium::fuzz {
namespace {

constexpr std::uint64_t kSeed = 20240607;
constexpr std::size_t kSamples = 100;
constexpr std::size_t kMutations = 60;  // of each sample

void overwrite_word(Bytes& data, Random& random) {
    // Counts are 32-bit words: none, one, many, more than any limit.
    constexpr std::uint32_t kWords[] = {0, 1, 2, 255, 65'536, 0x7fffffff, 0xffffffff};
    if (data.size() < 4) return;
    const std::size_t at = random.below(data.size() - 3);
    const std::uint32_t word = kWords[random.below(std::size(kWords))];
    for (std::size_t i = 0; i < 4; ++i) data[at + i] = static_cast<std::uint8_t>(word >> (8 * i));
}

Bytes mutate(Bytes data, Random& random) {
    for (std::size_t rounds = 1 + random.below(4); rounds > 0; --rounds) {
        const std::size_t at = data.empty() ? 0 : random.below(data.size());
        const auto position = data.begin() + static_cast<std::ptrdiff_t>(at);
        const auto byte = static_cast<std::uint8_t>(random.next());
        switch (random.below(6)) {
            case 0:
                if (!data.empty()) *position ^= static_cast<std::uint8_t>(1U << random.below(8));
                break;
            case 1:
                if (!data.empty()) *position = byte;
                break;
            case 2:
                data.resize(at);
                break;
            case 3:
                data.insert(position, 1 + random.below(32), byte);
                break;
            case 4:
                overwrite_word(data, random);
                break;
            default:
                if (!data.empty()) data.erase(position);
                break;
        }
    }
    return data;
}

void feed_mutations(const std::vector<EntryPoint>& entries) {
    for (const EntryPoint& entry : entries) {
        SCOPED_TRACE(std::string(entry.name) + ", seed " + std::to_string(kSeed));
        Random random(kSeed);
        std::size_t accepted = 0;
        for (std::size_t i = 0; i < kSamples; ++i) {
            const Bytes sample = entry.make_sample(random);
            accepted += entry.run(sample) ? 1U : 0U;
            for (std::size_t k = 0; k < kMutations; ++k) (void)entry.run(mutate(sample, random));
        }
        (void)entry.run({});
        // Samples that are refused at the door would leave the decoder behind it untried.
        EXPECT_GT(accepted, kSamples / 4);
    }
}

TEST(FuzzSmoke, core_decoders_survive_mutations) {
    feed_mutations(core_entry_points());
}
TEST(FuzzSmoke, schema_decoders_survive_mutations) {
    feed_mutations(schema_entry_points());
}
TEST(FuzzSmoke, wire_decoders_survive_mutations) {
    feed_mutations(wire_entry_points());
}

}  // namespace
}  // namespace consilium::fuzz
