// Types of the explorer's API answers, and how they are fetched.

export interface Page<T> {
  items: T[];
  next_page_params: { cursor: number; at: number; limit: number } | null;
  indexed_height: number;
}
export interface Finding {
  height: number;
  kind: string;
  node: string;
  check: string;
  expected: string;
  found: string;
  is_open: boolean;
}
export interface NodeView {
  name: string;
  is_reachable: boolean;
  height: number | null;
  agrees: boolean | null;
  problem: string;
}
export interface Status {
  chain_id: string;
  genesis_hash: string;
  indexed_height: number;
  validators: number;
  quorum: number;
  membership_epoch: number;
  version: string;
  head?: { height: number; digest: string; state_root: string; time_ms: number };
  counts: Record<string, number>;
  findings: Finding[];
  verification: {
    state: "starting" | "following" | "stale" | "diverged";
    text: string;
    problem: string;
    stale_since_ms: number | null;
    divergence: Finding | null;
    nodes: NodeView[];
  };
}
export interface Account {
  key: string;
  role: string;
  status: string;
}
export interface Participant {
  id: number;
  name: string;
  accounts: Account[];
}
export interface RoundClient {
  slot: number;
  name: string | null;
  pledged: boolean;
  submitted: boolean;
  ranged: boolean; // sent the proof of its range
  code: string | null;
  is_suspect: boolean;
  outcome: string;
  share: number;
}
export interface ReferenceSet {
  blob: { sha256: string; length: number };
  data_schema: string;
  columns: number;
  negatives: number;
  positives: number;
}
export interface Round {
  round: number;
  attempt: number;
  task: number;
  task_name: string | null;
  task_round: number;
  phase: string;
  reason: string;
  opened_height: number;
  opened_time_ms: number;
  phase_time_ms: number;
  mode: string;
  reference: {
    set: ReferenceSet | null;
    is_required: boolean;
    agreed: string | null;
  } | null;
  from_version: number;
  to_version: number | null;
  phases: { attempt: number; phase: string; height: number; time_ms: number }[];
  clients: RoundClient[];
  recomputed: string[];
}
export interface Model {
  task: number;
  task_name: string | null;
  version: number;
  parent: number | null;
  round: number | null;
  sha256: string;
  created_height: number;
  is_current: boolean;
  is_promoted: boolean;
  metrics: {
    auc?: number;
    accuracy?: number;
    balanced_accuracy?: number;
    reports: { name: string | null; auc: number; balanced_accuracy: number }[];
  };
}
export interface Task {
  id: number;
  name: string;
  status: string;
  created_height: number;
  record: {
    dimension?: number;
    rounds_begun?: number;
    rounds_done?: number;
    spec?: {
      data_schema: string;
      rounds: number;
      mode: string;
      malicious_max: number;
      model: { kind: string; layers: number[] };
      privacy: { clip: number; noise: number; delta_bits: number } | null;
    };
  };
}
export interface PrivacyAccount {
  task: number; // 0 adds up all tasks
  organisation: number;
  name: string | null;
  epsilon_local: number;
  epsilon_central: number;
  epsilon_local_all_tasks: number;
  record: { rounds_opened: number; rounds_summed: number; delta_bits: number };
}
export interface Block {
  height: number;
  digest: string;
  time_ms: number;
  proposer: number;
  transactions: number;
  signers: number;
}
export interface Transaction {
  id: string;
  height: number;
  module: string;
  name: string;
  code: number;
  code_name: string;
  organisation: string | null;
  role: string | null;
}
// Two different messages that one member signed for one slot of consensus.
export interface Evidence {
  id: string;
  kind: string;
  height: number;
  view: number;
  name: string;
  node: string;
  time_ms: number;
}
// What the chain itself has recorded against members.
export interface Fault {
  sequence: number;
  height: number;
  kind: string;
  payload: {
    member?: number;
    mpc_epoch?: number;
    label?: { mpc_epoch: number; round?: number; batch: number };
  };
}
export interface SearchResult {
  type: string;
  label: string;
  path: string;
}

export class ApiError extends Error {}

export async function get<T>(path: string): Promise<T> {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) {
    const detail = await answer.json().then((json: { detail?: string }) => json.detail, () => "");
    throw new ApiError(detail || `The explorer answers ${answer.status}.`);
  }
  return (await answer.json()) as T;
}
