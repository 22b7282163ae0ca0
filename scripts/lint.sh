#!/bin/sh
# lint.sh BUILD - the rules of the house that a compiler does not check.
set -u
build=$1
failed=0
complain() { echo "lint: $*"; failed=1; }

sources=$(git ls-files --cached --others --exclude-standard '*.c' '*.h') || exit 1
library=$(echo "$sources" | grep '^src/')

# Floors: a file includes its own folder and lower floors, never a sibling.
floor() {
    case $1 in
    base) echo 0 ;; quant) echo 1 ;; format | kernel) echo 2 ;; linalg | model | vision | token | template | sample) echo 3 ;;
    session) echo 4 ;; task | compress | train | store) echo 5 ;; api | fetch | profile) echo 6 ;; bantam) echo 0 ;; *) echo 9 ;;
    esac
}
for file in $library; do
    own=$(echo "$file" | cut -d/ -f2)
    for included in $(sed -n 's/^#include "\([a-z]*\)\/.*/\1/p' "$file" | sort -u); do
        [ "$included" = "$own" ] || [ "$(floor "$included")" -lt "$(floor "$own")" ] || [ "$included" = bantam ] ||
            complain "$file: includes $included, which is not below $own"
    done
done
# Tasks stand on the public interface, so that an app could have written them.
for file in $(echo "$library" | grep '^src/task/'); do
    grep -nE '#include "(quant|format|kernel|model|token|template|sample|session|compress|train|store)/' "$file" &&
        complain "$file: a task sees the public headers and base only"
done
for file in $(echo "$sources" | grep -E '^tools/(cli|server)/'); do
    grep -nE '#include "(base|quant|format|kernel|model|token|sample|session|compress|train|store|fetch|profile|api)/' "$file" &&
        complain "$file: the command sees only the public header"
done

# Sizes and names.
for file in $sources; do
    lines=$(wc -l < "$file")
    [ "$lines" -le 800 ] || complain "$file: $lines lines, at most 800"
done
echo "$sources" | grep -E '\.(c|h)$' | sed 's|.*/||' | sort | uniq -d | while read -r name; do
    echo "lint: $name: the name is used twice"
done | grep . && failed=1

# The library never prints, exits, aborts, or takes memory behind mem.c's back.
for file in $library; do
    case $file in src/base/mem.c) heap='nothing' ;; *) heap='(malloc|calloc|realloc|free|strdup)' ;; esac
    grep -nE "(^|[^_[:alnum:]])($heap|printf|puts|exit|abort|longjmp|alloca|system|popen|strcpy|strcat|sprintf|gets)\(" "$file" |
        grep -vE '^[0-9]+: \*|//' && complain "$file: a call the library does not make"
done
undefined=$(nm -u "$build/libbantam.a" 2> /dev/null | awk '{print $2}' |
    grep -xE 'abort|exit|_exit|__assert_fail|longjmp|printf|puts|system|popen' | sort -u)
[ -z "$undefined" ] || complain "libbantam.a refers to: $undefined"

# Nothing unfinished, and each header compiles alone.
grep -nwE 'TODO|FIXME|XXX|HACK' $sources scripts/*.sh CMakeLists.txt cmake/* | grep -v '^scripts/lint.sh' &&
    complain "left in the code"
for header in $(echo "$sources" | grep '^src/.*\.h$\|^tools/.*\.h$'); do
    echo "#include \"$header\"" |
        cc -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Werror -Iinclude -Isrc -I. -fsyntax-only -x c - ||
        complain "$header: does not compile alone"
done
for header in include/bantam/*.h; do
    echo "#include \"${header#include/}\"" |
        cc -std=c99 -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only -x c - ||
        complain "$header: does not compile as C99"
    command -v c++ > /dev/null || continue
    echo "#include \"${header#include/}\"" |
        c++ -std=c++17 -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only -x c++ - ||
        complain "$header: does not compile as C++17"
done

if command -v clang-format > /dev/null; then
    clang-format --dry-run -Werror $sources 2>&1 | grep -E 'error' | sed 's/: error.*//' | sort -u | cut -d: -f1 | uniq -c |
        while read -r n file; do echo "lint: $file: $n lines are not formatted"; done | grep . && failed=1
fi
if command -v mandoc > /dev/null; then
    mandoc -Tlint -W error "$build"/man/*.1 || complain "manual pages"
fi

[ "$failed" = 0 ] && echo "lint: no complaints"
exit "$failed"
