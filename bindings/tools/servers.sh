# What kotlin.sh and swift.sh start to test against; sourced by both. Everything started here ends with the script that sourced
# it, by its own id. Wants $target; gives $work, a folder of this run, and sets $url at each start.

work=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
# Some servers serve until their input ends: it ends with the script.
mkfifo "$work/open"
exec 8<>"$work/open"

# serve NAME COMMAND…: starts a server and waits until it says where it listens.
serve() {
  local name=$1
  shift
  "$@" <&8 >"$work/$name.log" 2>&1 &
  pids+=($!)
  for _ in $(seq 200); do
    url=$(grep -om1 'http://[0-9.:]*[0-9]' "$work/$name.log" || true)
    [ -z "$url" ] || return 0
    kill -0 "${pids[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  echo "$name does not listen" >&2
  cat "$work/$name.log" >&2
  return 1
}

# The scripted server of the scenarios, once.
scripted() {
  [ -z "${TARISHI_SCRIPTED_URL:-}" ] || return 0
  cargo build --quiet -p tarishi-tests --bin scripted || return 1
  serve scripted "$target/debug/scripted" --listen 127.0.0.1:0 || return 1
  export TARISHI_SCRIPTED_URL=$url TARISHI_SCRIPTED=$url TARISHI_SCENARIOS=$PWD/tests/scenarios
}

# The simulated providers, a server and a phone of its own.
sandbox_and_server() {
  # With the tests' package, whose features and so whose dependencies are built already.
  cargo build --quiet -p tarishi-tests -p tarishi-server -p tarishi-sandbox --bin tarishi-server --bin tarishi-sandbox || return 1
  serve sandbox "$target/debug/tarishi-sandbox" serve --listen 127.0.0.1:0 || return 1
  sandbox=$url
  mkdir -p "$work/server"
  local server=(env -C "$work/server" "TARISHI_DATABASE=$work/server/tarishi.db" "LOCAL_STORAGE_ROOT=$work/server/files"
    TARISHI_LOG=info "$target/debug/tarishi-server")
  serve server "${server[@]}" serve --sandbox "$sandbox" --listen 127.0.0.1:0 || return 1
  TARISHI_SERVER=$url
  TARISHI_TOKEN=$("${server[@]}" device enrol --account amina --json | sed -E 's/.*"token": ?"([^"]*)".*/\1/') || return 1
  export TARISHI_SERVER TARISHI_TOKEN
}

# as_expected FILE: the example apps print the same lines; what varies is a receipt and an address.
as_expected() {
  sed -E 's/(receipt) .*/\1/; s#(https://checkout.example/pay/).*#\1#' "$1" | diff bindings/expected.txt -
}
