#!/bin/sh
# Beginnings of prompts in files: the second start computes none of them and says the same, the
# user's words stay off the disk, and whatever lies in the folder harms nothing.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
shared_found 44 || exit 0
helpers

MODEL=$LM/smollm2-a/hf
unset BANTAM_CACHE BANTAM_PREFIX_MAX
XDG_CACHE_HOME=$T/xdg
export XDG_CACHE_HOME
FOLDER=$T/xdg/bantam/prefix

json() {
    "$JSON" "$T/out" "$@" 2>/dev/null
}
# ask WORDS OPTIONS...: found, tokens of the answer and their log-probabilities in $found, $said.
ask() {
    words=$1
    shift
    run run "$MODEL" "$words" --temp 0 -n 6 -c 1000 --json --logprobs 3 "$@"
    found=$(json found_tokens)
    said="$(json tokens) $(json logprobs)"
}
files() {
    find "$T/xdg" -name '*.bantam-prefix' 2>/dev/null | wc -l | tr -d ' '
}

SYSTEM="You are the assistant of a ward."
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    SYSTEM="$SYSTEM Rule $i: answer in one sentence, name the dose, and ask for what is missing."
done

# ---- the same answer, sooner ----
ask "Who is on duty?" --system "$SYSTEM" --prefix-cache off
check "off: the answer" [ "$rc" -eq 0 ]
check "off: nothing is found" [ "$found" = 0 ]
check "off: no file" [ "$(files)" = 0 ]
plain=$said
prompt=$(json prompt_tokens)
ask "Who is on duty?" --system "$SYSTEM"
check "the first start finds nothing" [ "$found" = 0 ]
check "and says what plain feeding says" [ "$said" = "$plain" ]
check "and leaves one file" [ "$(files)" = 1 ]
ask "Who is on duty?" --system "$SYSTEM"
first=$found
check "the second start finds the instructions" [ "$first" -gt 128 ]
check "but not the user's words" [ "$first" -lt "$prompt" ]
check "and gives the same tokens and probabilities" [ "$said" = "$plain" ]
check "and leaves no second file" [ "$(files)" = 1 ]
ask "A quite different question, then" --system "$SYSTEM"
check "another question finds as much" [ "$found" = "$first" ]
ask "A quite different question, then" --system "$SYSTEM" -t 1 --cpu ref --prefix-cache off
other=$said
ask "A quite different question, then" --system "$SYSTEM" -t 1 --cpu ref
check "with other kernels and threads too, with the same bits" [ "$said" = "$other" ]
check "and as much is found" [ "$found" = "$first" ]
printf 'Who is on duty?\n' >"$T/in"
"$BANTAM" chat "$MODEL" --temp 0 -n 6 -c 1000 --json -q --system "$SYSTEM" <"$T/in" >"$T/out" 2>"$T/err"
check "chat finds it too" [ "$(json found_tokens)" = "$first" ]

# ---- whose words lie on the disk ----
ask "Mrs Secretperson in bed nine" --system "$SYSTEM"
ask "Mrs Secretperson in bed nine, and she is so long a story that it alone would be a file: $SYSTEM"
check "a user's words are not written, however many" [ "$(files)" = 1 ]
check "the folder is the user's own" [ "$(find "$FOLDER" -maxdepth 0 -perm 0700)" = "$FOLDER" ]
check "the file too" [ -n "$(find "$FOLDER" -type f -perm 0600)" ]
ask "$SYSTEM and so on" --prefix-cache all
check "unless that is asked for" [ "$(files)" = 2 ]
ask "$SYSTEM and so on" --prefix-cache all
check "then all but one token is found" [ "$found" = $(($(json prompt_tokens) - 1)) ]
ask "x" --system "$SYSTEM" --kv q8
check "another type of keys and values finds nothing" [ "$found" = 0 ]
check "and has a file of its own" [ "$(files)" = 3 ]
BANTAM_CACHE=off
export BANTAM_CACHE
ask "x" --system "$SYSTEM"
check "BANTAM_CACHE=off finds nothing" [ "$found" = 0 ]
unset BANTAM_CACHE
ask "x" --system "$SYSTEM" --no-cache
check "nor does --no-cache" [ "$found" = 0 ]

# ---- shown and removed ----
run list --prefixes --json
check "list --prefixes --json names them all" [ "$("$JSON" -n "$T/out" prefixes)" = 3 ]
run list --prefixes
check "list --prefixes has a line for each" [ "$(lines "$T/out")" = 3 ]
run list --prefixes folder
check "list --prefixes FOLDER: exit 2" [ "$rc" -eq 2 ]
run rm --prefixes model
check "rm --prefixes MODEL: exit 2" [ "$rc" -eq 2 ]
run rm --prefixes --json
check "rm --prefixes --json names what has gone" [ "$("$JSON" -n "$T/out" files)" = 3 ]
check "and it has" [ "$(files)" = 0 ]
expect "nothing to remove is no failure" 0 rm --prefixes -q

# ---- what else may lie there ----
ask "Who is on duty?" --system "$SYSTEM"
file=$(find "$FOLDER" -type f)
size=$(wc -c <"$file" | tr -d ' ')
for part in 0 100 $((size / 2)) $((size - 1)); do
    head -c "$part" "$file" >"$T/part"
    cat "$T/part" >"$file"
    ask "Who is on duty?" --system "$SYSTEM"
    check "cut after $part bytes: not used" [ "$rc $found" = "0 0" ]
    check "cut after $part bytes: the same answer, and a whole file" \
        [ "$said $(wc -c <"$file" | tr -d ' ')" = "$plain $size" ]
done
rm "$file"
mkdir "$file"
ask "Who is on duty?" --system "$SYSTEM"
check "a folder of that name is no failure" [ "$rc $said" = "0 $plain" ]
rmdir "$file"
rm -r "$FOLDER"
echo x >"$FOLDER"
ask "Who is on duty?" --system "$SYSTEM"
check "a file in the folder's place is no failure" [ "$rc $said" = "0 $plain" ]
rm "$FOLDER"
BANTAM_PREFIX_MAX=1K
export BANTAM_PREFIX_MAX
ask "Who is on duty?" --system "$SYSTEM"
check "where there is no room there is no file" [ "$rc $said $(files)" = "0 $plain 0" ]
unset BANTAM_PREFIX_MAX

# Two at once.
for i in 1 2 3; do
    "$BANTAM" run "$MODEL" "Who is on duty?" --temp 0 -n 6 -c 1000 -q --system "$SYSTEM" >"$T/at-once-$i" 2>&1 &
done
wait
check "three at once say the same" cmp -s "$T/at-once-1" "$T/at-once-2"
check "the third too" cmp -s "$T/at-once-1" "$T/at-once-3"
check "and leave one file" [ "$(files)" = 1 ]

finish
