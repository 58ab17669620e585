// Effects of a driver, handed to the world.
#include "tests/simulation/process.hpp"

#include "tests/simulation/world_state.hpp"

namespace consilium::simulation {

void ProcessEnv::send(const PublicKey& to, const driver::Frame& frame) {
    world_.transmit(process_, to, frame);
}

void ProcessEnv::broadcast(const driver::Frame& frame) {
    world_.transmit_to_all(process_, frame);
}

void ProcessEnv::report_invalid(const PublicKey& peer) {
    world_.on_invalid(process_, peer);
}

void ProcessEnv::wake_at(std::uint64_t monotonic_ms) {
    world_.set_timer(process_, monotonic_ms);
}

driver::Storage& ProcessEnv::storage() {
    return *world_.process(process_).disk;
}

Signature ProcessEnv::sign(const Digest& message) {
    return simulation_sign(world_.key_of(world_.process(process_)), message);
}

void ProcessEnv::check_later(driver::Ticket ticket, std::vector<driver::SignatureCheck> checks) {
    world_.answer_checks(process_, ticket, checks);
}

void ProcessEnv::on_committed(const driver::CommittedBlock& committed) {
    world_.on_committed(process_, committed);
}

void ProcessEnv::on_submission(const driver::SubmissionResult& result) {
    world_.on_submission(process_, result);
}

void ProcessEnv::on_report(const driver::Report& report) {
    world_.on_report(process_, report);
}

}  // namespace consilium::simulation
