// What the user sees: lines that stay, and one line that tells what is being waited for.
//
// On a terminal the waiting line is rewritten in place; elsewhere it is printed at most every five
// seconds, so that a log stays readable and never looks dead.
#pragma once
#include <cstdint>
#include <string>

namespace consilium::devnet {

class Console {
  public:
    explicit Console(std::uint64_t quiet_ms = 5'000);
    void line(const std::string& text);  // may hold several lines
    void heading(const std::string& text);
    // The thing that is being waited for.
    void waiting(const std::string& text);

  private:
    void clear();

    bool is_terminal_;
    bool has_waiting_ = false;
    std::uint64_t quiet_ms_;
    std::uint64_t told_ms_ = 0;
};

}  // namespace consilium::devnet
