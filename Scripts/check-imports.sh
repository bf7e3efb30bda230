#!/bin/sh
# Fails where a target imports what it may not: data flows one way, and a router cannot call a reward model.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
status=0

# check TARGET ALLOWED...: the modules of this package that TARGET may import.
check() {
  target=$1
  shift
  for module in COpenBLAS CKernels LinearAlgebra Storage NeuralNetwork Tokenization Transformers PreferenceData \
    RewardModels RemoteRewardModels RewardModelPools Routing Alignment Reporting RouterKit; do
    case " $* " in *" $module "*) continue ;; esac
    if grep -rnE "^[^/]*import ([a-z]+ )?$module\$" "Sources/$target" --include='*.swift'; then
      printf 'check-imports: %s may not import %s\n' "$target" "$module" >&2
      status=1
    fi
  done
}

check LinearAlgebra COpenBLAS CKernels
check Storage
check PreferenceData Storage
check Reporting LinearAlgebra Storage
check RewardModels LinearAlgebra PreferenceData Storage Tokenization Transformers
check RemoteRewardModels LinearAlgebra PreferenceData RewardModels Storage Tokenization
check RewardModelPools LinearAlgebra PreferenceData RemoteRewardModels RewardModels Storage Tokenization Transformers
check Tokenization Storage
check NeuralNetwork LinearAlgebra
check Transformers LinearAlgebra NeuralNetwork Storage
check Routing LinearAlgebra NeuralNetwork PreferenceData Storage Tokenization Transformers
check Alignment LinearAlgebra PreferenceData Reporting RewardModels Routing Transformers
check bayesrouter RouterKit RewardModelPools

# The C modules stay behind LinearAlgebra, which must not pass them on.
if grep -rnE '^(public |@_exported |package )?import (COpenBLAS|CKernels)' Sources/LinearAlgebra; then
  printf 'check-imports: LinearAlgebra imports the C modules with `internal import` only\n' >&2
  status=1
fi
exit $status
