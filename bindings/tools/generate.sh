#!/usr/bin/env bash
# Builds the library and generates the Kotlin and Swift that speak to it, into target/bindings/{kotlin,swift}.
# The generator reads the API out of the built library, which therefore must not be stripped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target="${CARGO_TARGET_DIR:-target}"
out="$target/bindings"
case "$(uname -s)" in Darwin) library="libtarishi.dylib" ;; *) library="libtarishi.so" ;; esac

cargo build --quiet -p tarishi-bindings --features bindgen
fresh="$out/new"
rm -rf "$fresh"
mkdir -p "$fresh"
for language in kotlin swift; do
  "$target/debug/uniffi-bindgen" generate --no-format --language "$language" --out-dir "$fresh/$language" "$target/debug/$library"
done
# What did not change keeps its time stamp, so that nothing is compiled for nothing.
for language in kotlin swift; do
  mkdir -p "$out/$language"
  (cd "$fresh/$language" && find . -type f) | while read -r file; do
    mkdir -p "$(dirname "$out/$language/$file")"
    cmp --silent "$fresh/$language/$file" "$out/$language/$file" || cp "$fresh/$language/$file" "$out/$language/$file"
  done
done
rm -rf "$fresh"
