#!/usr/bin/env python3
# Checks the dependency rule: which folder may include and link which.
#
# The tables below are the rule; docs/architecture.md explains it. An edge that is not listed is a
# decision to be made and recorded, not an entry to be added in passing.
import re
import sys
from pathlib import Path

from source_tree import CPP_SUFFIXES, Finding, all_files, read, report

# Unit: the folders that belong to it (the longest prefix wins), and the units it may name. What a
# named unit may use, its user may use too.
UNITS = {
    "core": (["core"], []),
    "consensus": (["consensus"], ["core"]),
    "smpc": (["fl_engine/smpc"], ["core"]),
    "schema": (["contracts/schema"], ["core"]),
    "schema_json": (["contracts/schema_json"], ["core", "schema"]),
    "contracts": (["contracts"], ["core", "smpc", "schema"]),
    "fl_core": (["fl_engine/data", "fl_engine/models", "fl_engine/training", "fl_engine/privacy"],
                ["core"]),
    "fl_attacks": (["fl_engine/attacks"], ["core", "fl_core"]),
    "fl_reference": (["fl_engine/reference"], ["core"]),
    "p2p": (["p2p"], ["core"]),
    "keystore": (["wallet/keystore"], ["core"]),
    "wallet": (["wallet"], ["core", "schema", "schema_json", "fl_core", "p2p", "keystore"]),
    "trainer": (["fl_engine/trainer"],
                ["core", "smpc", "schema", "schema_json", "fl_core", "p2p", "keystore"]),
    "node_driver": (["node/driver"], ["core", "consensus", "contracts", "smpc"]),
    "node_mpc": (["node/mpc"], ["core", "contracts", "schema", "smpc", "keystore"]),
    "node": (["node"], ["node_driver", "node_mpc", "fl_reference", "p2p", "keystore", "schema",
                        "schema_json"]),
    # consensus: for nothing but checking evidence of equivocation.
    "explorer": (["explorer"], ["core", "consensus", "contracts", "smpc", "schema_json",
                                "fl_reference", "fl_core", "p2p"]),
    "deploy": (["deploy"], ["*"]),
    "tests": (["tests"], ["*"]),
}
# Units that only tests and deployment may use: nothing that is shipped carries an attack, and
# nobody builds on the node.
END_UNITS = {"fl_attacks", "wallet", "trainer", "node", "explorer", "deploy", "tests"}

