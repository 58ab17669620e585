// Wall and processor time of work that several parties do, on one or two threads.
//
// The processor time is that of the threads themselves: other programs on the machine lengthen the
// wall time, but hardly the processor time. Whoever compares runs compares minima over repeats.
#pragma once
#include <ctime>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

namespace consilium::bench {

struct Cost {
    double wall_ms = 0;
    double cpu_ms = 0;

    Cost& operator+=(const Cost& other) {
        wall_ms += other.wall_ms;
        cpu_ms += other.cpu_ms;
        return *this;
    }
};

inline double thread_cpu_ms() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

// Calls work(0) .. work(parties - 1), each once, and waits for all of them.
template <typename Work>
[[nodiscard]] Cost for_each_party(unsigned threads, std::size_t parties, const Work& work) {
    const auto start = std::chrono::steady_clock::now();
    std::atomic<std::size_t> next = 0;
    std::vector<double> spent(threads, 0);
    const auto run = [&](unsigned thread) {
        const double before = thread_cpu_ms();
        for (std::size_t party = next++; party < parties; party = next++) work(party);
        spent[thread] = thread_cpu_ms() - before;
    };
    std::vector<std::thread> others;
    for (unsigned thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
    run(0);
    for (std::thread& other : others) other.join();
    Cost cost;
    for (const double part : spent) cost.cpu_ms += part;
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - start;
    cost.wall_ms = wall.count();
    return cost;
}

}  // namespace consilium::bench
