#!/usr/bin/env bash
# Kotlin/JVM for a Debian machine without Maven Central: compiler, standard library, coroutines and kotlin-test out of the npm
# package kotlin-compiler; JNA, JUnit 5 and Gson (tests only) from Debian.
#
#   kotlin-setup.sh DIR      fills DIR; nothing to do if it is filled
#
# DIR/env.sh then sets KOTLINC (a command), KOTLIN_CP (standard library, coroutines, JNA), KOTLIN_TEST_CP (kotlin-test, JUnit, Gson).
set -euo pipefail

version=2.4.20
# SHA-512 of the npm tarball.
digest=205e4854cecba4f840fe7b47410a5a56dd72c6969a428bed11560bcaa58cb9a2ebd177a52cf3e6effb0ce872e1b5c4638e3a12b0aec8ee53f693360990ccbbdf
packages=(default-jdk-headless libjna-java libjna-jni junit5 libgoogle-gson-java)
command -v java >/dev/null && packages=("${packages[@]:1}")

die() { echo "kotlin-setup: $*" >&2; exit 1; }
[ $# -eq 1 ] || die "usage: kotlin-setup.sh DIR"
dir=$(realpath -m -- "$1")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quiet() { "$@" >"$log" 2>&1 || { cat "$log" >&2; die "failed: $*"; }; }

# Debian's part is on the machine and not in DIR, so it is looked for each time.
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  [ "$(id -u)" = 0 ] || die "must run as root to install ${missing[*]}"
  quiet apt-get update -qq
  DEBIAN_FRONTEND=noninteractive quiet apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

mkdir -p -- "$dir"
exec 9>"$dir/.lock"
flock 9
if [ "$(cat "$dir/.version" 2>/dev/null || true)" != "$version" ]; then
  command -v npm >/dev/null || die "npm is needed to fetch the compiler"
  fresh=$(mktemp -d -- "$dir/new.XXXXXX")
  (cd "$fresh" && quiet npm pack --silent "kotlin-compiler@$version")
  tarball=$fresh/kotlin-compiler-$version.tgz
  echo "$digest  $tarball" | sha512sum --check --quiet >&2 || die "wrong checksum: $tarball"
  tar -xzf "$tarball" -C "$fresh" --exclude='*.klib' --exclude='*-sources.jar' package/lib package/build.txt
  rm -rf -- "$dir/lib"
  mv -- "$fresh/package/lib" "$dir/lib"
  rm -rf -- "$fresh"
  echo "$version" >"$dir/.version"
fi

lib=$dir/lib
java=/usr/share/java
path() { local IFS=:; echo "$*"; }
cat >"$dir/env.sh" <<EOM
# Written by kotlin-setup.sh.
KOTLINC='$dir/kotlinc'
KOTLIN_CP='$(path "$lib"/kotlin-stdlib.jar "$lib"/kotlinx-coroutines-core-jvm.jar "$java"/jna.jar)'
KOTLIN_TEST_CP='$(path "$lib"/kotlin-test.jar "$lib"/kotlin-test-junit5.jar "$java"/junit-jupiter-{api,engine,params}.jar \
  "$java"/junit-platform-{commons,engine,launcher,console,reporting}.jar \
  "$java"/{opentest4j,apiguardian-api,picocli,univocity-parsers,gson}.jar "$java"/opentest4j-reporting-{events,schema}.jar)'
EOM
cat >"$dir/kotlinc" <<EOM
#!/bin/sh
# Written by kotlin-setup.sh.
exec java -Xmx\${KOTLINC_XMX:-1500m} -cp '$(path "$lib"/{kotlin-compiler,kotlin-stdlib,kotlin-reflect,kotlin-script-runtime}.jar \
  "$lib"/{annotations-13.0,kotlin-daemon-client,kotlinx-coroutines-core-jvm}.jar)' \\
  org.jetbrains.kotlin.cli.jvm.K2JVMCompiler -no-stdlib -no-reflect "\$@"
EOM
chmod +x "$dir/kotlinc"
