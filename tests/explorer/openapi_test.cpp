// Every field of every answer of the explorer is in its API description.
#include <gtest/gtest.h>

#include "contracts/schema/names.hpp"
#include "contracts/schema_json/tables.hpp"
#include "explorer/api.hpp"
#include "explorer/follower.hpp"
#include "tests/contracts/preparation_driver.hpp"
#include "tests/explorer/audit_kit.hpp"
#include "tests/explorer/openapi_kit.hpp"

namespace consilium::explorer::testing {
namespace {

using consilium::testing::compare_with_openapi;
using consilium::testing::json_paths;
using Json = nlohmann::json;

constexpr TimeMs kNow{5'000};

// An indexed ledger, cross-checked, with a finding and a piece of evidence.
struct Explorer {
    explicit Explorer(const Ledger& ledger)
        : source(ledger, 2),
          store(IndexStore::open(folder.file("index"), ledger.genesis, false).value()),
          follower(store, source),
          reader(folder.file("index")),
          api(ledger.genesis, reader, [this] { return follower.status(); }) {
        while (store.head().header.height < ledger.height()) {
            EXPECT_EQ(follower.step(kNow), Progress::kIndexed);
        }
        follower.cross_check(kNow);
        EXPECT_TRUE(store
                        .add_divergence({.what = {Height{3}, "block", "a", "b"},
                                         .kind = "unproven",
                                         .node = "node-1",
                                         .time = kNow,
                                         .is_open = false})
                        .has_value());
        EXPECT_TRUE(store
                        .add_evidence({.id = sha256(as_bytes("e")),
                                       .kind = "commit",
                                       .epoch = Epoch{0},
                                       .height = Height{4},
                                       .view = View{0},
                                       .offender = {},
                                       .name = "Hospital 1",
                                       .first_claim = {},
                                       .second_claim = {},
                                       .content = Bytes{1},
                                       .node = "node-0",
                                       .time = kNow})
                        .has_value());
    }
    [[nodiscard]] Json get(const std::string& path,
                           const std::map<std::string, std::string>& query = {}) const {
        p2p::HttpRequest request;
        request.method = "GET";
        request.path = path;
        request.query = query;
        const auto response = api.handle(request);
        EXPECT_EQ(response.status, 200U) << path;
        return Json::parse(std::string(response.body.begin(), response.body.end()), nullptr, false);
    }

    TempFolder folder;
    FakeSource source;
    IndexStore store;
    Follower follower;
    IndexReader reader;
    Api api;
};

// The paths to ask for one pattern: each object that the lists name.
std::vector<std::string> concrete_paths(const Explorer& explorer, const std::string& pattern) {
    std::vector<std::string> paths;
    const auto each = [&](const std::string& list, const auto& make) {
        const Json page = explorer.get("/api/v1/" + list, {{"limit", "100"}});
        const bool is_there = list == "blocks" || list == "transactions" || list == "evidence";
        EXPECT_FALSE(is_there && page["items"].empty()) << list;
        for (const Json& item : page["items"]) {
            paths.push_back("/api/v1/" + list + make(item));
        }
    };
    const auto text = [](const Json& json) {
        return "/" + (json.is_string() ? json.get<std::string>() : json.dump());
    };
    if (pattern == "/api/v1/blocks/{height}") {
        each("blocks", [&](const Json& item) { return text(item["height"]); });
    } else if (pattern == "/api/v1/transactions/{id}") {
        each("transactions", [&](const Json& item) { return text(item["id"]); });
    } else if (pattern == "/api/v1/evidence/{id}") {
        each("evidence", [&](const Json& item) { return text(item["id"]); });
    } else if (pattern == "/api/v1/rounds/{round}") {
        each("rounds", [&](const Json& item) { return text(item["round"]); });
    } else if (pattern == "/api/v1/models/{task}/{version}") {
        each("models",
             [&](const Json& item) { return text(item["task"]) + text(item["version"]); });
    } else {
        paths.push_back(pattern);
    }
    return paths;
}

void expect_everything_described(const Ledger& ledger) {
    const Explorer explorer(ledger);
    const Json description = explorer.get("/api/v1/openapi.json");
    for (const std::string& pattern : json_paths(description)) {
        if (pattern == "/api/v1/openapi.json") continue;
        const auto paths = concrete_paths(explorer, pattern);
        for (const std::string& path : paths) {
            const Json answer = explorer.get(path, {{"limit", "100"}, {"q", "1"}});
            const auto problems = compare_with_openapi(description, pattern, answer);
            EXPECT_TRUE(problems.empty())
                << path << ": " << ::testing::PrintToString(problems).substr(0, 2000);
        }
    }
}

TEST(OpenApiTest, every_field_of_every_answer_is_described) {
    expect_everything_described(test_ledger());  // reference, privacy, metrics, a refusal
    expect_everything_described(three_rounds());
}

TEST(OpenApiTest, faults_disputes_and_exclusions_are_described) {
    contracts::testing::PreparationScene scene(4);
    scene.post_shares(0, scene.all_but({}), {{3, {{2, 5}}}});
    scene.post_reveals(0, scene.all_but({}), {{2, 1}});
    expect_everything_described(certify_chain(scene.chain));
}

TEST(OpenApiTest, field_that_is_not_described_and_a_wrong_type_are_found) {
    const Explorer explorer(test_ledger());
    const Json description = explorer.get("/api/v1/openapi.json");
    const std::string path = "/api/v1/rounds";
    Json answer = explorer.get(path);
    ASSERT_FALSE(answer["items"].empty());
    answer["items"] = Json::array({answer["items"].back()});  // the finished one
    ASSERT_FALSE(answer["items"][0]["reference"]["agreed"].is_null());
    answer["items"][0]["reference"]["surprise"] = 1;
    answer["items"][0]["round"] = "one";
    answer.erase("indexed_height");
    const auto problems = compare_with_openapi(description, path, answer);
    const std::set<std::string> found(problems.begin(), problems.end());
    EXPECT_TRUE(found.contains("/items/0/reference/surprise: not described"));
    EXPECT_TRUE(found.contains("/items/0/round: is no [\"integer\"]"));
    EXPECT_TRUE(found.contains("/indexed_height: required"));
    EXPECT_EQ(problems.size(), 3U) << ::testing::PrintToString(problems);
}

TEST(OpenApiTest, every_struct_of_the_chain_has_a_schema_with_its_fields) {
    const Json schemas = schema::chain_schemas();
    const auto& round = schemas.at("Record.round").at("properties");
    EXPECT_TRUE(round.contains("reference"));
    EXPECT_TRUE(round.at("terms").at("properties").contains("reference_set"));
    EXPECT_EQ(round.at("norms").at("type"), "array");
    EXPECT_TRUE(schemas.at("Arguments.submission.pledge").at("properties").contains("slot"));
    EXPECT_TRUE(schemas.at("Event.verification.excluded").at("properties").contains("member"));
    EXPECT_EQ(schemas.at("Record.proposal").at("properties").at("payload").at("$ref"),
              "#/components/schemas/ProposalPayload");
    for (const auto& [name, schema] : schemas.items()) {
        EXPECT_TRUE(schema.contains("properties") || schema.contains("anyOf")) << name;
    }
}

}  // namespace
}  // namespace consilium::explorer::testing
