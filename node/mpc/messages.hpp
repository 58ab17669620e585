// A randomised message of the worker, kept so that a resend is the same bytes.
//
// The blobs of KEY_COMMIT and CLIENT_KEYS have the layout of fl_engine/smpc/transport.hpp.
#pragma once
#include <cstddef>

#include "contracts/schema/limits.hpp"
#include "core/codec.hpp"

namespace consilium::mpc {

struct StoredMessage {
    Bytes arguments;
    Bytes blob;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("arguments", self.arguments, Limit{kMaxArgumentBytes});
        visit("blob", self.blob, Limit{schema::kMaxKeyBlobBytes});
    }
    static constexpr std::size_t kMaxArgumentBytes = 256 * 1024;
};

}  // namespace consilium::mpc
