// The state before the first block.
#include <set>

#include "contracts/executor.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/membership.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/names.hpp"
#include "contracts/schema/parameters.hpp"
#include "contracts/schema/records.hpp"

namespace consilium::contracts {
namespace {

using schema::AccountRecord;
using schema::AccountStatus;
using schema::OrganisationRecord;
using schema::RegistryRecord;
using schema::Role;
namespace keys = schema::keys;

template <typename T>
void put(StateWrites& writes, const Bytes& key, const T& record) {
    writes[key] = encode(record);
}

void add_account(StateWrites& writes, RegistryRecord& registry, const PublicKey& key, Role role) {
    const AccountRecord account{.role = role,
                                .status = AccountStatus::kApproved,
                                .organisation = registry.organisations,
                                .index = registry.accounts,
                                .registered = Height{0},
                                .changed = Height{0}};
    put(writes, keys::account(key), account);
    put(writes, keys::account_at(registry.accounts), key);
    ++registry.accounts;
}

Result<void> add_organisations(const Genesis& genesis, StateWrites& writes,
                               RegistryRecord& registry) {
    std::set<std::string> names;
    for (const GenesisOrganisation& entry : genesis.organisations) {
        const auto folded = schema::fold_name(entry.name);
        if (!folded) return make_error(ErrorCode::kMalformed, "a name of an organisation");
        if (!names.insert(*folded).second) {
            return make_error(ErrorCode::kMismatch, "two organisations have the same name");
        }
        const OrganisationRecord organisation{.name = entry.name,
                                              .validator = entry.validator_key,
                                              .council = entry.council_key,
                                              .trainer = std::nullopt,
                                              .accounts = 2};
        put(writes, keys::organisation(registry.organisations), organisation);
        put(writes, keys::organisation_named(*folded), registry.organisations);
        add_account(writes, registry, entry.validator_key, Role::kValidator);
        add_account(writes, registry, entry.council_key, Role::kCouncil);
        registry.validators.push_back(entry.validator_key);
        registry.council.push_back(entry.council_key);
        ++registry.organisations;
    }
    return {};
}

schema::MembershipRecord first_membership(const Genesis& genesis) {
    schema::MembershipRecord record;
    for (const GenesisOrganisation& entry : genesis.organisations) {
        record.validators.push_back({entry.name, entry.validator_key, {}});
    }
    return record;
}

}  // namespace

Result<StateWrites> genesis_state(const Genesis& genesis) {
    if (auto valid = validate_genesis(genesis); !valid) return tl::unexpected(valid.error());
    const auto parameters = decode<schema::Parameters>(genesis.parameters);
    if (!parameters) return tl::unexpected(parameters.error());
    if (const char* name = schema::find_out_of_bounds(*parameters)) {
        return make_error(ErrorCode::kRefused, std::string("parameter out of bounds: ") + name);
    }
    StateWrites writes;
    RegistryRecord registry;
    if (auto added = add_organisations(genesis, writes, registry); !added) {
        return tl::unexpected(added.error());
    }
    put(writes, keys::chain(), schema::ChainRecord{genesis.chain_id, genesis.hash()});
    put(writes, keys::parameters(), *parameters);
    put(writes, keys::registry(), registry);
    put(writes, keys::governance(), schema::GovernanceRecord{});
    put(writes, keys::tasks(), schema::TasksRecord{});
    put(writes, keys::rounds(), schema::RoundsRecord{});
    put(writes, keys::mpc(), schema::MpcRecord{});
    put(writes, keys::membership(), first_membership(genesis));
    return writes;
}

}  // namespace consilium::contracts
