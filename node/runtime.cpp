// The driver's thread and the effects it asks for.
#include "node/runtime.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <future>
#include <utility>

#include "core/random.hpp"

namespace consilium::node {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

std::uint64_t monotonic_ms() {
    return static_cast<std::uint64_t>(
        duration_cast<milliseconds>(EventQueue::Clock::now().time_since_epoch()).count());
}

driver::Now current_time() {
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    return {monotonic_ms(),
            TimeMs{static_cast<std::uint64_t>(duration_cast<milliseconds>(wall).count())}};
}

spdlog::level::level_enum level_of(driver::ReportKind kind) {
    switch (kind) {
        case driver::ReportKind::kDegraded:
        case driver::ReportKind::kStateMismatch:
            return spdlog::level::err;
        case driver::ReportKind::kEvidence:
        case driver::ReportKind::kInvalidMessage:
        case driver::ReportKind::kInvalidProposal:
        case driver::ReportKind::kAmnesia:
        case driver::ReportKind::kSyncPeerSwitched:
            return spdlog::level::warn;
        case driver::ReportKind::kViewChanged:
        case driver::ReportKind::kAmnesiaOver:
            return spdlog::level::info;
    }
    UNREACHABLE();
}

// Tickets count up from 1: 2^48 of them outlast any process.
constexpr unsigned kGenerationShift = 48;

std::uint64_t fresh_nonce() {
    std::array<std::uint8_t, 8> bytes{};
    fill_random(bytes);
    std::uint64_t nonce = 0;
    for (const std::uint8_t byte : bytes) nonce = nonce << 8U | byte;
    return nonce;
}

}  // namespace

Runtime::Runtime(RuntimeOptions options, const KeyPair& key, boost::asio::io_context& io)
    : options_(std::move(options)),
      key_(key),
      io_(io),
      identity_(options_.genesis.identity()),
      peers_(options_.config.peers, key.public_key()) {}

Runtime::~Runtime() {
    stop();
}

Result<std::unique_ptr<Runtime>> Runtime::open(RuntimeOptions options, const KeyPair& key,
                                               boost::asio::io_context& io) {
    std::unique_ptr<Runtime> runtime(new Runtime(std::move(options), key, io));
    const NodeConfig& config = runtime->options_.config;
    auto storage = RocksStorage::open(config.data_dir);
    if (!storage) return tl::unexpected(storage.error());
    runtime->storage_ = std::move(*storage);
    runtime->pool_ = std::make_unique<VerifyPool>(config.signature_threads);
    if (auto opened = runtime->open_mesh(); !opened) return tl::unexpected(opened.error());

    if (auto opened = runtime->open_driver(runtime->options_.is_first_start); !opened) {
        return tl::unexpected(opened.error());
    }
    runtime->follow_validators(runtime->driver_->state());
    runtime->publish_head();
    return runtime;
}

Result<void> Runtime::open_driver(bool is_first_start) {
    const NodeConfig& config = options_.config;
    driver::DriverOptions driver_options;
    driver_options.genesis = options_.genesis;
    driver_options.own_key = key_.public_key();
    driver_options.first_start = is_first_start;
    driver_options.consensus.view_timeout_ms = config.consensus_base_timeout_ms;
    driver_options.consensus.heartbeat_ms = config.consensus_heartbeat_ms;
    driver_options.client_blob_blocks = config.client_blob_blocks;
    driver_options.nonce = fresh_nonce();
    auto opened = driver::Driver::open(driver_options, *this, current_time());
    if (!opened) return tl::unexpected(opened.error());
    driver_ = std::move(*opened);
    return {};
}

void Runtime::publish_head() {
    const driver::Head& head = driver_->head();
    const std::lock_guard lock(snapshot_mutex_);
    snapshot_ = std::make_shared<Snapshot>(
        Snapshot{head.header, head.certificate, driver_->state(), head.membership});
    status_ = driver_->status();
}

Result<void> Runtime::open_mesh() {
    p2p::MeshOptions mesh;
    mesh.identity = p2p::make_identity_signer(key_);
    mesh.genesis_hash = identity_.genesis_hash;
    mesh.listen_host = options_.config.p2p_listen_host;
    mesh.listen_port = options_.config.p2p_listen_port;
    mesh.max_observers = options_.config.p2p_max_observers;
    for (const PeerConfig& peer : options_.config.peers) {
        mesh.peers.push_back({peer.key, peer.host, peer.port});
    }
    p2p::MeshCallbacks callbacks;
    callbacks.on_frame = [this](p2p::PeerIndex peer, p2p::FrameKind kind, Bytes payload) {
        on_frame(peer, kind, std::move(payload));
    };
    callbacks.on_link = [this](p2p::PeerIndex, const PublicKey& peer, p2p::LinkState state) {
        on_link(peer, state);
    };
    auto created = p2p::Mesh::create(std::move(mesh), std::move(callbacks));
    if (!created) return tl::unexpected(created.error());
    mesh_ = std::move(*created);
    return {};
}

