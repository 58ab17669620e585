#!/usr/bin/env python3
# Checks what no compiler checks: purity, sizes, names of files, includes, comments, characters.
#
# CONTRIBUTING.md explains the rules. Exceptions stand here by name, each with its reason.
import re
import sys
from pathlib import Path

from source_tree import CPP_SUFFIXES, Finding, all_files, code_only, comments_only, read, report

# All replicas must compute the same, so these folders see nothing but their inputs.
# The sampler of noise is as strict: a rounded sample can give the noiseless value away.
PURE_FOLDERS = ("core/", "consensus/", "contracts/", "fl_engine/smpc/",
                "fl_engine/privacy/discrete_gaussian", "fl_engine/privacy/random_bits")
PURE_EXEMPT = {
    "core/digest.cpp": "wraps OpenSSL's SHA-256 and keeps its context per thread",
    "core/check.cpp": "prints where a CHECK failed before the process stops",
    "core/signature.cpp": "wraps libsecp256k1",
    "core/random.cpp": "asks the operating system for randomness",
    "fl_engine/smpc/prg.cpp": "wraps AES",
    "fl_engine/smpc/kdf.cpp": "wraps HKDF",
}
# JSON belongs to the edges: this folder is shared by programs and is not part of any replica's
# decision.
PURE_NOT = ("contracts/schema_json/",)
PURE_BANNED_INCLUDES = {
    "atomic", "barrier", "chrono", "condition_variable", "cstdio", "ctime", "execution", "fcntl.h",
    "filesystem", "fstream", "future", "iostream", "latch", "locale", "mutex", "ostream", "random",
    "semaphore", "shared_mutex", "stdio.h", "sys/socket.h", "syslog.h", "thread", "time.h",
    "unistd.h", "unordered_map", "unordered_set",
}
PURE_BANNED_WORDS = {
    r"\bfloat\b": "floating point",
    r"\bdouble\b": "floating point",
    r"\bthrow\b": "exceptions",
    r"\brand\s*\(": "randomness",
    r"\bstd::hash\b": "an order that differs between libraries",
    r"\bunordered_\w+": "an order that differs between libraries",
    r"\bgetenv\b": "the environment",
    r"\bstd::chrono\b": "a clock",
    r"\bstd::(mutex|thread|jthread|atomic|async)\b": "threads",
    r"\bstd::(cout|cerr|clog)\b|\bf?printf\s*\(": "output",
    r"\bthread_local\b": "global state",
    r"\bassert\s*\(": "an assertion that may be compiled out (use CHECK)",
}
# Unit tests of the pure folders: a test that sleeps or reads the clock hides a race.
QUIET_TESTS = ("tests/core/", "tests/consensus/", "tests/contracts/", "tests/smpc/",
               "tests/driver/", "tests/simulation/")
QUIET_BANNED_WORDS = {
    r"\bsleep(_for|_until)?\s*\(": "sleeps",
    r"\b(system|steady|high_resolution)_clock\b": "reads a clock",
    r"\brandom_device\b": "is not seeded",
}
# One word per idea: the field's word for the replica that proposes is primary.
DRAW = re.compile(r"random\w*(\(\))?\.(next|below|between|one_in|percent)\(|\bdraw_\w+\(")
CONSENSUS_WORDS = {r"\bleader\w*": "say primary", r"\bterm\b": "say view"}

MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 600
MAX_TEST_LINES = 1200
MAX_COLUMNS = 100
# Path and function name, with the reason why splitting it would make it worse.
LONG_FUNCTIONS = {}

MARKERS = re.compile(r"\b(TODO|FIXME|HACK|XXX)\b")
PROVISIONAL = re.compile(r"\b(for now|quick fix|temporary hack)\b", re.IGNORECASE)
# Nothing of the machine, the tracker or the folders that somebody happened to work with.
WORKPLACE = re.compile(r"(?<![\w.])/(work|home)/\w|\bshared/design\b|\b[Ii]ssue #?\d+\b")
BANNER = re.compile(r"^\s*(//|#)\s*([-=*#/~_+])\2{4,}")
# An example is indented further than the comment's own text.
DEAD_CODE = re.compile(r"^\s*// ?(if \(.*|for \(.*|return .*|[\w:<>*&.-]+( [\w:<>*&]+)? = [^:]*|"
                       r"[\w:<>*&.-]+( [\w:<>*&]+)?\([^ ]*\))[;{]$|^\s*// ?\}$")
