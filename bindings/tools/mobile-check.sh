#!/usr/bin/env bash
# Type-checks the library's Rust for phones, on a Debian machine without their SDKs.
#
#   bindings/tools/mobile-check.sh                           aarch64-linux-android and aarch64-apple-ios
#   bindings/tools/mobile-check.sh x86_64-linux-android      other targets
#
# What it proves: every line of Rust in the library, its dependencies and the standard library has the right types on that
# target, so also what is there for Android or iOS alone. For Android without the library's own HTTP too.
# What it does not prove: that C (SQLite, ring) compiles, that anything links, or that anything works. A stand-in compiler
# makes empty objects of all C. A phone has the last word.
#
# It wants Debian's second Rust (rustc-web, cargo-web, rust-web-src), which comes with the source of the standard library, and
# installs it beside the usual one if it is root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

die() { echo "mobile-check: $*" >&2; exit 1; }

packages=(rustc-web cargo-web rust-web-src)
installed() { [ "$(dpkg-query -W -f='${Status}\n' "${packages[@]}" 2>/dev/null | grep -c '^install ok installed$')" -eq 3 ]; }
if ! installed; then
  [ "$(id -u)" = 0 ] || die "install ${packages[*]} first, or run this as root"
  log=$(mktemp)
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"; } \
    >"$log" 2>&1 || { cat "$log" >&2; die "cannot install ${packages[*]}"; }
  rm -f "$log"
fi

cache="${TARISHI_CACHE:-$HOME/.cache/tarishi}/mobile"
# A folder with a platform in its name, or the build scripts look for Xcode.
mkdir -p "$cache/bin" "$cache/iPhoneOS.platform" "$cache/iPhoneSimulator.platform"
cat >"$cache/bin/check-cc" <<'EOF'
#!/usr/bin/env bash
before=
for argument in "$@"; do
  [ "$before" != -o ] || : >"$argument"
  # Asked who it is, it is clang.
  [ "$argument" != -E ] || echo clang
  before=$argument
done
EOF
cat >"$cache/bin/check-ar" <<'EOF'
#!/usr/bin/env bash
for argument in "$@"; do
  case "$argument" in *.a) : >"$argument" ;; esac
done
EOF
chmod +x "$cache/bin/check-cc" "$cache/bin/check-ar"

# The usual cargo's artefacts must not mix with this one's.
export CARGO_TARGET_DIR="$cache/target" PATH=/usr/bin:/bin:/usr/sbin:/sbin RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
unset RUSTC_WRAPPER RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTUP_TOOLCHAIN

check() {
  local target="$1"
  shift
  local name="${target//-/_}"
  export "CC_$name=$cache/bin/check-cc" "CXX_$name=$cache/bin/check-cc" "AR_$name=$cache/bin/check-ar"
  unset SDKROOT
  case "$target" in
    *-apple-ios-sim | x86_64-apple-ios) export SDKROOT="$cache/iPhoneSimulator.platform" ;;
    *-apple-ios) export SDKROOT="$cache/iPhoneOS.platform" ;;
  esac
  echo "$target${*:+ $*}"
  /usr/bin/cargo check -q -Zbuild-std=std,panic_abort --target "$target" -p tarishi-bindings --lib "$@"
}

[ $# -gt 0 ] || set -- aarch64-linux-android aarch64-apple-ios
for target in "$@"; do
  check "$target"
  case "$target" in *-android*) check "$target" --no-default-features ;; esac
done
