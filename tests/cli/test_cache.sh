#!/bin/sh
# Packed weights: kept once, found again, removed, and the same bits everywhere.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

shared_found 1 || finish
helpers
export BANTAM_CACHE_MIN=0
unset BANTAM_CACHE
XDG_CACHE_HOME=$T/xdg
export XDG_CACHE_HOME
cd "$T" || exit 1
mkdir models
chmod 700 models

json() {
    "$JSON" "$T/out" "$@"
}
# rows ARGS...: logits into ./rows
rows() {
    run logits "$@" --tokens 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20 --all -o rows
}
# count FOLDER: how many files it holds
count() {
    find "$1" -type f | wc -l
}
cache=models/m.gguf.bantam-cache

for model in babyllama-105-Q4_0 babyllama-105-Q8_0 llama2xs-279K-Q4_K_M; do
    cp "$SHARED/weights/gguf/$model.gguf" models/m.gguf
    chmod 600 models/m.gguf
    rows models/m.gguf --no-cache
    check "$model: --no-cache computes" [ "$rc" -eq 0 ]
    check "$model: --no-cache leaves no file" [ "$(ls -A models)" = m.gguf ]
    mv rows memory
    rows models/m.gguf -v
    check "$model: the first start makes the file" [ -s $cache ]
    check "$model: and says so with -v" contains "$T/err" "$cache"
    check "$model: and gives the same bits" cmp -s rows memory
    ls -il $cache >first
    rows models/m.gguf
    ls -il $cache >second
    check "$model: the second start finds it" cmp -s first second
    check "$model: and gives the same bits again" cmp -s rows memory
    check "$model: without a word" [ ! -s "$T/err" ]
    rows models/m.gguf --cpu ref
    check "$model: the C kernels give the same bits" cmp -s rows memory
    rows models/m.gguf -t 1
    check "$model: one thread gives the same bits" cmp -s rows memory

    head -c 3000 $cache >part
    cat part >"$cache"
    rows models/m.gguf
    check "$model: a cut file is made anew" [ "$(wc -c <$cache)" -gt 5000 ]
    check "$model: and gives the same bits" cmp -s rows memory

    expect "$model: rm --cache" 0 rm --cache models/m.gguf
    check "$model: rm --cache names the file" contains "$T/out" "$cache"
    check "$model: rm --cache removes it alone" [ "$(ls -A models)" = m.gguf ]
    expect "$model: rm --cache again" 0 rm --cache models/m.gguf -q
    rm models/m.gguf
done

# What a session takes is planned as it is taken.
cp "$SHARED/weights/gguf/babyllama-105-Q4_0.gguf" models/m.gguf
run run models/m.gguf --raw hi --temp 0 -n 4 --json
planned=$(json memory planned_bytes)
run run models/m.gguf --raw hi --temp 0 -n 4 --json --no-cache
check "the plan is the same from a file and from memory" [ "$planned" = "$(json memory planned_bytes)" ]

# One folder for all of them.
BANTAM_CACHE=$T/all
export BANTAM_CACHE
for i in 1 2 3; do
    cp models/m.gguf "models/m$i.gguf"
    rows "models/m$i.gguf"
done
check "BANTAM_CACHE takes all of them" [ "$(count "$T/all")" -eq 3 ]
check "and nothing is put beside the models" [ ! -e models/m1.gguf.bantam-cache ]
run rm --cache models/m1.gguf --json
check "rm --cache MODEL --json: one file" [ "$("$JSON" -n "$T/out" files)" = 1 ]
size=$(json bytes)
check "rm --cache MODEL --json: its bytes" [ "$size" -gt 100000 ]
check "two are left" [ "$(count "$T/all")" -eq 2 ]
echo "not a cache" >"$T/all/mine.txt"
run rm --cache --json
check "rm --cache --json: all of them" [ "$("$JSON" -n "$T/out" files)" = 2 ]
check "rm --cache --json: their bytes" [ "$(json bytes)" = $((2 * size)) ]
check "rm --cache --json: each with its bytes" [ "$(json files 0 bytes)" = "$size" ]
check "files of others are left" [ "$(ls "$T/all")" = mine.txt ]
run rm --cache
check "nothing to remove is no failure" [ "$rc" -eq 0 ]
check "but is said" contains "$T/err" "no cache file"
expect "rm --cache of a model that is not there" 0 rm --cache nowhere.gguf -q

rm -r "$T/all"
BANTAM_CACHE_MAX=$((2 * size)) rows models/m1.gguf
BANTAM_CACHE_MAX=$((2 * size)) rows models/m2.gguf
BANTAM_CACHE_MAX=$((2 * size)) rows models/m3.gguf
check "BANTAM_CACHE_MAX holds" [ "$(count "$T/all")" -eq 2 ]
BANTAM_CACHE=off rows models/m.gguf
check "BANTAM_CACHE=off computes" [ "$rc" -eq 0 ]
BANTAM_CACHE=$T/models/m.gguf run doctor
check "doctor names a BANTAM_CACHE that is no folder" contains "$T/out" "BANTAM_CACHE names no folder"

run inspect models/m.gguf
check "inspect packs nothing" [ "$(count "$T/all")" -eq 2 ]
run run models/m.gguf hi --raw -n 1 --cpu sse9
check "a set of instructions that nobody knows: exit 2" [ "$rc" -eq 2 ]
check "and those there are" contains "$T/err" "avx2|"
foreign=neon
[ "$(uname -m)" = x86_64 ] && [ -z "${BANTAM_EMULATOR:-}" ] || foreign=avx2
expect "a set that this machine lacks" 1 run models/m.gguf hi --raw -n 1 --cpu $foreign
check "and those it has" contains "$T/err" "this machine has ref"
run run models/m.gguf hi --raw -n 1 --cpu $foreign --json
check "and its code is unsupported" [ "$(json error code)" = unsupported ]
run bench models/m.gguf -p 4 -n 2 -r 1 --cpu ref --json
check "bench names the set in use" [ "$(json cpu)" = ref ]

finish
