// What an audit counts and finds, and the comparisons that find it.
//
// Values are shown as text, long vectors by their first difference. Nothing here depends on time,
// machine or number of threads.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/events.hpp"
#include "core/digest.hpp"

namespace consilium::explorer {

struct Finding {
    Height height;                      // of the block that claims it
    std::optional<Digest> transaction;  // when one is to blame
    std::string label;                  // "epoch 1 round 2 attempt 0 batch 3"
    std::string check;                  // "stat1 fault", "verdict", ...
    std::string expected;               // what this program computed
    std::string found;                  // what the chain says
    friend bool operator==(const Finding&, const Finding&) = default;
};

struct NotRecomputable {
    Height height;
    std::string label;
    std::string what;  // "blob <hash>", "block"
    friend bool operator==(const NotRecomputable&, const NotRecomputable&) = default;
};

// How many of each were recomputed (equal or not).
struct AuditCounts {
    std::uint64_t attempts{};
    std::uint64_t batches{};
    std::uint64_t references{};
    std::uint64_t coins{};
    std::uint64_t stat1{};
    std::uint64_t stat2{};
    std::uint64_t verdicts{};
    std::uint64_t aggregates{};
    std::uint64_t models{};
    std::uint64_t preparations{};  // decisions of POSTING, with delta
    std::uint64_t weights{};       // openings of PREP_W
    std::uint64_t checks{};        // openings of PREP_CHK
    std::uint64_t late_shares{};
    std::uint64_t faults{};           // that follow from the shares
    std::uint64_t disputes{};         // blamed again from the revealed keys
    std::uint64_t exclusions{};       // members that a dispute blames
    std::uint64_t epochs{};           // X and the halt of an MPC epoch
    std::uint64_t privacy_charges{};  // of a hospital, in one account

    void add(const AuditCounts& other);
};

[[nodiscard]] std::string text_of(const schema::RoundLabel& label);
[[nodiscard]] std::string text_of(const schema::BatchLabel& label);
[[nodiscard]] std::string text_of(const schema::FaultProved& fault);
[[nodiscard]] inline std::string text_of(const Digest& digest) {
    return digest.hex();
}
[[nodiscard]] inline std::string text_of(const std::string& text) {
    return text;
}
[[nodiscard]] inline std::string text_of(bool value) {
    return value ? "true" : "false";
}
template <typename Integer>
requires std::is_integral_v<Integer>
[[nodiscard]] std::string text_of(Integer value) {
    return std::to_string(value);
}
[[nodiscard]] inline std::string text_of(const schema::BlobName& name) {
    return name.sha256.hex() + " of " + std::to_string(name.length) + " bytes";
}
[[nodiscard]] inline std::string text_of(const schema::AgreedReference& reference) {
    return reference.sha256.hex() + " norm " + std::to_string(reference.squared_norm);
}
template <typename T>
[[nodiscard]] std::string text_of(const std::optional<T>& value) {
    return value ? text_of(*value) : "none";
}

// The findings of one transcript, noted against its label and newest block.
class Comparison {
  public:
    Comparison(std::string label, Height height) : label_(std::move(label)), height_(height) {}

    template <typename T>
    bool equal(std::string_view check, const T& expected, const T& found) {
        if (expected == found) return true;
        note(check, text_of(expected), text_of(found));
        return false;
    }
    // Names the first position that differs.
    template <typename T>
    bool equal(std::string_view check, const std::vector<T>& expected,
               const std::vector<T>& found) {
        if (expected == found) return true;
        if (expected.size() != found.size()) {
            note(check, std::to_string(expected.size()) + " values",
                 std::to_string(found.size()) + " values");
            return false;
        }
        std::size_t at = 0;
        while (expected[at] == found[at]) ++at;
        note(std::string(check) + " " + std::to_string(at), text_of(T{expected[at]}),
             text_of(T{found[at]}));
        return false;
    }
    void note(std::string_view check, std::string expected, std::string found,
              std::optional<Digest> transaction = std::nullopt);
    // Both as sets with multiplicity. `blamed` names the transaction of a fault, where known.
    struct ExpectedFault {
        schema::FaultProved fault;
        Digest transaction;
    };
    void equal_faults(const std::vector<ExpectedFault>& expected,
                      std::vector<schema::FaultProved> found);
    void miss(std::string what) { missing_.push_back({height_, label_, std::move(what)}); }

    [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
    [[nodiscard]] const std::vector<NotRecomputable>& missing() const { return missing_; }

    AuditCounts counts;

  private:
    std::string label_;
    Height height_;
    std::vector<Finding> findings_;
    std::vector<NotRecomputable> missing_;
};

}  // namespace consilium::explorer
