#!/usr/bin/env bash
# Kotlin on the JVM: installs what is missing, builds the library, generates, compiles and tests.
#
#   kotlin.sh           everything: unit tests, robustness, scenarios three ways, Android's type-check, memory, the example
#   kotlin.sh unit      unit tests and robustness only; so do scenarios, memory, android and example
#   kotlin.sh run FILE.kt     compiles a program against the package and runs it in this folder; prints what it prints
#   kotlin.sh bench           enqueue, single and in lists of 100, per second, as JSON; with a release library
#
# TARISHI_LIBRARY is a folder with another libtarishi than the one built here for tests. Closes with cargo's line `test result: …`; its exit code is not 0 if anything failed.
set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export RUST_BACKTRACE=0
cache="${TARISHI_CACHE:-$HOME/.cache/tarishi}"
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
out="$target/kotlin"
sources=bindings/kotlin
passed=0
failed=0
mkdir -p "$cache" "$out"

say() { printf -- '-- %s\n' "$*"; }
die() { echo "kotlin: $*" >&2; exit 1; }
# shellcheck source=bindings/tools/servers.sh
. bindings/tools/servers.sh

bindings/tools/kotlin-setup.sh "$cache/kotlin"
# shellcheck source=/dev/null
. "$cache/kotlin/env.sh"

# What a jar was made of; it is made again only when that changed.
same() { [ -f "$1" ] && [ "$(cat "$1.from" 2>/dev/null || true)" = "$2" ]; }
digest() { find "$@" -type f -name '*.kt' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1; }

# compile JAR "OPTION…" CLASSPATH "WHAT IT NEEDS BESIDES" SOURCE…
compile() {
  local jar="$1" options="$2" classpath="$3" needs="$4"
  shift 4
  local from
  from="$(digest "$@") $options $needs $(cat "$cache/kotlin/.version")"
  same "$jar" "$from" && return 0
  rm -f "$jar"
  # shellcheck disable=SC2086 # options are words
  "$KOTLINC" $options -cp "$classpath" -d "$jar" "$@" || die "$jar does not compile"
  echo "$from" >"$jar.from"
}

# Android 6.0's API, 15 MB; Debian has it in sid only.
android_jar() {
  local jar="$cache/android-23.jar" mirror deb
  local path=pool/main/a/android-framework-23/libandroid-23-java_6.0.1+r72-6_all.deb
  local digest=8af1b6df556971dda0a6da3536ea526a838e0c363afcdd454213d8bce94793e3
  if [ ! -f "$jar" ]; then
    # the mirror that this machine's own apt uses
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' | awk '$2 == "Debian" && !u { u = $1 } END { print u }')
    deb=$(mktemp -d)
    curl --fail --silent --show-error --location -o "$deb/android.deb" "${mirror%/}/$path" ||
      die "Android's API cannot be had: ${mirror%/}/$path"
    echo "$digest  $deb/android.deb" | sha256sum --check --quiet >&2 || die "wrong checksum: ${mirror%/}/$path"
    dpkg -x "$deb/android.deb" "$deb/x"
    cp -- "$deb/x/usr/share/java/com.android.android-23.jar" "$jar.new"
    mv -- "$jar.new" "$jar"
    rm -rf -- "$deb"
  fi
  echo "$jar"
}

strict="-jvm-target 1.8 -Xexplicit-api=strict -Werror"
bindings="$out/bindings.jar"
main="$out/tarishi.jar"
testkit="$out/testkit.jar"
tests="$out/tests.jar"
library="${TARISHI_LIBRARY:-$target/debug}"

build() {
  say "library and generated code"
  bindings/tools/generate.sh
  compile "$bindings" "-jvm-target 1.8 -nowarn -module-name tarishi-bindings" "$KOTLIN_CP" "" "$target/bindings/kotlin"
  say "tarishi and its test kit"
  compile "$main" "$strict -module-name tarishi" "$bindings:$KOTLIN_CP" "$(cat "$bindings.from")" "$sources/src/main/kotlin"
  compile "$testkit" "$strict -module-name tarishi-testkit" "$main:$bindings:$KOTLIN_CP" "$(cat "$main.from")" \
    "$sources/testkit/src/main/kotlin"
}

run_java() { java -Djna.library.path="$library" "$@"; }

# JUnit with the arguments given; adds up what it counts. Some tests must have run.
junit() {
  local log code=0
  log=$(mktemp)
  run_java ${JUNIT_JAVA:-} -cp "$tests:$testkit:$main:$bindings:$KOTLIN_CP:$KOTLIN_TEST_CP" \
    org.junit.platform.console.ConsoleLauncher --disable-banner --disable-ansi-colors --details="${DETAILS:-tree}" "$@" \
    >"$log" 2>&1 || code=$?
  cat "$log"
  local p f
  p=$(awk '/tests successful/ { print $2 }' "$log")
  f=$(awk '/tests failed|containers failed/ { n += $2 } END { print n + 0 }' "$log")
  rm -f "$log"
  if [ "$code" -ne 0 ] && [ "$f" -eq 0 ] || [ "${p:-0}" -eq 0 ]; then f=$((f + 1)); fi
  passed=$((passed + ${p:-0}))
  failed=$((failed + f))
}

