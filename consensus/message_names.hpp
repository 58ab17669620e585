// Names of message types, as they stand in answers of the APIs.
#pragma once
#include <string_view>

#include "consensus/messages.hpp"

namespace consilium::consensus {

[[nodiscard]] inline std::string_view to_string(MessageType type) {
    switch (type) {
        case MessageType::kPrePrepare:
            return "pre_prepare";
        case MessageType::kPrepare:
            return "prepare";
        case MessageType::kCommit:
            return "commit";
        case MessageType::kViewChange:
            return "view_change";
        case MessageType::kNewView:
            return "new_view";
        case MessageType::kCheckpoint:
            return "checkpoint";
        case MessageType::kCheckpointQuery:
            return "checkpoint_query";
    }
    UNREACHABLE();
}

}  // namespace consilium::consensus
