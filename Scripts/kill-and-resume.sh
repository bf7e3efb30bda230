#!/bin/bash
# Kills training runs at random steps, resumes them, and compares what they end with, byte for byte, with an uninterrupted run.
#
#     Scripts/kill-and-resume.sh [--times 20] [--seed 1] [--data DIR] [OPTIONS OF bayesrouter train]
#
# Without --data a synthetic dataset of 200 pairs is made. Without other options the last layer of a small checkpoint of random
# weights is trained. Ends with 0 where all runs agree.
set -euo pipefail
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
times=20
seed=1
data=
while [ $# -gt 0 ]; do
  case $1 in
  --times) times=$2 && shift 2 ;;
  --seed) seed=$2 && shift 2 ;;
  --data) data=$2 && shift 2 ;;
  --help | -h) sed -n '2,7s/^# \{0,1\}//p' "$0" && exit 0 ;;
  *) break ;;
  esac
done
if [ $# -eq 0 ]; then
  set -- --encoder "$root/Tests/TransformersTests/Fixtures/llama-gqa" --tune last:1 --max-tokens 64 --epochs 3 --batch 8 \
    --patience 0 --save-every 3
fi

# The binaries are found whether they were built for tests or not.
bayesrouter=${BAYESROUTER:-$root/.build/release/bayesrouter}
[ -x "$bayesrouter" ] || (cd "$root" && swift build -c release --product bayesrouter)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$data" ]; then
  data=$work/data
  "$bayesrouter" synthesize --pairs 200 --rms 4 --out "$data" >/dev/null
fi

train() { # train FOLDER [MORE OPTIONS]
  local out=$1
  shift
  exec "$bayesrouter" train --data "$data" --out "$out" --threads 1 --log-every 1 "${options[@]}" "$@" >/dev/null 2>"$work/errors"
}
steps() { # steps FOLDER: those that its log tells of
  local lines
  lines=$(grep -c '"event":"step"' "$1/log.jsonl" 2>/dev/null) || true
  echo "${lines:-0}"
}

options=("$@")
(train "$work/whole") || { cat "$work/errors" >&2 && exit 1; }
total=$(steps "$work/whole")
echo "an uninterrupted run of $total steps; $times runs killed at random steps, seed $seed"
RANDOM=$seed
differing=0
for number in $(seq "$times"); do
  step=$((1 + RANDOM % total))
  out=$work/killed
  rm -rf "$out"
  train "$out" &
  process=$!
  while kill -0 $process 2>/dev/null && [ "$(steps "$out")" -lt "$step" ]; do :; done
  kill -9 $process 2>/dev/null || true
  wait $process 2>/dev/null || true
  reached=$(steps "$out")
  resume=--resume
  [ -e "$out" ] || resume=
  (train "$out" $resume) || { cat "$work/errors" >&2 && exit 1; }
  verdict=equal
  for part in best last state; do
    diff -r "$work/whole/$part" "$out/$part" >/dev/null || verdict="DIFFERENT $part"
  done
  [ "$verdict" = equal ] || differing=$((differing + 1))
  echo "$number: killed after step $reached (wanted $step) of $total, resumed: $verdict"
done
[ $differing -eq 0 ] && echo "all $times equal, byte for byte" || { echo "$differing of $times differ" >&2 && exit 1; }
