#!/usr/bin/env bash
# Mutates a random sample of the virtio and memory code and counts what the unit tests catch.
# usage: [SEED=n] [COUNT=n] [MINUTES=n] tests/mutants.sh
# The sample is recorded by its seed; it is tested in shards of 65 (each builds from nothing), and a run that is started again goes on after the
# last shard that was finished. Results: target/mutants/SEED-COUNT.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PATH:$PWD/target/tools/bin
seed=${SEED:-1} count=${COUNT:-120} minutes=${MINUTES:-60}
cargo mutants --version >/dev/null 2>&1 || { echo "cargo-mutants is missing: cargo install --locked cargo-mutants" >&2; exit 1; }
out=target/mutants/$seed-$count
mkdir -p "$out"
code=(--file 'devices/src/virtio/**/*.rs' --file 'vmm/src/memory/**/*.rs')

# A mutant's place in the sample is a hash of the seed and its name, so equal trees and seeds give equal samples.
cargo mutants --list "${code[@]}" >"$out/all"
if [ ! -s "$out/sample" ]; then
  while IFS= read -r name; do
    printf '%s %s\n' "$(printf '%s %s' "$seed" "$name" | sha256sum | cut -c1-16)" "$name"
  done <"$out/all" | sort | sed -n "1,${count}p" | cut -d' ' -f2- >"$out/sample"
fi
echo "seed $seed: $(wc -l <"$out/sample") of $(wc -l <"$out/all") mutants"

rm -f "$out"/names.*
split -l 65 -d "$out/sample" "$out/names."
for names in "$out"/names.*; do
  shard=$out/shard.${names##*.}
  [ ! -e "$shard/done" ] || continue
  [ "$SECONDS" -lt $((minutes * 60)) ] || { echo "$minutes minutes are over: start it again to go on"; break; }
  patterns=()
  while IFS= read -r name; do
    patterns+=(--re "^$(sed 's/[][\.*^$+?(){}|\\/]/\\&/g' <<<"$name")\$")
  done <"$names"
  rm -rf "$shard"
  status=0
  # Few cases: a mutant that only one case in thousands would show is not what this looks for.
  PROPTEST_CASES=64 PROPTEST_RNG_SEED=1 cargo mutants "${code[@]}" "${patterns[@]}" --output "$shard" --jobs "${JOBS:-2}" --timeout 30 \
    --cap-lints true --copy-vcs false --baseline "$([ "${names##*.}" = 00 ] && echo run || echo skip)" \
    -- --lib -- --skip native_tests:: || status=$?
  # 2: some were missed; 3: some timed out. Anything else is a fault of the run itself.
  case $status in 0 | 2 | 3) touch "$shard/done" ;; *) exit "$status" ;; esac
done

total() { cat "$out"/shard.*/mutants.out/"$1".txt 2>/dev/null | wc -l; }
caught=$(total caught) missed=$(total missed) timeout=$(total timeout) unviable=$(total unviable)
tested=$((caught + missed + timeout))
echo "caught $caught, timed out $timeout, missed $missed, did not compile $unviable"
[ "$missed" -eq 0 ] || sort "$out"/shard.*/mutants.out/missed.txt | sed 's/^/missed: /'
[ "$tested" -eq 0 ] || echo "caught $(((caught + timeout) * 100 / tested)) % of $tested mutants (seed $seed)"
