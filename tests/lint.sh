#!/usr/bin/env bash
# Everything that `make lint` checks; goes on after a failure, so that one run shows all, and fails in the end.
set -uo pipefail
cd "$(dirname "$0")/.."
guest=tests/integration/guest
# Tools that .ci/run installs for itself.
PATH=$PATH:$PWD/target/tools/bin
failed=()

check() { # check NAME COMMAND...
  local name=$1 begin=$SECONDS
  shift
  if "$@"; then echo "lint: $name: good ($((SECONDS - begin)) s)"; else failed+=("$name"); fi
}
in_guest() { (cd "$guest" && CARGO_TARGET_DIR=$OLDPWD/target/guest "$@"); }

check format cargo fmt --all --check
check clippy cargo clippy --quiet --workspace --all-targets -- -D warnings
check rustdoc env RUSTDOCFLAGS=-Dwarnings cargo doc --quiet --workspace --no-deps
check "format of somebody else's program" cargo fmt --manifest-path tests/integration/downstream/Cargo.toml --check
if [ -e "$guest/Cargo.toml" ]; then
  check "format of the guest" in_guest cargo fmt --check
  check "clippy of the guest" in_guest cargo clippy --quiet --release -- -D warnings
fi
if cargo deny --version >/dev/null 2>&1; then
  check dependencies cargo deny --log-level error check licenses bans sources
else
  echo "lint: cargo-deny is missing: cargo install --locked cargo-deny" >&2
  failed+=(dependencies)
fi
check structure cargo test --quiet --package integration --test structure

[ ${#failed[@]} -eq 0 ] && exit
printf 'lint: %s FAILED\n' "${failed[@]}" >&2
exit 1
