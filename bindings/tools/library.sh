#!/usr/bin/env bash
# Builds the library as it is shipped to phones, and prints the path of the file.
#
#   bindings/tools/library.sh [--slim] [--testkit] [--symbols] [--static] [--target TRIPLE] [-- RUSTC-OPTION...]
#
# --slim leaves the library's own HTTP out; --testkit puts the test kit's server in, which is not for shipping; --symbols keeps
# the names, and with them for whom generic code was made; --static makes an archive, for an XCFramework, instead of a shared library. It wants whatever the target wants: Android's NDK or Xcode. Into
# target/library.
#
# What a plain `cargo build --profile mobile` does not do:
# - one kind of library. With the Rust library that tests link beside it, cargo leaves link-time optimisation out (1.5 MB);
# - SQLite without full-text search, R-trees, JSON and what else nobody asks it for (370 KB). Nothing that a commit depends on;
# - C for size (-Oz wants gcc 12 or clang; 9 KB), and no unwinding through it (95 KB): a panic never passes SQLite or ring, but a
#   crash inside them shows no Rust below it;
# - no folder of the machine that built it, in the words of panics;
# - addresses to relocate are packed (85 KB slim, 150 KB full). On Linux that wants glibc 2.36.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=$(rustc -vV | sed -n 's/^host: //p')
kind=cdylib
features=(http)
while [ $# -gt 0 ]; do
  case "$1" in
    --slim) features=("${features[@]/http}") ;;
    --testkit) features+=(testkit) ;;
    --symbols) export CARGO_PROFILE_MOBILE_STRIP=none RUSTFLAGS="-C symbol-mangling-version=v0" ;;
    --static) kind=staticlib ;;
    --target) target="$2"; shift ;;
    --) shift; break ;;
    *) echo "library.sh: what is $1?" >&2; exit 2 ;;
  esac
  shift
done

link=()
case "$kind $target" in
  cdylib*-android*) link=(-C link-arg=-Wl,--pack-dyn-relocs=android) ;;
  cdylib*-linux-*) link=(-C link-arg=-Wl,-z,pack-relative-relocs) ;;
esac

sqlite=()
for module in FTS3 FTS3_PARENTHESIS FTS5 RTREE DBSTAT_VTAB STAT4 LOAD_EXTENSION COLUMN_METADATA; do
  sqlite+=("-USQLITE_ENABLE_$module")
done
# As the workspace's own (.cargo/config.toml).
sqlite+=(-USQLITE_SOUNDEX -USQLITE_ENABLE_MEMORY_MANAGEMENT -DSQLITE_DEFAULT_MEMSTATUS=0)
for part in LOAD_EXTENSION DEPRECATED PROGRESS_CALLBACK SHARED_CACHE DECLTYPE JSON; do
  sqlite+=("-DSQLITE_OMIT_$part")
done
export LIBSQLITE3_FLAGS="${sqlite[*]}"
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=registry"
export CFLAGS="${CFLAGS:-} -fno-asynchronous-unwind-tables -Oz"
# What it is built with is not what the workspace is built with.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/library"

cargo rustc --quiet -p tarishi-bindings --lib --profile mobile --no-default-features --features "${features[*]}" \
  --crate-type "$kind" --target "$target" -- ${link[@]+"${link[@]}"} "$@" >&2
case "$kind $target" in
  staticlib*) file=libtarishi.a ;;
  *-apple-*) file=libtarishi.dylib ;;
  *) file=libtarishi.so ;;
esac
echo "$CARGO_TARGET_DIR/$target/mobile/$file"
