// The round: phase by phase, party by party, and the comparison with the plain updates.
#include "tests/bench/smpc/round_costs.hpp"

#include <algorithm>
#include <cstdlib>

#include "tests/bench/smpc/blob_folder.hpp"
#include "tests/bench/smpc/parties.hpp"
#include "tests/bench/smpc/stored_sum.hpp"

namespace consilium::bench {
namespace {

using Vectors = std::vector<std::vector<smpc::Element>>;  // entry k-1 of validator k

std::vector<smpc::PostedShare> posted(const Vectors& vectors) {
    std::vector<smpc::PostedShare> posts;
    for (const auto& vector : vectors) {
        posts.push_back({static_cast<smpc::MemberIndex>(posts.size() + 1), vector});
    }
    return posts;
}

class Round {
  public:
    Round(const Setup& setup, std::uint64_t batch) : setup_(setup), world_(setup, batch) {
        for (std::uint32_t i = 1; i <= setup.clients; ++i) clients_.emplace_back(world_, i);
        for (std::uint32_t k = 1; k <= setup.members; ++k) validators_.emplace_back(world_, k);
    }

    RoundCosts run() {
        prepare();
        costs_.client = for_each_party(setup_.threads, clients_.size(),
                                       [this](std::size_t i) { clients_[i].submit(world_); });
        receive_updates();
        run_statistics();
        run_aggregate();
        check();
        return costs_;
    }

    void store(const BlobFolder& folder) const {
        for (std::size_t i = 0; i < clients_.size(); ++i) {
            folder.write("update", i, clients_[i].update_blob().bytes);
            folder.write("range", i, clients_[i].range_blob().bytes);
        }
        for (std::size_t i = 0; i < sum_blobs_.size(); ++i) {
            folder.write("sum", i, sum_blobs_[i].bytes);
        }
        folder.write("delta", 0, smpc::encode_words(delta_));
        const auto& weights = verdict_.reduced.weights;
        folder.write(
            "weights", 0,
            smpc::encode_words(std::vector<smpc::Element>(weights.begin(), weights.end())));
    }

  private:
    template <typename Work>
    Cost for_each_validator(const Work& work) {
        return for_each_party(setup_.threads, validators_.size(), work);
    }
    // A vector that each of `senders` gives to every other validator.
    void count_posts(std::size_t senders, std::size_t elements) {
        costs_.bytes_sent += senders * (validators_.size() - 1) * elements * 8;
    }

    void prepare() {
        Vectors posts(validators_.size());
        costs_.offline =
            for_each_validator([&](std::size_t k) { posts[k] = validators_[k].prepare(world_); });
        count_posts(posts.size(), posts.front().size());
        costs_.offline += for_each_validator([&](std::size_t k) {
            auto decision = smpc::decide_batch(world_.committee, posted(posts), 0);
            require(decision.outcome == smpc::BatchOutcome::kCertified, "the batch");
            validators_[k].certify(decision.delta);
            if (k == 0) delta_ = std::move(decision.delta);
        });
    }

    void receive_updates() {
        costs_.receive += for_each_validator([&](std::size_t) {
            for (const Client& client : clients_) {
                for (const Blob* blob : {&client.update_blob(), &client.range_blob()}) {
                    require(sha256(blob->bytes) == blob->hash, "a blob");
                    require(smpc::are_words(blob->bytes, blob->bytes.size() / 8), "a blob");
                }
            }
        });
        for (const Client& client : clients_) {
            // To every validator but the client's own.
            count_posts(1, client.update_blob().bytes.size() / 8);
            count_posts(1, client.range_blob().bytes.size() / 8);
        }
        costs_.online += for_each_validator([&](std::size_t k) {
            for (const Client& client : clients_) {
                validators_[k].take_update(world_, client.update_blob().bytes);
                const Bytes& proof = client.range_blob().bytes;
                validators_[k].take_proof(proof, proof.size() / 8);
            }
        });
    }

    // Every validator opens what all have posted.
    std::vector<smpc::Element> open(const Vectors& posts) {
        std::vector<smpc::Element> values;
        const Cost cost = for_each_validator([&](std::size_t k) {
            auto opening = smpc::open_shares(world_.committee, posted(posts));
            require(opening.has_value() && opening->faults.empty(), "an opening");
            if (k == 0) values = std::move(opening->values);
        });
        costs_.open += cost;
        costs_.online += cost;
        return values;
    }

    void run_statistics() {
        Vectors posts(validators_.size());
        costs_.online +=
            for_each_validator([&](std::size_t k) { posts[k] = validators_[k].stat1(world_); });
        count_posts(posts.size(), posts.front().size());
        const smpc::Stat1Layout first(clients_.size(), false);
        stat1_ = smpc::read_stat1(first, open(posts));
        costs_.online += for_each_validator(
            [&](std::size_t k) { posts[k] = validators_[k].stat2(world_, stat1_.norms); });
        count_posts(posts.size(), posts.front().size());
        const smpc::Stat2Layout second(world_.mode, clients_.size());
        stat2_ = smpc::read_stat2(second, open(posts));
        costs_.online += for_each_validator([&](std::size_t k) {
            smpc::Verdict verdict = decide();
            if (k == 0) verdict_ = std::move(verdict);
        });
    }

    smpc::Verdict decide() const {
        smpc::VerdictInput input;
        input.mode = world_.mode;
        input.c_max = kMaliciousClients;
        input.blur_bound = smpc::blur_bound(world_.committee, world_.blur_bits);
        input.norms = stat1_.norms;
        input.statistics = stat2_;
        for (std::uint32_t i = 1; i <= clients_.size(); ++i) {
            input.clients.push_back(i);
            input.data_weights.push_back(1 + i % 2);  // unequal: the sum needs a dither
        }
        auto history = smpc::VerdictHistory::make(setup_.clients);
        return smpc::judge(input, history).value();
    }

