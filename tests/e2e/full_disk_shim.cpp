// Preloaded into a node: its disk is full while the file named in CONSILIUM_TEST_FULL_DISK exists.
//
// Writes to regular files and their allocation fail with ENOSPC, and the file system says that
// nothing is free. Standard output and error are left alone: they carry the log. While a file with
// that name and ".scarce" exists, everything can be written, but hardly anything is free.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace {

bool is_full() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in the node changes its environment
    const char* flag = std::getenv("CONSILIUM_TEST_FULL_DISK");
    return flag != nullptr && ::access(flag, F_OK) == 0;
}

bool is_scarce() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in the node changes its environment
    const char* flag = std::getenv("CONSILIUM_TEST_FULL_DISK");
    return flag != nullptr && ::access((std::string(flag) + ".scarce").c_str(), F_OK) == 0;
}

template <typename Status>
void tell_free_blocks(Status& result) {
    if (is_full()) {
        result.f_bavail = result.f_bfree = 0;
    } else if (is_scarce()) {
        result.f_bavail = result.f_bfree = 1;
    }
}

bool must_fail(int file) {
    struct stat status {};
    if (file <= STDERR_FILENO || !is_full()) return false;
    if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return false;
    errno = ENOSPC;
    return true;
}

template <typename Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, size_t size) {
    static const auto real = next<ssize_t(int, const void*, size_t)>("write");
    return must_fail(file) ? -1 : real(file, data, size);
}

ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
    static const auto real = next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
    return must_fail(file) ? -1 : real(file, data, size, offset);
}

ssize_t pwrite64(int file, const void* data, size_t size, off64_t offset) {
    static const auto real = next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
    return must_fail(file) ? -1 : real(file, data, size, offset);
}

ssize_t writev(int file, const struct iovec* parts, int count) {
    static const auto real = next<ssize_t(int, const struct iovec*, int)>("writev");
    return must_fail(file) ? -1 : real(file, parts, count);
}

int fallocate(int file, int mode, off_t offset, off_t size) {
    static const auto real = next<int(int, int, off_t, off_t)>("fallocate");
    return must_fail(file) ? -1 : real(file, mode, offset, size);
}

int fallocate64(int file, int mode, off64_t offset, off64_t size) {
    static const auto real = next<int(int, int, off64_t, off64_t)>("fallocate64");
    return must_fail(file) ? -1 : real(file, mode, offset, size);
}

int statvfs(const char* path, struct statvfs* result) {
    static const auto real = next<int(const char*, struct statvfs*)>("statvfs");
    const int code = real(path, result);
    if (code == 0) tell_free_blocks(*result);
    return code;
}

int statvfs64(const char* path, struct statvfs64* result) {
    static const auto real = next<int(const char*, struct statvfs64*)>("statvfs64");
    const int code = real(path, result);
    if (code == 0) tell_free_blocks(*result);
    return code;
}

}  // extern "C"
