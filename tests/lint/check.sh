#!/usr/bin/env bash
# Every check of the source text: format, dependency rule, style, headers alone, clang-tidy.
#
#   check.sh [--full] [--fix]   --full: clang-tidy on all files; --fix: repair format and tidy
#   check.sh --selftest         only prove that the checkers find what is planted for them
# All checks run even when one fails; the last line says which did.
set -uo pipefail

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
export PYTHONDONTWRITEBYTECODE=1

full=()
fix=()
for argument in "$@"; do
    case "$argument" in
    --full) full=(--full) ;;
    --fix) fix=(--fix) ;;
    --selftest) exec python3 "$HERE/selftest.py" ;;
    *)
        echo "usage: check.sh [--full] [--fix] | --selftest" >&2
        exit 2
        ;;
    esac
done

failed=()
check() {
    local name="$1" started=$SECONDS
    shift
    if "$@"; then
        echo "lint: $name passed ($((SECONDS - started)) s)"
    else
        echo "lint: $name FAILED ($((SECONDS - started)) s)"
        failed+=("$name")
    fi
}

check_format() {
    local mode=(--dry-run --Werror)
    [[ ${#fix[@]} -eq 0 ]] || mode=(-i)
    python3 -c 'import sys; from source_tree import cpp_files
print("\0".join(sys.argv[1] + "/" + name for name in cpp_files(sys.argv[1])), end="")' "$ROOT" |
        xargs -0 -r -n 40 -P "$(nproc)" clang-format-14 "${mode[@]}"
}
export PYTHONPATH="$HERE"

check "self-test" python3 "$HERE/selftest.py"
check "format" check_format
check "dependencies" python3 "$HERE/check_deps.py" "$ROOT"
check "style" python3 "$HERE/check_style.py" "$ROOT"
check "planted bugs" python3 "$ROOT/tests/planted/planted.py" --check
check "adversarial table" python3 "$HERE/check_adversarial.py" "$ROOT"
check "headers" python3 "$HERE/check_compile.py" "$ROOT" headers
check "tidy" python3 "$HERE/check_compile.py" "$ROOT" tidy "${full[@]}" "${fix[@]}"

if [[ ${#failed[@]} -gt 0 ]]; then
    echo "lint: FAILED: ${failed[*]}"
    exit 1
fi
echo "lint: everything passed"