void Runtime::follow_validators(const StateReader& state) {
    for (const PeerConfig& peer : peers_.update(state)) {
        const auto set = mesh_->set_peer({peer.key, peer.host, peer.port});
        if (set) continue;
        spdlog::warn("no link to validator {}: {}", peer.key.hex().substr(0, 16),
                     set.error().context);
    }
}

void Runtime::add_listener(CommitListener listener) {
    listeners_.push_back(std::move(listener));
}

void Runtime::set_letter_listener(LetterListener listener) {
    letter_listener_ = std::move(listener);
}

Result<void> Runtime::start() {
    if (auto started = mesh_->start(io_); !started) return started;
    is_started_ = true;
    thread_ = std::thread([this] { run(); });
    return {};
}

void Runtime::stop() {
    queue_.stop();
    if (thread_.joinable()) thread_.join();
    if (!is_started_) return;
    is_started_ = false;
    constexpr std::uint64_t kDrainMs = 500;  // votes on their way may complete a quorum elsewhere
    const auto stopped = std::make_shared<std::promise<void>>();
    mesh_->stop(kDrainMs, [stopped] { stopped->set_value(); });
    stopped->get_future().wait();
}

void Runtime::run() {
    driver_->start(current_time());
    while (!queue_.is_stopped()) {
        const std::uint64_t now = monotonic_ms();
        const std::uint64_t wait = wake_at_ms_ > now ? wake_at_ms_ - now : 0;
        constexpr std::uint64_t kLongestWaitMs = 60'000;
        auto work =
            queue_.pop(EventQueue::Clock::now() + milliseconds(std::min(wait, kLongestWaitMs)));
        if (queue_.is_stopped()) break;
        if (monotonic_ms() >= wake_at_ms_) {
            wake_at_ms_ = UINT64_MAX;
            driver_->handle(driver::TimerFired{}, current_time());
        }
        if (work) handle(std::move(*work));
        const driver::DriverStatus status = driver_->status();
        {
            const std::lock_guard lock(snapshot_mutex_);
            status_ = status;
        }
        if (status.mode == driver::DriverMode::kDegraded) resume_if_possible(monotonic_ms());
    }
}

void Runtime::resume_if_possible(std::uint64_t now_ms) {
    if (now_ms < next_resume_ms_) return;
    next_resume_ms_ = now_ms + kResumeCheckMs;
    if (!storage_->is_out_of_space()) return;
    std::error_code failure;
    const auto space = std::filesystem::space(options_.config.data_dir, failure);
    if (failure || space.available < kResumeFreeBytes) return;
    if (auto opened = storage_->reopen(); !opened) {
        spdlog::error("there is space again, but: {}", opened.error().context);
        return;
    }
    if (auto opened = open_driver(false); !opened) {
        spdlog::error("there is space again, but: {}", opened.error().context);
        return;
    }
    ++generation_;
    refuse_open_submissions();
    publish_head();
    spdlog::info("there is space again: going on from height {}",
                 driver_->head().header.height.value);
    driver_->start(current_time());
}

// Those that the former driver knew would never be answered.
void Runtime::refuse_open_submissions() {
    std::map<driver::Ticket, SubmissionCallback> open;
    {
        const std::lock_guard lock(submissions_mutex_);
        open = std::exchange(submissions_, {});
    }
    for (const auto& [ticket, done] : open) {
        done({ticket,
              driver::SubmissionStatus::kRefused,
              {ErrorCode::kUnavailable, "the node has just recovered from a full disk"}});
    }
}

void Runtime::handle(DriverWork work) {
    if (auto* call = std::get_if<DriverCall>(&work)) {
        (*call)(*driver_, current_time());
        return;
    }
    auto& event = std::get<driver::Event>(work);
    if (auto* checked = std::get_if<driver::SignaturesChecked>(&event)) {
        if (checked->ticket >> kGenerationShift != generation_) return;
        checked->ticket &= (driver::Ticket{1} << kGenerationShift) - 1;
    }
    const auto begun = EventQueue::Clock::now();
    driver_->handle(event, current_time());
    if (const auto* frame = std::get_if<driver::PeerFrame>(&event)) {
        const auto ended = EventQueue::Clock::now();
        queue_.charge(frame->from, duration_cast<std::chrono::microseconds>(ended - begun), ended);
    }
}

void Runtime::on_frame(p2p::PeerIndex peer, p2p::FrameKind kind, Bytes payload) {
    const auto key = mesh_->peer_key(peer);
    if (!key) return;
    queue_.push_frame({*key, static_cast<driver::FrameKind>(kind), std::move(payload)});
}

