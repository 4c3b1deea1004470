#!/usr/bin/env bash
# How fast Kotlin and Swift enqueue, as ratios to Rust: the same calls on the same disk, in turns, in one run, with the library as
# it is shipped but for speed (profile release). The absolute numbers are those of this disk.
#
#   bindings/tools/figures.sh [ROUNDS]      5 unless said
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rounds="${1:-5}"
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
cargo build --quiet --release -p tarishi-bindings --lib --example rate
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  echo "Rust $(TARISHI_FOLDER="$target/bench" "$target/release/examples/rate" | tail -n 1)" >>"$log"
  echo "Kotlin $(bindings/tools/kotlin.sh bench | tail -n 1)" >>"$log"
  echo "Swift $(bindings/tools/swift.sh bench | tail -n 1)" >>"$log"
done
python3 - "$log" <<'PY'
import json, statistics, sys

runs = {}
for line in open(sys.argv[1]):
    language, figures = line.split(" ", 1)
    runs.setdefault(language, []).append(json.loads(figures))
print(f"| enqueue, medians of {len(runs['Rust'])} rounds | one by one, per second | to Rust | in lists of 100, per second | to Rust |")
print("| --- | --- | --- | --- | --- |")
median = lambda language, name: statistics.median(run[name] for run in runs[language])
for language in ("Rust", "Kotlin", "Swift"):
    cells = [language]
    for name in ("single_per_sec", "list_per_sec"):
        cells += [f"{median(language, name):.0f}", f"{median(language, name) / median('Rust', name):.2f}"]
    print("| " + " | ".join(cells) + " |")
PY