SNAKE_CASE = re.compile(r"^[a-z0-9_]+(\.[a-z0-9_]+)+$")
# A digest or a key cannot be wrapped.
LONG_LITERAL = re.compile(r'"[0-9a-fA-F]{64,}"')
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# The planted violations of the checkers' own test would be found otherwise.
WORDS_EXEMPT = {"tests/lint/check_style.py", "tests/lint/selftest.py"}
COMMENT_START = {".cpp": "// ", ".hpp": "// ", ".ts": "// ", ".py": "# ", ".sh": "# ",
                 ".cmake": "# ", "CMakeLists.txt": "# ", "run": "# "}


def kind_of(name):
    path = Path(name)
    if path.name in ("CMakeLists.txt", "run"):
        return path.name
    return path.suffix


def is_pure(name):
    return (name.startswith(PURE_FOLDERS) and not name.startswith(PURE_NOT)
            and name not in PURE_EXEMPT)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def match_close(code, position, opening, closing):
    """Index of the bracket that closes the one at `position`; the end if none does."""
    depth = 0
    for index in range(position, len(code)):
        if code[index] == opening:
            depth += 1
        elif code[index] == closing:
            depth -= 1
            if depth == 0:
                return index
    return len(code) - 1


def without_templates(head):
    head = re.sub(r"^\s*((public|private|protected)\s*:)", "", head)
    while True:
        found = re.match(r"\s*template\s*<", head)
        if not found:
            return head.strip()
        head = head[match_close(head, found.end() - 1, "<", ">") + 1:]


def classify(head):
    """What a brace after this text opens: a type or namespace, a function, or an initialiser."""
    head = without_templates(re.sub(r"\[\[.*?\]\]", "", head))
    if re.match(r"(inline\s+)?namespace\b|extern\s*\"", head):
        return "scope"
    if re.match(r"(typedef\s+)?(class|struct|union|enum)\b", head):
        return "scope"
    if "(" not in head or re.search(r"=\s*[\w:<>, ]*$", head):
        return "initialiser"
    return "function"


