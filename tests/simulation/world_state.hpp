// The inside of one run, shared by network, processes, faults and clients. See world.hpp.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/elections.hpp"
#include "tests/simulation/mpc/protocol.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/world.hpp"

namespace consilium::simulation {

// How the network behaves now.
struct Weather {
    std::uint64_t loss_percent = 0;
    std::uint64_t duplicate_percent = 0;
    std::uint64_t delay_min_ms = 1;
    std::uint64_t delay_max_ms = 8;
};

// Sends transactions one after the other from one account.
struct Client {
    std::size_t key = 0;
    std::uint64_t nonce = 0;
    bool is_council = false;
    Bytes transaction;  // waiting to be committed; empty: none
    Digest id;
    Height valid_until;
    std::uint64_t submitted_ms = 0;
};

class World final : public Stage {
  public:
    explicit World(const RunOptions& options);
    RunResult run();

    // For ProcessEnv.
    void transmit(std::size_t from, const PublicKey& to, const driver::Frame& frame);
    void transmit_to_all(std::size_t from, const driver::Frame& frame);
    void set_timer(std::size_t process, std::uint64_t monotonic_ms);
    void answer_checks(std::size_t process, driver::Ticket ticket,
                       const std::vector<driver::SignatureCheck>& checks);
    void on_committed(std::size_t process, const driver::CommittedBlock& committed);
    void on_report(std::size_t process, const driver::Report& report);
    void on_invalid(std::size_t process, const PublicKey& peer);
    void on_submission(std::size_t process, const driver::SubmissionResult& result);
    [[nodiscard]] Process& process(std::size_t index) { return processes_[index]; }
    [[nodiscard]] const KeyPair& key_of(const Process& process) const;

    // For the parties of the secure computation.
    [[nodiscard]] Random& random() override { return random_; }
    [[nodiscard]] std::uint64_t now_ms() const override { return now_ms_; }
    void schedule(std::uint64_t delay_ms, std::function<void()> action) override;
    [[nodiscard]] std::size_t process_count() const override { return processes_.size(); }
    [[nodiscard]] driver::Driver* driver_of(std::size_t process) override {
        return processes_[process].driver.get();
    }
    [[nodiscard]] SimulatedDisk& disk_of(std::size_t process) override {
        return *processes_[process].disk;
    }
    [[nodiscard]] std::optional<std::size_t> random_process() override;
    void feed(std::size_t index, const driver::Event& event) override;
    void carry(std::size_t from, const PublicKey& to,
               const std::function<void(std::size_t)>& deliver) override;
    void run_guarded(std::size_t index, const std::function<void()>& action) override;
    void crash(std::size_t index, std::uint64_t restart_after_ms) override;
    [[nodiscard]] bool is_committed(const Digest& transaction) const override {
        return checks_.is_committed(transaction);
    }
    [[nodiscard]] Height top() const override { return checks_.top(); }
    void count(const std::string& fault) override { ++result_.faults[fault]; }
    void fail(const std::string& what) override { checks_.fail(what); }
    void log(std::size_t process, const std::string& what) override;

  private:
    struct Event {
        std::uint64_t at_ms;
        std::uint64_t order;
        std::function<void()> action;
        friend bool operator<(const Event& a, const Event& b) {
            return std::pair(a.at_ms, a.order) > std::pair(b.at_ms, b.order);
        }
    };

    // world.cpp: time, processes, the run itself.
    bool step();
    void trace(std::uint64_t value);
    void trace(ByteView bytes);
    [[nodiscard]] driver::Now now_of(const Process& process) const;
    void start(std::size_t index);
    void stop(std::size_t index);
    template <typename Action>
    void guard(std::size_t index, const Action& action);
    void connect(std::size_t index);
    [[nodiscard]] bool is_settled(Height goal) const;
    [[nodiscard]] bool are_validators_calm() const;
    void make_protocol();
    void make_elections();
    void hold_elections();
    [[nodiscard]] std::size_t fault_limit() const;
    void follow_decided();
    [[nodiscard]] std::string describe() const;
    void finish();

    // network.cpp
    void deliver_later(std::size_t from, std::size_t to, const driver::Frame& frame);
    [[nodiscard]] bool is_cut(std::size_t from, std::size_t to) const;
    [[nodiscard]] bool hears(std::size_t process, std::size_t twin);
    [[nodiscard]] bool hides(std::size_t from, std::size_t to, const driver::Frame& frame) const;
    [[nodiscard]] std::uint64_t in_order(std::size_t from, std::size_t to, std::uint64_t delay_ms);
    [[nodiscard]] driver::Frame garble(const driver::Frame& frame);

    // faults.cpp
    void choose_behaviours();
    void begin_faults();
    void plan_next_fault();
    void inject_fault();
    void fault_crash();
    void fault_crash_at_write();
    void fault_crash_all();
    void fault_partition();
    void fault_weather();
    void fault_storage_error();
    void fault_lost_store();
    void rob(std::size_t index, std::uint64_t down_ms);
    void rob_around_change(const StateReader& state);
    void fault_clock();
    void heal();

    // clients.cpp
    void make_clients();
    void plan_next_client();
    void run_client(Client& client);
    [[nodiscard]] std::optional<Transaction> next_transaction(Client& client);
    void submit(Client& client);

    RunOptions options_;
    Random random_;
    Genesis genesis_;
    Checks checks_;
    std::priority_queue<Event> queue_;
    std::uint64_t now_ms_ = 0;
    std::uint64_t next_order_ = 0;
    std::vector<Process> processes_;
    std::map<PublicKey, std::vector<std::size_t>> by_key_;
    Weather weather_;
    std::vector<int> side_;  // of the partition, by process; empty: none
    std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> twin_choice_;
    std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> last_arrival_ms_;  // calm links
    std::vector<Client> clients_;
    std::size_t next_newcomer_ = 0;
    std::size_t faulty_ = 0;              // members that count against f
    std::unique_ptr<Protocol> protocol_;  // absent: the ledger alone
    std::deque<Account> council_;         // of a ledger alone
    std::optional<Elections> elections_;  // absent: the membership stays
    std::optional<Height> last_change_;   // last block of a membership epoch
    std::uint64_t decided_ = 0;           // blocks that were looked at after their decision
    std::uint64_t last_block_ms_ = 0;
    std::uint64_t end_ms_;  // of the faults
    bool is_healed_ = false;
    std::string last_report_;
    RunResult result_;
};

}  // namespace consilium::simulation
