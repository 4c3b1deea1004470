#!/usr/bin/env bash
# How large the library is, with its own HTTP and without, and what takes it, by crate and for our own code by module. Fails
# over a limit.
#
# The library is built as for phones (library.sh) but for this machine, which stands for them: no SDK is needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/library
out="$target/measured"
mkdir -p "$out"
# One build serves the size and the table: it is stripped here.
for name in full slim; do
  options=(--symbols)
  [ "$name" = full ] || options+=(--slim)
  cp "$(bindings/tools/library.sh "${options[@]}")" "$out/$name.so"
  strip -o "$out/$name.stripped.so" "$out/$name.so"
done

python3 - "$out" "$target" <<'PY'
import collections, glob, gzip, os, re, subprocess, sys

out, target = sys.argv[1:]
LIMITS = {"full": 4_200_000, "slim": 2_500_000}
OWN = ["tarishi", "tarishi_core", "tarishi_protocol"]
GROUPS = {
    "reqwest, hyper, h2": "reqwest hyper hyper_util hyper_rustls h2 http http_body http_body_util httparse tower tower_http "
    "url idna icu_normalizer icu_properties percent_encoding want ipnet",
    "rustls": "rustls webpki tokio_rustls rustls_pki_types rustls_platform_verifier rustls_native_certs",
    "ring": "ring untrusted",
    "tokio": "tokio tokio_util mio socket2 futures_util futures_channel",
    "std": "std core alloc gimli addr2line rustc_demangle std_detect hashbrown memchr miniz_oxide object",
    "uniffi": "uniffi uniffi_core anyhow",
    "serde_json": "serde_json serde serde_core serde_path_to_error serde_json_canonicalizer ryu_js zmij itoa",
}
GROUP = {crate: group for group, crates in GROUPS.items() for crate in crates.split()}


def symbols(file, *options):
    lines = subprocess.run(["nm", *options, file], capture_output=True, text=True, check=False).stdout.splitlines()
    return [line.split(" ", 3) for line in lines if line.count(" ") >= 2]


# Which names are C's, and whose.
c_names = {}
for group, pattern in {"SQLite": "libsqlite3-sys-*/out/*.a", "ring": "ring-*/out/*.a"}.items():
    for archive in glob.glob(f"{target}/*/mobile/build/{pattern}"):
        for entry in symbols(archive, "--defined-only"):
            c_names[entry[-1]] = group


def group_of(name):
    if name in c_names:
        return c_names[name]
    if re.match(r"_?(uniffi_|ffi_tarishi|UNIFFI_)", name):
        return "uniffi"
    crates = re.findall(r"(?<![\w:])([a-z_]\w*)(?:\[[0-9a-f]+\])?::", name)
    for crate in crates:
        # Generic code counts for the crate of ours that it was made for.
        if crate in OWN:
            return {"tarishi": "tarishi (bindings)"}.get(crate, crate)
    for crate in crates:
        return GROUP.get(crate, "other")
    return "other"


def module_of(name):
    """The first module of ours in a name: that of the code itself, or of what generic code was made for."""
    found = re.search(r"\b(tarishi(?:_core|_protocol)?)(?:\[[0-9a-f]+\])?::(\w+)", name)
    return f"{found[1]}::{found[2]}" if found else None


failed = False
print(f"{'':6}{'bytes':>12}{'gzip -9':>12}{'limit':>12}")
for name, limit in LIMITS.items():
    file = f"{out}/{name}.stripped.so"
    size = os.path.getsize(file)
    with open(file, "rb") as content:
        packed = len(gzip.compress(content.read(), 9))
    failed |= size > limit
    print(f"{name:6}{size:12,}{packed:12,}{limit:12,}{'' if size <= limit else '   over by ' + format(size - limit, ',')}")

tables, modules = {}, {}
for name in LIMITS:
    table, own = collections.Counter(), collections.Counter()
    for entry in symbols(f"{out}/{name}.so", "--print-size", "--size-sort", "-C"):
        if len(entry) == 4 and entry[2] not in "bB":
            group, size = group_of(entry[3]), int(entry[1], 16)
            table[group] += size
            if group in ("tarishi (bindings)", "tarishi_core", "tarishi_protocol"):
                own[module_of(entry[3])] += size
    sections = subprocess.run(["size", "-A", f"{out}/{name}.stripped.so"], capture_output=True, text=True, check=True).stdout
    found = {line.split()[0]: int(line.split()[1]) for line in sections.splitlines() if line.startswith(".")}
    unwind = sum(found.get(section, 0) for section in (".eh_frame", ".eh_frame_hdr", ".gcc_except_table"))
    table["unwinding tables"] = unwind
    table["the rest (text constants, relocations)"] = os.path.getsize(f"{out}/{name}.stripped.so") - sum(table.values())
    tables[name], modules[name] = table, own
print(f"\n{'what takes it':42}{'full':>12}{'slim':>12}")
for group, _ in tables["full"].most_common():
    print(f"{group:42}{tables['full'][group]:12,}{tables['slim'][group]:12,}")
print(f"\n{'our own code, 4 KB and more':42}{'full':>12}{'slim':>12}")
for module, size in modules["full"].most_common():
    if size >= 4_000:
        print(f"{module or 'shared':42}{size:12,}{modules['slim'][module]:12,}")
sys.exit(1 if failed else 0)
PY
