// Prints to standard output.
#include "deploy/devnet/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "deploy/devnet/interrupt.hpp"

namespace consilium::devnet {
namespace {

std::size_t terminal_width() {
    winsize size{};
    constexpr std::size_t kUsual = 80;
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return kUsual;
    return size.ws_col;
}

}  // namespace

Console::Console(std::uint64_t quiet_ms)
    : is_terminal_(::isatty(STDOUT_FILENO) == 1), quiet_ms_(quiet_ms), told_ms_(monotonic_ms()) {}

void Console::clear() {
    if (has_waiting_) std::cout << "\r\033[K";
    has_waiting_ = false;
}

void Console::line(const std::string& text) {
    clear();
    std::cout << text << std::endl;
    told_ms_ = monotonic_ms();
}

void Console::heading(const std::string& text) {
    line("\n== " + text);
}

void Console::waiting(const std::string& text) {
    if (is_terminal_) {
        clear();
        std::cout << text.substr(0, terminal_width() - 1) << std::flush;
        has_waiting_ = true;
    } else if (monotonic_ms() - told_ms_ >= quiet_ms_) {
        line(text);
    }
}

}  // namespace consilium::devnet
