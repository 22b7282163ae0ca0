#!/bin/sh
# The programs that make the data of the built-in model: the same seed makes the same bytes, and what
# the model is measured on is not in what it learns from.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

if [ -z "${BANTAM_BUILD:-}" ]; then
    echo "skipped: BANTAM_BUILD is not set"
    finish
fi
TEXTS=$(emulated "$BANTAM_BUILD/bantam-mini-texts")
TASKS=$(emulated "$BANTAM_BUILD/bantam-mini-tasks")
cd "$T" || exit 1

# Ten stories share a long stretch with a forbidden text, whose lines are broken elsewhere.
long="was a little car that liked to go fast on the long road to the sea every single day of the year"
i=0
while [ $i -lt 60 ]; do
    if [ $i -lt 10 ]; then tale="There $i $long."; else tale="Tale $i is about a cat that had $i mice."; fi
    printf '%s\n<|endoftext|>\n' "$tale"
    i=$((i + 1))
done >all.txt
printf 'A fox met a hen.\nThey ran.\n<|endoftext|>\nNo %s\n' "end" >>all.txt
printf 'A story of  a boat and %s and more.\n' "$long" >forbidden.txt
"$TEXTS" stories all.txt forbidden.txt 1 train.txt held.txt 2>log
check "stories that share a stretch are left out" [ "$(cat train.txt held.txt | grep -c "little car")" -eq 0 ]
check "and counted" contains log "10 forbidden"
head -n 20 all.txt >few.txt
"$TEXTS" stories few.txt forbidden.txt 1 few-train.txt few-held.txt 2>log
check "too few that are left are told" contains log "too few"
printf 'Another text altogether.\n' >forbidden.txt
"$TEXTS" stories all.txt forbidden.txt 1 train.txt held.txt 2>log
check "others stay" [ "$(cat train.txt held.txt | grep -c "little car")" -eq 10 ]
check "a cut story at the end is left out" [ "$(cat train.txt held.txt | grep -c "^No end")" -eq 0 ]
check "forty are held apart" [ "$(grep -c "endoftext" held.txt)" -eq 40 ]
"$TEXTS" stories all.txt forbidden.txt 1 again.txt held.txt 2>log
check "the same seed, the same stories" cmp -s train.txt again.txt

printf 'sentence\tlabel\n%s\t1\n%s\t0\n%s\t1\n%s\t0\n%s\t1\n' "a fine film" "a dull film indeed" \
    "he said a fine film it was not" "dull film" "is a dull film indeed , really" >train.tsv
printf 'sentence\tlabel\nthis is a dull film indeed , really .\t0\na fine film\t1\n' >dev.tsv
"$TEXTS" sentiment train.tsv dev.tsv 1 0 out.jsonl held.tsv phrases.txt 2>log
check "phrases that are, hold or lie in a dev sentence are left out" contains log "1 phrases, 4 left out"
check "short ones of common words stay" contains out.jsonl "ull film"

"$TASKS" 7 300 held.txt a.jsonl tales.jsonl
"$TASKS" 7 300 held.txt b.jsonl tales.jsonl
"$TASKS" 8 300 held.txt c.jsonl tales.jsonl
check "the same seed, the same tasks" cmp -s a.jsonl b.jsonl
check "another seed, other tasks" [ "$(cmp -s a.jsonl c.jsonl; echo $?)" -eq 1 ]
check "as many as asked for" [ "$(lines a.jsonl)" -ge 300 ]
check "no slot is left open" [ "$(grep -c '[{|}][a-z^]' a.jsonl)" -eq 0 ]
check "every line is a question and its answer" \
    [ "$(grep -c '^{"messages":\[{"role":"user","content":".*"},{"role":"assistant","content":"..*"}\],"weight":3}$' a.jsonl)" -eq "$(lines a.jsonl)" ]

finish
