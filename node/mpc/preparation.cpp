// Steps of each state of a batch, and the slices of their passes.
#include "node/mpc/preparation.hpp"

#include <algorithm>

#include "contracts/schema/arguments.hpp"
#include "fl_engine/smpc/coin.hpp"
#include "node/mpc/coin_shares.hpp"
#include "node/mpc/reveal.hpp"

namespace consilium::mpc {
namespace {

using schema::BatchRecord;
using schema::BatchState;
namespace action = schema::action;

Outgoing make_outgoing(const Context& context, std::uint64_t batch, const char* step,
                       std::uint16_t action_number) {
    return {.label = batch_name(context, batch) + "/" + step,
            .module = static_cast<std::uint16_t>(schema::Module::kVerification),
            .action = action_number,
            .arguments = {},
            .blobs = {}};
}

smpc::BatchItems items_of(const Context& context) {
    return smpc::BatchItems(static_cast<std::uint32_t>(context.epoch.clients.size()));
}

// Multiplications of one tile of a pass over all masks.
std::uint64_t tile_work(const Context& context) {
    const std::uint64_t ring = context.committee.subsets_of(context.self).size();
    const std::uint64_t slots = context.epoch.clients.size() + 1;
    return smpc::kTileElements * (slots * ring + items_of(context).size());
}

// w from the shares that the chain opened it with; nullopt while one is not here.
std::optional<std::vector<smpc::Element>> read_weights(const Context& context,
                                                       const BatchRecord& record) {
    std::vector<std::vector<smpc::Element>> vectors;
    for (const std::uint16_t member : record.weight_base) {
        const auto posted =
            context.find<schema::WeightShareRecord>(schema::keys::prep_w(record.label, member));
        if (!posted) return std::nullopt;
        const auto blob = context.blobs.get(posted->share.sha256);
        if (!blob) return std::nullopt;  // certified, hence held by others: it is being fetched
        auto words = smpc::decode_words(*blob, static_cast<std::size_t>(record.dimension));
        if (!words) return std::nullopt;
        vectors.push_back(std::move(*words));
    }
    std::vector<smpc::PostedShare> base;
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        base.push_back({record.weight_base[i], vectors[i]});
    }
    return smpc::interpolate_vector(base, 0);
}

}  // namespace

template <typename Make>
Preparation::Work* Preparation::run(const Context& context, const PassId& id, Make make) {
    if (job_ && job_->id != id) {
        context.status.has_work_left = true;
        return nullptr;
    }
    if (!job_) job_.emplace(Job{id, make()});
    const std::uint64_t tile = tile_work(context);
    bool is_done = false;
    while (!is_done && work_left_ > 0) {
        is_done = !std::visit([](auto& work) { return work.advance(); }, job_->work);
        work_left_ = saturating_sub(work_left_, tile);
    }
    if (is_done) return &job_->work;
    context.status.has_work_left = true;
    return nullptr;
}

Result<std::optional<BatchKeys>> Preparation::load_keys(const Context& context,
                                                        const BatchRecord& record) {
    auto keys = BatchKeys::load(context, record.label.batch);
    if (!keys || (*keys && (*keys)->dimension == record.dimension)) return keys;
    context.refuse("no keys of batch " + std::to_string(record.label.batch));
    if (job_ && job_->id.first == record.label.batch) job_.reset();
    return std::optional<BatchKeys>();
}

Result<void> Preparation::compute_products(const Context& context, const BatchRecord& record) {
    const std::uint64_t batch = record.label.batch;
    if (prepared_.contains(batch)) return {};
    auto keys = load_keys(context, record);
    if (!keys) return tl::unexpected(keys.error());
    if (!*keys) return {};
    if ((*keys)->products.empty()) {
        Work* const work = run(context, {batch, Pass::kProducts}, [&]() -> Work {
            return smpc::MaskBuilder(context.committee, context.self,
                                     (*keys)->mask_streams(context), (*keys)->dimension);
        });
        if (work == nullptr) return {};
        const auto& products = std::get<smpc::MaskBuilder>(*work).products();
        (*keys)->products.assign(products.begin(), products.end());
        if (auto stored = (*keys)->store(context, batch); !stored) return stored;
        job_.reset();
    }
    prepared_[batch] = true;
    return {};
}

