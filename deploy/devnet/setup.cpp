// Deals data, makes keys, writes genesis, task and configuration.
#include "deploy/devnet/setup.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <system_error>

#include "contracts/schema/names.hpp"
#include "contracts/schema/parameters.hpp"
#include "contracts/schema_json/genesis_json.hpp"
#include "contracts/schema_json/render.hpp"
#include "core/random.hpp"
#include "deploy/devnet/privacy_plan.hpp"
#include "fl_engine/data/source.hpp"
#include "wallet/keystore/key_file.hpp"
#include "wallet/keystore/secret_file.hpp"

namespace consilium::devnet {
namespace {

namespace fs = std::filesystem;
using Say = std::function<void(const std::string&)>;

constexpr const char* kHost = "127.0.0.1";

constexpr std::array<const char*, kMaxHospitals> kInventedNames = {
    "St Anna Hospital",     "Lakeside Clinic",   "Northern General",  "Riverside Medical Centre",
    "Hillcrest Hospital",   "Harbour Hospital",  "Mercy Clinic",      "Queen's Park Hospital",
    "Valley Medical Group", "Old Town Hospital", "Greenfield Clinic", "Bayview Hospital",
    "Stonebridge Infirmary"};
// Where the four files of the heart data were collected, in the order of the source.
constexpr std::array<const char*, 4> kHeartNames = {
    "Cleveland Clinic", "Institute of Cardiology Budapest", "University Hospitals Switzerland",
    "VA Medical Center Long Beach"};

std::string name_of(const fl::Source& source, const fl::Consortium& data, std::size_t index) {
    if (source.name == "heart") return kHeartNames.at(index);
    const std::string& given = data.hospitals[index].name;
    if (!source.is_dealt() && schema::is_valid_name(given)) return given;
    return kInventedNames.at(index);
}

std::string text_of(std::size_t number) {
    return std::to_string(number);
}

std::string percent(double fraction) {
    return std::to_string(std::lround(fraction * 100)) + " %";
}

Result<void> make_folder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error) fs::permissions(folder, fs::perms::owner_all, error);
    if (error) {
        return make_error(ErrorCode::kUnavailable, folder.string() + ": " + error.message());
    }
    return {};
}

// One key with a random password of its own, both in files that only the owner may read.
Result<PublicKey> make_key(const fs::path& folder, const std::string& role,
                           const std::string& label) {
    std::array<std::uint8_t, 16> random{};
    fill_random(random);
    const std::string password = to_hex(random);
    const KeyPair key = KeyPair::generate();
    keystore::KeyFileOptions options;
    options.label = label;
    options.kdf = keystore::kFloorKdf;  // three keys a hospital, unlocked again and again
    auto secret = SecretBytes(as_bytes(password));
    if (auto written =
            keystore::write_secret_file((folder / (role + ".password")).string(),
                                        as_bytes(password), keystore::WriteMode::kCreateNew);
        !written) {
        return tl::unexpected(written.error());
    }
    if (auto written =
            keystore::write_key_file((folder / (role + ".key")).string(), key, secret, options);
        !written) {
        return tl::unexpected(written.error());
    }
    return key.public_key();
}

Result<void> make_keys(const Setup& setup, Hospital& hospital) {
    const fs::path folder = setup.path(hospital.folder);
    static constexpr struct {
        const char* role;
        PublicKey Hospital::*field;
    } kKeys[] = {{"validator", &Hospital::validator},
                 {"council", &Hospital::council},
                 {"trainer", &Hospital::trainer}};
    for (const auto& wanted : kKeys) {
        const std::string label =
            "hospital-" + text_of(hospital.number) + " " + std::string(wanted.role);
        const auto key = make_key(folder, wanted.role, label);
        if (!key) return tl::unexpected(key.error());
        hospital.*wanted.field = *key;
    }
    return {};
}

Result<void> write_data(const Setup& setup, Hospital& hospital, const fl::Table& table) {
    const auto data = fl::to_dataset(table);
    if (!data) return tl::unexpected(data.error());
    hospital.training = *data;
    const fs::path folder = setup.path(hospital.folder);
    if (auto made = make_folder(folder); !made) return made;
    if (auto made = make_folder(folder / "node"); !made) return made;
    if (auto written = write_text(folder / "data.csv", fl::format_csv(table)); !written) {
        return written;
    }
    return write_text(folder / "schema.toml", fl::format_schema(table.schema));
}

