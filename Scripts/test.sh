#!/bin/sh
# Sets up, then runs all tests in release: the Swift tests (options go to `swift test`), the notebooks, and the C kernels by
# CMake and ctest.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
Scripts/setup.sh

# Pointers outside LinearAlgebra, Storage and the C targets are errors here; see Package.swift.
export BAYESIANROUTER_STRICT_MEMORY=1
# Without testable imports the tests are built with the flags of `swift build`: what they run is what users run, and the notebooks, the
# command line and a later build use it as it is.
swift test -c release --disable-testable-imports "$@"

for notebook in Scripts/notebooks/*.swift; do
  printf '\n== %s\n' "$notebook"
  Scripts/repl.sh "$notebook"
done

printf '\n== C kernels\n'
cmake -S CMakeHelpers -B .build-cmake -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build .build-cmake
ctest --test-dir .build-cmake --output-on-failure
