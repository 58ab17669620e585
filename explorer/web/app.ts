// The explorer's page: shows what the API answers, again after every block.

import {
  Block, Evidence, Fault, Model, Page, Participant, PrivacyAccount, Round, RoundClient,
  SearchResult, Status, Task, Transaction, get,
} from "./api";
import { lineChart } from "./chart";
import { byId, clock, el, percent, short, show, words } from "./dom";

const API = "/api/v1";
const REFRESH_MS = 400; // at most this often, however fast blocks come
const PHASES = [
  ["submitting", "Train and submit"],
  ["coin_range", "Draw projections"],
  ["ranging", "Prove norms"],
  ["coin_test", "Draw test"],
  ["stat1", "Check norms"],
  ["stat2", "Comparisons"],
  ["aggregate", "Aggregate"],
  ["result", "New model"],
] as const;
const REASONS: Record<string, string> = {
  NO_SUBMIT: "did not submit",
  NO_RANGE: "no proof of the norm",
  RANGE_FAIL: "proof of the norm failed",
  NORM_FAIL: "norm too large",
  NULL: "hardly any update",
  REF: "against the reference",
  AGREE: "against the majority",
  LOO: "worsens the group",
};

function reasonOf(client: RoundClient): string {
  return client.code ? REASONS[client.code] ?? words(client.code) : "";
}

function opener(label: string, path: string, title: string, className = "link"): HTMLElement {
  return el("button", {
    type: "button", class: className, "data-key": path,
    click: () => void openDetail(path, title),
  }, label);
}

function table(head: string[], rows: HTMLElement[]): HTMLElement {
  return el("table", {},
    el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...rows));
}

function empty(text: string): HTMLElement {
  return el("p", { class: "empty" }, text);
}

function chip(text: string, kind: string): HTMLElement {
  return el("span", { class: `chip ${kind}` }, text);
}

function showStatus(status: Status): void {
  const check = status.verification;
  byId("chain-id").textContent = status.chain_id;
  byId("height").textContent = String(status.indexed_height);
  byId("genesis").textContent = `genesis ${short(status.genesis_hash)}`;
  byId("version").textContent = `version ${status.version}`;
  const badge = byId("badge");
  badge.className = `badge ${check.state}`;
  const labels = {
    starting: "Waiting for a node",
    following: "Verified by this machine",
    stale: "Stale",
    diverged: "Divergence found",
  };
  badge.textContent = labels[check.state];
  if (check.state === "stale" && check.stale_since_ms) {
    badge.textContent = `Stale since ${clock(check.stale_since_ms)}`;
  }
  badge.title = check.text;
  const alert = byId("alert");
  const finding = check.divergence;
  alert.hidden = check.state !== "diverged" || !finding;
  alert.textContent = finding
    ? `Block ${finding.height} contradicts what this machine computed (${words(finding.check)}: ` +
      `expected ${short(finding.expected)}, found ${short(finding.found)}). ` +
      "Nothing after it is shown. Keep this index and tell the council."
    : "";
  showVerification(status);
}

function showVerification(status: Status): void {
  const check = status.verification;
  const nodes = check.nodes.map((node) => {
    const state = !node.is_reachable ? chip("Unreachable", "grey")
      : node.agrees === false ? chip("Disagrees", "bad")
      : node.agrees ? chip("Same chain", "good") : chip("Not compared yet", "grey");
    return el("tr", {},
      el("td", { class: "mono" }, node.name), el("td", {}, state),
      el("td", { class: "number" }, node.height === null ? "" : String(node.height)),
      el("td", { class: "muted breaks" }, node.problem));
  });
  const findings = status.findings.map((finding) => el("li", {},
    chip(words(finding.kind), finding.kind === "unproven" ? "warn" : "bad"),
    ` Block ${finding.height}, ${words(finding.check).toLowerCase()}, ` +
    `from ${finding.node}: expected ` +
    `${short(finding.expected)}, found ${short(finding.found)}`));
  show("verification",
    el("p", {}, check.text),
    el("p", { class: "muted" },
      `A block counts with signatures of ${status.quorum} of ${status.validators} validators ` +
      `(membership epoch ${status.membership_epoch}). ` +
      "Its transactions are executed again here; receipts, state, verdicts and aggregates must " +
      "come out the same."),
    el("div", { class: "scroll" }, table(["Node", "State", "Claims block", "Problem"], nodes)),
    findings.length > 0 && el("ul", { class: "findings" }, ...findings));
}

