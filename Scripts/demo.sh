#!/bin/sh
# demo.sh [--data DIR] [--out RUN] [options of router-bench replay]
# Sets up, builds in release, and compares every way to choose a reward model over the pairs of DIR, or of a synthetic dataset
# that it makes. Prints a table; RUN (runs/demo-TIME by default) receives tables and plots.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
data=
out=runs/demo-$(date +%Y%m%d-%H%M%S)
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    sed -n '2,4s/^# \{0,1\}//p' "$0"
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
swift build -c release --product bayesrouter
swift build -c release --product router-bench
build=$(swift build -c release --show-bin-path)

echo
"$build/bayesrouter" info
if [ -z "$data" ]; then
  data=$out-data
  printf '\nNo --data: a SYNTHETIC dataset, made in %s. Its accuracies say nothing about real reward models.\n\n' "$data"
  "$build/bayesrouter" synthesize --out "$data"
fi
echo
exec "$build/router-bench" replay --data "$data" --out "$out" "$@"