Result<void> write_genesis(Setup& setup) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    setup.genesis.chain_id = "devnet";
    setup.genesis.time = TimeMs{static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count())};
    for (const Hospital& hospital : setup.hospitals) {
        setup.genesis.organisations.push_back(
            {hospital.name, hospital.validator, hospital.council});
    }
    setup.genesis.parameters = encode(schema::Parameters{});
    if (auto valid = validate_genesis(setup.genesis); !valid) return valid;
    return write_text(setup.path("genesis.json"),
                      schema::genesis_to_json(setup.genesis).dump(2) + "\n");
}

std::string node_config(const Setup& setup, const Hospital& own) {
    std::string text = "# Node of " + own.name +
                       "; consilium-node --help explains each key.\n"
                       "data_dir = \"node\"\n"
                       "genesis_file = \"../genesis.json\"\n"
                       "keystore_file = \"validator.key\"\n"
                       "password_file = \"validator.password\"\n"
                       "signature_threads = 1\n"  // many nodes share this machine's cores
                       "\n[p2p]\nlisten_host = \"" +
                       std::string(kHost) +
                       "\"\nlisten_port = " + text_of(setup.ports.p2p(own.number)) +
                       "\n\n[api]\nlisten_host = \"" + kHost +
                       "\"\nlisten_port = " + text_of(setup.ports.api(own.number)) + "\n";
    for (const Hospital& peer : setup.hospitals) {
        if (peer.number == own.number) continue;
        text += "\n[[peers]]\nkey = \"" + peer.validator.hex() + "\"\nhost = \"" + kHost +
                "\"\nport = " + text_of(setup.ports.p2p(peer.number)) + "\n";
    }
    return text;
}