function showCurrent(round: Round | undefined): void {
  const state = byId("round-state");
  if (!round) {
    state.textContent = "";
    show("current",
      empty("No round was opened yet. Rounds begin when the council has created a task " +
      "and the hospitals' keys are set up."));
    return;
  }
  const isOver = ["result", "cancelled", "aborted"].includes(round.phase);
  state.textContent = isOver ? words(round.phase) : "Running";
  state.className = `chip ${round.phase === "result" ? "good" : isOver ? "bad" : "live"}`;
  const at = PHASES.findIndex(([phase]) => phase === round.phase);
  const steps = PHASES.map(([phase, label], index) => {
    const times = round.phases.filter(
      (one) => one.phase === phase && one.attempt === round.attempt);
    const time = times[times.length - 1];
    const done = index < at || (index === at && isOver);
    const kind = done ? "done" : index === at ? "now" : time ? "done" : "";
    return el("li", { class: kind, "aria-current": index === at ? "step" : undefined },
      el("span", { class: "step-name" }, label),
      el("span", { class: "muted" }, time ? `block ${time.height}` : "\u00a0"));
  });
  const people = round.clients.map((client) => el("li", { class: `person ${client.outcome}` },
    el("span", { class: "name" }, client.name ?? `Slot ${client.slot}`),
    chip(words(client.outcome), outcomeKind(client)),
    client.outcome === "rejected" || client.outcome === "suspect"
      ? el("span", { class: "muted" }, reasonOf(client)) : null));
  const answered = round.clients.filter((client) => client.submitted).length;
  show("current",
    el("p", { class: "round-line" },
      el("strong", {}, `Round ${round.round}`),
      ` of ${round.task_name ?? "task " + round.task}`,
      round.attempt > 0 ? `, attempt ${round.attempt + 1}` : "",
      `, from model v${round.from_version}`,
      round.to_version === null ? "" : ` to v${round.to_version}`,
      el("span", { class: "spacer" }),
      `${answered} of ${round.clients.length} submitted`,
      round.reference && chip(referenceWords(round), round.reference.agreed ? "good" : "grey"),
      isOver && round.reason !== "none" && chip(words(round.reason), "bad")),
    el("ol", { class: "steps" }, ...steps),
    el("ul", { class: "people" }, ...people));
}

function referenceWords(round: Round): string {
  const set = round.reference?.set;
  const records = set ? `${set.negatives + set.positives} records, ${set.positives} positive` : "";
  return round.reference?.agreed ? `Compared with a reference: ${records}`
    : `Reference set: ${records}, not agreed on yet`;
}

function outcomeKind(client: RoundClient): string {
  const kinds: Record<string, string> = {
    accepted: "good", suspect: "warn", rejected: "bad", absent: "grey", waiting: "grey",
    pledged: "live", submitted: "live",
  };
  return kinds[client.outcome] ?? "grey";
}

function cell(client: RoundClient | undefined): HTMLElement {
  if (!client) return el("td", { class: "muted" }, "\u2013");
  const isJudged = client.code !== null;
  const label = client.outcome === "rejected" || client.outcome === "suspect"
    ? `${words(client.outcome)}: ${reasonOf(client)}` : words(client.outcome);
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  const fillElement = el("span", { class: `fill ${outcomeKind(client)}` });
  fillElement.style.width = `${Math.round(100 * client.share)}%`;
  bar.append(fillElement);
  return el("td", {},
    el("div", { class: "verdict" },
      el("span", { class: `word ${outcomeKind(client)}` }, label),
      isJudged && client.share > 0 && el("span", { class: "muted number" }, percent(client.share))),
    isJudged ? bar : null);
}

