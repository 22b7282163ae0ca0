#!/bin/sh
# The reader's profile through the command: what it keeps and forgets, orders and why, rewriting.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

run personalize profile show
if contains "$T/err" "built without SQLite"; then
    echo "skipped 50 cases: built without SQLite"
    finish
fi
P="personalize profile"
# shellcheck disable=SC2086 # $P is two words everywhere
# shellcheck disable=SC2086
{
    expect "no verb" 2 personalize
    expect "an unknown verb" 2 personalize dream
    expect "an unknown verb of profile" 2 $P dream
    expect "an event without an id" 2 $P add --event liked
    expect "an event of no kind" 2 $P add --event hated --id 1
    expect "a time that is none" 2 $P add --event liked --id 1 --time yesterday
    expect "nothing to forget" 2 $P forget
    expect "two things to forget" 2 $P forget --all --topic x
    expect "a preference that is missing" 2 $P prefer
}
check "none of that makes a profile" [ ! -e "$BANTAM_HOME/profile.db" ]
expect "an empty profile is shown" 0 personalize profile show
expect "and forgotten" 0 personalize profile forget --all -q
check "and still not made" [ ! -e "$BANTAM_HOME/profile.db" ]

cat >"$T/events.jsonl" <<'END'
{"event":"liked","id":"1","title":"A night of meteors","text":"Astronomers watched comets from the desert.","time":1700000000}
{"event":"liked","id":2,"title":"Telescope finds comet","text":"Astronomers saw a comet beyond Saturn.","time":"2023-11-15"}
{"event":"skipped","id":"3","title":"Cup final","text":"The football match ended in a draw after extra time.","time":"2023-11-15T10:30Z"}

{"event":"dwelt","id":"4","title":"Rye bread","text":"Flour, dough and an oven.","seconds":60,"time":1700050000}
{"wish":"short, no sports","time":1700050000}
END
run $P add "$T/events.jsonl" --json
check "events are added" [ "$rc" -eq 0 ]
check "and counted" [ "$("$JSON" "$T/out" events)" = 4 ]
run $P add --event shown --id 5 --title "Taxes" --text "A law on taxes." --time 1700060000
check "one by options" [ "$rc" -eq 0 ]
run $P prefer "simple words"
run $P show --json
check "show counts them" [ "$("$JSON" "$T/out" events liked)" = 2 ]
check "and names the file" [ "$("$JSON" "$T/out" path)" = "$BANTAM_HOME/profile.db" ]
check "and the wishes" [ "$("$JSON" -n "$T/out" wishes)" = 2 ]
check "and the heaviest topic" [ "$("$JSON" "$T/out" topics 0 weight)" != null ]
run $P show
check "people see it, too" contains "$T/out" "2 liked, 1 skipped"
check "only its owner reads it" [ "$(stat -c %a "$BANTAM_HOME/profile.db")" = 600 ]

# ---- in and out ----

"$BANTAM" $P export >"$T/export"
check "export has a line for each" [ "$(lines "$T/export")" -eq 7 ]
"$BANTAM" $P add --profile "$T/copy.db" "$T/export"
"$BANTAM" $P export --profile "$T/copy.db" >"$T/export2"
check "and comes back as it was" cmp -s "$T/export" "$T/export2"
echo '{"event":"liked","id":"9"' >"$T/bad"
expect "a line that is no JSON" 1 $P add "$T/bad"
check "is named" contains "$T/err" "line 1"
{
    echo '{"event":"liked","id":"8","title":"x"}'
    echo '{"event":"liked","title":"x"}'
} >"$T/bad"
expect "an event without an id in a file" 1 $P add "$T/bad"
check "is named with its line" contains "$T/err" "line 2"
run $P show --json
check "and adds nothing" [ "$("$JSON" "$T/out" events liked)" = 2 ]
expect "a file that is no profile" 1 $P show --profile "$T/events.jsonl" --json
check "is told apart" [ "$("$JSON" "$T/out" error code)" = format ]

# ---- rank ----

cat >"$T/items.jsonl" <<'END'
{"id":"ball","title":"Football transfer","text":"A striker after the match.","time":4}
{"id":"sky","title":"Comet near Jupiter","text":"Astronomers saw it by telescope.","time":3}
{"id":"law","title":"Parliament votes","text":"On budgets.","time":2}
{"id":"bread","title":"Dough at home","text":"Flour and an oven make bread.","time":1}
END
place() { # FILE PLACE: the id there
    sed -n "$2p" "$1" >"$T/line" && "$JSON" "$T/line" id
}
run personalize rank "$T/items.jsonl" --json --no-model
check "rank: exit 0" [ "$rc" -eq 0 ]
check "a line for each item" [ "$(lines "$T/out")" -eq 4 ]
check "what was skipped comes last" [ "$(place "$T/out" 4)" = ball ]
check "and says so" [ "$("$JSON" "$T/line" because)" = 3 ]
case $(place "$T/out" 1)$(place "$T/out" 2) in
skybread | breadsky) ok "both interests come first" ;;
*) failed "both interests come first" "$(cat "$T/out")" ;;
esac
check "with a sentence" contains "$T/out" "which you liked"
run personalize rank "$T/items.jsonl" --top 2 --no-model
check "--top prints so many" [ "$(lines "$T/out")" -eq 4 ]
run personalize rank --profile "$T/none.db" "$T/items.jsonl" --json -q
check "without a profile the newest comes first" [ "$(place "$T/out" 1)" = ball ]
check "and none is made" [ ! -e "$T/none.db" ]
echo '{"title":"no id"}' >"$T/bad"
expect "an item without an id" 1 personalize rank "$T/bad"
: >"$T/empty"
expect "no items" 0 personalize rank "$T/empty" --no-model
expect "items that are not there" 1 personalize rank "$T/nothing"