Result<void> Preparation::post_share(const Context& context, const BatchRecord& record) {
    const std::uint64_t batch = record.label.batch;
    auto keys = load_keys(context, record);
    if (!keys) return tl::unexpected(keys.error());
    if (!*keys) return {};
    if ((*keys)->products.empty()) return {};  // being computed
    const HeldPrep prep(context, **keys, items_of(context));
    Outgoing outgoing = make_outgoing(context, batch, "prep-share", action::kPrepShare);
    outgoing.arguments = encode(
        schema::PrepShare{record.label, smpc::delta_shares((*keys)->products, prep.shares())});
    context.owed.push_back(std::move(outgoing));
    return {};
}

bool Preparation::resend(const Context& context, const PassId& id) const {
    const auto found = ready_.find(id);
    if (found == ready_.end()) return false;
    context.owed.push_back(found->second);
    return true;
}

Result<void> Preparation::release(const Context& context, const PassId& id, BatchKeys& keys,
                                  Outgoing outgoing) {
    job_.reset();
    auto is_admitted = may_release_once(context, id.first, keys, outgoing);
    if (!is_admitted) return tl::unexpected(is_admitted.error());
    if (!*is_admitted) return {};
    ready_[id] = outgoing;
    context.owed.push_back(std::move(outgoing));
    return {};
}

Result<void> Preparation::post_weights(const Context& context, const BatchRecord& record,
                                       BatchKeys& keys, const Digest& seed) {
    const PassId id{record.label.batch, Pass::kWeights};
    if (resend(context, id)) return {};
    Work* const work = run(context, id, [&]() -> Work {
        return smpc::SacrificeVector(context.committee, context.self, keys.mask_streams(context),
                                     keys.dimension,
                                     smpc::expand_seed(seed, context.epoch.clients.size()));
    });
    if (work == nullptr) return {};
    Bytes blob = smpc::encode_words(std::move(std::get<smpc::SacrificeVector>(*work)).take());
    Outgoing outgoing = make_outgoing(context, id.first, "prep-w", action::kPrepWeights);
    outgoing.arguments =
        encode(schema::PrepWeights{record.label, {sha256(blob), std::uint64_t{blob.size()}}});
    outgoing.blobs.push_back(std::move(blob));
    return release(context, id, keys, std::move(outgoing));
}

Result<void> Preparation::post_check(const Context& context, const BatchRecord& record,
                                     BatchKeys& keys, const Digest& seed) {
    const PassId id{record.label.batch, Pass::kChecks};
    if (resend(context, id)) return {};
    if (!job_ || job_->id != id) {
        auto weights = read_weights(context, record);
        if (!weights) return {};
        Work* const begun = run(context, id, [&]() -> Work {
            return smpc::SacrificeProducts(context.committee, context.self,
                                           keys.mask_streams(context), std::move(*weights));
        });
        if (begun == nullptr) return {};
    } else if (run(context, id, []() -> Work { UNREACHABLE(); }) == nullptr) {
        return {};
    }
    const smpc::BatchItems items = items_of(context);
    const HeldPrep prep(context, keys, items);
    const auto chi = smpc::expand_seed(seed, items.clients());
    Outgoing outgoing = make_outgoing(context, id.first, "prep-check", action::kPrepCheck);
    outgoing.arguments = encode(schema::PrepCheck{
        record.label,
        smpc::check_shares(items, {chi, record.delta, prep.shares().rho,
                                   std::get<smpc::SacrificeProducts>(job_->work).products()})});
    return release(context, id, keys, std::move(outgoing));
}

Result<void> Preparation::step_sacrifice(const Context& context, const BatchRecord& record) {
    const std::uint64_t batch = record.label.batch;
    auto keys = load_keys(context, record);
    if (!keys) return tl::unexpected(keys.error());
    if (!*keys) return {};
    schema::keys::CoinId chi;
    chi.label.mpc_epoch = record.label.mpc_epoch;
    chi.label.batch = batch;
    if (is_coin_share_owed(context, chi)) {
        context.owed.push_back(make_chi_share(context, **keys, record.label));
    }
    const auto coin = context.find<schema::CoinRecord>(schema::keys::coin(chi));
    if (!coin || !coin->seed) return {};
    if (record.weight_base.empty()) {
        if (context.is_mine(record.weight_posters)) return {};
        return post_weights(context, record, **keys, *coin->seed);
    }
    if (context.is_mine(record.check_posters)) return {};
    return post_check(context, record, **keys, *coin->seed);
}