void Runtime::on_link(const PublicKey& peer, p2p::LinkState state) {
    if (state == p2p::LinkState::kUp) {
        queue_.push(driver::PeerConnected{peer});
    } else {
        queue_.push(driver::PeerDisconnected{peer});
    }
}

std::optional<driver::Ticket> Runtime::open_ticket(SubmissionCallback done) {
    const std::lock_guard lock(submissions_mutex_);
    if (submissions_.size() >= kMaxOpenSubmissions) return std::nullopt;
    submissions_.emplace(next_ticket_, std::move(done));
    return next_ticket_++;
}

bool Runtime::hand_over(driver::Ticket ticket, driver::Event event) {
    // A shared pointer, because a std::function must be copyable and a blob should not be copied.
    auto shared = std::make_shared<driver::Event>(std::move(event));
    if (queue_.call(
            [shared](driver::Driver& target, driver::Now now) { target.handle(*shared, now); })) {
        return true;
    }
    const std::lock_guard lock(submissions_mutex_);
    submissions_.erase(ticket);
    return false;
}

bool Runtime::submit(driver::SubmitTransaction submission, SubmissionCallback done) {
    const auto ticket = open_ticket(std::move(done));
    if (!ticket) return false;
    submission.ticket = *ticket;
    return hand_over(*ticket, std::move(submission));
}

bool Runtime::submit_blob(const PublicKey& account, Bytes content, SubmissionCallback done) {
    const auto ticket = open_ticket(std::move(done));
    if (!ticket) return false;
    return hand_over(*ticket, driver::SubmitBlob{*ticket, account, std::move(content)});
}

bool Runtime::call(DriverCall call) {
    return queue_.call(std::move(call));
}

std::shared_ptr<const Snapshot> Runtime::snapshot() const {
    const std::lock_guard lock(snapshot_mutex_);
    return snapshot_;
}

driver::DriverStatus Runtime::status() const {
    const std::lock_guard lock(snapshot_mutex_);
    return status_;
}

std::uint64_t Runtime::report_count(driver::ReportKind kind) const {
    const std::lock_guard lock(reports_mutex_);
    const auto found = reports_.find(kind);
    return found == reports_.end() ? 0 : found->second;
}

void Runtime::send_letter(const PublicKey& to, Bytes content) {
    send(to, driver::encode_frame(driver::WorkerLetter{std::move(content)}));
}

void Runtime::send(const PublicKey& to, const driver::Frame& frame) {
    if (const auto peer = mesh_->find_peer(to)) {
        (void)mesh_->send(*peer, static_cast<p2p::FrameKind>(frame.kind), *frame.payload);
    }
}

void Runtime::broadcast(const driver::Frame& frame) {
    (void)mesh_->broadcast(static_cast<p2p::FrameKind>(frame.kind), *frame.payload);
}

void Runtime::report_invalid(const PublicKey& peer) {
    if (const auto index = mesh_->find_peer(peer)) mesh_->report_invalid(*index);
}

void Runtime::wake_at(std::uint64_t at_ms) {
    wake_at_ms_ = at_ms;
}

void Runtime::check_later(driver::Ticket ticket, std::vector<driver::SignatureCheck> checks) {
    const driver::Ticket named = ticket | generation_ << kGenerationShift;
    pool_->check_later(std::move(checks), [this, named](std::vector<bool> valid) {
        queue_.push(driver::SignaturesChecked{named, std::move(valid)});
    });
}

void Runtime::on_committed(const driver::CommittedBlock& committed) {
    auto fresh = std::make_shared<Snapshot>(Snapshot{committed.block.header, committed.certificate,
                                                     committed.state, committed.membership});
    {
        const std::lock_guard lock(snapshot_mutex_);
        snapshot_ = std::move(fresh);
    }
    follow_validators(committed.state);
    for (const CommitListener& listener : listeners_) listener(committed);
}

void Runtime::on_submission(const driver::SubmissionResult& result) {
    SubmissionCallback done;
    {
        const std::lock_guard lock(submissions_mutex_);
        const auto found = submissions_.find(result.ticket);
        if (found == submissions_.end()) return;
        done = std::move(found->second);
        submissions_.erase(found);
    }
    done(result);
}

void Runtime::on_report(const driver::Report& report) {
    {
        const std::lock_guard lock(reports_mutex_);
        ++reports_[report.kind];
    }
    spdlog::log(level_of(report.kind), "{}", report.detail);
}

void Runtime::on_letter(const PublicKey& from, Bytes content) {
    if (letter_listener_) letter_listener_(from, std::move(content));
}

}  // namespace consilium::node
