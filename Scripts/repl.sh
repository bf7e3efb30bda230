#!/bin/sh
# repl.sh                      builds RouterKit in release and starts the Swift REPL: `import RouterKit` works in it
# repl.sh FILE.swift [ARG...]  runs a script with the same flags in the interpreter, which needs no debugger
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

mode=script
case ${1-} in
'') mode=repl ;;
-h | --help)
  sed -n '2,3s/^# //p' "$0"
  exit 0
  ;;
*)
  if [ ! -f "$1" ]; then
    printf 'repl: there is no file %s\n' "$1" >&2
    exit 2
  fi
  ;;
esac

# The REPL is part of the debugger, which does not start where a library of its own is missing.
if [ "$mode" = repl ] && command -v swift >/dev/null && ! problem=$(swift repl </dev/null 2>&1); then
  printf '%s\n' "repl: the Swift REPL cannot start on this machine:" "  $problem" \
    "It is part of the toolchain's debugger (lldb): install the library that this names, or put its folder into" \
    "LD_LIBRARY_PATH. Scripts need no debugger and work as they are: Scripts/repl.sh FILE.swift" >&2
  exit 1
fi

"$root/Scripts/setup.sh"
# Progress goes to standard error: standard output is the script's.
swift build --package-path "$root" -c release --product RouterKit >&2
build=$(swift build --package-path "$root" -c release --show-bin-path)
export LD_LIBRARY_PATH="$build${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

# What stands in "$@" is the script and its arguments; the flags go before them.
set -- -I "$build/Modules" -I "$root/Sources/COpenBLAS" -I "$root/Sources/CZlib" -I "$root/Sources/CKernels/include" \
  -L "$build" -lRouterKit "$@"
if [ "$(uname -s)" = Darwin ]; then
  prefix=$(brew --prefix)
  set -- -Xcc "-I$prefix/opt/openblas/include" -Xcc "-I$prefix/opt/lapack/include" \
    -L "$prefix/opt/openblas/lib" -L "$prefix/opt/lapack/lib" "$@"
fi
if [ "$mode" = repl ]; then
  exec swift repl "$@"
fi
exec swift "$@"
