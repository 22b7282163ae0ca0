#!/bin/sh
# test_install.sh BUILD - installs into an empty folder and builds a program outside the tree
# against what was installed: by pkg-config with the shared and the static library, as C++, and
# by CMake.
set -eu
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

DESTDIR=$root/dest cmake --install "$build" > "$root/log"
prefix=$(sed -n 's/^prefix=//p' "$build/bantam.pc")
dest=$root/dest$prefix
libdir=$(dirname "$(find "$dest" -name 'libbantam.so')")

for file in bin/bantam include/bantam/bantam.h share/man/man1/bantam.1 share/man/man1/bantam-run.1 \
    share/bash-completion/completions/bantam share/zsh/site-functions/_bantam \
    share/fish/vendor_completions.d/bantam.fish; do
    [ -s "$dest/$file" ] || { echo "not installed: $file"; exit 1; }
done
[ -L "$libdir/libbantam.so" ] && [ -e "$libdir/libbantam.so.0" ] || { echo "no SONAME links"; exit 1; }

# The installed command finds the library that fetches models, and is not linked to it.
if [ -e "$build/libbantam-fetch.so.0" ]; then
    [ -L "$libdir/libbantam-fetch.so" ] && [ -s "$dest/include/bantam/fetch.h" ] &&
        [ -s "$libdir/pkgconfig/bantam-fetch.pc" ] || { echo "libbantam-fetch is not installed"; exit 1; }
    HF_HUB_OFFLINE=1 "$dest/bin/bantam" pull a/b 2>&1 | grep -q HF_HUB_OFFLINE ||
        { echo "the installed command does not find libbantam-fetch"; exit 1; }
    ! ldd "$dest/bin/bantam" | grep -q -E 'fetch|curl' || { echo "the command is linked to it"; exit 1; }
fi

# Only the public names leave the shared library.
leaked=$(nm -D --defined-only "$libdir/libbantam.so" | awk '{print $3}' | grep -v '^bantam_\|^BANTAM_0' || true)
[ -z "$leaked" ] || { echo "exported: $leaked"; exit 1; }

export PKG_CONFIG_PATH=$libdir/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root/dest
mkdir "$root/app"
cp "$here/app.c" "$root/app/"
cd "$root/app"
check() { [ "$(LD_LIBRARY_PATH=$libdir ./"$1")" = "$want" ] || { echo "$1 printed something else"; exit 1; }; }
want="bantam $("$dest/bin/bantam" --version | awk '{print $2}') no such file: io"

cc -std=c99 -Wall -Wextra -pedantic -Werror app.c $(pkg-config --cflags --libs bantam) -o shared
check shared
cc -std=c99 app.c $(pkg-config --cflags bantam) "$libdir/libbantam.a" \
    $(PKG_CONFIG_SYSROOT_DIR= pkg-config --libs jansson libpcre2-8) -lm -pthread -o static
check static
sed '1,/^```c$/d; /^```$/,$d' "$here/../../README.md" > readme.c
cc -std=c11 -Wall -Wextra -Werror readme.c $(pkg-config --cflags --libs bantam) -o readme
LD_LIBRARY_PATH=$libdir ./readme 2>&1 | grep -q 'model\.gguf' || { echo "the example of README.md fails"; exit 1; }
if command -v c++ > /dev/null; then
    cp app.c app.cc
    c++ -std=c++17 -Wall -Wextra -pedantic -Werror app.cc $(pkg-config --cflags --libs bantam) -o cplusplus
    check cplusplus
fi

if [ -e "$build/libbantam-fetch.so.0" ]; then
    printf '#include <bantam/fetch.h>\n#include <stdio.h>\nint main(void)\n{\n    bantam_error e;\n    bantam_fetched f;\n    if (bantam_fetch("x", NULL, &f, &e)) puts(e.message);\n    return 0;\n}\n' > fetch.c
    cc -std=c99 -Wall -Wextra -pedantic -Werror fetch.c $(pkg-config --cflags --libs bantam-fetch) -o fetch
    LD_LIBRARY_PATH=$libdir HF_HUB_OFFLINE= ./fetch | grep -q 'no model has this name' || { echo "fetch printed something else"; exit 1; }
fi

unset PKG_CONFIG_SYSROOT_DIR
cat > CMakeLists.txt << 'END'
cmake_minimum_required(VERSION 3.21)
project(app C)
find_package(Bantam REQUIRED)
add_executable(by_cmake app.c)
target_link_libraries(by_cmake Bantam::bantam)
END
cmake -S . -B out -DCMAKE_PREFIX_PATH="$dest" > "$root/log" 2>&1 && cmake --build out > "$root/log" 2>&1 ||
    { cat "$root/log"; exit 1; }
cp out/by_cmake . && check by_cmake
echo "5 passed, 0 failed"
