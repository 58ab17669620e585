// An audit of an export, without a network.
//
// First every byte of the folder is checked against manifest and head; only an intact export is
// audited, with the same report as the nodes' chain would give. Whoever could write the folder
// could write a manifest that fits: what makes the chain genuine are its signatures, checked by the
// audit, and the genesis, which the auditor knows from elsewhere.
#pragma once
#include <optional>
#include <string>

#include "explorer/audit.hpp"

namespace consilium::explorer {

struct OfflineOptions {
    std::string folder;
    std::optional<Genesis> genesis;  // the one that the auditor trusts; nullopt: the folder's
    std::optional<Height> last;      // nullopt: as far as the export was made for
};
// `options.last` is not used. kNotFound: the folder is no finished export. Damaged files are in the
// report. Otherwise errors as of run_audit().
[[nodiscard]] Result<AuditReport> run_offline_audit(const OfflineOptions& offline,
                                                    AuditOptions options);

}  // namespace consilium::explorer
