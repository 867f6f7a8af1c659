#!/bin/sh
# Looks for what `make demo` cannot fetch by itself, then builds and runs the demo, with the arguments given.
cd "$(dirname "$0")/.." || exit
missing() { # missing NAME COMMAND
  echo "make demo: $1: $2" >&2
  exit 1
}
command -v cargo >/dev/null || missing "cargo is missing" "curl --proto '=https' -sSf https://sh.rustup.rs | sh"
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
found=$(cargo --version | cut -d ' ' -f 2)
oldest=$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)
[ "$oldest" = "$wanted" ] || missing "Rust $found is older than $wanted" "rustup update stable"
# A compiler alone is not enough: it needs the C library to link with.
echo 'int main(void) { return 0; }' | cc -x c -o /dev/null - 2>/dev/null ||
  missing "cc is missing or cannot link" "sudo apt-get install gcc libc6-dev"
command -v make >/dev/null || missing "make is missing" "sudo apt-get install make"
command -v apt-get >/dev/null || missing "apt-get is missing" "run the demo on Debian or Ubuntu"
exec cargo run --quiet --package integration --bin demo -- "$@"
