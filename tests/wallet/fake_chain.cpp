// Answers of the fake chain in the JSON shapes of the node API.
#include "tests/wallet/fake_chain.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "contracts/schema/table.hpp"
#include "core/check.hpp"
#include "core/merkle.hpp"

namespace consilium::wallet_tests {
namespace {

using nlohmann::json;

p2p::ApiAnswer answer(unsigned status, const json& body) {
    return p2p::ApiAnswer{status, "application/json", body.dump()};
}

p2p::ApiAnswer problem(unsigned status, const std::string& code) {
    return p2p::ApiAnswer{
        status, "application/problem+json",
        json{{"status", status}, {"code", code}, {"detail", "because of " + code}}.dump()};
}

bool take_prefix(std::string& text, const std::string& prefix) {
    if (text.rfind(prefix, 0) != 0) return false;
    text.erase(0, prefix.size());
    return true;
}

}  // namespace

FakeConsortium FakeConsortium::make() {
    FakeConsortium made;
    made.genesis.chain_id = "test";
    made.genesis.time = TimeMs{1'700'000'000'000};
    for (int i = 0; i < 4; ++i) {
        made.validators.push_back(KeyPair::generate());
        made.council.push_back(KeyPair::generate());
        made.genesis.organisations.push_back({"Hospital " + std::string(1, char('A' + i)),
                                              made.validators.back().public_key(),
                                              made.council.back().public_key()});
    }
    return made;
}

FakeChain::FakeChain(const std::vector<KeyPair>& validators, const Genesis& genesis)
    : validators_(validators), genesis_(genesis), membership_(genesis.membership()) {
    make_block();
}

Certificate FakeChain::certify(const BlockHeader& header) const {
    Certificate certificate;
    certificate.epoch = header.epoch;
    certificate.height = header.height;
    certificate.digest = header_digest(header);
    const std::size_t signers = faults.forges_certificate ? 2 : 3;
    const auto& keys =
        header.epoch.value == 0 ? validators_ : eras_.at(header.epoch.value - 1).keys;
    for (std::size_t i = 0; i < signers; ++i) {
        certificate.signers |= std::uint64_t{1} << i;
        certificate.signatures.push_back(keys[i].sign(commit_vote_digest(
            genesis_.identity(), {header.epoch, header.height, View{0}, certificate.digest})));
    }
    return certificate;
}

void FakeChain::make_block() {
    Certified next;
    for (; !mempool_.empty(); mempool_.pop_front()) {
        Transaction& transaction = mempool_.front();
        if (faults.nonce_thefts > 0 && nonces_[transaction.sender] == transaction.nonce) {
            --faults.nonce_thefts;
            ++nonces_[transaction.sender];
        }
        if (transaction.nonce != nonces_[transaction.sender] ||
            transaction.valid_until.value <= blocks_.size()) {
            continue;
        }
        ++nonces_[transaction.sender];
        next.receipts.receipts.push_back({transaction_id(transaction), faults.receipt_code, {}});
        executed_.push_back(transaction);
        next.block.transactions.push_back(std::move(transaction));
    }
    state_ = state_.apply(pending_writes_);
    pending_writes_.clear();
    next.state = state_;
    BlockHeader& header = next.block.header;
    header.height = Height{blocks_.size() + 1};
    header.time = TimeMs{genesis_.time.value + header.height.value};
    header.tx_root = transaction_root(transaction_ids(next.block.transactions));
    header.receipt_root = receipt_root(next.receipts);
    header.state_root = state_.root();
    header.epoch = membership_.epoch;
    if (!eras_.empty() && eras_.back().announced == 0) {
        eras_.back().announced = blocks_.size() + 1;
        membership_ = eras_.back().membership;
    }
    header.membership_hash = membership_.hash();
    next.certificate = certify(header);
    blocks_.push_back(std::move(next));
}

void FakeChain::change_validators(std::vector<KeyPair> validators) {
    Era era{std::move(validators), {membership_.epoch.next(), {}}, 0};
    for (const KeyPair& key : era.keys) {
        era.membership.members.push_back({"Hospital", key.public_key()});
    }
    eras_.push_back(std::move(era));
    make_block();
}

Result<p2p::ApiAnswer> FakeChain::membership_answer(std::uint64_t epoch) const {
    if (epoch == 0 || epoch > eras_.size()) return problem(404, "not_found");
    const Era& era = eras_[epoch - 1];
    const Certified& last = blocks_.at(era.announced - 1);
    Membership told = era.membership;
    if (faults.forges_membership) std::swap(told.members.front(), told.members.back());
    return answer(200, {{"epoch", epoch},
                        {"membership", to_hex(encode(told))},
                        {"header", to_hex(encode(last.block.header))},
                        {"certificate", to_hex(encode(last.certificate))}});
}

void FakeChain::pause_ms(std::uint64_t duration_ms) {
    now_ms_ += duration_ms;
    make_block();
}

Result<p2p::ApiAnswer> FakeChain::post_transaction(ByteView bytes) {
    if (faults.is_down) return make_error(ErrorCode::kUnavailable, "connection refused");
    posted_.push_back(to_bytes(bytes));
    if (faults.busy_answers > 0) {
        --faults.busy_answers;
        return problem(503, "syncing");
    }
    const auto transaction = decode_transaction(bytes);
    if (!transaction || !has_valid_signature(*transaction)) return problem(400, "bad_signature");
    if (!faults.refusal.empty()) return problem(faults.refusal_status, faults.refusal);
    if (transaction->nonce < nonces_[transaction->sender]) return problem(409, "nonce_used");
    if (faults.waiting_nonces > 0) {
        --faults.waiting_nonces;
        return problem(409, "nonce_waiting");
    }
    if (!faults.loses_transactions) mempool_.push_back(*transaction);
    if (faults.hides_answers) return make_error(ErrorCode::kUnavailable, "connection reset");
    return answer(202, {{"tx_id", transaction_id(*transaction).hex()}});
}

Result<Bytes> FakeChain::get_blob(const Digest& hash, std::uint64_t length) {
    if (faults.is_down) return make_error(ErrorCode::kUnavailable, "connection refused");
    const auto found = blobs_.find(hash);
    if (found == blobs_.end()) return make_error(ErrorCode::kNotFound, "no such blob");
    if (found->second.size() != length) return make_error(ErrorCode::kMismatch, "another length");
    return found->second;
}

Result<std::size_t> FakeChain::put_blob(const KeyPair& /*account*/, const p2p::BlobUpload& upload) {
    if (faults.is_down) return make_error(ErrorCode::kUnavailable, "connection refused");
    const auto is_named = [&](const Transaction& transaction) {
        const auto named = schema::blob_reference(transaction);
        return named && named->sha256 == sha256(upload.data) && named->length == upload.data.size();
    };
    const bool is_wanted = expected_blobs_.contains(sha256(upload.data)) ||
                           std::any_of(mempool_.begin(), mempool_.end(), is_named);
    if (faults.refuses_blobs || !is_wanted) {
        return make_error(ErrorCode::kRefused, "a node answers 403");
    }
    uploaded_.push_back(to_bytes(upload.data));
    return 1;
}

Result<p2p::ApiAnswer> FakeChain::transaction_answer(const std::string& id, bool with_proof) const {
    for (const Certified& certified : blocks_) {
        const auto& receipts = certified.receipts.receipts;
        for (std::size_t i = 0; i < receipts.size(); ++i) {
            if (receipts[i].tx_id.hex() != id) continue;
            json body = {{"tx_id", id},
                         {"height", certified.block.header.height.value},
                         {"index", i},
                         {"block_digest", certified.certificate.digest.hex()},
                         {"receipt",
                          {{"code", receipts[i].code},
                           {"name", receipts[i].code == 0 ? "ok" : "wrong_phase"},
                           {"events", json::array()}}}};
            if (with_proof) {
                Receipt told = receipts[i];
                if (faults.forges_receipt) told.code = 0;
                body["receipt_bytes"] = to_hex(encode(told));
                body["receipt_proof"] =
                    to_hex(encode(prove_leaf(receipt_leaves(certified.receipts), i + 1)));
                body["header"] = to_hex(encode(certified.block.header));
                body["certificate"] = to_hex(encode(certified.certificate));
            }
            return answer(200, body);
        }
    }
    return problem(404, "not_found");
}

Result<p2p::ApiAnswer> FakeChain::state_answer(const std::string& key) const {
    const Bytes path = decode_hex(key).value();
    const Certified& head =
        faults.stale_height ? blocks_.at(*faults.stale_height - 1) : blocks_.back();
    const auto value = head.state.get(path);
    json body = {{"height", head.block.header.height.value},
                 {"value", nullptr},
                 {"proof", to_hex(encode(head.state.prove(path)))},
                 {"header", to_hex(encode(head.block.header))},
                 {"certificate", to_hex(encode(head.certificate))}};
    if (value) body["value"] = to_hex(*value);
    if (faults.forges_value) body["value"] = "00";
    return answer(200, body);
}

Result<p2p::ApiAnswer> FakeChain::get(std::string_view target) {
    if (faults.is_down) return make_error(ErrorCode::kUnavailable, "connection refused");
    std::string rest(target);
    const std::size_t question = rest.find('?');
    const std::string query = question == std::string::npos ? "" : rest.substr(question + 1);
    rest = rest.substr(0, question);
    if (rest == "/v1/status") {
        return answer(200, {{"chain_id", genesis_.chain_id},
                            {"genesis_hash", genesis_.hash().hex()},
                            {"height", blocks_.size()},
                            {"version", "test"}});
    }
    if (take_prefix(rest, "/v1/accounts/")) {
        const auto key = decode_public_key_hex(rest).value();
        const std::uint64_t nonce = nonces_[key];
        return answer(200, {{"nonce", nonce}, {"pending_nonce", nonce}, {"account", nullptr}});
    }
    if (take_prefix(rest, "/v1/transactions/")) return transaction_answer(rest, query == "proof=1");
    if (take_prefix(rest, "/v1/state/")) return state_answer(rest);
    if (take_prefix(rest, "/v1/memberships/")) return membership_answer(std::stoull(rest));
    if (take_prefix(rest, "/v1/blocks/")) {
        const std::size_t height = std::stoul(rest);
        if (height == 0 || height > blocks_.size()) return problem(404, "not_found");
        Bytes bytes = encode(blocks_[height - 1].block);
        const Bytes certificate = encode(blocks_[height - 1].certificate);
        bytes.insert(bytes.end(), certificate.begin(), certificate.end());
        return p2p::ApiAnswer{200, "application/octet-stream",
                              std::string(bytes.begin(), bytes.end())};
    }
    return problem(404, "not_found");
}

}  // namespace consilium::wallet_tests
