# shellcheck shell=bash
# What the runs in this folder share: steps, tools, a server on loopback that ends with the run. Sourced.
# PORTOLAN names the program [default: target/debug/portolan]. Everything lies in .cache/e2e, and the
# server's files in $scratch.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
readonly root=$PWD
# shellcheck disable=SC2034 # read by whoever sources this
readonly document=$root/openapi/openapi.json
readonly cache=$root/.cache/e2e
portolan=$(realpath -m -- "${PORTOLAN:-target/debug/portolan}")
readonly portolan
# Settings of whoever calls are for another service than this one.
# shellcheck disable=SC2086 # names, one word each
unset ${!PORTOLAN_@} PORTOLAN

scratch=
server=
server_log=

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

fail() {
    printf 'e2e: %s\n' "$1" >&2
    exit 1
}

clean_up() {
    local status=$?
    if [[ -n $server ]]; then
        # Reached only where something failed: what the server said may tell why.
        kill -KILL "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        tail -n 40 "$server_log" >&2
    fi
    [[ -z $scratch ]] || rm -rf -- "$scratch"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Installs Debian's packages of these names.
install_debian_packages() {
    local -a as_root=()
    (($#)) || return 0
    command -v apt-get >/dev/null || fail "install what Debian calls $*"
    ((EUID == 0)) || as_root=(sudo -n)
    printf 'installing %s\n' "$*"
    "${as_root[@]}" apt-get -qq update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

install_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null ||
        install_debian_packages python3 python3-venv
}

# What an installation was made with: the tool's version on standard input, and these files.
# Kept beside it, it tells whether that is still so.
stamp_of() { { cat; printf '%s\n' "$cache"; cat -- "$@"; } | sha256sum; }

# A venv, the first argument, with what the second pins.
install_python_packages() {
    local stamp
    stamp=$(python3 -VV | stamp_of "$2")
    [[ ! -f $1/stamp || $(<"$1/stamp") != "$stamp" ]] || return 0
    rm -rf -- "$1"
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet --no-deps --disable-pip-version-check --requirement "$2"
    "$1/bin/pip" check
    printf '%s\n' "$stamp" >"$1/stamp"
}

# Serves a data directory on a port that the system chooses, and puts the address into `url`.
start_server() {
    local data=$1 out=$1.out tries
    server_log=$1.log
    # The server's own redirection may come after the first look at it.
    : >"$out"
    NO_COLOR=1 "$portolan" --data-dir "$data" --listen 127.0.0.1:0 serve >"$out" 2>"$server_log" &
    server=$!
    for ((tries = 0; tries < 300; tries++)); do
        url=$(sed -n 's/^listening on //p' "$out")
        [[ -z $url ]] || return 0
        kill -0 "$server" 2>/dev/null || fail "the server ended before it listened"
        sleep 0.1
    done
    fail "the server does not listen after 30 s"
}

stop_server() {
    local tries
    kill -TERM "$server"
    for ((tries = 0; tries < 100; tries++)); do
        if ! kill -0 "$server" 2>/dev/null; then
            wait "$server" || fail "the server ended with the status $?"
            server=
            return 0
        fi
        sleep 0.1
    done
    fail "the server does not stop within 10 s"
}

[[ -x $portolan ]] || fail "there is no program $portolan; build it first"
mkdir -p "$cache"
