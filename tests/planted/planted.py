#!/usr/bin/env python3
# Plants one bug at a time in a scratch copy of the tree and demands that a test fails.
#
#   planted.py [ID...]       runs these bugs (default: all) and writes RESULTS.md for what was run
#   planted.py --check       only checks the list: each line to be replaced stands exactly once
#   planted.py --list        ids and what they break
# bugs.json holds the bugs. The copy is build/planted/tree; the tree itself is never changed. A bug
# that does not compile is an error of the list, not a success. Exit code 1 when a bug survives.
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lint"))
from source_tree import all_files

SCRATCH = ROOT / "build" / "planted" / "tree"
RESULTS = HERE / "RESULTS.md"
FIELDS = {"id", "file", "before", "after", "breaks", "test"}
TEST_SECONDS_MAX = 300
# Run only when all others pass: they take longest.
SLOW_TESTS = {"smpc_test": "TinyFieldPrivacy.*:*JointPrivacy*:*SampledPrivacy*:LargeRound.*"}
HEADER = """# Results of the planted bugs

Written by `./run planted`. Seconds are those of the test program up to its first failing test; the
build is not counted.

| bug | file | what it breaks | caught by | s |
|---|---|---|---|---|
"""


def load_bugs():
    return json.loads((HERE / "bugs.json").read_text())


def applied(root, bug):
    """The file's text with the bug in it, or None unless the line stands there exactly once."""
    lines = (root / bug["file"]).read_text().split("\n")
    places = [i for i, line in enumerate(lines) if line.strip() == bug["before"]]
    if len(places) != 1:
        return None
    line = lines[places[0]]
    indent = line[:len(line) - len(line.lstrip())]
    lines[places[0]] = indent + bug["after"] if bug["after"] else ""
    return "\n".join(lines)


def check(bugs):
    problems = []
    seen = set()
    for bug in bugs:
        name = bug.get("id", "?")
        if set(bug) != FIELDS:
            problems.append(f"{name}: fields are {sorted(bug)}, not {sorted(FIELDS)}")
            continue
        if name in seen:
            problems.append(f"{name}: the id is not unique")
        seen.add(name)
        if bug["before"] == bug["after"]:
            problems.append(f"{name}: changes nothing")
        if not (ROOT / bug["file"]).is_file() or applied(ROOT, bug) is None:
            problems.append(f"{name}: its line does not stand exactly once in {bug['file']}")
    for problem in problems:
        print(f"tests/planted/bugs.json: {problem}", file=sys.stderr)
    return not problems


def copy_tree():
    """Brings the scratch copy up to date; equal files keep their times, so they are not rebuilt."""
    wanted = set(all_files(ROOT))
    for name in sorted(wanted):
        source, target = ROOT / name, SCRATCH / name
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    for folder, folders, names in os.walk(SCRATCH):
        if Path(folder) == SCRATCH and "build" in folders:
            folders.remove("build")
        for name in names:
            path = Path(folder) / name
            if str(path.relative_to(SCRATCH)) not in wanted:
                path.unlink()


def build(target):
    environment = dict(os.environ, CCACHE_NOHASHDIR="1")
    environment.setdefault("CCACHE_BASEDIR", str(ROOT))
    jobs = os.environ.get("CONSILIUM_JOBS", "1")
    return subprocess.run(["ninja", "-C", str(SCRATCH / "build/release"), "-j", jobs, target],
                          capture_output=True, text=True, env=environment, check=False)


