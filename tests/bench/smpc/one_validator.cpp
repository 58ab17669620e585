// One validator alone in a process, for the memory that it needs.
#include "tests/bench/smpc/blob_folder.hpp"
#include "tests/bench/smpc/parties.hpp"
#include "tests/bench/smpc/stored_sum.hpp"

namespace consilium::bench {
namespace {

std::vector<smpc::Element> words_of(const Bytes& bytes) {
    return smpc::decode_words(bytes, bytes.size() / 8).value();
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
    const auto first = smpc::first_posters(world.committee, {}).value();
    StoredSum sum;
    for (std::size_t i = 0; i < first.size(); ++i) {
        sum.add(first[i], std::make_unique<FileBlob>(folder.file("sum", i)));
    }
    require(sum.has(validator.aggregate(world, reduced), setup.members), "a share of the sum");
    require(!sum.digest().is_zero(), "the sum");
}

}  // namespace consilium::bench