function showRounds(rounds: Round[]): void {
  const names = new Map<string, string>();
  for (const round of rounds) {
    for (const client of round.clients) {
      const name = client.name ?? `Slot ${client.slot}`;
      names.set(name, name);
    }
  }
  if (rounds.length === 0) {
    show("rounds", empty("No rounds yet."));
    return;
  }
  const hospitals = [...names.keys()].sort();
  const rows = rounds.map((round) => el("tr", {},
    el("td", {}, opener(String(round.round), `${API}/rounds/${round.round}`,
      `Round ${round.round}`)),
    el("td", {},
      chip(words(round.phase), round.phase === "result" ? "good"
        : round.phase === "cancelled" || round.phase === "aborted" ? "bad" : "live"),
      round.reason !== "none" && el("div", { class: "muted" }, words(round.reason))),
    ...hospitals.map((name) => cell(round.clients.find(
      (client) => (client.name ?? `Slot ${client.slot}`) === name))),
    el("td", {}, round.to_version === null ? "\u2013" : `v${round.to_version}`),
    el("td", { class: "muted" }, seconds(round)),
    el("td", {}, el("span", {
      class: "check", title: `Recomputed here: ${round.recomputed.map(words).join(", ")}`,
    }, "\u2713 ", round.recomputed.includes("aggregate") ? "verdict, aggregate"
      : round.recomputed.includes("verdict") ? "verdict" : "blocks"))));
  show("rounds", table(["Round", "State", ...hospitals, "Model", "Time", "Recomputed"], rows));
}

function seconds(round: Round): string {
  if (round.phase !== "result" && round.phase !== "cancelled") return "";
  return `${((round.phase_time_ms - round.opened_time_ms) / 1000).toFixed(1)} s`;
}

function showParticipants(list: Participant[]): void {
  const items = list.map((one) => el("li", {},
    el("span", { class: "name" }, one.name),
    el("span", { class: "roles" }, ...one.accounts.map((account) => {
      const kind = account.status === "approved" ? "plain"
        : account.status === "pending" ? "warn" : "bad";
      const text = account.status === "approved" ? words(account.role)
        : `${words(account.role)}: ${account.status}`;
      const role = chip(text, kind);
      role.title = `${account.role}, ${account.status}, key ${account.key}`;
      return role;
    }))));
  show("participants", items.length > 0 ? el("ul", { class: "participants" }, ...items)
    : empty("Nobody is registered."));
}

function showMetrics(models: Model[]): void {
  const newest = models[0];
  if (!newest) {
    show("metrics", empty("No model is registered yet."));
    return;
  }
  const ours = models
    .filter((model) => model.task === newest.task && model.metrics.auc !== undefined)
    .sort((a, b) => a.version - b.version);
  const last = ours[ours.length - 1];
  if (!last) {
    show("metrics", empty("No hospital has reported metrics yet."));
    return;
  }
  const series = [
    { name: "AUC", className: "a",
      points: ours.map((model) => ({ x: model.version, y: model.metrics.auc ?? 0 })) },
    { name: "Balanced accuracy", className: "b",
      points: ours.map((model) => ({ x: model.version,
        y: model.metrics.balanced_accuracy ?? 0 })) },
  ];
  const figure = (name: string, value: number | undefined, className: string) => el("div",
    { class: "figure" },
    el("span", { class: `key ${className}` }, name),
    el("span", { class: "big" }, (value ?? 0).toFixed(3)));
  show("metrics",
    el("div", { class: "figures" },
      figure("AUC", last.metrics.auc, "a"),
      figure("Balanced accuracy", last.metrics.balanced_accuracy, "b"),
      el("div", { class: "figure" }, el("span", { class: "key" }, "Reported by"),
        el("span", { class: "big" }, String(last.metrics.reports.length)))),
    lineChart(series, "AUC and balanced accuracy by model version") as unknown as HTMLElement,
    el("p", { class: "muted" },
      `Mean over the hospitals, each on its own held-out patients; version ${last.version}.`));
}

