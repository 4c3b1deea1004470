#!/usr/bin/env bash
# Swift on a Debian machine that has none: Debian trixie's swiftlang (6.0.3) unpacked into a folder.
#
#   swift-chroot.sh ROOT                        make ROOT; nothing to do if it is there
#   swift-chroot.sh ROOT PROJECT CMD [ARG...]   run CMD in ROOT and in PROJECT, which is mounted at its own path
#
# Needs root. Mounts live in a mount namespace of the command's own, so however it ends nothing is left to unmount, and its exit
# status is this script's. Loopback is the machine's: servers started outside are reached from inside.
# Passed in: CI, LD_LIBRARY_PATH, RUST_BACKTRACE and the variables named in SWIFT_CHROOT_ENV. Folders named in SWIFT_CHROOT_BIND are
# mounted too, such as a CARGO_TARGET_DIR outside the project.
set -euo pipefail
export LC_ALL=C

die() { echo "swift-chroot: $*" >&2; exit 1; }
usage="usage: swift-chroot.sh ROOT [PROJECT CMD [ARG...]]"
[ $# -ge 1 ] || die "$usage"
[ "$(id -u)" = 0 ] || die "must run as root"
root=$(realpath -m -- "$1"); shift
[ "$root" != / ] || die "ROOT must not be /"
suite=trixie
want="$suite 1" # raise the number with every change of what is installed
stamp=$root/.tarishi-swift

# What compiling and testing never open: debugger, language server, static libraries, LTO, manuals. Halves the 2.6 GB.
excluded=(
  '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' '/usr/share/info/*'
  '/usr/libexec/swift/lib/swift/embedded/*' '/usr/libexec/swift/lib/swift_static/*'
  '/usr/libexec/swift/lib/swift/FrameworkABIBaseline/*' '/usr/libexec/swift/share/*'
  '/usr/libexec/swift/lib/liblldb*' '/usr/libexec/swift/bin/lldb*' '/usr/libexec/swift/bin/repl_swift'
  '/usr/libexec/swift/lib/libsourcekitdInProc*' '/usr/libexec/swift/bin/sourcekit-lsp'
  '/usr/libexec/swift/bin/clangd' '/usr/libexec/swift/bin/docc' '/usr/libexec/swift/bin/swift-format'
  '/usr/libexec/swift/bin/lld' '/usr/libexec/swift/lib/libLTO*'
  '/usr/libexec/gcc/*/lto1' '/usr/bin/*lto-dump*'
)

# Unpacks beside ROOT and renames at the end, so that what stands at ROOT is whole.
make_root() {
  local log fresh codename mirror path
  local -a options=()
  log=$(mktemp)
  if ! command -v mmdebstrap >/dev/null; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends mmdebstrap; } >"$log" 2>&1 ||
      { cat "$log" >&2; rm -f "$log"; die "cannot install mmdebstrap"; }
  fi
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(LABEL)' |
    awk -v codename="$codename" '$2 == codename && $3 == "Debian" && !uri { uri = $1 } END { print uri }')
  [ -n "$mirror" ] || die "no Debian mirror in apt's sources; run apt-get update once"
  for path in "${excluded[@]}"; do options+=(--dpkgopt="path-exclude=$path"); done
  fresh=$root.new
  rm -rf --one-file-system -- "$fresh"
  mmdebstrap --quiet --mode=root --variant=essential --components=main "${options[@]}" \
    --aptopt='Apt::Install-Recommends "false"' \
    --include=swiftlang,libc6-dev,libstdc++-14-dev,ca-certificates \
    "$suite" "$fresh" "$mirror" >"$log" 2>&1 ||
    { cat "$log" >&2; rm -rf --one-file-system -- "$fresh" "$log"; die "mmdebstrap failed"; }
  rm -rf -- "$fresh"/var/lib/apt/lists/* "$fresh"/var/cache/apt/*.bin "$log"
  echo "$want" >"$fresh/.tarishi-swift"
  rm -rf --one-file-system -- "$root"
  mv -- "$fresh" "$root"
}

mkdir -p -- "$(dirname -- "$root")"
exec 9>"$root.lock"
flock 9
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
  if [ -e "$root" ] && [ ! -e "$stamp" ] && [ -n "$(ls -A -- "$root")" ]; then
    die "$root is there and was not made by this script"
  fi
  make_root
fi
exec 9>&-
[ $# -gt 0 ] || exit 0

[ $# -ge 2 ] || die "$usage"
project=$(realpath -e -- "$1"); shift
binds=("$project")
for folder in ${SWIFT_CHROOT_BIND:-}; do binds+=("$(realpath -e -- "$folder")"); done
environment=(HOME=/root LC_ALL=C.UTF-8 TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin)
for name in CI LD_LIBRARY_PATH RUST_BACKTRACE ${SWIFT_CHROOT_ENV:-}; do
  [ -z "${!name+set}" ] || environment+=("$name=${!name}")
done
# swift wants /proc, or it does not find its own libraries.
# shellcheck disable=SC2016
exec unshare --mount --propagation private --pid --fork --kill-child bash -c '
  set -eu
  root=$1 project=$2 binds=$3; shift 3
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=1777 tmp "$root/tmp"
  for device in null zero full random urandom tty; do
    [ -e "$root/dev/$device" ] || : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mkdir -p "$root/dev/shm"; mount -t tmpfs shm "$root/dev/shm"
  for ((i = 0; i < binds; i++)); do mkdir -p "$root$1"; mount --bind "$1" "$root$1"; shift; done
  variables=$1; shift
  environment=(); for ((i = 0; i < variables; i++)); do environment+=("$1"); shift; done
  exec chroot "$root" /usr/bin/env -i "${environment[@]}" /bin/sh -c '\''cd "$1" && shift && exec "$@"'\'' sh "$project" "$@"
' swift-chroot "$root" "$project" "${#binds[@]}" "${binds[@]}" "${#environment[@]}" "${environment[@]}" "$@"
