#!/usr/bin/env python3
# Proves that the checkers find what they are for: planted violations of every rule, clean twins.
#
# Every case is a small tree in a temporary directory. A clean case must give no finding at all, a
# planted one exactly the rule that it was planted for. Runs without compiler and network.
import re
import sys
import tempfile
from pathlib import Path

import check_deps
import check_style

HEAD = "// Says in one sentence what this is.\n#pragma once\n"
BODY = "// Says in one sentence what this is.\n"
CMAKE = "# Says in one sentence what this is.\n"


def lines(count, text="    step();\n"):
    return text * count


# Name, checker, expected rule (None: clean), files.
CASES = [
    ("clean header", check_style, None, {"core/a.hpp": HEAD + "int f();\n"}),
    ("clock in a pure folder", check_style, "pure-include",
     {"core/a.hpp": HEAD + "#include <chrono>\n"}),
    ("clock outside", check_style, None, {"node/a.hpp": HEAD + "#include <chrono>\n"}),
    ("stream in the mpc", check_style, "pure-include",
     {"fl_engine/smpc/a.cpp": BODY + "#include <iostream>\n"}),
    ("float in a contract", check_style, "pure-word",
     {"contracts/a.hpp": HEAD + "double f();\n"}),
    ("float in a comment", check_style, None,
     {"contracts/a.hpp": HEAD + "// No double here.\nint f();\n"}),
    ("float in a string", check_style, None,
     {"contracts/a.cpp": BODY + 'const char* kText = "double";\n'}),
    ("throw in core", check_style, "pure-word", {"core/a.cpp": BODY + "void f() { throw 1; }\n"}),
    ("hash order in consensus", check_style, "pure-word",
     {"consensus/a.hpp": HEAD + "std::unordered_map<int, int> f();\n"}),
    ("rand in core", check_style, "pure-word",
     {"core/a.cpp": BODY + "int f() { return rand(); }\n"}),
    ("environment in core", check_style, "pure-word",
     {"core/a.cpp": BODY + 'auto f() { return getenv("X"); }\n'}),
    ("listed exception", check_style, None,
     {"core/check.cpp": BODY + "#include <cstdio>\n"}),
    ("long function", check_style, "function-length",
     {"node/a.cpp": BODY + "void f() {\n" + lines(80) + "}\n"}),
    ("long member with initialiser list", check_style, "function-length",
     {"node/a.cpp": BODY + "A::A(int x) : x_{x}, y_{x} {\n" + lines(80) + "}\n"}),
    ("long test", check_style, "function-length",
     {"tests/node/a_test.cpp": BODY + "TEST(Node, does_it) {\n" + lines(80) + "}\n"}),
    ("long class of short functions", check_style, None,
     {"node/a.hpp": HEAD + "class A {\n  public:\n" + lines(90, "    int f() {\n    }\n")
      + "};\n"}),
    ("long table", check_style, None,
     {"node/a.cpp": BODY + "constexpr std::array<int, f(3)> kTable = {\n" + lines(80, "    1,\n")
      + "};\n"}),
    ("long file", check_style, "file-length", {"node/a.hpp": HEAD + lines(620, "int f();\n")}),
    ("long test file", check_style, None,
     {"tests/node/a_test.cpp": BODY + lines(620, "int f();\n")}),
    ("long line", check_style, "line-length", {"node/a.hpp": HEAD + "int " + "f" * 100 + ";\n"}),
    ("long digest", check_style, None,
     {"node/a.hpp": HEAD + 'const char* kDigest =\n    "' + "a" * 64
      + '";  // as the paper has it, example 1, page 12\n'}),
    ("file in camel case", check_style, "file-name", {"node/NodeStore.hpp": HEAD + "int f();\n"}),
    ("no pragma once", check_style, "pragma-once", {"node/a.hpp": BODY + "int f();\n"}),
    ("relative include", check_style, "include-path",
     {"node/a.hpp": HEAD + '#include "b.hpp"\n', "node/b.hpp": HEAD + "int f();\n"}),
    ("missing include", check_style, "include-path",
     {"node/a.hpp": HEAD + '#include "node/gone.hpp"\n'}),
    ("own header late", check_style, "own-header-first",
     {"node/a.hpp": HEAD + "int f();\n",
      "node/a.cpp": BODY + '#include <vector>\n\n#include "node/a.hpp"\n'}),
    ("own header first", check_style, None,
     {"node/a.hpp": HEAD + "int f();\n",
      "node/a.cpp": BODY + '#include "node/a.hpp"\n\n#include <vector>\n'}),
    ("another word for primary", check_style, "field-word",
     {"consensus/a.hpp": HEAD + "int leader_of();\n"}),
    ("no first line", check_style, "first-line", {"node/a.cpp": "int f();\n"}),
    ("first line of a script", check_style, "first-line",
     {"deploy/a.sh": "#!/usr/bin/env bash\nset -e\n"}),
    ("marker", check_style, "marker", {"node/a.cpp": BODY + "// TODO: finish\nint f();\n"}),
    ("provisional", check_style, "provisional",
     {"node/a.cpp": BODY + "// Good enough for now.\nint f();\n"}),
    ("banner", check_style, "banner", {"node/a.cpp": BODY + "// ---------- types\nint f();\n"}),
    ("code in a comment", check_style, "dead-code",
     {"node/a.cpp": BODY + "// store.write(block);\nint f();\n"}),
    ("example in a comment", check_style, None,
     {"node/a.cpp": BODY + "//     store.write(block);\nint f();\n"}),
    ("somebody's directory", check_style, "workplace",
     {"node/a.cpp": BODY + 'const char* kPath = "/home/me/x";\n'}),
    ("tracker number", check_style, "workplace",
     {"node/a.cpp": BODY + "// See issue #7 about this.\n"}),
    ("foreign character", check_style, "ascii", {"node/a.cpp": BODY + "// caf\u00e9 is closed\n"}),
    ("tab", check_style, "white-space", {"node/a.cpp": BODY + "\tint f();\n"}),
    ("no newline at the end", check_style, "final-newline", {"node/a.cpp": BODY + "int f();"}),
    ("two draws in one call", check_style, "draw-order",
     {"tests/simulation/a.cpp": BODY + "void f() { g(random_.next(),\n h(random_.below(2))); }\n"}),
    ("two draws in a list", check_style, None,
     {"tests/simulation/a.cpp": BODY + "void f() { g({random_.next(), random_.next()}); }\n"}),
    ("two draws in one call elsewhere", check_style, None,
     {"tests/lab/a.cpp": BODY + "void f() { g(random_.next(), random_.next()); }\n"}),
    ("sleep in a unit test", check_style, "test-quiet",
     {"tests/core/a_test.cpp": BODY + "void f() { sleep_for(x); }\n"}),

    ("allowed edge", check_deps, None,
     {"consensus/a.hpp": HEAD + '#include "core/b.hpp"\n', "core/b.hpp": HEAD}),
    ("edge through another unit", check_deps, None,
     {"node/driver/a.hpp": HEAD + '#include "contracts/schema/b.hpp"\n',
      "contracts/schema/b.hpp": HEAD}),
    ("consensus sees contracts", check_deps, "include-edge",
     {"consensus/a.hpp": HEAD + '#include "contracts/b.hpp"\n', "contracts/b.hpp": HEAD}),
    ("contracts sees the state machine", check_deps, "include-edge",
     {"contracts/a.hpp": HEAD + '#include "consensus/b.hpp"\n', "consensus/b.hpp": HEAD}),
    ("core sees anything", check_deps, "include-edge",
     {"core/a.hpp": HEAD + '#include "p2p/b.hpp"\n', "p2p/b.hpp": HEAD}),
    ("trainer sees attacks", check_deps, "include-edge",
     {"fl_engine/trainer/a.hpp": HEAD + '#include "fl_engine/attacks/b.hpp"\n',
      "fl_engine/attacks/b.hpp": HEAD}),
    ("wallet sees the node", check_deps, "include-edge",
     {"wallet/a.hpp": HEAD + '#include "node/b.hpp"\n', "node/b.hpp": HEAD}),
    ("folder without owner", check_deps, "unknown-folder", {"extra/a.hpp": HEAD}),
    ("include without owner", check_deps, "unknown-include",
     {"core/a.hpp": HEAD + '#include "extra/b.hpp"\n'}),
    ("headers in a circle", check_deps, "include-cycle",
     {"core/a.hpp": HEAD + '#include "core/b.hpp"\n',
      "core/b.hpp": HEAD + '#include "core/a.hpp"\n'}),
    ("sockets outside p2p", check_deps, "third-party",
     {"node/a.hpp": HEAD + "#include <boost/asio.hpp>\n"}),
    ("event loop in a program", check_deps, None,
     {"node/main.cpp": BODY + "#include <boost/asio/io_context.hpp>\n"}),
    ("allowed link", check_deps, None,
     {"core/CMakeLists.txt": CMAKE + "consilium_library(core SOURCES a.cpp)\n",
      "p2p/CMakeLists.txt":
          CMAKE + "consilium_library(p2p\n  SOURCES a.cpp\n  DEPS consilium_core)\n"}),
    ("forbidden link", check_deps, "link-edge",
     {"p2p/CMakeLists.txt": CMAKE + "consilium_library(p2p SOURCES a.cpp)\n",
      "contracts/CMakeLists.txt":
          CMAKE + "consilium_library(contracts\n  SOURCES a.cpp\n  PRIVATE_DEPS consilium_p2p)\n"}),
    ("forbidden late link", check_deps, "link-edge",
     {"p2p/CMakeLists.txt": CMAKE + "consilium_library(p2p SOURCES a.cpp)\n",
      "core/CMakeLists.txt":
          CMAKE + "consilium_library(core SOURCES a.cpp)\n"
                  "target_link_libraries(consilium_core PRIVATE consilium_p2p)\n"}),
    ("link to nothing", check_deps, "unknown-target",
     {"p2p/CMakeLists.txt": CMAKE + "consilium_library(p2p SOURCES a.cpp DEPS consilium_gone)\n"}),
    ("targets in a circle", check_deps, "link-cycle",
     {"core/CMakeLists.txt": CMAKE + "consilium_library(a DEPS consilium_b)\n"
                                     "consilium_library(b DEPS consilium_a)\n"}),
]