function showModels(models: Model[]): void {
  if (models.length === 0) {
    show("models", empty("No models yet."));
    return;
  }
  show("models", table(["Version", "From", "AUC", "Hash"], models.map((model) => el("tr", {},
    el("td", {},
      opener(`v${model.version}`, `${API}/models/${model.task}/${model.version}`,
        `Model version ${model.version}`),
      model.is_current && chip("Current", "good"), model.is_promoted && chip("Promoted", "live")),
    el("td", {},
      model.round === null ? "Initial model" : `v${model.parent ?? "?"}, round ${model.round}`),
    el("td", { class: "number" },
      model.metrics.auc === undefined ? "\u2013" : model.metrics.auc.toFixed(3)),
    el("td", { class: "mono muted", title: model.sha256 }, short(model.sha256))))));
}

function showTask(task: Task | undefined): void {
  const spec = task?.record.spec;
  if (!task || !spec) {
    show("task", empty("The council has not created a task yet."));
    return;
  }
  const { rounds_done: done, rounds_begun: begun, dimension } = task.record;
  const { kind, layers } = spec.model;
  const facts: [string, string][] = [
    ["Name", task.name],
    ["State", words(task.status)],
    ["Rounds",
      `${done ?? 0} done, ${begun ?? 0} begun, ${spec.rounds} planned`],
    ["Model",
      `${kind.toUpperCase()} ${layers.join("\u2013")}, ${dimension ?? "?"} parameters`],
    ["Data", spec.data_schema],
    ["Comparison", words(spec.mode)],
    ["Defended against",
      `${spec.malicious_max} malicious ${spec.malicious_max === 1 ? "hospital" : "hospitals"}`],
    ["Noise", spec.privacy
      ? `${(spec.privacy.noise / spec.privacy.clip).toFixed(3)} of the clip norm per parameter`
      : "none: no differential privacy"],
    ["Created", `block ${task.created_height}`],
  ];
  show("task", el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", {}, name),
    el("dd", {}, value)])));
}

function showPrivacy(accounts: PrivacyAccount[], task: Task | undefined): void {
  const ofTask = accounts.filter((account) => account.task === task?.id);
  if (ofTask.length === 0) {
    show("privacy", empty(task?.record.spec?.privacy
      ? "Nothing has been opened yet."
      : "This task adds no noise, so nothing bounds what updates show."));
    return;
  }
  const delta = ofTask[0]?.record.delta_bits ?? 0;
  show("privacy",
    table(["Hospital", "\u03b5, ledger", "\u03b5, sums alone", "Rounds", "All tasks"],
      ofTask.map((account) => el("tr", {},
        el("td", {}, account.name ?? `Hospital ${account.organisation}`),
        el("td", { class: "number" }, account.epsilon_local.toFixed(3)),
        el("td", { class: "number" }, account.epsilon_central.toFixed(3)),
        el("td", { class: "number" }, String(account.record.rounds_opened)),
        el("td", { class: "number" }, account.epsilon_local_all_tasks.toFixed(3))))),
    el("p", { class: "muted" },
      `Upper bounds for whole hospitals, \u03b4 = 2^\u2212${delta}. The first holds against ` +
      "everybody who reads the ledger, the second for the models alone."));
}