check() {
  local name="$1"
  shift
  say "$name"
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "-- failed: $name"; fi
}

build_tests() {
  compile "$tests" "-jvm-target 17 -Werror -Xfriend-paths=$main,$testkit -module-name tarishi-tests" \
    "$testkit:$main:$bindings:$KOTLIN_CP:$KOTLIN_TEST_CP" "$(cat "$testkit.from")" "$sources/src/test/kotlin"
}

unit() {
  say "unit and robustness tests"
  junit --scan-class-path "$tests" --exclude-classname '.*Scenario.*' --exclude-tag memory
}

# A heap of fixed size that is touched at the start and a compiler that settles early, so that their growth neither hides a leak
# nor counts as one.
memory() {
  say "memory over 1,000 cycles"
  JUNIT_JAVA="-Xms64m -Xmx64m -XX:+AlwaysPreTouch -XX:+UseSerialGC -XX:TieredStopAtLevel=1" junit --select-class io.tarishi.MemoryTest --include-classname '.*'
}

scenarios() {
  scripted
  say "scenarios, three ways"
  junit --select-class io.tarishi.scenario.ScenarioTest --include-classname '.*'
}

# The headless app, against the sandbox and a server, compared line by line with what it should print.
example() {
  scripted || return 1
  compile "$out/example.jar" "-jvm-target 17 -Werror -module-name kotlin-cli" "$main:$bindings:$KOTLIN_CP" \
    "$(cat "$main.from")" examples/kotlin-cli/src
  sandbox_and_server || return 1
  TARISHI_FOLDER="$work/phone" run_java -cp "$out/example.jar:$main:$bindings:$KOTLIN_CP" MainKt | tee "$work/example.out"
  as_expected "$work/example.out"
}

android() {
  local api
  api=$(android_jar) || return 1
  local jars="$main:$bindings:$KOTLIN_CP"
  compile "$out/android.jar" "-no-jdk $strict -module-name tarishi-android" "$api:$jars" "$(cat "$main.from")" \
    "$sources/src/android/kotlin"
  compile "$out/work-stubs.jar" "-no-jdk -jvm-target 1.8 -module-name work-stubs" "$api:$jars" "" "$sources/src/work-stubs/kotlin"
  compile "$out/work.jar" "-no-jdk $strict -module-name tarishi-work" "$out/work-stubs.jar:$api:$jars" "$(cat "$main.from")" \
    "$sources/src/work/kotlin"
}

# A program of one file, run where the caller is.
program() {
  local name jar
  name=$(basename "$1" .kt)
  jar="$out/program-$name.jar"
  compile "$jar" "-jvm-target 17 -Werror -module-name program" "$testkit:$main:$bindings:$KOTLIN_CP" "$(cat "$testkit.from")" "$1"
  cd "$called_from"
  run_java -cp "$jar:$testkit:$main:$bindings:$KOTLIN_CP" "${name}Kt"
}

bench() {
  compile "$out/bench.jar" "-jvm-target 17 -Werror -module-name tarishi-bench" "$main:$bindings:$KOTLIN_CP" \
    "$(cat "$main.from")" "$sources/bench/src/main/kotlin" >&2
  if [ -z "${TARISHI_LIBRARY:-}" ]; then
    cargo build --quiet --release -p tarishi-bindings >&2
    library="$target/release"
  fi
  TARISHI_FOLDER="$out/bench" run_java -cp "$out/bench.jar:$main:$bindings:$KOTLIN_CP" io.tarishi.bench.BenchKt
}

case "${1:-all}" in
  all)
    build
    build_tests
    check "Android's API type-checks" android
    unit
    memory
    scenarios
    check "the example prints what it should" example
    ;;
  unit)
    build
    build_tests
    unit
    ;;
  scenarios)
    build
    build_tests
    scenarios
    ;;
  memory)
    build
    build_tests
    memory
    ;;
  example)
    build
    check "the example prints what it should" example
    ;;
  android)
    build
    check "Android's API type-checks" android
    ;;
  run)
    file=$(cd "$called_from" && realpath -e "${2:?which program?}")
    build >&2
    program "$file"
    exit 0
    ;;
  bench)
    build >&2
    bench
    exit 0
    ;;
  *) die "no part called $1" ;;
esac

if [ "$failed" -eq 0 ]; then word=ok; else word=FAILED; fi
echo "test result: $word. $passed passed; $failed failed;"
[ "$failed" -eq 0 ]