# Third-party headers and the units whose business they are; the first pattern that fits decides.
EVERY_PROGRAM = {"wallet", "trainer", "node", "explorer", "deploy", "tests"}
THIRD_PARTY = {
    r"boost/asio/(executor_work_guard|io_context|post|signal_set)\.hpp": {"p2p"} | EVERY_PROGRAM,
    r"boost/": {"p2p", "tests"},
    r"openssl/": {"core", "smpc", "p2p", "keystore", "tests"},
    r"secp256k1": {"core", "tests"},
    r"rocksdb/": {"node", "tests"},
    r"sqlite3\.h": {"explorer", "tests"},
    r"Eigen/": {"fl_core", "fl_attacks", "tests"},
    r"nlohmann/": {"schema_json", "p2p"} | EVERY_PROGRAM,
    r"CLI/": EVERY_PROGRAM,
    r"toml\+\+/": {"fl_core"} | EVERY_PROGRAM,
    r"spdlog/": EVERY_PROGRAM,
    r"prometheus/": {"node", "explorer", "tests"},
    r"argon2\.h": {"keystore", "tests"},
    r"(gtest|gmock|rapidcheck|benchmark)": {"tests"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def unit_of(path):
    best = None
    for unit, (folders, _) in UNITS.items():
        for folder in folders:
            if path == folder or path.startswith(folder + "/"):
                if best is None or len(folder) > best[0]:
                    best = (len(folder), unit)
    return best[1] if best else None


def allowed(unit, seen=None):
    """All units that `unit` may use: the table's edges and what follows from them."""
    names = UNITS[unit][1]
    if names == ["*"]:
        return set(UNITS)
    seen = set() if seen is None else seen
    for name in names:
        if name not in seen:
            seen.add(name)
            allowed(name, seen)
    return seen


def find_cycle(edges):
    """A list of nodes that closes on itself, or None."""
    state = {}

    def visit(node, trail):
        state[node] = "open"
        for following in sorted(edges.get(node, ())):
            if state.get(following) == "open":
                return trail[trail.index(following):] + [following]
            if following not in state:
                cycle = visit(following, trail + [following])
                if cycle:
                    return cycle
        state[node] = "done"
        return None

    for node in sorted(edges):
        if node not in state:
            cycle = visit(node, [node])
            if cycle:
                return cycle
    return None


def check_table():
    findings = []
    plain = {unit: set(names) - {"*"} for unit, (_, names) in UNITS.items()}
    cycle = find_cycle(plain)
    if cycle:
        findings.append(Finding("check_deps.py", 1, "table-cycle", " -> ".join(cycle)))
    for unit, names in plain.items():
        for name in names & END_UNITS:
            findings.append(Finding("check_deps.py", 1, "end-unit", f"{unit} names {name}"))
    return findings


def check_includes(root, names):
    findings, graph = [], {}
    for name in names:
        if not name.endswith(CPP_SUFFIXES):
            continue
        unit = unit_of(name)
        if unit is None:
            findings.append(Finding(name, 1, "unknown-folder", "no unit owns this folder"))
            continue
        text = read(root, name)
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            target = match[2]
            if match[1] == "<":
                findings += check_third_party(name, line, unit, target)
                continue
            graph.setdefault(name, set()).add(target)
            other = unit_of(target)
            if other is None:
                findings.append(Finding(name, line, "unknown-include", f'"{target}" has no owner'))
            elif other != unit and other not in allowed(unit):
                findings.append(Finding(name, line, "include-edge",
                                        f'{unit} may not include {other} ("{target}")'))
    cycle = find_cycle(graph)
    if cycle:
        findings.append(Finding(cycle[0], 1, "include-cycle", " -> ".join(cycle)))
    return findings


def check_third_party(name, line, unit, header):
    for pattern, units in THIRD_PARTY.items():
        if re.match(pattern, header):
            if unit in units:
                break
            return [Finding(name, line, "third-party",
                            f"<{header}> is not the business of {unit}")]
    return []


def cmake_calls(text):
    """(line, command, words) of every call in a CMake file."""
    plain = re.sub(r"#[^\n]*", lambda found: " " * len(found[0]), text)
    for match in re.finditer(r"\b(\w+)\s*\(([^()]*)\)", plain):
        yield plain.count("\n", 0, match.start()) + 1, match[1], match[2].split()


DEFINING = {"consilium_library", "consilium_program", "consilium_test", "consilium_fuzz_target",
            "consilium_benchmark", "add_library", "add_executable"}
LINK_KEYWORDS = {"DEPS", "PRIVATE_DEPS"}
OTHER_KEYWORDS = {"SOURCES", "TIMEOUT"}


def check_links(root, names):
    findings, owner, links = [], {}, []
    for name in names:
        if Path(name).name != "CMakeLists.txt":
            continue
        unit = unit_of(name) if "/" in name else None
        if unit is None:
            continue
        for line, command, words in cmake_calls(read(root, name)):
            if not words:
                continue
            if command in DEFINING:
                target = words[0]
                if command == "consilium_library":
                    target = "consilium_" + target
                owner[target] = unit
                section = None
                for word in words[1:]:
                    if word in LINK_KEYWORDS | OTHER_KEYWORDS:
                        section = word
                    elif section in LINK_KEYWORDS:
                        links.append((name, line, target, word))
            elif command == "target_link_libraries":
                for word in words[1:]:
                    links.append((name, line, words[0], word))
    graph = {}
    for name, line, target, linked in links:
        if not linked.startswith("consilium_") or linked == "consilium_options":
            continue
        graph.setdefault(target, set()).add(linked)
        unit, other = owner.get(target, unit_of(name)), owner.get(linked)
        if other is None:
            findings.append(Finding(name, line, "unknown-target", f"{linked} is not defined"))
        elif other != unit and other not in allowed(unit):
            findings.append(Finding(name, line, "link-edge",
                                    f"{unit} may not link {other} ({target} -> {linked})"))
    cycle = find_cycle(graph)
    if cycle:
        findings.append(Finding("CMakeLists.txt", 1, "link-cycle", " -> ".join(cycle)))
    return findings


def check(root):
    names = all_files(root)
    return check_table() + check_includes(root, names) + check_links(root, names)


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else ".")))
