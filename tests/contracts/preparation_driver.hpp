// Plays the members of a committee through the preparation of one batch, with any lie.
#pragma once
#include <map>
#include <set>
#include <vector>

#include "contracts/schema/dispute_records.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {

inline constexpr SentAction kPrepWeights{schema::Module::kVerification,
                                         schema::action::kPrepWeights};
inline constexpr SentAction kPrepCheck{schema::Module::kVerification, schema::action::kPrepCheck};
inline constexpr SentAction kPrepReveal{schema::Module::kVerification, schema::action::kPrepReveal};

using MemberList = std::set<std::uint16_t>;
// Errors to add: by member, then by position in what it posts.
using Errors = std::map<std::uint16_t, std::map<std::size_t, std::uint64_t>>;

class PreparationScene {
  public:
    // n organisations with a trainer each (or `clients` of them), an active epoch, batches opened.
    explicit PreparationScene(std::uint32_t n, std::uint32_t clients = 0,
                              const schema::TaskSpec& spec = test_task());

    [[nodiscard]] MemberList all_but(const MemberList& absent) const;
    [[nodiscard]] schema::BatchLabel label(std::uint64_t batch) const;
    [[nodiscard]] schema::BatchRecord batch(std::uint64_t number) const;
    [[nodiscard]] schema::keys::CoinId chi(std::uint64_t batch) const;
    [[nodiscard]] PublicKey key(std::uint16_t member) const;
    [[nodiscard]] std::size_t position(std::uint32_t i, std::uint32_t j) const;

    // Each posts in one block for the members given.
    void post_shares(std::uint64_t batch, const MemberList& members, const Errors& errors = {});
    void post_chi(std::uint64_t batch, const MemberList& members, const Errors& errors = {});
    void post_weights(std::uint64_t batch, const MemberList& members, const Errors& errors = {});
    // The transactions of post_weights(), with their blobs stored.
    [[nodiscard]] std::vector<Transaction> make_weights(std::uint64_t batch,
                                                        const MemberList& members,
                                                        const Errors& errors = {});
    void post_checks(std::uint64_t batch, const MemberList& members, const Errors& errors = {});
    // `false_keys`: members that reveal another value as their key of that position (over all
    // keys).
    void post_reveals(std::uint64_t batch, const MemberList& members,
                      const std::map<std::uint16_t, std::size_t>& false_keys = {});
    void pass_preparation_window();
    // From SACRIFICE to its decision.
    void sacrifice(std::uint64_t batch, const MemberList& members);

    // What an honest member sends.
    [[nodiscard]] schema::CoinShare chi_share(std::uint64_t batch, std::uint16_t member);
    [[nodiscard]] schema::PrepReveal reveal(std::uint64_t batch, std::uint16_t member);

    template <typename T>
    [[nodiscard]] std::vector<T> events(std::uint16_t kind) const {
        return chain.events<T>(schema::Module::kVerification, kind);
    }

    Chain chain;
    ConsortiumDriver driver;

  private:
    [[nodiscard]] std::vector<std::uint64_t> chi_values(std::uint64_t batch) const;
    [[nodiscard]] std::vector<std::uint64_t> weights(std::uint64_t batch, std::uint16_t member);
};

}  // namespace consilium::contracts::testing
