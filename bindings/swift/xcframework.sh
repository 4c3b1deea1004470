#!/usr/bin/env bash
# Makes Tarishi.xcframework beside Package.swift: the library for iPhones, the simulator and Macs, with header and module map.
# Package.swift then links it. Needs a Mac with Xcode and rustup. It has never been run: the project is built on Linux, where
# only the Rust is type-checked for iOS.
#
#   xcframework.sh [CARGO PROFILE]     the profile `mobile` if not said
set -euo pipefail
[ "$(uname -s)" = Darwin ] || { echo "xcframework.sh: needs a Mac with Xcode" >&2; exit 1; }
package=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$package/../.."
profile=${1:-mobile}
target=${CARGO_TARGET_DIR:-target}
phones=(aarch64-apple-ios)
simulators=(aarch64-apple-ios-sim x86_64-apple-ios)
macs=(aarch64-apple-darwin x86_64-apple-darwin)

export IPHONEOS_DEPLOYMENT_TARGET=15.0 MACOSX_DEPLOYMENT_TARGET=12.0
rustup target add "${phones[@]}" "${simulators[@]}" "${macs[@]}"
for triple in "${phones[@]}" "${simulators[@]}" "${macs[@]}"; do
  cargo build -p tarishi-bindings --lib --profile "$profile" --target "$triple"
done

bindings/tools/generate.sh
work=$target/xcframework
rm -rf "$work" "$package/Tarishi.xcframework"
mkdir -p "$work/headers" "$work/simulator" "$work/mac"
cp "$target/bindings/swift/TarishiFFI.h" "$work/headers/"
cp "$target/bindings/swift/TarishiFFI.modulemap" "$work/headers/module.modulemap"
mkdir -p "$package/Sources/TarishiBindings"
cp "$target/bindings/swift/TarishiBindings.swift" "$package/Sources/TarishiBindings/"

# Several architectures of one platform are one file.
merge() {
  local out=$1
  shift
  local files=()
  for triple in "$@"; do files+=("$target/$triple/$profile/libtarishi.a"); done
  lipo -create "${files[@]}" -output "$out"
}
merge "$work/simulator/libtarishi.a" "${simulators[@]}"
merge "$work/mac/libtarishi.a" "${macs[@]}"
xcodebuild -create-xcframework \
  -library "$target/${phones[0]}/$profile/libtarishi.a" -headers "$work/headers" \
  -library "$work/simulator/libtarishi.a" -headers "$work/headers" \
  -library "$work/mac/libtarishi.a" -headers "$work/headers" \
  -output "$package/Tarishi.xcframework"
(cd "$package" && zip -qry "$OLDPWD/$work/Tarishi.xcframework.zip" Tarishi.xcframework)
echo "$package/Tarishi.xcframework"
echo "zip for a release: $work/Tarishi.xcframework.zip, checksum $(swift package compute-checksum "$work/Tarishi.xcframework.zip")"
