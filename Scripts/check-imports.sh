#!/bin/sh
# Fails where a target imports what it may not: data flows one way, and a router cannot call a reward model.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
status=0

# Every target, and the modules of this package that it may import. What a line names stands in lines above it.
graph='
COpenBLAS
CKernels
CZlib
Randomness
Storage             CZlib
LinearAlgebra       COpenBLAS CKernels
NeuralNetwork       LinearAlgebra Randomness
Tokenization        Storage
Transformers        LinearAlgebra NeuralNetwork Randomness Storage
PreferenceData      Storage
Dialogues           LinearAlgebra PreferenceData Storage Tokenization Transformers
Routing             Dialogues LinearAlgebra NeuralNetwork PreferenceData Randomness Storage Tokenization Transformers
RewardModels        Dialogues LinearAlgebra PreferenceData Storage Tokenization Transformers
RemoteRewardModels  Dialogues PreferenceData Randomness RewardModels Storage
RewardModelPools    Dialogues LinearAlgebra PreferenceData RemoteRewardModels RewardModels Storage Transformers
Alignment           LinearAlgebra PreferenceData Randomness RewardModels Routing
Reporting           Storage
Studies             Alignment Dialogues LinearAlgebra NeuralNetwork PreferenceData Randomness Reporting RewardModels Routing Storage Tokenization Transformers
RouterKit           Alignment Dialogues LinearAlgebra NeuralNetwork PreferenceData Randomness Reporting RewardModels Routing Storage Studies Tokenization Transformers
CommandSupport      RouterKit
bayesrouter         CommandSupport RewardModelPools RouterKit
router-bench        CommandSupport RouterKit
'
folder_of() {
  case $1 in router-bench) echo Benchmarks/RouterBench ;; *) echo "Sources/$1" ;; esac
}

fail() {
  printf 'check-imports: %s\n' "$*" >&2
  status=1
}

known=' '
while read -r target allowed; do
  [ -n "$target" ] || continue
  folder=$(folder_of "$target")
  [ -d "$folder" ] || fail "there is no $folder"
  for module in $allowed; do
    case $known in *" $module "*) ;; *) fail "$target may import $module, which does not stand above it" ;; esac
  done
  known="$known$target "
  imported=$(grep -rhoE '^(@[a-z_]+ )?((public|internal|package|private) )?import ((struct|class|enum|protocol|func|var|let|typealias) )?[A-Za-z_]+' \
    "$folder" --include='*.swift' | sed 's/.* //' | sort -u)
  for module in $imported; do
    [ -d "Sources/$module" ] || continue
    case " $allowed " in
    *" $module "*) ;;
    *)
      fail "$target may not import $module:"
      grep -rnE "import .*\b$module\b" "$folder" --include='*.swift' >&2
      ;;
    esac
  done
done <<GRAPH
$graph
GRAPH

# A target that nobody wrote down could import anything.
for folder in Sources/*; do
  case $known in *" $(basename "$folder") "*) ;; *) fail "$folder has no line in the graph" ;; esac
done

# The C modules stay behind LinearAlgebra and Storage, which must not pass them on.
if grep -rnE '^(public |@_exported |package )?import (COpenBLAS|CKernels|CZlib)' Sources/LinearAlgebra Sources/Storage; then
  fail 'LinearAlgebra and Storage import the C modules with `internal import` only'
fi
exit $status