def rules_found(checker, files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return {finding.rule for finding in checker.check(folder)}


RULES = {rule for _, _, rule, _ in CASES if rule}
# Violations of the table itself are tried below, on a changed table.
TABLE_RULES = {"table-cycle", "end-unit"}


def check_table_rules():
    problems, saved = [], dict(check_deps.UNITS)
    for rule, unit, names in (("table-cycle", "core", ["consensus"]),
                              ("end-unit", "wallet", ["core", "node"])):
        check_deps.UNITS[unit] = (saved[unit][0], names)
        if rule not in {finding.rule for finding in check_deps.check_table()}:
            problems.append(f"table: {rule} was not found")
        check_deps.UNITS.update(saved)
    return problems


def check_every_rule_has_a_case():
    problems = []
    for checker in (check_style, check_deps):
        text = Path(checker.__file__).read_text(encoding="utf-8")
        reported = set(re.findall(r'Finding\([^"]*?"([a-z-]+)"', text))
        reported |= set(re.findall(r'_WORDS, "([a-z-]+)"\)', text))
        for rule in reported - RULES - TABLE_RULES:
            problems.append(f"{rule} has no planted violation")
    return problems


def main():
    problems = check_table_rules() + check_every_rule_has_a_case()
    for name, checker, rule, files in CASES:
        found = rules_found(checker, files)
        expected = {rule} if rule else set()
        if found != expected:
            problems.append(f"{name}: expected {sorted(expected)}, found {sorted(found)}")
    for problem in problems:
        print(f"selftest: {problem}")
    rules = len(RULES | TABLE_RULES)
    print(f"selftest: {len(CASES)} cases, {rules} rules, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