Result<void> Preparation::post_reveal(const Context& context, const BatchRecord& record) {
    const auto dispute = context.find<schema::DisputeRecord>(schema::keys::dispute(record.label));
    if (!dispute || dispute->has_keys || context.is_mine(dispute->revealed)) return {};
    auto batch = RevealableBatch::examine(context, record);
    if (!batch) return tl::unexpected(batch.error());
    if (*batch) context.owed.push_back(make_reveal(context, **batch));
    return {};
}

Result<void> Preparation::claim(const Context& context, std::uint64_t batch) {
    if (claimed_.contains(batch)) return {};
    auto keys = BatchKeys::load(context, batch);
    if (!keys) return tl::unexpected(keys.error());
    if (!*keys) return {};
    auto is_claimed = claim_for_round(context, batch, **keys);
    if (!is_claimed) return tl::unexpected(is_claimed.error());
    if (*is_claimed) claimed_[batch] = true;
    return {};
}

Result<void> Preparation::step_batch(const Context& context, const BatchRecord& record) {
    switch (record.state) {
        case BatchState::kPosting: {
            if (auto done = compute_products(context, record); !done) return done;
            if (context.is_mine(record.posters)) return {};
            return post_share(context, record);
        }
        case BatchState::kCertified:
        case BatchState::kAssigned: {
            if (auto claimed = claim(context, record.label.batch); !claimed) return claimed;
            return compute_products(context, record);
        }
        case BatchState::kSacrifice: {
            if (auto posted = step_sacrifice(context, record); !posted) return posted;
            return compute_products(context, record);
        }
        case BatchState::kDisputed:
            return post_reveal(context, record);
        case BatchState::kConsumed:
        case BatchState::kVoid:
        case BatchState::kBurned:
            return {};
    }
    UNREACHABLE();
}

void Preparation::forget_finished(const Context& context) {
    const auto& live = context.epoch.live_batches;
    const auto find_live = [&](std::uint64_t batch) -> std::optional<BatchRecord> {
        if (!std::binary_search(live.begin(), live.end(), batch)) return std::nullopt;
        return context.find<BatchRecord>(schema::keys::batch({context.epoch.mpc_epoch, batch}));
    };
    const auto is_wanted = [&](const PassId& id) {
        const auto record = find_live(id.first);
        if (!record) return false;
        switch (id.second) {
            case Pass::kProducts:
                return record->state != BatchState::kDisputed;
            case Pass::kWeights:
                return record->state == BatchState::kSacrifice && record->weight_base.empty() &&
                       !context.is_mine(record->weight_posters);
            case Pass::kChecks:
                return record->state == BatchState::kSacrifice &&
                       !context.is_mine(record->check_posters);
        }
        UNREACHABLE();
    };
    if (job_ && !is_wanted(job_->id)) job_.reset();
    std::erase_if(ready_, [&](const auto& entry) { return !is_wanted(entry.first); });
    for (auto* batches : {&prepared_, &claimed_}) {
        std::erase_if(*batches, [&](const auto& entry) {
            return !std::binary_search(live.begin(), live.end(), entry.first);
        });
    }
}

Result<void> Preparation::step(const Context& context, EpochKeys& keys) {
    context.status.has_work_left = false;
    if (auto taken = take_new_batches(context, keys); !taken) return taken;
    if (auto erased = erase_finished_batches(context); !erased) return erased;
    if (context.epoch.is_excluded(static_cast<std::uint16_t>(context.self))) return {};
    forget_finished(context);
    work_left_ = context.options.slice_work;
    for (const std::uint64_t batch : context.epoch.live_batches) {
        const auto record =
            context.find<BatchRecord>(schema::keys::batch({context.epoch.mpc_epoch, batch}));
        if (!record) continue;
        if (auto done = step_batch(context, *record); !done) return done;
    }
    return {};
}

}  // namespace consilium::mpc
