// The rule "the first valid message per (label, sender) counts": what a second one is.
#pragma once
#include <cstdint>

#include "contracts/execution.hpp"

namespace consilium::contracts {

struct ActionName {
    schema::Module module;
    std::uint16_t action;
};

// kDuplicate for the same content again; otherwise kEquivocation, and the event that records it.
[[nodiscard]] inline schema::Code compare_stored(Execution& execution, const Sender& sender,
                                                 ActionName name, bool is_same) {
    if (is_same) return schema::Code::kDuplicate;
    execution.emit(
        schema::Module::kVerification, schema::event::kEquivocation,
        schema::Equivocation{static_cast<std::uint16_t>(name.module), name.action, sender.key});
    return schema::Code::kEquivocation;
}
[[nodiscard]] inline schema::Code compare_stored(Execution& execution, const Sender& sender,
                                                 std::uint16_t verification_action, bool is_same) {
    return compare_stored(execution, sender, {schema::Module::kVerification, verification_action},
                          is_same);
}

}  // namespace consilium::contracts
