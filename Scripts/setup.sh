#!/bin/sh
# Installs what this package needs beyond Swift 6.1+ and is missing: OpenBLAS, LAPACKE and zlib with headers, gnuplot, CMake.
# Does nothing, and prints nothing, where all is there. Uses apt (with sudo where not root) or Homebrew.
set -eu

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# The release of `swift --version`: the first x.y in it, which is "Swift version 6.1" or "Apple Swift version 6.1.2 ...".
check_swift() {
  have swift || fail "swift is not on the PATH; install Swift 6.1 or later from https://www.swift.org/install and run again"
  release=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1)
  [ -n "$release" ] || fail "'swift --version' names no release; is $(command -v swift) a Swift toolchain?"
  major=${release%%.*}
  minor=${release#*.}
  if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 1 ]; }; then
    fail "Swift $release at $(command -v swift) is too old; 6.1 or later is needed (https://www.swift.org/install)"
  fi
}

# A header or library by its name, where the compiler of a Debian-like system looks for it.
have_header() {
  for folder in /usr/include "/usr/include/$(uname -m)-linux-gnu" /usr/local/include; do
    [ ! -e "$folder/$1" ] || return 0
  done
  return 1
}
have_library() {
  for folder in /usr/lib "/usr/lib/$(uname -m)-linux-gnu" /usr/lib64 /usr/local/lib; do
    [ ! -e "$folder/lib$1.so" ] || return 0
  done
  return 1
}

missing_apt_packages() {
  { have_header cblas.h && have_library openblas; } || echo libopenblas-dev
  { have_header lapacke.h && have_library lapacke; } || echo liblapacke-dev
  { have_header zlib.h && have_library z; } || echo zlib1g-dev
  have gnuplot || echo gnuplot-nox
  have cmake || echo cmake
}

missing_formulae() {
  prefix=$(brew --prefix)
  [ -e "$prefix/opt/openblas/include/cblas.h" ] || echo openblas
  [ -e "$prefix/opt/lapack/include/lapacke.h" ] || echo lapack
  have gnuplot || echo gnuplot
  have cmake || echo cmake
}

install_with_apt() {
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    have sudo || fail "not root and no sudo; have an administrator run: apt-get install -y $*"
    as_root=sudo
  fi
  printf 'setup: installing %s\n' "$*" >&2
  $as_root apt-get update -qq || printf 'setup: apt-get update failed; trying with the lists at hand\n' >&2
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
    fail "apt-get could not install: $*"
}

check_swift
case $(uname -s) in
Darwin)
  have brew || fail "Homebrew is missing; install it from https://brew.sh, or OpenBLAS, LAPACKE, gnuplot and CMake yourself"
  missing=$(missing_formulae | tr '\n' ' ')
  [ -n "$missing" ] || exit 0
  printf 'setup: installing %s\n' "$missing" >&2
  # shellcheck disable=SC2086  # a list of words
  brew install --quiet $missing >&2 || fail "brew could not install: $missing"
  ;;
*)
  missing=$(missing_apt_packages | tr '\n' ' ')
  [ -n "$missing" ] || exit 0
  have apt-get || fail "neither apt-get nor brew is here; install what corresponds to: $missing"
  # shellcheck disable=SC2086  # a list of words
  install_with_apt $missing
  missing=$(missing_apt_packages | tr '\n' ' ')
  [ -z "$missing" ] || fail "still missing after the installation: $missing"
  ;;
esac
