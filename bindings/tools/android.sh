#!/usr/bin/env bash
# Builds the library for Android's four kinds of processor, as it is shipped: FOLDER/<abi>/libtarishi.so.
#
#   bindings/tools/android.sh FOLDER [LIBRARY.SH-OPTION...]      --slim, --testkit
#
# Wants the NDK (ANDROID_NDK_HOME), cargo-ndk 4 and rustup. It has never been run: no NDK was at hand.
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build() {
  local abi=$1 triple=$2 file
  shift 2
  rustup target add "$triple"
  # What compiles and links for this one.
  eval "$(cargo ndk-env --target "$abi" --platform 23)"
  file=$(bindings/tools/library.sh "$@" --target "$triple")
  mkdir -p "$folder/$abi"
  cp -- "$file" "$folder/$abi/"
}
(build arm64-v8a aarch64-linux-android "$@")
(build armeabi-v7a armv7-linux-androideabi "$@")
(build x86_64 x86_64-linux-android "$@")
(build x86 i686-linux-android "$@")