def functions(code):
    """(name, first line, last line) of the function bodies in code without comments."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda found: re.sub(r"[^\n]", " ", found[0]),
                  code, flags=re.MULTILINE)
    head_start = index = 0
    while index < len(code):
        character = code[index]
        if character in ";}":
            head_start = index + 1
        elif character == "(":
            index = match_close(code, index, "(", ")")
        elif character == "{":
            head = code[head_start:index]
            kind = classify(head)
            if kind == "scope":
                head_start = index + 1
            else:
                end = match_close(code, index, "{", "}")
                follower = code[end + 1:].lstrip()[:1]
                if kind == "function" and follower not in (",", "{"):
                    named = re.findall(r"([\w~]+|operator\S+)\s*\(", head)
                    name = named[0] if named else "?"
                    if named and named[0].startswith("TEST") and "(" in head:
                        name = re.sub(r"\s+", "", head[head.index("(") + 1:].split(")")[0])
                    yield name, line_of(code, index), line_of(code, end)
                    head_start = end + 1
                index = end
        index += 1


def check_purity(name, text, code):
    findings = []
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if found and found[1] == "<" and found[2] in PURE_BANNED_INCLUDES:
            findings.append(Finding(name, number, "pure-include", f"<{found[2]}> in a pure folder"))
    for number, line in enumerate(code.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for pattern, why in PURE_BANNED_WORDS.items():
            found = re.search(pattern, line)
            if found:
                findings.append(Finding(name, number, "pure-word",
                                        f"{found[0].strip()}: {why} in a pure folder"))
    return findings


def check_words(name, code, words, rule):
    findings = []
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, why in words.items():
            found = re.search(pattern, line)
            if found:
                findings.append(Finding(name, number, rule, f"{found[0].strip()}: {why}"))
    return findings


def arguments_of(code, opening):
    """The arguments of the call whose bracket opens there, without what stands in braces."""
    inner = code[opening + 1:match_close(code, opening, "(", ")")]
    parts, depth, braces, part = [], 0, 0, ""
    for character in inner:
        braces += (character == "{") - (character == "}")
        if braces > 0 or character == "}":
            continue
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += character
    return parts + [part]


# Compilers evaluate the arguments of a call in an order of their own, so two draws of random
# numbers in two of them would make runs differ.
def check_draws(name, code):
    findings = []
    for call in re.finditer(r"\w\s*\(", code):
        drawing = [part for part in arguments_of(code, call.end() - 1) if DRAW.search(part)]
        if len(drawing) > 1:
            findings.append(Finding(name, line_of(code, call.start()), "draw-order",
                                    "two draws in the arguments of one call"))
    return findings


def check_functions(name, code):
    findings = []
    for function, first, last in functions(code):
        length = last - first + 1
        if length > MAX_FUNCTION_LINES and (name, function) not in LONG_FUNCTIONS:
            findings.append(Finding(name, first, "function-length",
                                    f"{function} has {length} lines; {MAX_FUNCTION_LINES} is the "
                                    "limit"))
    return findings


def check_includes(root, name, text):
    findings, quoted = [], []
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quoted.append((number, found[2]))
        if found[1] == '"' and (found[2].startswith(".") or "/" not in found[2]
                                or not (Path(root) / found[2]).is_file()):
            findings.append(Finding(name, number, "include-path",
                                    f'"{found[2]}" is not a path from the repository root'))
    own = name[:-4] + ".hpp"
    if name.endswith(".cpp") and (Path(root) / own).is_file():
        if not quoted or quoted[0][1] != own:
            findings.append(Finding(name, quoted[0][0] if quoted else 1, "own-header-first",
                                    f'"{own}" must be the first include'))
    if name.endswith(".hpp") and not re.search(r"^#pragma once$", text, re.MULTILINE):
        findings.append(Finding(name, 1, "pragma-once", "a header begins with #pragma once"))
    return findings


def check_first_line(name, text):
    start = COMMENT_START[kind_of(name)]
    lines = text.splitlines()
    if lines and lines[0].startswith("#!"):
        lines = lines[1:]
    first = lines[0] if lines else ""
    if not first.startswith(start) or len(first.split()) < 4 or BANNER.match(first):
        return [Finding(name, 1, "first-line", "the first line says in a sentence what this is")]
    return []


def check_comments(name, text):
    findings = []
    comments = comments_only(text) if name.endswith(CPP_SUFFIXES) else text
    for number, line in enumerate(comments.splitlines(), 1):
        if MARKERS.search(line):
            findings.append(Finding(name, number, "marker", "finish it, or file it; no marker"))
        if PROVISIONAL.search(line):
            findings.append(Finding(name, number, "provisional", "say what is, not what will be"))
        if BANNER.match(line):
            findings.append(Finding(name, number, "banner", "no banner comments"))
        if name.endswith(CPP_SUFFIXES) and DEAD_CODE.match(line):
            findings.append(Finding(name, number, "dead-code", "code in a comment"))
    return findings


def check_text(name, text):
    findings = []
    tests = name.startswith("tests/")
    limit = MAX_TEST_LINES if tests else MAX_FILE_LINES
    count = text.count("\n")
    if count > limit and not name.startswith("tests/vectors/"):
        findings.append(Finding(name, count, "file-length", f"{count} lines; {limit} is the limit"))
    if text and not text.endswith("\n"):
        findings.append(Finding(name, count + 1, "final-newline", "no newline at the end"))
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_COLUMNS and not LONG_LITERAL.search(line):
            findings.append(Finding(name, number, "line-length", f"{len(line)} columns"))
        if not line.isascii():
            findings.append(Finding(name, number, "ascii", "a character outside ASCII"))
        if "\t" in line or line != line.rstrip():
            findings.append(Finding(name, number, "white-space", "a tab or trailing blanks"))
        if WORKPLACE.search(line) and name not in WORDS_EXEMPT:
            findings.append(Finding(name, number, "workplace", "names somebody's work place"))
    return findings


def check_file(root, name):
    text = read(root, name)
    findings = check_text(name, text)
    if Path(name).suffix in (".cpp", ".hpp", ".py", ".cmake", ".ts") and not SNAKE_CASE.match(
            Path(name).name) and Path(name).parent != Path("cmake"):
        findings.append(Finding(name, 1, "file-name", "files are named in snake_case"))
    if kind_of(name) != "CMakeLists.txt" and not name.startswith("tests/vectors/"):
        findings += check_first_line(name, text)
    if name not in WORDS_EXEMPT:
        findings += check_comments(name, text)
    if not name.endswith(CPP_SUFFIXES):
        return findings
    code = code_only(text)
    findings += check_includes(root, name, text) + check_functions(name, code)
    if is_pure(name):
        findings += check_purity(name, text, code)
    if name.startswith(QUIET_TESTS):
        findings += check_words(name, code, QUIET_BANNED_WORDS, "test-quiet")
    if name.startswith("tests/simulation/"):
        findings += check_draws(name, code)
    if name.startswith("consensus/"):
        findings += check_words(name, code, CONSENSUS_WORDS, "field-word")
    return findings


def check(root):
    findings = []
    for name in all_files(root):
        if kind_of(name) in COMMENT_START:
            findings += check_file(root, name)
    return findings


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else ".")))
