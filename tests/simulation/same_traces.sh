#!/usr/bin/env bash
# Runs the same seeds with two builds of consilium-sim and demands the same traces.
#
# usage: same_traces.sh PROGRAM OTHER_PROGRAM [OPTIONS of consilium-sim]
# for instance, after ./run build release and ./run build release-clang:
#   tests/simulation/same_traces.sh build/release/bin/consilium-sim \
#       build/release-clang/bin/consilium-sim --seeds 1..8 --mpc
# A trace covers every event, frame and block of a run, so a seed that fails under one compiler
# fails alike under the other. Exit code 0: equal; 1: they differ; 2: bad usage.
set -euo pipefail

if (($# < 2)); then
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 2
fi
one="$1"
other="$2"
shift 2

# The whole report: counts of faults, events and rounds, and the hash over all traces. What a run
# finds is no matter here (exit code 1 and 3 have a report, too).
report() {
    "$@" || [[ $? == 1 || $? == 3 ]]
}
left="$(report "$one" "$@")"
right="$(report "$other" "$@")"
if [[ "$left" == "$right" && "$left" == *'"trace_hash"'* ]]; then
    printf 'same traces: %s\n' "$(grep -o '"trace_hash": "[0-9a-f]*"' <<<"$left")"
    exit 0
fi
printf 'the traces differ with %s\n%s: %s\n%s: %s\n' "$*" "$one" "$left" "$other" "$right" >&2
exit 1
