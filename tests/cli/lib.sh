# shellcheck shell=sh disable=SC2034,SC3045
# The variables are used by the tests; dash and bash both know ulimit -v.
# lib.sh - what the shell tests of the command share. Sourced; POSIX sh.
#
# BANTAM        the command to test
# BANTAM_SHARED the folder with the shared data; ../shared where it is not set
# BANTAM_BUILD  the build folder, with tests/json_get, compare_f32, heavy_exec and bantam-docgen;
#               where it is not set the last is not tested
# BANTAM_EMULATOR what runs the programs of the build where this machine cannot
#
# A test prints one line per case, "ok NAME" or "FAIL NAME: why", and ends with `finish`, which
# makes the exit status 1 where a case failed.

: "${BANTAM:?BANTAM must name the command to test}"
case $BANTAM in
/*) ;;
*) BANTAM=$PWD/$BANTAM ;;
esac
HERE=$(cd "$(dirname "$0")" && pwd)
SHARED=${BANTAM_SHARED:-../shared}
case $SHARED in
/*) ;;
*) SHARED=$PWD/$SHARED ;;
esac
LM=$SHARED/goldens/lm

T=$(mktemp -d "${TMPDIR:-/tmp}/bantam-cli.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
n_ok=0
n_failed=0

# A command that takes longer hangs: status 124.
PATIENCE_S=200

# emulated PATH: a program of the build, or a script that runs it with the emulator.
emulated() {
    if [ -z "${BANTAM_EMULATOR:-}" ]; then
        echo "$1"
        return
    fi
    printf '#!/bin/sh\nexec timeout --foreground -k 5 %s %s "%s" "$@"\n' "$PATIENCE_S" "$BANTAM_EMULATOR" \
        "$1" >"$T/${1##*/}"
    chmod +x "$T/${1##*/}"
    echo "$T/${1##*/}"
}
BANTAM=$(emulated "$BANTAM")

# No model of the user's, no setting of the user's.
HF_HOME=$T/hf
export HF_HOME
unset HF_HUB_CACHE
# An empty store, and no way out of this machine.
BANTAM_HOME=$T/home
HF_HUB_OFFLINE=1
export BANTAM_HOME HF_HUB_OFFLINE
unset HF_TOKEN HF_TOKEN_PATH HF_ENDPOINT XDG_DATA_HOME
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
# No cache files but where a test wants them: nothing is left beside the shared data.
BANTAM_CACHE=off
export BANTAM_CACHE
unset BANTAM_CACHE_MAX BANTAM_CACHE_MIN
LC_ALL=C.UTF-8
export LC_ALL

ok() {
    n_ok=$((n_ok + 1))
    echo "ok $1"
}

failed() {
    n_failed=$((n_failed + 1))
    echo "FAIL $1: $2"
}

# check NAME TEST...: the case holds where the test command succeeds.
check() {
    check_name=$1
    shift
    if "$@"; then ok "$check_name"; else failed "$check_name" "not: $*"; fi
}

finish() {
    echo "$n_ok cases hold, $n_failed fail"
    [ "$n_failed" -eq 0 ]
    exit
}

# run ARGS...: the command with output in $T/out and $T/err and its status in $rc.
run() {
    rc=0
    timeout --foreground -k 5 $PATIENCE_S "$BANTAM" "$@" >"$T/out" 2>"$T/err" </dev/null || rc=$?
    if [ "$rc" -eq 124 ]; then echo "hangs: bantam $*"; fi
}

quietly() {
    "$@" >/dev/null 2>&1
}

# How many models are in the program itself: 'list' has them first.
built_in() {
    "$BANTAM" list -q | grep -c -x bantam-mini || :
}

lines() {
    wc -l <"$1" | tr -d ' '
}

contains() {
    grep -q -F -e "$2" "$1"
}

# expect NAME STATUS ARGS...: the status, and one line on standard error exactly where it is
# not 0.
expect() {
    expect_name=$1
    expect_rc=$2
    shift 2
    run "$@"
    if [ "$rc" -ne "$expect_rc" ]; then
        failed "$expect_name" "exit $rc, expected $expect_rc: $(head -c 300 "$T/err")"
    elif [ "$rc" -ne 0 ] && [ "$(lines "$T/err")" -ne 1 ]; then
        failed "$expect_name" "$(lines "$T/err") lines on standard error, expected 1"
    else
        ok "$expect_name"
    fi
}

# Whether the shared data are there; says how many cases are left out where they are not.
shared_found() {
    [ -f "$SHARED/goldens/README.md" ] && return 0
    echo "skipped $1 cases: no shared folder"
    return 1
}

# The helpers in C: those of the build, else built here: in an emulator, hundreds of calls would
# take minutes.
helpers() {
    if [ -n "${BANTAM_BUILD:-}" ] && [ -z "${BANTAM_EMULATOR:-}" ]; then
        JSON=$BANTAM_BUILD/tests/json_get
        COMPARE=$BANTAM_BUILD/tests/compare_f32
        HEAVY=$BANTAM_BUILD/tests/heavy_exec
        HUB=$BANTAM_BUILD/tests/hub_server
        NO_SOCKET=$BANTAM_BUILD/tests/no_socket
        return
    fi
    JSON=$T/json_get
    COMPARE=$T/compare_f32
    HEAVY=$T/heavy_exec
    HUB=$T/hub_server
    NO_SOCKET=$T/no_socket
    ${CC:-cc} -std=c11 "$HERE/json_get.c" -o "$JSON" -ljansson || exit 1
    ${CC:-cc} -std=c11 "$HERE/compare_f32.c" -o "$COMPARE" -lm || exit 1
    ${CC:-cc} -std=c11 -D_DEFAULT_SOURCE "$HERE/heavy_exec.c" -o "$HEAVY" || exit 1
    ${CC:-cc} -std=c11 "$HERE/../fetch/hub_server.c" -o "$HUB" -pthread || exit 1
    ${CC:-cc} -std=c11 -D_DEFAULT_SOURCE "$HERE/../fetch/no_socket.c" -o "$NO_SOCKET" || exit 1
}

# A limit on address space cannot be set where the command is built with a sanitizer, which
# maps terabytes.
limited() {
    (
        ulimit -v 65536
        "$BANTAM" --version || exit 1
    ) >/dev/null 2>&1
}
