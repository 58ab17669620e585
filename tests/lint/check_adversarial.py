#!/usr/bin/env python3
# Every test that docs/adversarial.md names exists, and every attack of the list has a row.
import re
import sys
from pathlib import Path

from source_tree import Finding, all_files, report

TABLE = "docs/adversarial.md"
ATTACKS = 35
NAMED = re.compile(r"`([A-Z]\w+\.[a-z]\w+)`")
DEFINED = re.compile(r"^TEST(?:_P|_F)?\((\w+),\s*(\w+)\)", re.MULTILINE)


def defined_tests(root):
    tests = set()
    for name in all_files(root):
        if name.startswith("tests/") and name.endswith(".cpp"):
            text = (Path(root) / name).read_text(encoding="utf-8")
            tests |= {f"{suite}.{test}" for suite, test in DEFINED.findall(text)}
    return tests


def check(root):
    tests = defined_tests(root)
    findings = []
    rows = []
    for number, line in enumerate((Path(root) / TABLE).read_text().split("\n"), 1):
        row = re.match(r"\| (\d+) \|", line)
        if row:
            rows.append(int(row.group(1)))
        for name in NAMED.findall(line):
            if name not in tests:
                findings.append(Finding(TABLE, number, "named-test", f"there is no test {name}"))
    if rows != list(range(1, ATTACKS + 1)):
        findings.append(Finding(TABLE, 1, "named-test", f"the rows are not 1 to {ATTACKS}"))
    return findings


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1])))