def run_once(target, tests):
    """(name of the test that failed or None, seconds) of the tests that the filter names."""
    started = time.monotonic()
    binary = SCRATCH / "build/release/bin" / target
    try:
        done = subprocess.run([str(binary), "--gtest_fail_fast", f"--gtest_filter={tests}"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", cwd=SCRATCH, timeout=TEST_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired as expired:
        output = (expired.output or b"").decode(errors="replace")
        begun = re.findall(r"^\[ RUN      \] (\S+)", output, re.MULTILINE)
        return (begun[-1] if begun else target) + " (hangs)", time.monotonic() - started
    seconds = time.monotonic() - started
    if done.returncode == 0:
        return None, seconds
    failed = re.findall(r"^\[  FAILED  \] ([\w/]+\.[\w/]+)", done.stdout, re.MULTILINE)
    if failed:
        return failed[0], seconds
    begun = re.findall(r"^\[ RUN      \] (\S+)", done.stdout, re.MULTILINE)
    if begun:
        return begun[-1] + " (stops)", seconds
    raise SystemExit(f"{target} fails without running a test:\n{done.stdout[-2000:]}")


def run_test(target):
    """The quick tests first, the slow ones only when these pass."""
    slow = SLOW_TESTS.get(target)
    if not slow:
        return run_once(target, "*")
    failing, seconds = run_once(target, "*-" + slow)
    if failing:
        return failing, seconds
    failing, more = run_once(target, slow)
    return failing, seconds + more


def plant(bug):
    """(outcome, seconds); the outcome names the test, or starts with NOT."""
    path = SCRATCH / bug["file"]
    original = path.read_text()
    path.write_text(applied(SCRATCH, bug))
    try:
        built = build(bug["test"])
        if built.returncode != 0:
            return "NOT BUILT: " + built.stdout.strip().split("\n")[-2][:200], 0.0
        name, seconds = run_test(bug["test"])
        return name or "NOT CAUGHT", seconds
    finally:
        path.write_text(original)


def write_results(bugs, outcomes):
    """Keeps the rows of bugs that were not run this time."""
    rows = {}
    if RESULTS.is_file():
        for line in RESULTS.read_text().split("\n"):
            found = re.match(r"\| ([\w-]+) \| `", line)
            if found:
                rows[found.group(1)] = line
    for bug in bugs:
        if bug["id"] in outcomes:
            outcome, seconds = outcomes[bug["id"]]
            caught = outcome if outcome.startswith("NOT") else f"`{outcome}`"
            rows[bug["id"]] = (f"| {bug['id']} | `{bug['file']}` | {bug['breaks']} | {caught} "
                               f"| {seconds:.1f} |")
    table = "\n".join(rows[bug["id"]] for bug in bugs if bug["id"] in rows)
    RESULTS.write_text(HEADER + table + "\n")


def run(bugs, chosen):
    copy_tree()
    subprocess.run(["cmake", "--preset", "release"], cwd=SCRATCH, check=True,
                   stdout=subprocess.DEVNULL)
    for target in sorted({bug["test"] for bug in chosen}):
        print(f"planted: {target} without a bug", flush=True)
        if build(target).returncode != 0:
            raise SystemExit(f"{target} does not build without a bug")
        failing, _ = run_test(target)
        if failing:
            raise SystemExit(f"{target} fails without a bug: {failing}")
    outcomes = {}
    for bug in chosen:
        outcomes[bug["id"]] = plant(bug)
        outcome, seconds = outcomes[bug["id"]]
        print(f"planted: {bug['id']}: {outcome} ({seconds:.1f} s)", flush=True)
        write_results(bugs, outcomes)
    return not any(outcome.startswith("NOT") for outcome, _ in outcomes.values())


def main():
    parser = argparse.ArgumentParser(description="plants bugs one by one; each must fail a test")
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--check", action="store_true", help="only check the list")
    parser.add_argument("--list", action="store_true", help="ids and what they break")
    arguments = parser.parse_args()
    bugs = load_bugs()
    if not check(bugs):
        return 1
    if arguments.check:
        return 0
    if arguments.list:
        for bug in bugs:
            print(f"{bug['id']:28} {bug['breaks']}")
        return 0
    unknown = set(arguments.ids) - {bug["id"] for bug in bugs}
    if unknown:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}")
    by_id = {bug["id"]: bug for bug in bugs}
    chosen = [by_id[name] for name in arguments.ids] or bugs
    return 0 if run(bugs, chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
