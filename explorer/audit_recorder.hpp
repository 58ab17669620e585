// Who wants to keep what an audit reads: the export.
#pragma once
#include "core/digest.hpp"
#include "explorer/chain_verifier.hpp"

namespace consilium::explorer {

class AuditRecorder {
  public:
    AuditRecorder() = default;
    AuditRecorder(const AuditRecorder&) = delete;
    AuditRecorder& operator=(const AuditRecorder&) = delete;
    AuditRecorder(AuditRecorder&&) = delete;
    AuditRecorder& operator=(AuditRecorder&&) = delete;
    virtual ~AuditRecorder() = default;

    // A block that a quorum signed, in the order of heights; also one that execution contradicts.
    virtual void add_block(const CertifiedBlock& block) = 0;
    // A blob that the audit has read or derived, before the block it is of; may come again.
    virtual void add_blob(const Digest& hash, ByteView content) = 0;
    // An error ends the audit.
    [[nodiscard]] virtual Result<void> outcome() const = 0;
};

}  // namespace consilium::explorer
