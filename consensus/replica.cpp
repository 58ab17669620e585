// The public face of the replica.
#include "consensus/replica.hpp"

#include "consensus/machine.hpp"

namespace consilium::consensus {

Replica::Replica(ReplicaConfig config, ChainIdentity identity, const Signer& signer,
                 StartState start)
    : machine_(std::make_unique<Machine>(config, std::move(identity), signer, std::move(start))) {}
Replica::Replica(Replica&&) noexcept = default;
Replica& Replica::operator=(Replica&&) noexcept = default;
Replica::~Replica() = default;

Output Replica::step(const Input& input) {
    return machine_->step(input);
}
Admission Replica::admit(const Message& message, TimeMs now) const {
    return machine_->admit(message, now);
}
const VerifyContext& Replica::verify_context() const {
    return machine_->context();
}
Height Replica::height() const {
    return machine_->height();
}
View Replica::view() const {
    return machine_->view();
}
ReplicaId Replica::primary() const {
    return machine_->primary_in(machine_->view());
}
std::optional<ReplicaId> Replica::self() const {
    return machine_->self();
}
bool Replica::can_vote() const {
    return machine_->can_vote();
}
bool Replica::is_changing_view() const {
    return machine_->is_changing_view();
}
std::size_t Replica::buffered_messages() const {
    return machine_->buffered_messages();
}
std::size_t Replica::max_buffered_messages() const {
    return machine_->max_buffered_messages();
}

ReplicaId primary_of(const BlockHeader& parent, View view, const Membership& membership) {
    CHECK(!membership.members.empty());
    const std::uint64_t count = membership.size();
    const std::uint64_t position = (parent.proposer.value + view.value % count) % count;
    return ReplicaId{static_cast<std::uint16_t>(position)};
}

}  // namespace consilium::consensus
