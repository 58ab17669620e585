// Evidence of equivocation, as this node saw it: listed, and shown with its proof.
#include "consensus/evidence.hpp"
#include "consensus/message_names.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/records.hpp"
#include "node/api.hpp"
#include "node/api_text.hpp"

namespace consilium::node {
namespace {

using nlohmann::json;

Result<json> render(const driver::EvidenceRecord& record) {
    const auto evidence = decode<consensus::Evidence>(record.content);
    if (!evidence) return make_error(ErrorCode::kInternal, "stored evidence is damaged");
    return json{{"id", sha256(record.content).hex()},
                {"offender", record.offender.hex()},
                {"kind", consensus::to_string(evidence->kind)},
                {"epoch", evidence->slot.epoch.value},
                {"height", evidence->slot.height.value},
                {"view", evidence->slot.view.value},
                {"seen_ms", record.seen.value}};
}

}  // namespace

p2p::HttpResponse Api::evidence() const {
    const auto records = runtime_.blocks().load_evidence();
    if (!records) return problem_of(records.error());
    json items = json::array();
    for (const driver::EvidenceRecord& record : *records) {
        auto item = render(record);
        if (!item) return problem_of(item.error());
        items.push_back(std::move(*item));
    }
    return json_response({{"items", std::move(items)}});
}

p2p::HttpResponse Api::evidence(const std::string& id) const {
    const auto wanted = decode_digest_hex(id);
    if (!wanted) return problem_of(wanted.error());
    const auto records = runtime_.blocks().load_evidence();
    if (!records) return problem_of(records.error());
    for (const driver::EvidenceRecord& record : *records) {
        if (sha256(record.content) != *wanted) continue;
        auto item = render(record);
        if (!item) return problem_of(item.error());
        (*item)["evidence"] = to_hex(record.content);
        return json_response(*item);
    }
    return problem(404, "not_found", "this node holds no such evidence");
}

}  // namespace consilium::node
