#!/usr/bin/env bash
# The Swift package: generated, built, tested, its example run. What `tests/run swift` calls.
#
#   swift.sh           everything; closes with "test result: ok. N passed; M failed;"
#   swift.sh setup     only gets Swift, if there is none
#   swift.sh build     only generates and builds
#   swift.sh test ...  generates, builds and tests; the rest goes to `swift test`
#   swift.sh run FILE.swift   compiles a program against the package and runs it in this folder; prints what it prints
#   swift.sh bench     enqueues per second, as JSON, with a release library
#
# TARISHI_LIBRARY is a folder, in target, with another libtarishi than the one built here for tests. Uses the Swift that is installed, or else one in a folder: see swift-chroot.sh.
set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
project=$PWD
export RUST_BACKTRACE=0
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
package=$project/bindings/swift
example=$project/examples/swift-cli
scratch=$target/swift
chroot=${TARISHI_CACHE:-$HOME/.cache/tarishi}/swift
library=${TARISHI_LIBRARY:-$target/debug}
# shellcheck source=bindings/tools/servers.sh
. bindings/tools/servers.sh

mkdir -p "$scratch"
if command -v swift >/dev/null; then
  run() { LD_LIBRARY_PATH="$library" DYLD_LIBRARY_PATH="$library" "$@"; }
else
  "$project/bindings/tools/swift-chroot.sh" "$chroot"
  run() {
    SWIFT_CHROOT_BIND="$target" LD_LIBRARY_PATH="$library" \
      SWIFT_CHROOT_ENV="TARISHI_STRICT TARISHI_APPLE_STUBS TARISHI_PROJECT TARISHI_SCRIPTED_URL TARISHI_SCENARIOS \
        TARISHI_SERVER TARISHI_TOKEN TARISHI_SCRIPTED TARISHI_FOLDER TARISHI_SECONDS" \
      "$project/bindings/tools/swift-chroot.sh" "$chroot" "$project" "$@"
  }
fi
export TARISHI_PROJECT=$project
export TARISHI_STRICT=1

# Copies what changed only, so that nothing is compiled for nothing.
put() { cmp --silent "$1" "$2" || cp "$1" "$2"; }

generate() {
  bindings/tools/generate.sh
  local made=$target/bindings/swift include=$package/Sources/TarishiFFI/include
  mkdir -p "$include" "$package/Sources/TarishiBindings"
  put "$made/TarishiFFI.h" "$include/TarishiFFI.h"
  put "$made/TarishiFFI.modulemap" "$include/module.modulemap"
  put "$made/TarishiBindings.swift" "$package/Sources/TarishiBindings/TarishiBindings.swift"
}

# swift VERB PACKAGE [ARG...]
swift_at() {
  local verb=$1 path=$2
  shift 2
  run swift "$verb" --package-path "$path" --scratch-path "$scratch/$(basename "$path")" -Xlinker -L"$library" "$@"
}

build() {
  generate
  swift_at build "$package" --build-tests
}

passed=0
failed=0
# Counts a step of its own.
step() {
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok: $name"
  else
    failed=$((failed + 1))
    echo "FAILED: $name"
  fi
}

# Runs `swift test` and adds up its tests and scenarios; a run that tests nothing has failed.
count() {
  local log=$work/test.log code=0 p f
  "$@" 2>&1 | tee "$log" || code=$?
  p=$(grep -cE '^(.{1,4}Test .* passed after|scenario passed: )' "$log" || true)
  f=$(grep -cE '^(.{1,4}Test .* failed after|scenario failed: )' "$log" || true)
  if [ "$code" -ne 0 ] && [ "$f" -eq 0 ] || [ "$((p + f))" -eq 0 ]; then f=$((f + 1)); fi
  passed=$((passed + p))
  failed=$((failed + f))
}

# Nothing is compiled with a warning, whoever wrote it.
without_warnings() {
  local log=$work/build.log
  "$@" 2>&1 | tee "$log" && ! grep -q 'warning:' "$log"
}

# What needs Apple's frameworks is type-checked against stand-ins: it is not run here, and never was on a phone.
apple() {
  TARISHI_APPLE_STUBS=1 run swift build --package-path "$package" --scratch-path "$scratch/apple" --target Tarishi
}

run_example() {
  sandbox_and_server || return 1
  without_warnings swift_at build "$example" || return 1
  swift_at run "$example" --skip-build | tee "$work/example.out"
  as_expected "$work/example.out"
}

all() {
  generate
  step "Swift builds without warnings" without_warnings swift_at build "$package" --build-tests
  step "what needs Apple's frameworks type-checks against stand-ins" without_warnings apple
  scripted
  count swift_at test "$package" --skip-build --skip MemoryTests
  count swift_at test "$package" --skip-build --filter MemoryTests
  step "the example does what it says" run_example
  local word=ok
  [ "$failed" -eq 0 ] || word=FAILED
  echo "test result: $word. $passed passed; $failed failed;"
  [ "$failed" -eq 0 ]
}

# A program of one file, as a package of its own that depends on this one.
program() {
  local file=$1 name made
  name=$(basename "$file" .swift)
  made=$scratch/program-$name
  generate
  mkdir -p "$made/Sources/$name"
  put "$file" "$made/Sources/$name/$name.swift"
  cat >"$made/Package.swift" <<EOF
// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "$name",
    platforms: [.macOS(.v12)],
    dependencies: [.package(name: "Tarishi", path: "$package")],
    targets: [
        .executableTarget(
            name: "$name",
            dependencies: [
                .product(name: "Tarishi", package: "Tarishi"), .product(name: "TarishiTestKit", package: "Tarishi"),
            ])
    ]
)
EOF
  swift_at build "$made" >&2
  run env -C "$called_from" "$scratch/program-$name/debug/$name"
}

bench() {
  generate
  if [ -z "${TARISHI_LIBRARY:-}" ]; then
    library=$target/release
    cargo build --quiet --release -p tarishi-bindings >&2
  fi
  swift_at build "$package" -c release --product tarishi-bench >&2
  # On the disk: /tmp may be memory.
  TARISHI_FOLDER=$scratch/bench run "$scratch/swift/release/tarishi-bench"
}

case ${1:-all} in
  all) all ;;
  setup) ;;
  build) build ;;
  test) shift; generate; scripted; swift_at test "$package" "$@" ;;
  run) program "$(cd "$called_from" && realpath -e "${2:?which program?}")" ;;
  bench) bench ;;
  *) echo "usage: swift.sh [setup | build | test [ARG...] | run FILE.swift | bench]" >&2; exit 2 ;;
esac
