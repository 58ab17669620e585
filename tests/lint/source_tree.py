# What all checkers share: the list of source files, C++ without comments, findings, the pass cache.
#
# Only the standard library is used. A checker takes the root of a tree as its argument, so that
# selftest.py can point it at a small tree with planted violations.
import hashlib
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CPP_SUFFIXES = (".hpp", ".cpp")
SKIPPED_FOLDERS = {"build", "node_modules", ".git", "__pycache__"}
SKIPPED_AT_TOP = "devnet/"  # where a launcher may be told to keep its files
PROJECT_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: [{self.rule}] {self.text}"


def report(findings):
    """Prints findings in order; the exit code of the checker."""
    for finding in sorted(set(findings)):
        print(finding)
    return 1 if findings else 0


def git_lines(root, *arguments):
    """The lines a git command answers, None when it fails. Works in a clone of another user."""
    done = subprocess.run(
        ["git", "-C", str(root), "-c", f"safe.directory={Path(root).resolve()}", *arguments],
        capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else None


def all_files(root):
    """Paths (relative, sorted) of what git tracks or would track; of everything without git."""
    root = Path(root)
    listed = None
    if (root / ".git").exists():
        listed = git_lines(root, "ls-files", "-co", "--exclude-standard")
    if listed is None:
        listed = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    kept = [name for name in listed
            if not SKIPPED_FOLDERS & set(Path(name).parts[:-1])
            and not name.startswith(SKIPPED_AT_TOP) and (root / name).is_file()]
    return sorted(set(kept))


def cpp_files(root):
    return [name for name in all_files(root) if name.endswith(CPP_SUFFIXES)]


def read(root, name):
    return (Path(root) / name).read_text(encoding="utf-8", errors="surrogateescape")


TOKEN = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<number>\b\d(?:[\w.]|'(?=\w))*)"
    r"|(?P<char>'(?:\\.|[^'\\\n])+')", re.DOTALL)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """The text with comments and the contents of literals blanked; lines and columns stay."""
    def replace(match):
        if match["comment"]:
            return blank(match["comment"])
        if match["raw"]:
            return '"' + blank(match["raw"])[1:-1] + '"'
        if match["string"]:
            return '"' + " " * (len(match["string"]) - 2) + '"'
        if match["char"]:
            return "'" + " " * (len(match["char"]) - 2) + "'"
        return match[0]
    return TOKEN.sub(replace, text)


def comments_only(text):
    """The text with everything but comments blanked."""
    parts, end = [], 0
    for match in TOKEN.finditer(text):
        if match["comment"]:
            parts += [blank(text[end:match.start()]), match[0]]
            end = match.end()
    return "".join(parts) + blank(text[end:])


def include_closure(root, name, known=None):
    """`name` and every project file it includes, directly or not."""
    known = set() if known is None else known
    if name in known or not (Path(root) / name).is_file():
        return known
    known.add(name)
    for included in PROJECT_INCLUDE.findall(read(root, name)):
        include_closure(root, included, known)
    return known


class PassCache:
    """Remembers by content which checks passed, so an unchanged file is not checked again."""

    def __init__(self, root, kind, settings):
        self.root = Path(root)
        self.folder = self.root / "build" / "lint-cache" / kind
        self.settings = settings

    def key(self, name, extra=""):
        digest = hashlib.sha256(f"{self.settings}\0{name}\0{extra}\0".encode())
        for part in sorted(include_closure(self.root, name)):
            digest.update(part.encode() + b"\0" + (self.root / part).read_bytes() + b"\0")
        return digest.hexdigest()

    def has(self, key):
        return (self.folder / key).exists()

    def add(self, key):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / key).touch()


def run_all(jobs):
    """Runs (label, command, stdin) on all cores; yields (label, succeeded, output) in order."""
    def run(job):
        label, command, stdin = job
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
        return label, done.returncode == 0, (done.stdout + done.stderr).strip()
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        yield from pool.map(run, jobs)
