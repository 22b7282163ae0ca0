#!/bin/sh
# setup.sh [ci] - installs what a build needs (with `ci`, also what the slower checks need) from
# the distribution's packages on Debian and its relatives, and names it for others.
set -eu

build="cmake ninja-build pkg-config gcc libc6-dev libjansson-dev libpcre2-dev libedit-dev libcmocka-dev \
libcurl4-openssl-dev libssl-dev libsqlite3-dev"
checks="g++ clang clang-format libclang-rt-14-dev mandoc llvm gcc-aarch64-linux-gnu \
binutils-aarch64-linux-gnu qemu-user \
libc6-dev-arm64-cross libjansson-dev:arm64 libpcre2-dev:arm64 libedit-dev:arm64 libcmocka-dev:arm64 \
libcurl4-openssl-dev:arm64 libssl-dev:arm64 libsqlite3-dev:arm64"

wanted=$build
[ "${1:-}" = ci ] && wanted="$build $checks"

if ! command -v dpkg-query > /dev/null; then
    echo "setup: this system has no dpkg; please install the equivalents of: $wanted" >&2
    for tool in cmake ninja pkg-config cc; do
        command -v "$tool" > /dev/null || { echo "setup: $tool is missing" >&2; exit 1; }
    done
    pkg-config --exists jansson libpcre2-8 libedit cmocka ||
        { echo "setup: a library of jansson libpcre2-8 libedit cmocka is missing" >&2; exit 1; }
    pkg-config --exists libcurl libcrypto ||
        echo "setup: without libcurl and libcrypto there will be no 'bantam pull'" >&2
    pkg-config --exists sqlite3 || echo "setup: without sqlite3 there will be no 'bantam personalize'" >&2
    exit 0
fi

missing=
for package in $wanted; do
    case $(dpkg-query -W -f='${Status}' "$package" 2> /dev/null || true) in
    *"ok installed"*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -z "$missing" ] && exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null || {
        echo "setup: packages are missing; please install them as root:" >&2
        case $missing in *:arm64*) echo "    dpkg --add-architecture arm64" >&2 ;; esac
        echo "    apt-get update && apt-get install$missing" >&2
        exit 1
    }
    as_root=sudo
fi
echo "setup: installing$missing" >&2
case $missing in
*:arm64*) $as_root dpkg --add-architecture arm64 ;;
esac
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    $missing > /dev/null