function showBlocks(blocks: Block[]): void {
  show("blocks", table(["Block", "Time", "Transactions", "Signed by"],
    blocks.map((block) => el("tr", {},
    el("td", {}, opener(String(block.height), `${API}/blocks/${block.height}`,
      `Block ${block.height}`)),
    el("td", { class: "muted" }, clock(block.time_ms)),
    el("td", { class: "number" }, String(block.transactions)),
    el("td", { class: "number" }, block.height === 0 ? "genesis" : String(block.signers))))));
}

function showTransactions(list: Transaction[]): void {
  if (list.length === 0) {
    show("transactions", empty("No transactions yet."));
    return;
  }
  show("transactions", table(["Transaction", "From", "Block", "Result"],
    list.map((one) => el("tr", {},
    el("td", {}, opener(`${words(one.module)}: ${words(one.name).toLowerCase()}`,
      `${API}/transactions/${one.id}`, `Transaction ${short(one.id)}`)),
    el("td", {}, one.organisation ?? short(one.id),
      one.role && el("span", { class: "muted" }, ` ${one.role}`)),
    el("td", { class: "number" }, String(one.height)),
    el("td", {}, one.code === 0 ? chip("Done", "good") : chip(words(one.code_name), "bad"))))));
}

const FAULTS: Record<string, [string, string]> = {
  fault: ["Wrong share", "warn"],
  equivocation: ["Two messages in one place", "warn"],
  absent: ["Absent", "grey"],
  batch_disputed: ["Batch disputed", "warn"],
  excluded: ["Excluded as a liar", "bad"],
  epoch_halted: ["Epoch halted", "bad"],
  epoch_void: ["Epoch void", "bad"],
};

function placeOf(fault: Fault): string {
  const { mpc_epoch: epoch, label } = fault.payload;
  const parts = [`epoch ${label?.mpc_epoch ?? epoch ?? "?"}`,
    label?.round ? `round ${label.round}` : label ? `batch ${label.batch}` : ""];
  return parts.filter(Boolean).join(", ");
}

function showMisconduct(evidence: Evidence[], faults: Fault[]): void {
  if (evidence.length + faults.length === 0) {
    show("misconduct", empty("Nothing is known against any member."));
    return;
  }
  const proofs = evidence.map((one) => el("tr", {},
    el("td", {}, opener("Signed two messages", `${API}/evidence/${one.id}`,
      `Evidence against ${one.name}`)),
    el("td", {}, one.name),
    el("td", {}, `${words(one.kind).toLowerCase()}, view ${one.view}`),
    el("td", { class: "number" }, String(one.height)),
    el("td", {}, chip("Proof checked here", "good"))));
  const recorded = faults.map((one) => {
    const [text, kind] = FAULTS[one.kind] ?? [words(one.kind), "grey"];
    return el("tr", {},
      el("td", {}, chip(text, kind)),
      el("td", {}, one.payload.member ? `Member ${one.payload.member}` : ""),
      el("td", {}, placeOf(one)),
      el("td", { class: "number" }, opener(String(one.height), `${API}/blocks/${one.height}`,
        `Block ${one.height}`)),
      el("td", { class: "muted" }, "recorded on the chain"));
  });
  show("misconduct", table(["What", "Who", "Where", "Block", "Known from"],
    [...proofs, ...recorded]));
}

const dialog = () => byId("detail") as HTMLDialogElement;

async function openDetail(path: string, title: string): Promise<void> {
  byId("detail-title").textContent = title;
  show("detail-body", empty("Loading\u2026"));
  if (!dialog().open) dialog().showModal();
  try {
    const json = await get<Record<string, unknown>>(path);
    const signers = json["signers"] as { name: string; replica: number; key: string }[] | undefined;
    show("detail-body",
      json["verified"] === true && el("p", {}, chip("Verified by this machine", "good")),
      signers && signers.length > 0 && el("div", {}, el("h3", {}, "Certificate signed by"),
        el("ul", { class: "signers" }, ...signers.map((signer) => el("li", { title: signer.key },
          chip(signer.name, "plain"))))),
      el("h3", {}, "Decoded content"),
      el("pre", { tabindex: "0" }, JSON.stringify(json, null, 2)));
  } catch (error) {
    show("detail-body",
      empty(error instanceof Error ? error.message : "The explorer does not answer."));
  }
}

