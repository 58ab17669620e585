// The API's answers over an indexed chain.
#include "explorer/api.hpp"

#include <set>

#include <gtest/gtest.h>

#include "contracts/schema/privacy.hpp"
#include "contracts/schema_json/json_text.hpp"
#include "explorer/assets.hpp"
#include "tests/explorer/ledger.hpp"

namespace consilium::explorer::testing {
namespace {

using Json = nlohmann::json;

constexpr TimeMs kNow{5'000};

struct Observer {
    explicit Observer(Height served = test_ledger().height())
        : source(test_ledger(), 2),
          store(IndexStore::open(folder.file("index"), test_ledger().genesis, false).value()),
          follower(store, source),
          reader(folder.file("index")),
          api(test_ledger().genesis, reader, [this] { return follower.status(); }) {
        index_up_to(served);
    }
    void index_up_to(Height served) {
        source.served = served;
        while (follower.step(kNow) == Progress::kIndexed) {
        }
    }
    [[nodiscard]] p2p::HttpResponse ask(const std::string& path,
                                        std::map<std::string, std::string> query = {}) const {
        p2p::HttpRequest request;
        request.method = "GET";
        request.path = path;
        request.query = std::move(query);
        return api.handle(request);
    }
    [[nodiscard]] Json get(const std::string& path,
                           std::map<std::string, std::string> query = {}) const {
        const auto response = ask(path, std::move(query));
        const std::string text(response.body.begin(), response.body.end());
        EXPECT_EQ(response.status, 200U) << path << " " << text;
        auto json = schema::parse_json(text);
        EXPECT_TRUE(json.has_value()) << path;
        return json ? *json : Json();
    }

    TempFolder folder;
    FakeSource source;
    IndexStore store;
    Follower follower;
    IndexReader reader;
    Api api;
};

TEST(ApiTest, the_round_shows_who_was_accepted_and_what_was_recomputed) {
    const Observer observer;
    const Json rounds = observer.get("/api/v1/rounds")["items"];
    ASSERT_GE(rounds.size(), 1U);
    const Json& round = rounds.back();
    EXPECT_EQ(round["round"], 1);
    EXPECT_EQ(round["phase"], "result");
    EXPECT_EQ(round["reference"]["set"]["positives"], 16);
    EXPECT_EQ(round["reference"]["set"]["negatives"], 48);
    EXPECT_EQ(round["reference"]["is_required"], false);
    EXPECT_EQ(round["reference"]["agreed"].get<std::string>().size(), 64U);
    EXPECT_EQ(round["verified"], true);
    const Json recomputed = round["recomputed"];
    EXPECT_NE(std::find(recomputed.begin(), recomputed.end(), "verdict"), recomputed.end());
    EXPECT_NE(std::find(recomputed.begin(), recomputed.end(), "aggregate"), recomputed.end());
    ASSERT_EQ(round["clients"].size(), 4U);
    double share = 0;
    for (const Json& client : round["clients"]) {
        const bool is_poisoner = client["slot"] == 3;
        EXPECT_EQ(client["outcome"], is_poisoner ? "rejected" : "accepted");
        EXPECT_EQ(client["code"], is_poisoner ? "REF" : "OK");
        EXPECT_EQ(client["pledged"], true);
        EXPECT_EQ(client["ranged"], true);
        EXPECT_EQ(client["name"], "Hospital " + client["slot"].dump());
        share += client["share"].get<double>();
    }
    EXPECT_NEAR(share, 1.0, 1e-9);
    std::vector<std::string> phases;
    for (const Json& phase : round["phases"]) phases.push_back(phase["phase"]);
    EXPECT_EQ(phases, (std::vector<std::string>{"submitting", "ranging", "coin_test", "stat1",
                                                "stat2", "aggregate", "result"}));
    const Json detail = observer.get("/api/v1/rounds/1");
    EXPECT_EQ(detail["statistics"]["norms"].size(), 4U);
    EXPECT_EQ(detail["statistics"]["references"].size(), 4U);
    EXPECT_EQ(detail["verdict"]["clients"].size(), 4U);
}

TEST(ApiTest, a_task_shows_the_distribution_of_its_reference_set) {
    const Observer observer;
    const Json task = observer.get("/api/v1/tasks")["items"][0];
    const Json& set = task["reference_set"];
    EXPECT_EQ(set["blob"]["sha256"], task["record"]["spec"]["reference_set"]);
    EXPECT_EQ(set["data_schema"], "heart");
    EXPECT_EQ(set["columns"], 3);
    EXPECT_EQ(set["positives"], 16);
    EXPECT_EQ(set["negatives"], 48);
}

TEST(ApiTest, models_have_lineage_and_the_mean_of_reported_metrics) {
    const Observer observer;
    const Json models = observer.get("/api/v1/models")["items"];
    ASSERT_EQ(models.size(), 2U);
    EXPECT_EQ(models[0]["version"], 1);
    EXPECT_EQ(models[0]["parent"], 0);
    EXPECT_EQ(models[0]["round"], 1);
    EXPECT_EQ(models[0]["is_current"], true);
    EXPECT_EQ(models[0]["metrics"]["reports"].size(), 4U);
    EXPECT_NEAR(models[0]["metrics"]["auc"].get<double>(), 0.915, 1e-9);
    EXPECT_TRUE(models[1]["round"].is_null());
    EXPECT_EQ(observer.get("/api/v1/models/1/1")["sha256"], models[0]["sha256"]);
}

TEST(ApiTest, participants_list_hospitals_with_roles_and_status) {
    const Observer observer;
    const Json items = observer.get("/api/v1/participants")["items"];
    ASSERT_EQ(items.size(), 4U);
    EXPECT_EQ(items[0]["name"], "Hospital 1");
    std::set<std::string> roles;
    for (const Json& account : items[0]["accounts"]) {
        EXPECT_EQ(account["status"], "approved");
        roles.insert(account["role"].get<std::string>());
    }
    EXPECT_EQ(roles, (std::set<std::string>{"validator", "council", "trainer"}));
}

TEST(ApiTest, privacy_is_told_per_task_and_over_all_tasks) {
    const Observer observer;
    const Json items = observer.get("/api/v1/privacy")["items"];
    ASSERT_EQ(items.size(), 8U);     // four hospitals, all tasks and this one
    EXPECT_EQ(items[3]["task"], 1);  // newest task first
    EXPECT_EQ(items[3]["name"], "Hospital 1");
    EXPECT_EQ(items[7]["task"], 0);
    const double epsilon =
        static_cast<double>(schema::epsilon_micros(
            schema::local_rho({.clip = 500'000, .noise = 50'000, .delta_bits = 20}), 20)) /
        1e6;
    for (const Json& item : items) {
        EXPECT_DOUBLE_EQ(item["epsilon_local"].get<double>(), epsilon);
        EXPECT_DOUBLE_EQ(item["epsilon_local_all_tasks"].get<double>(), epsilon);
        EXPECT_EQ(item["record"]["rounds_opened"], 1);
        const bool is_poisoner = item["name"] == "Hospital 3";  // rejected: in no sum
        EXPECT_EQ(item["record"]["rounds_summed"], is_poisoner ? 0 : 1);
        EXPECT_EQ(item["epsilon_central"].get<double>() == 0, is_poisoner);
    }
}

TEST(ApiTest, a_block_shows_its_signers_and_a_transaction_its_receipt) {
    const Observer observer;
    const Json block = observer.get("/api/v1/blocks/2");
    EXPECT_EQ(block["header"]["digest"], header_digest(test_ledger().blocks[2].block.header).hex());
    ASSERT_EQ(block["signers"].size(), 3U);
    EXPECT_EQ(block["signers"][0]["name"], "Hospital 1");
    ASSERT_FALSE(block["transactions"].empty());
    const std::string id = block["transactions"][0]["id"];
    const Json transaction = observer.get("/api/v1/transactions/" + id);
    EXPECT_EQ(transaction["receipt"]["tx_id"], id);
    EXPECT_EQ(transaction["height"], 2);
    EXPECT_TRUE(transaction["transaction"]["arguments"].is_object());
}

TEST(ApiTest, a_refused_transaction_shows_its_code) {
    const Observer observer;
    const Json newest = observer.get("/api/v1/transactions")["items"][0];
    EXPECT_EQ(newest["code_name"], "unknown_task");
    EXPECT_EQ(newest["organisation"], "Hospital 1");
    EXPECT_EQ(newest["role"], "council");
}

TEST(ApiTest, status_tells_height_and_what_the_nodes_say) {
    Observer observer;
    observer.follower.cross_check(kNow);
    const Json status = observer.get("/api/v1/status");
    EXPECT_EQ(status["chain_id"], "test-chain");
    EXPECT_EQ(status["indexed_height"], test_ledger().height().value);
    EXPECT_EQ(status["head"]["state_root"],
              test_ledger().blocks.back().block.header.state_root.hex());
    EXPECT_EQ(status["verification"]["state"], "following");
    EXPECT_EQ(status["verification"]["nodes"][0]["agrees"], true);
    EXPECT_EQ(status["quorum"], 3);
}

TEST(ApiTest, pages_stay_pinned_while_blocks_arrive) {
    const Height half{test_ledger().height().value / 2};
    Observer observer(half);
    std::vector<std::uint64_t> seen;
    std::map<std::string, std::string> query{{"limit", "3"}};
    while (true) {
        const Json page = observer.get("/api/v1/blocks", query);
        EXPECT_LE(page["items"].size(), 3U);
        for (const Json& item : page["items"]) seen.push_back(item["height"]);
        if (page["next_page_params"].is_null()) break;
        for (const auto& [name, value] : page["next_page_params"].items()) {
            query[name] = value.dump();
        }
        observer.index_up_to(observer.store.head().header.height.next());
    }
    ASSERT_EQ(seen.size(), half.value + 1);
    for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], half.value - i);
}

TEST(ApiTest, every_list_pages_without_gaps_or_repeats) {
    const Observer observer;
    for (const std::string name :
         {"blocks", "transactions", "events", "participants", "tasks", "rounds", "verdicts",
          "models", "privacy", "faults", "evidence"}) {
        const std::string path = "/api/v1/" + name;
        const Json all = observer.get(path, {{"limit", "100"}});
        EXPECT_EQ(all["indexed_height"], test_ledger().height().value) << name;
        Json collected = Json::array();
        std::map<std::string, std::string> query{{"limit", "7"}};
        while (collected.size() < 100) {
            const Json page = observer.get(path, query);
            for (const Json& item : page["items"]) collected.push_back(item);
            if (page["next_page_params"].is_null()) break;
            for (const auto& [key, value] : page["next_page_params"].items()) {
                query[key] = value.dump();
            }
        }
        collected.erase(collected.begin() + static_cast<std::ptrdiff_t>(
                                                std::min<std::size_t>(collected.size(), 100)),
                        collected.end());
        EXPECT_EQ(collected, all["items"]) << name;
    }
}

TEST(ApiTest, search_finds_heights_hashes_and_names) {
    const Observer observer;
    const auto first = [&](const std::string& text) {
        const Json items = observer.get("/api/v1/search", {{"q", text}})["items"];
        return items.empty() ? std::string() : items[0]["path"].get<std::string>();
    };
    const Block& block = test_ledger().blocks[2].block;
    EXPECT_EQ(first("2"), "/api/v1/blocks/2");
    EXPECT_EQ(first(header_digest(block.header).hex()), "/api/v1/blocks/2");
    const std::string id = transaction_id(block.transactions[0]).hex();
    EXPECT_EQ(first(id), "/api/v1/transactions/" + id);
    EXPECT_EQ(first("hosPITAL 3"), "/api/v1/participants");
    EXPECT_EQ(first("heart"), "/api/v1/tasks");
    EXPECT_EQ(first(std::string(64, 'a')), "");
    EXPECT_EQ(first("%"), "");
    EXPECT_EQ(first("<script>alert(1)</script>"), "");
    EXPECT_EQ(first("'; DROP TABLE blocks; --"), "");
}

TEST(ApiTest, bad_requests_get_a_problem_and_nothing_else) {
    const Observer observer;
    EXPECT_EQ(observer.ask("/api/v1/blocks/999999").status, 404U);
    EXPECT_EQ(observer.ask("/api/v1/blocks/-1").status, 400U);
    EXPECT_EQ(observer.ask("/api/v1/blocks/18446744073709551615").status, 400U);
    EXPECT_EQ(observer.ask("/api/v1/blocks", {{"limit", "101"}}).status, 400U);
    EXPECT_EQ(observer.ask("/api/v1/blocks", {{"limit", "0"}}).status, 400U);
    EXPECT_EQ(observer.ask("/api/v1/blocks", {{"cursor", "x"}}).status, 400U);
    EXPECT_EQ(observer.ask("/api/v1/transactions/zz").status, 400U);
    EXPECT_EQ(observer.ask("/api/v1/nothing").status, 404U);
    EXPECT_EQ(observer.ask("/api/v1/search").status, 400U);
    EXPECT_EQ(observer.ask("/etc/passwd").status, 404U);
    p2p::HttpRequest post;
    post.method = "POST";
    post.path = "/api/v1/blocks";
    EXPECT_EQ(observer.api.handle(post).status, 405U);
}

TEST(ApiTest, every_answer_has_the_security_headers) {
    const Observer observer;
    for (const std::string path : {"/", "/app.js", "/api/v1/status", "/healthz", "/nothing"}) {
        std::map<std::string, std::string> headers;
        for (const auto& [name, value] : observer.ask(path).headers) headers[name] = value;
        EXPECT_EQ(headers["X-Content-Type-Options"], "nosniff") << path;
        EXPECT_EQ(headers["X-Frame-Options"], "DENY") << path;
        EXPECT_NE(headers["Content-Security-Policy"].find("default-src 'self'"), std::string::npos);
    }
}

TEST(ApiTest, the_page_has_no_inline_script_style_or_foreign_address) {
    for (const Asset& asset : assets()) {
        const std::string text(asset.content);
        EXPECT_FALSE(text.empty()) << asset.path;
        EXPECT_EQ(text.find("innerHTML"), std::string::npos) << asset.path;
        EXPECT_EQ(text.find("https://"), std::string::npos) << asset.path;
        if (asset.path != "/") continue;
        EXPECT_EQ(text.find("<style"), std::string::npos);
        EXPECT_EQ(text.find(" style="), std::string::npos);
        EXPECT_EQ(text.find("<script>"), std::string::npos);
        EXPECT_EQ(text.find(" onclick"), std::string::npos);
    }
}

TEST(ApiTest, a_divergence_shows_in_status_health_and_metrics) {
    Observer observer(Height{1});
    observer.source.tamper = [](std::size_t, CertifiedBlock& block) {
        if (block.block.header.height != Height{2}) return;
        block.block.header.state_root.bytes[0] ^= 1;
        test_ledger().certify(block);
    };
    observer.index_up_to(test_ledger().height());
    const Json status = observer.get("/api/v1/status");
    EXPECT_EQ(status["verification"]["state"], "diverged");
    EXPECT_EQ(status["verification"]["divergence"]["check"], "state_root");
    EXPECT_EQ(status["findings"][0]["kind"], "divergence");
    EXPECT_EQ(observer.ask("/healthz").status, 503U);
    const auto metrics = observer.ask("/metrics").body;
    const std::string text(metrics.begin(), metrics.end());
    EXPECT_NE(text.find("consilium_explorer_diverged 1"), std::string::npos);
    EXPECT_EQ(observer.get("/api/v1/blocks")["items"].size(), 2U)
        << "what was verified stays there";
}

}  // namespace
}  // namespace consilium::explorer::testing
