// Registration of model versions and of metrics.
#include "contracts/models.hpp"

#include <algorithm>

#include "contracts/rounds.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/encoding.hpp"

namespace consilium::contracts::models {
namespace {

using schema::Code;
using schema::ModelRecord;
using schema::TaskRecord;
namespace event = schema::event;
namespace keys = schema::keys;

// 64-bit words of SHA-256(tag; seed, counter), four little-endian words a block.
class WordStream {
  public:
    explicit WordStream(ByteView seed) : seed_(seed) {}
    [[nodiscard]] std::uint64_t next() {
        if (position_ == 4) refill();
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < 8; ++i) {
            word |= static_cast<std::uint64_t>(block_.bytes[8 * position_ + i]) << (8 * i);
        }
        ++position_;
        return word;
    }

  private:
    void refill() {
        block_ = tagged_hash("consilium/initial-model/v1", {seed_, encode(counter_)});
        ++counter_;
        position_ = 0;
    }

    ByteView seed_;
    std::uint64_t counter_ = 0;
    std::size_t position_ = 4;
    Digest block_;
};

std::int64_t uniform(std::uint64_t word, std::uint64_t limit) {
    const Uint128 scaled = static_cast<Uint128>(word) * (2 * limit + 1);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(scaled >> 64)) -
           static_cast<std::int64_t>(limit);
}

void store_model(Execution& execution, const ModelRecord& record, Bytes content) {
    execution.derive_blob(std::move(content));
    execution.state.store(keys::model(record.task, record.version), record);
    execution.emit(schema::Module::kModels, event::kModelRegistered, record);
}

schema::BlobName name_blob(ByteView content) {
    return {sha256(content), content.size()};
}

bool is_valid_report(const schema::ReportMetrics& report) {
    return report.auc_micros <= schema::kMicros && report.accuracy_micros <= schema::kMicros &&
           report.balanced_accuracy_micros <= schema::kMicros && report.rows_log2 < 64;
}

Code report_metrics(Execution& execution, const Sender& sender,
                    const schema::ReportMetrics& report) {
    if (!execution.state.contains(keys::model(report.task, report.version))) {
        return Code::kUnknownModel;
    }
    if (!is_valid_report(report)) return Code::kMetricOutOfRange;
    const Bytes key = keys::metrics(report.task, report.version);
    auto metrics =
        execution.state.find<schema::MetricsRecord>(key).value_or(schema::MetricsRecord{});
    // One report of an organisation, whatever keys its trainer has had since.
    for (const schema::MetricsEntry& entry : metrics.entries) {
        const auto other =
            execution.state.load<schema::AccountRecord>(keys::account(entry.trainer));
        if (other.organisation == sender.account.organisation) return Code::kDuplicate;
    }
    if (metrics.entries.size() >= schema::kMaxClients) return Code::kClientsFull;
    const schema::MetricsEntry entry{.trainer = sender.key,
                                     .auc_micros = report.auc_micros,
                                     .accuracy_micros = report.accuracy_micros,
                                     .balanced_accuracy_micros = report.balanced_accuracy_micros,
                                     .rows_log2 = report.rows_log2,
                                     .height = execution.block.height};
    metrics.entries.push_back(entry);
    execution.state.store(key, metrics);
    execution.emit(schema::Module::kModels, event::kMetricsReported,
                   schema::MetricsReported{report.task, report.version, entry});
    return Code::kOk;
}

}  // namespace

std::vector<std::int64_t> initial_model(const schema::ModelSpec& spec,
                                        const std::array<std::uint8_t, 32>& seed) {
    CHECK(schema::parameter_count(spec).has_value());
    WordStream words{ByteView(seed)};
    std::vector<std::int64_t> model;
    for (std::size_t i = 0; i + 1 < spec.layers.size(); ++i) {
        const std::uint64_t inputs = spec.layers[i];
        const std::uint64_t outputs = spec.layers[i + 1];
        const std::uint64_t limit =
            smpc::isqrt((static_cast<Uint128>(6) << 64) / (inputs + outputs));
        for (std::uint64_t x = 0; x < inputs * outputs; ++x) {
            model.push_back(uniform(words.next(), limit));
        }
        model.insert(model.end(), static_cast<std::size_t>(outputs), 0);
    }
    return model;
}

void register_initial(Execution& execution, const TaskRecord& task) {
    Bytes content = smpc::encode_integers(initial_model(task.spec.model, task.spec.seed));
    ModelRecord record;
    record.task = task.id;
    record.parameters = name_blob(content);
    record.created = execution.block.height;
    store_model(execution, record, std::move(content));
}

ModelRecord register_version(Execution& execution, TaskRecord& task, NewVersion version) {
    ++task.latest_version;
    task.current_version = task.latest_version;
    const ModelRecord record{.task = task.id,
                             .version = task.latest_version,
                             .parameters = name_blob(version.parameters),
                             .parent = version.parent,
                             .round = version.round,
                             .aggregate = version.aggregate,
                             .created = execution.block.height};
    store_model(execution, record, std::move(version.parameters));
    return record;
}

Code execute(Execution& execution, const Sender& sender, const Transaction& transaction) {
    CHECK(transaction.action == schema::action::kReportMetrics);
    return with_arguments<schema::ReportMetrics>(transaction.arguments, [&](const auto& arguments) {
        return report_metrics(execution, sender, arguments);
    });
}

Code promote(Execution& execution, const schema::ModelReference& reference) {
    auto task = execution.state.find<TaskRecord>(keys::task(reference.task));
    if (!task) return Code::kUnknownTask;
    if (reference.version > task->latest_version) return Code::kUnknownModel;
    task->promoted_version = reference.version;
    execution.state.store(keys::task(task->id), *task);
    execution.emit(schema::Module::kModels, event::kModelPromoted, reference);
    return Code::kOk;
}

Code roll_back(Execution& execution, const schema::ModelReference& reference) {
    auto task = execution.state.find<TaskRecord>(keys::task(reference.task));
    if (!task) return Code::kUnknownTask;
    if (task->status != schema::TaskStatus::kActive) return Code::kTaskNotActive;
    if (reference.version > task->latest_version) return Code::kUnknownModel;
    const auto round = rounds::current_round(execution.state);
    if (round && round->terms.task == task->id) return Code::kRoundRunning;
    task->current_version = reference.version;
    execution.state.store(keys::task(task->id), *task);
    execution.emit(schema::Module::kModels, event::kModelRolledBack, reference);
    return Code::kOk;
}

}  // namespace consilium::contracts::models