schema::TaskSpec make_task(const Setup& setup) {
    const fl::Recipe& recipe = setup.recipe;
    schema::TaskSpec task;
    const bool is_heart = setup.source == "heart";
    const bool is_wdbc = setup.source == "wdbc";
    task.name = is_wdbc    ? "Breast cancer, fine needle aspirates"
                : is_heart ? "Heart disease of four hospitals"
                           : "Own data";
    task.data_schema = is_wdbc || is_heart ? setup.source : "own";
    task.model.kind = recipe.spec.kind == fl::ModelKind::kMlp ? schema::ModelKind::kMlp
                                                              : schema::ModelKind::kLogistic;
    task.model.layers = recipe.spec.layers;
    for (std::size_t i = 0; i < 8; ++i) {
        task.seed[i] = static_cast<std::uint8_t>(setup.options.seed >> (8 * i));
    }
    task.training.epochs = recipe.training.epochs;
    task.training.batch_size = recipe.training.batch_size;
    task.training.learning_rate_micros = recipe.training.learning_rate_millionths;
    task.training.momentum_micros = recipe.training.momentum_millionths;
    task.training.weight_decay_micros = recipe.training.weight_decay_millionths;
    task.rounds = setup.options.rounds;
    task.mode = schema::Mode::kPairwise;
    task.nu = 22;
    task.clip_initial = recipe.initial_clip;
    task.malicious_max =
        static_cast<std::uint16_t>(std::max<std::size_t>(1, setup.options.attackers));
    // Windows close early once everybody has answered; this is how long the absent are waited for.
    // More processes on the same cores take longer to answer.
    const auto more = static_cast<std::uint32_t>(setup.hospitals.size() - kMinHospitals);
    task.windows.pledge = {.blocks = 8, .ms = 15'000 + 4'000 * more};
    task.windows.submit = {.blocks = 8, .ms = 8'000 + 2'000 * more};
    task.windows.range = {.blocks = 8, .ms = 8'000 + 2'000 * more};
    task.windows.aggregate = {.blocks = 4, .ms = 4'000};
    return task;
}

// Measured: with noise, updates that are cut to a tenth of the usual norm train best.
constexpr std::uint64_t kPrivateClipDivisor = 10;

Result<void> add_privacy(Setup& setup) {
    if (!setup.options.epsilon) return {};
    constexpr double kMicros = 1e6;
    schema::TaskSpec& task = setup.task;
    const auto plan = plan_privacy(
        {.epsilon_micros = static_cast<std::uint64_t>(*setup.options.epsilon * kMicros),
         .rounds = task.rounds,
         .dimension = setup.recipe.spec.parameter_count(),
         .nu = task.nu,
         .real_clip = setup.recipe.initial_clip / kPrivateClipDivisor});
    if (!plan) return tl::unexpected(plan.error());
    task.privacy = plan->terms;
    task.clip_initial = task.clip_min = task.clip_max = plan->clip_norm;
    return {};
}

// The site's own budget: what the task's rounds cost, and nothing above it.
Result<void> write_policy(const Setup& setup, const Hospital& hospital) {
    const schema::TaskSpec& task = setup.task;
    if (!task.privacy) return {};
    const std::uint64_t epsilon = schema::epsilon_micros(
        task.rounds * schema::local_rho(*task.privacy), task.privacy->delta_bits);
    return write_text(setup.path(hospital.folder / "policy.toml"),
                      site_policy_text(task.data_schema, epsilon));
}

std::vector<Hospital> list_hospitals(const fl::Source& source, const fl::Consortium& data,
                                     const Options& options) {
    std::vector<Hospital> hospitals;
    const std::size_t count = data.hospitals.size();
    for (std::size_t index = 0; index < count; ++index) {
        Hospital hospital;
        hospital.number = index + 1;
        hospital.name = name_of(source, data, index);
        hospital.folder = "hospital-" + text_of(index + 1);
        hospital.seed = options.seed * 1000 + index + 1;
        hospital.is_attacker = index + options.attackers >= count;
        hospitals.push_back(std::move(hospital));
    }
    return hospitals;
}

void tell_data(const Setup& setup, const fl::Source& source, double test_fraction, const Say& say) {
    std::size_t rows = 0;
    for (const Hospital& hospital : setup.hospitals) rows += hospital.training.rows();
    if (setup.reference) rows += setup.reference->rows();
    say(setup.source + ": " + text_of(rows + setup.test.rows()) + " patients, " +
        text_of(setup.test.columns()) + " features; " + text_of(setup.test.rows()) + " of them (" +
        percent(test_fraction) + ", stratified) only evaluate, no hospital has them");
    say(source.is_dealt() ? "the others are dealt (" + fl::format_deal_spec(setup.options.split) +
                                ", seed " + std::to_string(setup.options.seed) + "):"
                          : "each hospital keeps its own:");
    for (const Hospital& hospital : setup.hospitals) {
        say("  " + text_of(hospital.number) + "  " + hospital.name + ": " +
            text_of(hospital.training.rows()) + " patients, " +
            text_of(hospital.training.positives()) + " positive" +
            (hospital.is_attacker
                 ? "   <- will attack (" + std::string(to_string(setup.options.attack.kind)) + ")"
                 : ""));
    }
    if (setup.reference) {
        say("  reference set: " + text_of(setup.reference->rows()) + " patients of all of them, " +
            text_of(setup.reference->positives()) +
            " positive, made public; no hospital trains on them, the validators compare with them");
    }
}

struct DealtData {
    fl::Source source;
    fl::Consortium consortium;
};

Result<DealtData> deal_data(const Options& options) {
    auto source = fl::load_source(options.dataset, options.data_dir);
    if (!source) {
        return make_error(source.error().code,
                          "--dataset " + options.dataset + ": " + source.error().context);
    }
    fl::ConsortiumOptions how;
    how.hospitals =
        options.hospitals.value_or(source->is_dealt() ? kMinHospitals : source->tables.size());
    if (auto good = check_numbers(how.hospitals, options.attackers); !good) {
        return tl::unexpected(good.error());
    }
    how.deal = options.split;
    how.test_fraction = source->test_fraction;
    how.seed = options.seed;
    how.reference_records = reference_records(options);
    auto consortium = fl::make_consortium(*source, how);
    if (!consortium) return tl::unexpected(consortium.error());
    return DealtData{std::move(*source), std::move(*consortium)};
}

Result<void> write_reference(Setup& setup, const fl::Consortium& data) {
    if (!data.reference) return {};
    auto records = fl::to_dataset(*data.reference);
    if (!records) return tl::unexpected(records.error());
    setup.reference = std::move(*records);
    if (auto written = write_text(setup.path("reference.csv"), fl::format_csv(*data.reference));
        !written) {
        return written;
    }
    return write_text(setup.path("reference.toml"), fl::format_schema(data.schema));
}

Result<void> write_task(const Setup& setup) {
    return write_text(setup.path("task.json"), schema::to_json_value(setup.task).dump(2) + "\n");
}

Result<void> write_hospitals(Setup& setup, const fl::Consortium& data) {
    for (Hospital& hospital : setup.hospitals) {
        const fl::Table& table = data.hospitals[hospital.number - 1].table;
        if (auto written = write_data(setup, hospital, table); !written) return written;
        if (auto made = make_keys(setup, hospital); !made) return made;
        if (auto written = write_policy(setup, hospital); !written) return written;
    }
    for (const Hospital& hospital : setup.hospitals) {
        const fs::path file = setup.path(hospital.folder / "node.toml");
        if (auto written = write_text(file, node_config(setup, hospital)); !written) return written;
    }
    return {};
}

}  // namespace

