#!/bin/sh
# demo.sh [--data DIR] [--out RUN] [options of router-bench replay]
# Sets up, builds in release, compares every way to choose a reward model over the pairs of DIR, or over synthetic ones, and then
# measures what a pair costs with 4 to 8 reward models. Prints tables; RUN (runs/demo-TIME by default) and RUN-scaling receive them
# with plots.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
data=
out=runs/demo-$(date +%Y%m%d-%H%M%S)
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    sed -n '2,5s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
  --data | --out)
    [ $# -ge 2 ] || {
      printf 'demo: %s needs a folder\n' "$1" >&2
      exit 2
    }
    case $2 in /*) path=$2 ;; *) path=$PWD/$2 ;; esac
    if [ "$1" = --data ]; then data=$path; else out=$path; fi
    shift 2
    ;;
  *) break ;;
  esac
done
cd "$root"
Scripts/setup.sh
# This product alone: the command line would bring a network stack to compile.
swift build -c release --product router-bench
bench=$(swift build -c release --show-bin-path)/router-bench

printf '\n== Which reward model to ask\n\n'
if [ -z "$data" ]; then
  printf 'No --data: SYNTHETIC judgements. Their accuracies say nothing about real reward models.\n\n'
  "$bench" replay --synthetic 2000x6 --out "$out" "$@"
else
  "$bench" replay --data "$data" --out "$out" "$@"
fi

printf '\n== What a pair costs: one reward model against all\n\n'
exec "$bench" scaling --rms 4-8 --pairs 6 --batch 2 --seeds 2 --up-to 64 --out "$out-scaling"