if [ "$(built_in)" -eq 1 ]; then
    run personalize rank "$T/items.jsonl" --json
    check "with the model: exit 0" [ "$rc" -eq 0 ]
    check "what was skipped is last there too" [ "$(place "$T/out" 4)" = ball ]
    mv "$T/out" "$T/first"
    run $P show --json
    check "vectors are kept" [ "$("$JSON" "$T/out" vectors)" = 9 ]
    run personalize rank "$T/items.jsonl" --json
    check "and change nothing" cmp -s "$T/out" "$T/first"
    echo "Leo had a green wagon. He loved it. One day he lost it. Kate helped him to find it." >"$T/story"
    run personalize rewrite "$T/story" --words 12 --json
    check "rewrite: exit 0" [ "$rc" -eq 0 ]
    check "it has a text" [ -n "$("$JSON" "$T/out" text)" ]
    check "and the wishes" [ "$("$JSON" "$T/out" wishes)" = "short, no sports; simple words" ]
    check "and no adapter" [ "$("$JSON" "$T/out" adapted)" = false ]
    n=0
    while [ "$n" -lt 200 ]; do
        cat "$T/story"
        n=$((n + 1))
    done >"$T/long"
    run personalize rewrite "$T/long" --words 20 --json
    check "a text longer than the context: exit 0" [ "$rc" -eq 0 ]
    check "is told both numbers" contains "$T/err" "the context holds 512"
    check "it is summarized" [ "$("$JSON" "$T/out" summarized)" = true ]
    "$JSON" "$T/out" text >"$T/short"
    check "in some words" [ -s "$T/short" ]
    check "and no more than were wanted" [ "$(wc -w <"$T/short")" -le 24 ]
    run summarize "$T/long" --words 20
    check "as summarize has it" cmp -s "$T/out" "$T/short"
    run personalize rewrite "$T/story" --words 12 --json
    check "a text that fits is not" [ "$("$JSON" "$T/out" summarized)" = false ]
    mv "$T/out" "$T/plain"
    expect "no text" 1 personalize rewrite "$T/empty"
    if [ -z "${BANTAM_EMULATOR:-}" ]; then
        printf '{"text":"%s","accepted":"Kate is kind."}\n' "$(cat "$T/story")" >"$T/own.jsonl"
        run personalize adapt "$T/own.jsonl" --steps 20 --json
        check "adapt: exit 0" [ "$rc" -eq 0 ]
        check "an adapter lies beside the profile" [ -s "$BANTAM_HOME/profile.db.adapter.gguf" ]
        check "the texts do not" [ ! -e "$BANTAM_HOME/profile.db.adapt.jsonl" ]
        run personalize rewrite "$T/story" --words 12 --json
        check "rewrite uses it" [ "$("$JSON" "$T/out" adapted)" = true ]
        check "and says what was accepted" [ "$("$JSON" "$T/out" text)" = "Kate is kind." ]
        check "which it did not say before" [ "$("$JSON" "$T/plain" text)" != "Kate is kind." ]
    fi
else
    echo "skipped 16 cases: no built-in model"
fi

# ---- forget ----

trace() {
    grep -r -q -a -i -e "$1" "$BANTAM_HOME"
}
check "the subject is there" trace football
run $P forget --topic FOOTBALL --json
check "forget counts the events" [ "$("$JSON" "$T/out" forgotten)" = 1 ]
check "no file has a trace of it" sh -c "! grep -r -q -a -i football '$BANTAM_HOME'"
check "nor the adapter" [ ! -e "$BANTAM_HOME/profile.db.adapter.gguf" ]
run $P forget 5
check "an item is forgotten" sh -c "! grep -r -q -a Taxes '$BANTAM_HOME'"
run $P forget --before 2023-11-15T00:00:01
check "what was before is forgotten" sh -c "! grep -r -q -a -e meteors -e Saturn '$BANTAM_HOME'"
check "what was later is not" trace "Rye bread"
run $P forget --all -q
check "all is forgotten" sh -c "! grep -r -q -a -i -e bread -e simple -e sports '$BANTAM_HOME'"
run $P export
check "nothing is left to export" [ ! -s "$T/out" ]

finish
