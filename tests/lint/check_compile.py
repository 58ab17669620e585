#!/usr/bin/env python3
# Runs compilers as checkers: headers alone, clang-tidy, and the second compiler's warnings.
#
#   check_compile.py ROOT headers   every header compiles as the first thing a file includes
#   check_compile.py ROOT tidy      clang-tidy on what changed (--full: on everything, --fix)
#   check_compile.py ROOT syntax    clang with warnings as errors over every file, no code made
#                                   (--built DIR: but what that clang build has just compiled)
#
# What passed is remembered by content under build/lint-cache, so only what changed, or includes
# what changed, is compiled again. The commands come from build/release/compile_commands.json.
import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from source_tree import (PROJECT_INCLUDE, PassCache, cpp_files, git_lines, include_closure, read,
                         run_all)

CLANG = "clang++-14"
TIDY = "clang-tidy-14"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


def version(tool):
    return subprocess.run([tool, "--version"], capture_output=True, text=True).stdout


def compile_commands(root):
    """Source file (relative) to its compiler words, as CMake wrote them."""
    database = Path(root) / "build" / "release" / "compile_commands.json"
    if not database.is_file():
        sys.exit("check_compile: configure first: ./run build, or cmake --preset release")
    commands = {}
    for entry in json.loads(database.read_text()):
        name = os.path.relpath(entry["file"], Path(root).resolve())
        words = shlex.split(entry["command"])
        if not name.startswith(("..", "build/")):
            commands.setdefault(name, words)
    return commands


def run_cached(root, kind, settings, jobs):
    """jobs: (name, extra, command, stdin). Prints failures; the number of them."""
    cache = PassCache(root, kind, settings)
    keys, waiting = {}, []
    for name, extra, command, stdin in jobs:
        key = cache.key(name, extra)
        if not cache.has(key):
            keys[name] = key
            waiting.append((name, command, stdin))
    started, failed = time.monotonic(), 0
    for name, succeeded, output in run_all(waiting):
        if succeeded:
            cache.add(keys[name])
        else:
            failed += 1
            print(f"{kind}: {name}\n{output}", flush=True)
    print(f"{kind}: {len(jobs)} files, {len(waiting)} checked, {failed} failed, "
          f"{time.monotonic() - started:.0f} s", flush=True)
    return failed


def proved_by_own_source(root, name):
    """A header that its own .cpp includes first is compiled alone by the build itself."""
    source = name[:-4] + ".cpp"
    if not (Path(root) / source).is_file():
        return False
    first = PROJECT_INCLUDE.search(read(root, source))
    return bool(first) and first[1] == name


def check_headers(root):
    command = ["g++", "-std=c++20", "-fsyntax-only", *WARNINGS, "-I", str(Path(root).resolve()),
               "-isystem", "/usr/include/eigen3", "-x", "c++", "-"]
    jobs = [(name, "", command, f'#include "{name}"\n') for name in cpp_files(root)
            if name.endswith(".hpp") and not proved_by_own_source(root, name)]
    return run_cached(root, "headers", version("g++") + " ".join(command[1:5]), jobs)


def with_compiler(words, compiler, extra):
    """The command of one file with another compiler, that makes no output."""
    kept, skip = [], False
    for word in words[1:]:
        if skip or word in ("-o", "-c"):
            skip = word == "-o" and not skip
            continue
        kept.append(word)
    return [compiler, *extra, *kept]


def compiled_by_clang(root, builds):
    """Sources whose objects lie in these build folders of clang, warnings being errors there."""
    names = set()
    for build in builds:
        for entry in json.loads((Path(build) / "compile_commands.json").read_text()):
            words = shlex.split(entry["command"])
            if (Path(build) / words[words.index("-o") + 1]).is_file():
                names.add(os.path.relpath(entry["file"], Path(root).resolve()))
    return names


def check_syntax(root, builds):
    jobs, done = [], compiled_by_clang(root, builds)
    for name, words in sorted(compile_commands(root).items()):
        if name in done:
            continue
        command = with_compiler(words, CLANG, ["-fsyntax-only", "-Wno-unknown-warning-option"])
        jobs.append((name, " ".join(command), command, None))
    return run_cached(root, "syntax", version(CLANG), jobs)


def changed_files(root):
    """What differs from the branch point with origin, or from the last commit's parent."""
    base = os.environ.get("CONSILIUM_LINT_BASE", "")
    if not base:
        base = "".join(git_lines(root, "merge-base", "HEAD", "origin/HEAD")
                       or git_lines(root, "merge-base", "HEAD", "origin/main") or [])
    if not base or [base] == git_lines(root, "rev-parse", "HEAD"):
        base = "HEAD~1"
    return set((git_lines(root, "diff", "--name-only", base) or [])
               + (git_lines(root, "ls-files", "-o", "--exclude-standard") or []))


def sources_to_tidy(root, full):
    """Changed sources; for a changed header, its own source or one that includes it."""
    sources = sorted(compile_commands(root))
    if full:
        return sources
    changed = changed_files(root)
    chosen = {name for name in sources if name in changed}
    closures = {}
    for header in sorted(name for name in changed if name.endswith(".hpp")):
        own = header[:-4] + ".cpp"
        if own in sources:
            chosen.add(own)
            continue
        for source in sources:
            if source not in closures:
                closures[source] = include_closure(root, source)
            if header in closures[source]:
                chosen.add(source)
                break
    return sorted(chosen)


def check_tidy(root, full, fix):
    settings = version(TIDY) + read(root, ".clang-tidy")
    jobs = []
    for name in sources_to_tidy(root, full):
        command = [TIDY, "--quiet", "-p", str(Path(root) / "build" / "release"),
                   "--extra-arg=-Wno-unknown-warning-option", str(Path(root) / name)]
        if fix:
            command.insert(1, "--fix")
        jobs.append((name, "", command, None))
    return run_cached(root, "tidy", settings, jobs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("check", choices=["headers", "tidy", "syntax"])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("--built", action="append", default=[])
    arguments = parser.parse_args()
    if arguments.check == "headers":
        return 1 if check_headers(arguments.root) else 0
    if arguments.check == "syntax":
        return 1 if check_syntax(arguments.root, arguments.built) else 0
    return 1 if check_tidy(arguments.root, arguments.full, arguments.fix) else 0


if __name__ == "__main__":
    sys.exit(main())