std::string Setup::node_address(const Hospital& hospital) const {
    return std::string(kHost) + ":" + text_of(ports.api(hospital.number));
}

p2p::NodePoolOptions Setup::only_node(const Hospital& hospital) const {
    p2p::NodePoolOptions pool;
    pool.genesis = genesis;
    pool.endpoints.push_back({kHost, ports.api(hospital.number), {hospital.validator}});
    pool.request_timeout_ms = 5'000;
    return pool;
}

p2p::NodePoolOptions Setup::all_nodes(std::size_t first) const {
    p2p::NodePoolOptions pool;
    pool.genesis = genesis;
    pool.request_timeout_ms = 5'000;
    for (std::size_t i = 0; i < hospitals.size(); ++i) {
        const Hospital& hospital = hospitals[(first - 1 + i) % hospitals.size()];
        pool.endpoints.push_back({kHost, ports.api(hospital.number), {hospital.validator}});
    }
    return pool;
}

const Hospital* Setup::find_trainer(const PublicKey& key) const {
    for (const Hospital& hospital : hospitals) {
        if (hospital.trainer == key) return &hospital;
    }
    return nullptr;
}

Result<void> name_reference(Setup& setup, const Digest& reference_set) {
    setup.task.reference_set = reference_set;
    setup.task.is_reference_required = true;
    return write_task(setup);
}

Result<std::unique_ptr<Setup>> prepare(const Options& options, const Say& say) {
    const auto data = deal_data(options);
    if (!data) return tl::unexpected(data.error());
    const auto test = fl::to_dataset(data->consortium.test);
    if (!test) return tl::unexpected(test.error());
    auto directory = Directory::make(options.directory, options.programs);
    if (!directory) return tl::unexpected(directory.error());
    auto ports = PortBlock::find(data->consortium.hospitals.size(), options.first_port);
    if (!ports) return tl::unexpected(ports.error());
    // NOLINTNEXTLINE(modernize-make-unique): clang 14 makes no aggregate of its arguments
    auto setup = std::unique_ptr<Setup>(new Setup{options,
                                                  std::move(*directory),
                                                  std::move(*ports),
                                                  data->source.name,
                                                  {},
                                                  {},
                                                  {},
                                                  {},
                                                  *test,
                                                  std::nullopt});
    setup->hospitals = list_hospitals(data->source, data->consortium, options);
    setup->recipe = fl::default_recipe(setup->source, test->columns(), options.hidden);
    setup->task = make_task(*setup);
    if (auto planned = add_privacy(*setup); !planned) return tl::unexpected(planned.error());
    if (const char* fault = schema::find_fault(setup->task)) {
        return make_error(ErrorCode::kRefused, std::string("the task cannot be opened: ") + fault);
    }
    if (auto written = write_hospitals(*setup, data->consortium); !written) {
        return tl::unexpected(written.error());
    }
    if (auto written = write_genesis(*setup); !written) return tl::unexpected(written.error());
    if (auto written = write_reference(*setup, data->consortium); !written) {
        return tl::unexpected(written.error());
    }
    if (auto written = write_task(*setup); !written) return tl::unexpected(written.error());
    tell_data(*setup, data->source, data->source.test_fraction, say);
    return setup;
}

}  // namespace consilium::devnet
