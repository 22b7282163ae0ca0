#!/bin/sh
# Summaries through the command.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

expect "a style that is none" 2 summarize --style poem LICENSE
expect "a method that is none" 2 summarize --method guess LICENSE
expect "words that are no number" 2 summarize --words many LICENSE
expect "standard input twice" 2 summarize - -
expect "a file that is not there" 1 summarize "$T/nothing.txt"
check "is named" contains "$T/err" "$T/nothing.txt"
printf "a\\000b" >"$T/binary"
expect "a file that is no text" 1 summarize "$T/binary"
check "which file, and what to do" contains "$T/err" "binary: expected a text"
if [ "$(built_in)" = 0 ]; then
    echo "skipped the cases of the built-in model: this build has none"
    finish
fi
printf ' \n' >"$T/empty.txt"
expect "a text without a word" 1 summarize "$T/empty.txt"
check "is told so" contains "$T/err" "no text to summarize"

# text N: N paragraphs, of which each tenth has a fact.
text() {
    awk -v n="$1" 'BEGIN {
        for (i = 0; i < n; i++) {
            if (i % 10 == 5) printf "The key of vault %d lies under stone %d. ", i, 7 * i
            print "The river went slowly past the old mill, and nobody at the market had news.\n"
        }
    }'
}
text 40 >"$T/text.txt"
run summarize "$T/text.txt" --words 30 --json
check "exit 0" [ "$rc" -eq 0 ]
check "nothing is said in a pipe" [ ! -s "$T/err" ]
check "method: small models extract" [ "$("$JSON" "$T/out" method)" = extract ]
check "no more words than wanted" [ "$("$JSON" "$T/out" words)" -le 36 ]
check "words are those of the summary" \
    [ "$("$JSON" "$T/out" summary | wc -w)" -eq "$("$JSON" "$T/out" words)" ]
check "several chunks" [ "$("$JSON" "$T/out" chunks)" -gt 1 ]
"$JSON" "$T/out" summary >"$T/summary"
run summarize "$T/text.txt" --words 30
check "without --json the same summary" cmp -s "$T/out" "$T/summary"
"$BANTAM" summarize --words 30 <"$T/text.txt" >"$T/out" 2>"$T/err"
check "so from standard input" cmp -s "$T/out" "$T/summary"
"$BANTAM" summarize -m bantam-mini --words 30 - <"$T/text.txt" >"$T/out" 2>"$T/err"
check "and with '-' and a named model" cmp -s "$T/out" "$T/summary"
for threads in 1 3; do
    run summarize "$T/text.txt" --words 30 -t $threads
    check "$threads threads change nothing" cmp -s "$T/out" "$T/summary"
done

run summarize "$T/text.txt" --style bullets --words 40
check "bullets are lines" [ "$(grep -c '^- ' "$T/out")" -eq "$(lines "$T/out")" ]
run summarize "$T/text.txt" --style headline
check "a headline is one line" [ "$(lines "$T/out")" -eq 1 ]
check "a short one" [ "$(wc -w <"$T/out")" -le 14 ]

cat >"$T/page.html" <<'HTML'
<html><head><title>Page</title><script>var secret = 1;</script></head><body><nav>Home</nav>
<p>The mayor of the town opened a <b>new bridge</b> over the river &amp; the canal on Monday.</p>
</body></html>
HTML
run summarize "$T/page.html"
check "HTML is read as text" contains "$T/out" "a new bridge over the river & the canal"
check "without its scripts" sh -c "! grep -q secret '$T/out'"
"$BANTAM" summarize <"$T/page.html" >"$T/other"
check "also without a name" cmp -s "$T/other" "$T/out"
printf '# Bridge\n\nThe mayor of the **town** opened a [new bridge](http://x.y) on Monday morning.\n' >"$T/a.md"
run summarize "$T/a.md"
check "Markdown is read as text" contains "$T/out" "The mayor of the town opened a new bridge on"
run summarize "$T/a.md" --format plain
check "or as it is" contains "$T/out" '**town**'

printf 'The first of all texts tells of a red fox that ran over a wide green field.\n' >"$T/1.txt"
printf 'The second of the texts tells of a blue whale that swam in a deep cold sea.\n' >"$T/2.txt"
run summarize "$T/2.txt" "$T/1.txt" --words 60
check "several files, in their order" quietly grep -q 'second.*first' "$T/out"
printf 'Leo had a green wagon. He loved it very much. One day he lost it in the forest. Kate came and helped him. At last they found it behind a tree.' >"$T/leo.txt"
run summarize "$T/leo.txt" --method abstract --json
check "a model writes" [ "$("$JSON" "$T/out" method)" = abstract ]
check "in words of its own" sh -c "! grep -q 'He loved it very much' '$T/out'"
check "about what it read" contains "$T/out" wagon
run summarize "$T/leo.txt" --method abstract -c 16
check "a context that is too small" [ "$rc" -eq 1 ]
check "is told so" contains "$T/err" "too small"

# A text of 100 000 words, 13 of them to a paragraph and 10 more to each tenth: slow processors
# get less. Every byte is in one chunk, the work is twice the tokens, and memory has a limit.
n=6900
if [ -n "${BANTAM_EMULATOR:-}" ] || ! limited; then n=60; fi
text $n >"$T/long.txt"
run summarize "$T/long.txt" --words 120 --json -v
check "a long text" [ "$rc" -eq 0 ]
check "is covered without a gap" [ "$(sed -n 's/.*bytes \([0-9]*\) to \([0-9]*\),.*/\1 \2/p' "$T/err" |
    awk '$1 != at { bad = 1 } { at = $2 } END { print bad ? "gap" : at }')" = "$(wc -c <"$T/long.txt" | tr -d ' ')" ]
tokens=$("$JSON" "$T/out" source_tokens)
chunks=$("$JSON" "$T/out" chunks)
check "chunks fit the context" [ "$tokens" -le $((chunks * 511)) ]
check "and fill it" [ "$tokens" -ge $(((chunks - 1) * 400)) ]
check "each token is read twice" [ "$("$JSON" "$T/out" computed_tokens)" -le $((2 * (tokens + chunks))) ]
check "what is said again and again does not hide the rest" contains "$T/out" "The key of vault"
check "words are kept to" [ "$("$JSON" "$T/out" words)" -le 144 ]
if limited; then
    check "in less than 64 MB" [ "$(sed -n 's/.*peak memory \([0-9]*\).*/\1/p' "$T/err")" -lt 64 ]
fi

# Ctrl-C keeps what there is.
text 20000 >"$T/longer.txt"
: >"$T/said"
"$BANTAM" summarize "$T/longer.txt" -v >"$T/stopped" 2>"$T/said" &
job=$!
waited=0
while [ "$(grep -c 'level 0' "$T/said")" -lt 2 ] && [ $waited -lt 600 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
kill -TERM $job
rc=0
wait $job || rc=$?
check "a stop: exit 128 + the signal" [ "$rc" -eq 143 ]
check "and a summary of what was read" [ -s "$T/stopped" ]
check "which is said" contains "$T/said" "stopped"

finish