async function search(text: string): Promise<void> {
  byId("detail-title").textContent = `Search: ${text}`;
  show("detail-body", empty("Searching\u2026"));
  if (!dialog().open) dialog().showModal();
  try {
    const found = await get<Page<SearchResult>>(`${API}/search?q=${encodeURIComponent(text)}`);
    const only = found.items[0];
    if (only && found.items.length === 1 && only.type !== "participant" && only.type !== "task") {
      await openDetail(only.path, only.label);
      return;
    }
    show("detail-body", found.items.length === 0
      ? empty("Nothing is indexed under this. Try a block height, a full hash, or part of a " +
        "hospital's name.")
      : el("ul", { class: "results" }, ...found.items.map((item) => el("li", {},
        chip(words(item.type), "plain"), opener(item.label, item.path, item.label)))));
  } catch (error) {
    show("detail-body",
      empty(error instanceof Error ? error.message : "The explorer does not answer."));
  }
}

let isRefreshing = false;
let isRefreshWanted = false;

async function refreshOnce(): Promise<void> {
  const [status, rounds, participants, models, tasks, privacy, blocks, list, evidence,
    faults] = await Promise.all([
    get<Status>(`${API}/status`),
    get<Page<Round>>(`${API}/rounds?limit=20`),
    get<Page<Participant>>(`${API}/participants?limit=100`),
    get<Page<Model>>(`${API}/models?limit=40`),
    get<Page<Task>>(`${API}/tasks?limit=1`),
    get<Page<PrivacyAccount>>(`${API}/privacy?limit=100`),
    get<Page<Block>>(`${API}/blocks?limit=12`),
    get<Page<Transaction>>(`${API}/transactions?limit=12`),
    get<Page<Evidence>>(`${API}/evidence?limit=20`),
    get<Page<Fault>>(`${API}/faults?limit=12`),
  ]);
  showStatus(status);
  showCurrent(rounds.items[0]);
  showRounds(rounds.items);
  showParticipants(participants.items);
  showMetrics(models.items);
  showModels(models.items);
  showTask(tasks.items[0]);
  showPrivacy(privacy.items, tasks.items[0]);
  showBlocks(blocks.items);
  showTransactions(list.items);
  showMisconduct(evidence.items, faults.items);
}

function showLost(text: string): void {
  const badge = byId("badge");
  badge.className = "badge stale";
  badge.textContent = text;
}

async function refresh(): Promise<void> {
  isRefreshWanted = true;
  if (isRefreshing) return;
  isRefreshing = true;
  while (isRefreshWanted) {
    isRefreshWanted = false;
    try {
      await refreshOnce();
    } catch {
      showLost("Explorer not reachable");
    }
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
  isRefreshing = false;
}

function listen(): void {
  const stream = new EventSource(`${API}/stream`);
  const wake = () => void refresh();
  stream.addEventListener("status", wake);
  stream.addEventListener("block", wake);
  stream.addEventListener("error", () => {
    showLost("Reconnecting");
    // The browser retries by itself, except after an answer it takes for final.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
}

function start(): void {
  byId("detail-close").addEventListener("click", () => dialog().close());
  dialog().addEventListener("click", (event) => {
    if (event.target === dialog()) dialog().close();
  });
  byId("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = (byId("search") as HTMLInputElement).value.trim();
    if (text) void search(text);
  });
  const legend: [string, string][] = [["Accepted", "good"], ["Suspect", "warn"],
    ["Rejected", "bad"]];
  show("legend", ...legend.map(([text, kind]) => chip(text, kind)));
  void refresh();
  listen();
  // The state of the nodes changes without blocks too.
  setInterval(() => void refresh(), 5000);
}

start();