    void run_aggregate() {
        first_ = smpc::first_posters(world_.committee, {}).value();
        sum_blobs_.resize(first_.size());
        costs_.online += for_each_party(setup_.threads, first_.size(), [&](std::size_t i) {
            auto stream = validators_[first_[i] - 1].aggregate(world_, verdict_.reduced.weights);
            std::vector<smpc::Element> sum(stream.length());
            stream.next(sum);
            sum_blobs_[i] = make_blob(sum);
        });
        count_posts(first_.size(), world_.dimension);
        costs_.receive += for_each_validator([&](std::size_t k) {
            for (std::size_t i = 0; i < first_.size(); ++i) {
                if (first_[i] == k + 1) continue;
                require(sha256(sum_blobs_[i].bytes) == sum_blobs_[i].hash, "a blob");
                require(smpc::are_words(sum_blobs_[i].bytes, world_.dimension), "a blob");
            }
        });
        open_aggregate();
    }

    void open_aggregate() {
        std::vector<Digest> answers(validators_.size());  // AGG_OK of those that did not post
        Cost cost = for_each_validator([&](std::size_t k) {
            if (k + 1 <= first_.size()) return;
            const StoredSum sum = open_sum();
            const auto at = static_cast<smpc::MemberIndex>(k + 1);
            require(sum.has(validators_[k].aggregate(world_, verdict_.reduced.weights), at),
                    "a share of the sum");
            answers[k] = sum.digest();
        });
        // The contract of every validator opens once more, compares the hashes, and reads the sum.
        cost += for_each_validator([&](std::size_t k) {
            const StoredSum opened = open_sum();
            const Digest digest = opened.digest();
            auto sum = smpc::read_aggregate(opened.values());
            for (std::size_t j = first_.size(); j < answers.size(); ++j) {
                require(answers[j] == digest, "a hash of the sum");
            }
            if (k == 0) sum_ = std::move(sum);
        });
        costs_.open += cost;
        costs_.online += cost;
    }

    [[nodiscard]] StoredSum open_sum() const {
        StoredSum sum;
        for (std::size_t i = 0; i < first_.size(); ++i) {
            sum.add(first_[i], std::make_unique<LentBlob>(sum_blobs_[i].bytes));
        }
        return sum;
    }

    void check() const {
        const std::int64_t beta = smpc::blur_bound(world_.committee, world_.blur_bits);
        require(RangeStage::all_pass(stat1_), "a range proof");
        for (std::size_t i = 0; i < clients_.size(); ++i) {
            require(std::abs(stat1_.norms[i] - plain_product(i, i)) <= beta, "a norm");
        }
        if (world_.mode == smpc::StatMode::kPairwise) {
            for (std::size_t i = 0; i < clients_.size(); ++i) {
                for (std::size_t j = 0; j < i; ++j) {
                    const std::int64_t opened = stat2_[i * clients_.size() + j];
                    require(std::abs(opened - plain_product(i, j)) <= beta, "an inner product");
                }
            }
        }
        check_sum();
    }
    std::int64_t plain_product(std::size_t i, std::size_t j) const {
        std::int64_t sum = 0;
        for (std::size_t x = 0; x < world_.dimension; ++x) {
            sum += clients_[i].update()[x] * clients_[j].update()[x];
        }
        return sum;
    }
    void check_sum() const {
        const auto& reduced = verdict_.reduced;
        require(!verdict_.is_cancelled && reduced.sum != 0, "the verdict");
        const std::int64_t bound = reduced.dither_bits
                                       ? std::int64_t{world_.committee.subset_count()}
                                             << *reduced.dither_bits
                                       : 0;
        for (std::size_t x = 0; x < world_.dimension; ++x) {
            std::int64_t plain = 0;
            for (std::size_t i = 0; i < clients_.size(); ++i) {
                plain += std::int64_t{reduced.weights[i]} * clients_[i].update()[x];
            }
            require(std::abs(sum_[x] - plain) <= bound, "the weighted sum");
        }
    }

    Setup setup_;
    Public world_;
    std::vector<Client> clients_;
    std::vector<Validator> validators_;
    std::vector<smpc::Element> delta_;
    smpc::Stat1Values stat1_;
    std::vector<std::int64_t> stat2_;
    smpc::Verdict verdict_;
    std::vector<smpc::MemberIndex> first_;
    std::vector<Blob> sum_blobs_;  // of the first posters
    std::vector<std::int64_t> sum_;
    RoundCosts costs_;
};

void take_minimum(Cost& best, const Cost& other) {
    best.wall_ms = std::min(best.wall_ms, other.wall_ms);
    best.cpu_ms = std::min(best.cpu_ms, other.cpu_ms);
}

}  // namespace

RoundCosts measure_round(const Setup& setup, int repeats, const std::filesystem::path& directory) {
    RoundCosts best;
    for (int repeat = 0; repeat < repeats; ++repeat) {
        Round round(setup, setup.batch + static_cast<std::uint64_t>(repeats - 1 - repeat));
        const RoundCosts costs = round.run();
        if (repeat + 1 == repeats) round.store(BlobFolder(directory));
        if (repeat == 0) {
            best = costs;
            continue;
        }
        take_minimum(best.offline, costs.offline);
        take_minimum(best.client, costs.client);
        take_minimum(best.receive, costs.receive);
        take_minimum(best.online, costs.online);
        take_minimum(best.open, costs.open);
    }
    return best;
}

}  // namespace consilium::bench
