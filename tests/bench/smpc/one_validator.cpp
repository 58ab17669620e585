// One validator alone in a process, for the memory that it needs.
#include <algorithm>

#include "tests/bench/smpc/blob_folder.hpp"
#include "tests/bench/smpc/parties.hpp"

namespace consilium::bench {
namespace {

std::vector<smpc::Element> words_of(const Bytes& bytes) {
    return smpc::decode_words(bytes, bytes.size() / 8).value();
}

std::vector<smpc::Element> interpolate(const BlobFolder& folder, const Public& world,
                                       smpc::MemberIndex at) {
    const auto first = smpc::first_posters(world.committee, {}).value();
    std::vector<smpc::Element> sum(world.dimension, 0);
    for (std::size_t i = 0; i < first.size(); ++i) {
        require(smpc::add_interpolated(first, i, at, folder.read("sum", i), sum), "a blob");
    }
    return sum;
}

bool is_equal(smpc::AggregateStream stream, std::span<const smpc::Element> expected) {
    smpc::SecretElements tile(smpc::kTileElements);
    while (!expected.empty()) {
        const auto part = std::span(tile).first(std::min(tile.size(), expected.size()));
        stream.next(part);
        if (!std::equal(part.begin(), part.end(), expected.begin())) return false;
        expected = expected.subspan(part.size());
    }
    return true;
}

}  // namespace

void run_one_validator(const Setup& setup, const std::filesystem::path& directory) {
    const BlobFolder folder(directory);
    const Public world(setup, setup.batch);
    Validator validator(world, setup.members);  // the last one: it does not post its sum
    require(!validator.prepare(world).empty(), "the batch");
    validator.certify(words_of(folder.read("delta", 0)));
    for (std::uint32_t i = 0; i < setup.clients; ++i) {
        validator.take_update(world, folder.read("update", i));
        const Bytes proof = folder.read("range", i);
        validator.take_proof(proof, proof.size() / 8);
    }
    require(!validator.stat1(world).empty(), "STAT1");
    const std::vector<std::int64_t> norms(setup.clients, 0);
    require(!validator.stat2(world, norms).empty(), "STAT2");
    const auto weights = words_of(folder.read("weights", 0));
    const std::vector<std::uint32_t> reduced(weights.begin(), weights.end());
    require(
        is_equal(validator.aggregate(world, reduced), interpolate(folder, world, setup.members)),
        "a share of the sum");
    require(!smpc::opened_digest(interpolate(folder, world, 0)).is_zero(), "the sum");
}

}  // namespace consilium::bench
