#!/usr/bin/env bash
# Makes Tarishi.xcframework beside Package.swift: the library for iPhones, the simulator and Macs, with header and module map.
# Package.swift then links it. Needs a Mac with Xcode and rustup. It has never been run: the project is built on Linux, where
# only the Rust is type-checked for iOS.
# Phones get the library without the test kit's server; simulators and Macs, where apps are tested, get it too.
set -euo pipefail
[ "$(uname -s)" = Darwin ] || { echo "xcframework.sh: needs a Mac with Xcode" >&2; exit 1; }
package=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$package/../.."
target=${CARGO_TARGET_DIR:-target}
phones=(aarch64-apple-ios)
simulators=(aarch64-apple-ios-sim x86_64-apple-ios)
macs=(aarch64-apple-darwin x86_64-apple-darwin)

export IPHONEOS_DEPLOYMENT_TARGET=15.0 MACOSX_DEPLOYMENT_TARGET=12.0
rustup target add "${phones[@]}" "${simulators[@]}" "${macs[@]}"
bindings/tools/generate.sh
work=$target/xcframework
rm -rf "$work" "$package/Tarishi.xcframework"
mkdir -p "$work/headers" "$work/simulator" "$work/mac"
cp "$target/bindings/swift/TarishiFFI.h" "$work/headers/"
cp "$target/bindings/swift/TarishiFFI.modulemap" "$work/headers/module.modulemap"
mkdir -p "$package/Sources/TarishiBindings"
cp "$target/bindings/swift/TarishiBindings.swift" "$package/Sources/TarishiBindings/"

# merge FILE TRIPLE…: several architectures of one platform are one file.
merge() {
  local out=$1 files=()
  shift
  for triple in "$@"; do files+=("$(bindings/tools/library.sh --static --testkit --target "$triple")"); done
  lipo -create "${files[@]}" -output "$out"
}
merge "$work/simulator/libtarishi.a" "${simulators[@]}"
merge "$work/mac/libtarishi.a" "${macs[@]}"
xcodebuild -create-xcframework \
  -library "$(bindings/tools/library.sh --static --target "${phones[0]}")" -headers "$work/headers" \
  -library "$work/simulator/libtarishi.a" -headers "$work/headers" \
  -library "$work/mac/libtarishi.a" -headers "$work/headers" \
  -output "$package/Tarishi.xcframework"
(cd "$package" && zip -qry "$OLDPWD/$work/Tarishi.xcframework.zip" Tarishi.xcframework)
echo "$package/Tarishi.xcframework"
echo "zip for a release: $work/Tarishi.xcframework.zip, checksum $(swift package compute-checksum "$work/Tarishi.xcframework.zip")"
