// The schema. Heights, numbers and times are integers; hashes, keys and canonical encodings blobs.
#include "explorer/schema.hpp"

namespace consilium::explorer {

const char* const kCreateTables = R"sql(
CREATE TABLE IF NOT EXISTS blobs (
  sha256 BLOB PRIMARY KEY, content BLOB NOT NULL, is_derived INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (
  name TEXT PRIMARY KEY, value BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (
  key BLOB PRIMARY KEY, value BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (
  height INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, time_ms INTEGER NOT NULL,
  proposer INTEGER NOT NULL, view INTEGER NOT NULL, state_root BLOB NOT NULL,
  transactions INTEGER NOT NULL, events INTEGER NOT NULL,
  header BLOB NOT NULL, certificate BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS signers (
  height INTEGER NOT NULL, replica INTEGER NOT NULL, name TEXT NOT NULL, key BLOB NOT NULL,
  PRIMARY KEY (height, replica)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transactions (
  sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, height INTEGER NOT NULL,
  position INTEGER NOT NULL, sender BLOB NOT NULL, module INTEGER NOT NULL,
  action INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS transactions_by_height ON transactions (height);
CREATE TABLE IF NOT EXISTS receipts (
  sequence INTEGER PRIMARY KEY REFERENCES transactions (sequence),
  code INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, height INTEGER NOT NULL, tx_id BLOB,
  module INTEGER NOT NULL, kind INTEGER NOT NULL, json TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_height ON events (height);
CREATE TABLE IF NOT EXISTS organisations (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL, height INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS accounts (
  key BLOB PRIMARY KEY, organisation INTEGER NOT NULL, role TEXT NOT NULL, status TEXT NOT NULL,
  number INTEGER NOT NULL, registered INTEGER NOT NULL, changed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, created INTEGER NOT NULL,
  json TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS rounds (
  round INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, task INTEGER NOT NULL,
  phase TEXT NOT NULL, reason TEXT NOT NULL, first_opened INTEGER NOT NULL,
  changed INTEGER NOT NULL, json TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS round_phases (
  sequence INTEGER PRIMARY KEY, round INTEGER NOT NULL, attempt INTEGER NOT NULL,
  height INTEGER NOT NULL,
  phase TEXT NOT NULL, time_ms INTEGER NOT NULL,
  UNIQUE (round, attempt, height, phase)
);
CREATE TABLE IF NOT EXISTS round_clients (
  round INTEGER NOT NULL, slot INTEGER NOT NULL, attempt INTEGER NOT NULL, trainer BLOB NOT NULL,
  pledged INTEGER NOT NULL, submitted INTEGER NOT NULL, ranged INTEGER NOT NULL,
  code TEXT, is_suspect INTEGER, weight INTEGER, reduced_weight INTEGER,
  PRIMARY KEY (round, slot)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS statistics (
  round INTEGER PRIMARY KEY, height INTEGER NOT NULL, json TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS verdicts (
  round INTEGER PRIMARY KEY, height INTEGER NOT NULL, json TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS models (
  sequence INTEGER PRIMARY KEY, task INTEGER NOT NULL, version INTEGER NOT NULL, parent INTEGER,
  round INTEGER,
  sha256 BLOB NOT NULL, created INTEGER NOT NULL, json TEXT NOT NULL,
  UNIQUE (task, version)
);
CREATE TABLE IF NOT EXISTS metrics (
  task INTEGER NOT NULL, version INTEGER NOT NULL, trainer BLOB NOT NULL,
  auc_micros INTEGER NOT NULL, accuracy_micros INTEGER NOT NULL,
  balanced_accuracy_micros INTEGER NOT NULL, rows_log2 INTEGER NOT NULL, height INTEGER NOT NULL,
  PRIMARY KEY (task, version, trainer)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reference_sets (
  sha256 BLOB PRIMARY KEY, approved INTEGER NOT NULL, json TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS privacy (
  sequence INTEGER PRIMARY KEY, task INTEGER NOT NULL, organisation INTEGER NOT NULL,
  first_height INTEGER NOT NULL, json TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS faults (
  sequence INTEGER PRIMARY KEY, height INTEGER NOT NULL, kind TEXT NOT NULL, json TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS evidence (
  sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL,
  epoch INTEGER NOT NULL, height INTEGER NOT NULL, view INTEGER NOT NULL,
  offender BLOB NOT NULL, name TEXT NOT NULL, first_claim BLOB NOT NULL,
  second_claim BLOB NOT NULL, content BLOB NOT NULL, node TEXT NOT NULL, time_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS evidence_by_offender ON evidence (offender);
CREATE TABLE IF NOT EXISTS divergences (
  sequence INTEGER PRIMARY KEY, height INTEGER NOT NULL, kind TEXT NOT NULL, node TEXT NOT NULL,
  check_name TEXT NOT NULL, expected TEXT NOT NULL, found TEXT NOT NULL, time_ms INTEGER NOT NULL,
  is_open INTEGER NOT NULL
);
)sql";

const char* const kDropTables = R"sql(
DROP TABLE IF EXISTS evidence; DROP TABLE IF EXISTS reference_sets; DROP TABLE IF EXISTS privacy;
DROP TABLE IF EXISTS divergences; DROP TABLE IF EXISTS faults; DROP TABLE IF EXISTS metrics;
DROP TABLE IF EXISTS models; DROP TABLE IF EXISTS verdicts; DROP TABLE IF EXISTS statistics;
DROP TABLE IF EXISTS round_clients; DROP TABLE IF EXISTS round_phases;
DROP TABLE IF EXISTS rounds; DROP TABLE IF EXISTS tasks; DROP TABLE IF EXISTS accounts;
DROP TABLE IF EXISTS organisations; DROP TABLE IF EXISTS events; DROP TABLE IF EXISTS receipts;
DROP TABLE IF EXISTS transactions; DROP TABLE IF EXISTS signers; DROP TABLE IF EXISTS blocks;
DROP TABLE IF EXISTS state; DROP TABLE IF EXISTS meta;
)sql";

}  // namespace consilium::explorer
