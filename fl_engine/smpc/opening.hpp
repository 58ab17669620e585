// VECOPEN: opens vectors of shares, corrects up to t liars and names them (section 3).
//
// Any polynomial of degree t that matches 2t+1 posted shares matches t+1 honest ones, so it is the
// true one: the result does not depend on which shares arrived. No polynomial yet means WAIT, which
// has no timeout. Pure; the caller parsed every vector (decode_words) and made lengths equal.
//
// Vectors may be long and stored elsewhere (share_values.hpp): nothing here but the functions that
// return one holds more than a tile of each.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fl_engine/smpc/committee.hpp"
#include "fl_engine/smpc/lagrange.hpp"
#include "fl_engine/smpc/share_values.hpp"

namespace consilium::smpc {

struct PostedShare {
    MemberIndex member{};
    ShareValues values;
};

// Proof that a member posted a wrong share: the smallest coordinate off the found polynomial.
struct Fault {
    MemberIndex member{};
    std::uint64_t coordinate{};
    friend bool operator==(const Fault&, const Fault&) = default;
};

// The polynomials of degree t that all but the liars are on.
struct OpenedBase {
    std::vector<MemberIndex> base;  // the t+1 members whose vectors define the polynomial; keep
                                    // them until RESULT to check late shares
    std::vector<Fault> faults;      // ascending by member
};

struct Opening {
    std::vector<Element> values;
    std::vector<MemberIndex> base;  // as above
    std::vector<Fault> faults;
};

// `posted`: members not excluded, any order, each once, equal lengths. nullopt: WAIT.
[[nodiscard]] std::optional<Opening> open_shares(const Committee& committee,
                                                 std::span<const PostedShare> posted);

// The same without the opened values. A vector that fails while it is read: nullopt, or something
// wrong; the caller asks it.
[[nodiscard]] std::optional<OpenedBase> find_base(const Committee& committee,
                                                  std::span<const PostedShare> posted);

// A share that arrived after the opening, against the t+1 vectors of Opening::base.
[[nodiscard]] std::optional<Fault> check_late_share(std::span<const PostedShare> base,
                                                    const PostedShare& late);

// The polynomial through the base vectors, at another member's index or at 0 (the secret).
[[nodiscard]] std::vector<Element> interpolate_vector(std::span<const PostedShare> base,
                                                      MemberIndex at);

// The same, part by part.
class InterpolationStream {
  public:
    // `base`: at least one; the vectors must outlive the stream.
    InterpolationStream(std::span<const PostedShare> base, MemberIndex at);
    // The next elements, at most kShareTile; empty after the last. Valid until the next call.
    [[nodiscard]] std::span<const Element> next();
    [[nodiscard]] std::size_t length() const { return base_.front().values.size(); }

  private:
    std::vector<PostedShare> base_;
    std::vector<Element> coefficients_;
    std::vector<std::vector<Element>> rows_;
    std::vector<Element> tile_;
    std::size_t done_ = 0;
};

}  // namespace consilium::smpc
