#!/usr/bin/env bash
# Runs the programs of bindings/README.md exactly as they stand there: the first payment against the sandbox and a server, with the
# library as it is shipped, and the test of an app's offline behaviour. Closes with cargo's line "test result: …".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
tools=$PWD/bindings/tools
# shellcheck source=bindings/tools/servers.sh
. bindings/tools/servers.sh

# block LANGUAGE MARK: the code block of a language under a mark.
block() {
  awk -v fence="\`\`\`$1" -v mark="<!-- $2 -->" '
    $0 == mark { marked = 1; next }
    marked && $0 == fence { inside = 1; next }
    inside && /^```$/ { exit }
    { if (inside) print; else if ($0 != "") marked = 0 }' bindings/README.md
}

# Where Swift's compiler may look.
runs=$target/quickstart
rm -rf "$runs"

passed=0
failed=0
# check NAME LANGUAGE MARK PHRASE…: runs a block; it has passed if it ended well and printed these phrases, whatever their case.
check() {
  local name=$1 language=$2 mark=$3 folder=$runs/$1 ending phrase good=1
  shift 3
  if [ "$language" = kotlin ]; then ending=kt; else ending=swift; fi
  mkdir -p "$folder"
  block "$language" "$mark" >"$folder/Program.$ending"
  [ -s "$folder/Program.$ending" ] || { echo "-- $name: no such block"; good=0; }
  (cd "$folder" && "$tools/$language.sh" run "Program.$ending" >output) || { echo "-- $name: it ended badly"; good=0; }
  cat "$folder/output"
  for phrase in "$@"; do
    grep -qi "$phrase" "$folder/output" || { echo "-- $name: it did not print \"$phrase\""; good=0; }
  done
  if [ "$good" = 1 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# The library's own code runs as on a phone. Only the test kit's server is not shipped.
mkdir -p "$target/library/shipped"
cp "$(bindings/tools/library.sh --symbols)" "$target/library/shipped/libtarishi.so"

sandbox_and_server
export TARISHI_LIBRARY=$target/library/shipped
for language in kotlin swift; do
  check "$language-payment" "$language" quickstart "on disk: pending" "succeeded: charged(receipt"
done
unset TARISHI_LIBRARY
for language in kotlin swift; do
  check "$language-test" "$language" "quickstart test" "it went out at home"
done

payments=$(curl --silent --fail "$sandbox/_sandbox/ledger" | grep -o '"effect": *"money_in"' | wc -l)
if [ "$payments" -eq 2 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "-- the provider has $payments payments, not 2"; fi
word=ok
[ "$failed" -eq 0 ] || word=FAILED
echo "test result: $word. $passed passed; $failed failed;"
[ "$failed" -eq 0 ]
