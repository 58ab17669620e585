// How a corrupted validator departs from what its worker owes: data, by number of the action.
//
// A lie needs to know nothing of a message: it withholds or delays it, or changes the last word of
// what it carries (of its blob, if it has one, and then the blob's hash in the arguments).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "node/mpc/worker.hpp"
#include "tests/simulation/random.hpp"

namespace consilium::simulation {

enum class LieKind : std::uint8_t {
    kWrong,      // another value
    kWithheld,   // nothing at all
    kLate,       // some seconds later, perhaps after everybody else
    kLateWrong,  // both
    kTwice       // the right one and another one under the same label
};
[[nodiscard]] const char* name_of(LieKind kind);

struct Lie {
    std::uint16_t action{};
    LieKind kind{};
    std::uint64_t error = 1;     // added to the last word, in the field
    std::uint32_t labels_max{};  // how many different messages it hits
    std::uint64_t delay_ms = 0;  // of a late one
};

// What is handed in, and whether it is not what the worker said.
struct Told {
    mpc::Outgoing outgoing;
    bool is_false = false;
};

// The message with its last word changed by `error`; always another message.
[[nodiscard]] mpc::Outgoing falsify(mpc::Outgoing outgoing, std::uint64_t error);

class Liar {
  public:
    void add(const Lie& lie) { lies_.push_back(lie); }
    void clear() { lies_.clear(); }
    // Only lies of these actions go on.
    void keep_only_from(std::uint16_t first_action);
    [[nodiscard]] bool is_honest() const { return lies_.empty() && chosen_.empty(); }
    // False: the letter is withheld. One that is falsified opens or seals nothing.
    [[nodiscard]] bool tell(mpc::Letter& letter, const std::function<void(const Lie&)>& on_lie);
    // What to hand in instead of what is owed. The same label is always treated alike.
    [[nodiscard]] std::vector<Told> tell(const std::vector<mpc::Outgoing>& owed,
                                         std::uint64_t now_ms,
                                         const std::function<void(const Lie&)>& on_lie);

  private:
    struct Chosen {
        Lie lie;
        mpc::Outgoing truth;
        std::uint64_t since_ms{};
    };
    void choose(const mpc::Outgoing& outgoing, std::uint64_t now_ms,
                const std::function<void(const Lie&)>& on_lie);

    std::vector<Lie> lies_;
    std::map<std::string, Chosen> chosen_;  // by label
};

// Stands in a lie for the letters to other members, which have no action: kWrong and kWithheld.
inline constexpr std::uint16_t kLetterAction = 1'000;

// Every action number that validators use or will use.
[[nodiscard]] const std::vector<std::uint16_t>& validator_actions();

}  // namespace consilium::simulation
