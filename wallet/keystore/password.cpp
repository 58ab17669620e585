// Reading passwords without echo, without copies and without a trace in the process's arguments.
#include "wallet/keystore/password.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "wallet/keystore/file_descriptor.hpp"
#include "wallet/keystore/key_file.hpp"

namespace consilium::keystore {
namespace {

constexpr std::uint8_t kInterrupt = 3;  // Ctrl-C, which reaches us as a byte (no ISIG)
constexpr std::uint8_t kEndOfInput = 4;
constexpr std::uint8_t kBackspace = 8;
constexpr std::uint8_t kDelete = 127;

Result<SecretBytes> finish(const SecretBytes& buffer, std::size_t length) {
    const ByteView text = buffer.view().first(length);
    const auto line_end = std::find_if(text.begin(), text.end(),
                                       [](std::uint8_t c) { return c == '\n' || c == '\r'; });
    const ByteView password = text.first(static_cast<std::size_t>(line_end - text.begin()));
    if (password.empty()) return make_error(ErrorCode::kRefused, "the password is empty");
    if (password.size() > kPasswordBytesMax) {
        return make_error(ErrorCode::kLimitExceeded, "the password is longer than 1024 bytes");
    }
    return SecretBytes(password);
}

Result<SecretBytes> read_descriptor(int descriptor) {
    // One byte at a time: what follows the first line belongs to somebody else.
    SecretBytes buffer(kPasswordBytesMax + 2);
    const auto space = buffer.mutable_view();
    std::size_t length = 0;
    while (length < space.size()) {
        const ssize_t got = ::read(descriptor, space.data() + length, 1);
        if (got < 0) {
            if (errno == EINTR) continue;
            return system_failure("cannot read the password", errno);
        }
        if (got == 0 || space[length] == '\n') break;
        ++length;
    }
    return finish(buffer, length);
}

Result<SecretBytes> read_file(const std::string& path) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return system_failure("cannot open password file " + path, errno);
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return system_failure("cannot stat " + path, errno);
    // Pipes of the shell's <(...) belong to the caller and have mode bits of their own.
    if (S_ISREG(info.st_mode) && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return make_error(
            ErrorCode::kRefused,
            "password file " + path + " is open to group or others; run: chmod 600 " + path);
    }
    return read_descriptor(file.get());
}

Result<void> say(int terminal, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(terminal, text.data(), text.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return system_failure("cannot write to the terminal", errno);
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

// Switches echo, line editing and signals off, and back when it goes.
class QuietTerminal {
  public:
    explicit QuietTerminal(int terminal) : terminal_(terminal) {
        if (::tcgetattr(terminal_, &before_) != 0) return;
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG);
        is_quiet_ = ::tcsetattr(terminal_, TCSAFLUSH, &quiet) == 0;
    }
    QuietTerminal(const QuietTerminal&) = delete;
    QuietTerminal& operator=(const QuietTerminal&) = delete;
    ~QuietTerminal() {
        if (is_quiet_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
    }
    [[nodiscard]] bool is_quiet() const { return is_quiet_; }

  private:
    int terminal_;
    termios before_{};
    bool is_quiet_ = false;
};

Result<SecretBytes> read_line_quietly(int terminal) {
    const QuietTerminal quiet(terminal);
    if (!quiet.is_quiet()) return system_failure("cannot switch the terminal's echo off", errno);
    SecretBytes buffer(kPasswordBytesMax + 1);
    const auto space = buffer.mutable_view();
    std::size_t length = 0;
    while (length < space.size()) {
        std::uint8_t byte = 0;
        const ssize_t got = ::read(terminal, &byte, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 || byte == kInterrupt || byte == kEndOfInput) {
            return make_error(ErrorCode::kRefused, "no password was given");
        }
        if (byte == '\n' || byte == '\r') break;
        if (byte == kBackspace || byte == kDelete) {
            length = length == 0 ? 0 : length - 1;
            continue;
        }
        space[length++] = byte;
    }
    return finish(buffer, length);
}

Result<SecretBytes> ask(int terminal, const std::string& prompt) {
    if (auto said = say(terminal, prompt); !said) return tl::unexpected(said.error());
    auto answer = read_line_quietly(terminal);
    if (auto said = say(terminal, "\n"); !said) return tl::unexpected(said.error());
    return answer;
}

Result<SecretBytes> read_terminal(const PasswordSource& source) {
    const FileDescriptor terminal(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!terminal.is_open()) {
        return make_error(ErrorCode::kUnavailable,
                          "there is no terminal to ask for a password; give a password file or "
                          "descriptor");
    }
    auto password = ask(terminal.get(), source.prompt);
    if (!password || !source.confirm) return password;
    auto again = ask(terminal.get(), "Again: ");
    if (!again) return again;
    if (!constant_time_equal(password->view(), again->view())) {
        return make_error(ErrorCode::kRefused, "the two passwords differ");
    }
    return password;
}

}  // namespace

Result<SecretBytes> read_password(const PasswordSource& source) {
    if (source.descriptor) return read_descriptor(*source.descriptor);
    if (source.file) return read_file(*source.file);
    return read_terminal(source);
}

}  // namespace consilium::keystore
