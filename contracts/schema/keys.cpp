// Building and naming the keys of the state.
#include "contracts/schema/keys.hpp"

#include <algorithm>
#include <array>
#include <concepts>

namespace consilium::schema::keys {
namespace {

Bytes plain(std::string_view name) {
    return to_bytes(as_bytes(name));
}

class KeyBuilder {
  public:
    explicit KeyBuilder(std::string_view name) : key_(to_bytes(as_bytes(name))) {
        key_.push_back('/');
    }
    template <std::unsigned_integral T>
    KeyBuilder& number(T value) {
        for (std::size_t i = sizeof(T); i-- > 0;) {
            key_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        }
        return *this;
    }
    KeyBuilder& bytes(ByteView view) {
        key_.insert(key_.end(), view.begin(), view.end());
        return *this;
    }
    [[nodiscard]] Bytes take() { return std::move(key_); }

  private:
    Bytes key_;
};

Bytes of_batch(std::string_view name, const BatchLabel& label, std::uint16_t index) {
    return KeyBuilder(name).number(label.mpc_epoch).number(label.batch).number(index).take();
}

Bytes of_round(std::string_view name, std::uint64_t round, std::uint16_t member) {
    return KeyBuilder(name).number(round).number(member).take();
}

KeyBuilder of_coin(std::string_view name, const CoinId& id) {
    const bool is_chi = id.kind == CoinKind::kChi;
    KeyBuilder key(name);
    key.number(static_cast<std::uint8_t>(id.kind))
        .number(id.label.mpc_epoch)
        .number(is_chi ? id.label.batch : id.label.round)
        .number(id.label.attempt);
    return key;
}

constexpr std::array<std::string_view, 33> kNames{
    "chain",    "parameters",  "registry",   "governance", "tasks",        "rounds",
    "mpc",      "account",     "account_at", "nonce",      "organisation", "organisation_named",
    "ballot",   "proposal",    "task",       "model",      "metrics",      "epoch",
    "setup",    "ephemeral",   "bundle",     "batch",      "prep_share",   "pledge",
    "range",    "round",       "verdict",    "history",    "privacy",      "membership",
    "rotation", "invitations", "epoch_void"};
constexpr std::array<std::string_view, 12> kShareNames{
    "stat1",  "stat2",      "aggregate",   "aggregate_ok", "coin",         "coin_share",
    "prep_w", "prep_check", "prep_reveal", "dispute",      "dispute_keys", "exclusion"};
constexpr std::array<std::string_view, 2> kReferenceNames{"reference", "reference_set"};

}  // namespace

Bytes chain() {
    return plain("chain");
}
Bytes parameters() {
    return plain("parameters");
}
Bytes registry() {
    return plain("registry");
}
Bytes governance() {
    return plain("governance");
}
Bytes tasks() {
    return plain("tasks");
}
Bytes rounds() {
    return plain("rounds");
}
Bytes mpc() {
    return plain("mpc");
}
Bytes membership() {
    return plain("membership");
}

Bytes invitations() {
    return plain("invitations");
}
Bytes account(const PublicKey& key) {
    return KeyBuilder("account").bytes(key.view()).take();
}
Bytes account_at(std::uint32_t index) {
    return KeyBuilder("account_at").number(index).take();
}
Bytes nonce(const PublicKey& key) {
    return KeyBuilder("nonce").bytes(key.view()).take();
}
Bytes organisation(std::uint32_t id) {
    return KeyBuilder("organisation").number(id).take();
}
Bytes organisation_named(std::string_view folded) {
    // Hashed: a folded name of 64 characters may have more bytes than a key should.
    return KeyBuilder("organisation_named")
        .bytes(tagged_hash("consilium/organisation-name/v1", as_bytes(folded)).view())
        .take();
}
Bytes ballot(const PublicKey& key, std::uint16_t action) {
    return KeyBuilder("ballot").bytes(key.view()).number(action).take();
}
Bytes proposal(std::uint64_t id) {
    return KeyBuilder("proposal").number(id).take();
}

Bytes rotation(const PublicKey& key) {
    return KeyBuilder("rotation").bytes(key.view()).take();
}

Bytes task(std::uint32_t id) {
    return KeyBuilder("task").number(id).take();
}
Bytes model(std::uint32_t task, std::uint32_t version) {
    return KeyBuilder("model").number(task).number(version).take();
}
Bytes metrics(std::uint32_t task, std::uint32_t version) {
    return KeyBuilder("metrics").number(task).number(version).take();
}
Bytes privacy(std::uint32_t task, std::uint32_t organisation) {
    return KeyBuilder("privacy").number(task).number(organisation).take();
}

Bytes epoch(std::uint64_t mpc_epoch) {
    return KeyBuilder("epoch").number(mpc_epoch).take();
}
Bytes setup(std::uint64_t mpc_epoch) {
    return KeyBuilder("setup").number(mpc_epoch).take();
}
Bytes ephemeral(std::uint64_t mpc_epoch, const PublicKey& key) {
    return KeyBuilder("ephemeral").number(mpc_epoch).bytes(key.view()).take();
}
Bytes bundle(const BundleId& id) {
    return KeyBuilder("bundle").number(id.mpc_epoch).number(id.member).number(id.slot).take();
}
Bytes batch(const BatchLabel& label) {
    return KeyBuilder("batch").number(label.mpc_epoch).number(label.batch).take();
}
Bytes prep_share(const BatchLabel& label, std::uint16_t member) {
    return of_batch("prep_share", label, member);
}
Bytes prep_w(const BatchLabel& label, std::uint16_t member) {
    return of_batch("prep_w", label, member);
}
Bytes prep_check(const BatchLabel& label, std::uint16_t member) {
    return of_batch("prep_check", label, member);
}
Bytes prep_reveal(const BatchLabel& label, std::uint16_t member) {
    return of_batch("prep_reveal", label, member);
}
Bytes dispute(const BatchLabel& label) {
    return KeyBuilder("dispute").number(label.mpc_epoch).number(label.batch).take();
}
Bytes dispute_keys(const BatchLabel& label) {
    return KeyBuilder("dispute_keys").number(label.mpc_epoch).number(label.batch).take();
}
Bytes epoch_void(std::uint64_t mpc_epoch) {
    return KeyBuilder("epoch_void").number(mpc_epoch).take();
}
Bytes exclusion(std::uint64_t mpc_epoch, std::uint16_t member) {
    return KeyBuilder("exclusion").number(mpc_epoch).number(member).take();
}
Bytes coin(const CoinId& id) {
    return of_coin("coin", id).take();
}
Bytes coin_share(const CoinId& id, std::uint16_t member) {
    return of_coin("coin_share", id).number(member).take();
}
Bytes pledge(const BatchLabel& label, std::uint16_t slot) {
    return of_batch("pledge", label, slot);
}
Bytes range(const BatchLabel& label, std::uint16_t slot) {
    return of_batch("range", label, slot);
}

Bytes round(std::uint64_t round) {
    return KeyBuilder("round").number(round).take();
}
Bytes verdict(std::uint64_t round) {
    return KeyBuilder("verdict").number(round).take();
}
Bytes reference(std::uint64_t round, const PublicKey& validator) {
    return KeyBuilder("reference").number(round).bytes(validator.view()).take();
}
Bytes reference_set(const Digest& sha256) {
    return KeyBuilder("reference_set").bytes(sha256.view()).take();
}
Bytes stat1(std::uint64_t round, std::uint16_t member) {
    return of_round("stat1", round, member);
}
Bytes stat2(std::uint64_t round, std::uint16_t member) {
    return of_round("stat2", round, member);
}
Bytes aggregate(std::uint64_t round, std::uint16_t member) {
    return of_round("aggregate", round, member);
}
Bytes aggregate_ok(std::uint64_t round, std::uint16_t member) {
    return of_round("aggregate_ok", round, member);
}
Bytes history(std::uint32_t task, std::uint64_t mpc_epoch) {
    return KeyBuilder("history").number(task).number(mpc_epoch).take();
}

std::string_view record_name(ByteView key) {
    const auto end = std::find(key.begin(), key.end(), std::uint8_t{'/'});
    const std::string_view name(reinterpret_cast<const char*>(key.data()),
                                static_cast<std::size_t>(end - key.begin()));
    for (const std::string_view known : kNames) {
        if (known == name) return known;
    }
    for (const std::string_view known : kShareNames) {
        if (known == name) return known;
    }
    for (const std::string_view known : kReferenceNames) {
        if (known == name) return known;
    }
    return {};
}

}  // namespace consilium::schema::keys
