// genesis.json in and out.
#include "contracts/schema_json/genesis_json.hpp"

#include <fstream>
#include <sstream>

#include "contracts/schema/parameters.hpp"
#include "contracts/schema_json/json_text.hpp"
#include "contracts/schema_json/render.hpp"

namespace consilium::schema {
namespace {

// The file's shape: as Genesis, but with the parameters spelled out and the unit in a name.
struct GenesisFile {
    std::string chain_id;
    std::uint64_t time_ms{};
    std::uint32_t protocol_version{};
    std::vector<GenesisOrganisation> organisations;
    Parameters parameters;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("chain_id", self.chain_id, Limit{kMaxChainIdBytes});
        visit("time_ms", self.time_ms);
        visit("protocol_version", self.protocol_version);
        visit("organisations", self.organisations, Limit{kMaxMembers});
        visit("parameters", self.parameters);
    }
};

}  // namespace

nlohmann::json genesis_to_json(const Genesis& genesis) {
    const auto parameters = decode<Parameters>(genesis.parameters);
    return to_json_value(GenesisFile{genesis.chain_id, genesis.time.value, genesis.protocol_version,
                                     genesis.organisations, parameters.value_or(Parameters{})});
}

Result<Genesis> decode_genesis_json(std::string_view text) {
    auto json = parse_json(text, std::size_t{1024} * 1024);
    if (!json) return tl::unexpected(json.error());
    auto file = from_json_value<GenesisFile>(*json);
    if (!file) return tl::unexpected(file.error());
    if (const char* name = find_out_of_bounds(file->parameters)) {
        return make_error(ErrorCode::kRefused,
                          std::string("parameters.") + name + ": is out of its bounds");
    }
    Genesis genesis{std::move(file->chain_id), TimeMs{file->time_ms}, file->protocol_version,
                    std::move(file->organisations), encode(file->parameters)};
    if (auto valid = validate_genesis(genesis); !valid) return tl::unexpected(valid.error());
    return genesis;
}

Result<Genesis> load_genesis_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return make_error(ErrorCode::kNotFound, "cannot read the genesis file " + path);
    std::ostringstream text;
    text << file.rdbuf();
    auto genesis = decode_genesis_json(text.str());
    if (!genesis) {
        return make_error(genesis.error().code, path + ": " + genesis.error().context);
    }
    return genesis;
}

}  // namespace consilium::schema
