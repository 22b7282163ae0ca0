#!/bin/sh
# Nothing but pull opens a socket: every command is run under a filter of the kernel that kills at
# the first attempt, and what the programs are linked to is looked at.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

if ! "$NO_SOCKET" --probe; then
    echo "skipped 40 cases: no system call filter works here"
    finish
fi
unset HF_HUB_OFFLINE
HF_ENDPOINT=http://127.0.0.1:1
export HF_ENDPOINT

# guarded ARGS...: the command under the filter; 159 is what kills it.
guarded() {
    rc=0
    timeout --foreground -k 5 $PATIENCE_S "$NO_SOCKET" "$BANTAM" "$@" >"$T/out" 2>"$T/err" </dev/null || rc=$?
}
tried=
# offline ARGS...: a command that must work without a socket, or fail for another reason.
offline() {
    guarded "$@"
    tried="$tried $1 "
    if [ "$rc" -eq 159 ] || grep -q "Bad system call" "$T/err"; then
        failed "no socket: bantam $*" "it opens one"
    else
        ok "no socket: bantam $*"
    fi
}

# The filter sees what it should: pull itself dies of it.
guarded pull smollm2:135m
if contains "$T/err" "built without libcurl"; then
    echo "skipped 1 case: built without libcurl"
else
    check "the filter catches pull" [ "$rc" -eq 159 ]
fi

model=$SHARED/weights/gguf/stories260K-F32.gguf
adapted=$SHARED/weights/gguf/babyllama-105-F16.gguf
[ -s "$model" ] || model=$T/none.gguf
[ -s "$adapted" ] || adapted=$T/none.gguf
folder=$SHARED/goldens/lm/smollm2-a/hf
echo '{"messages":[{"role":"user","content":"hi"}],"add_generation_prompt":true}' >"$T/chat.json"
echo "Once upon a time there was a small house by the sea. " >"$T/text"

offline run "$model" "Once upon" --raw -n 4
offline run smollm2:135m hi
offline run HuggingFaceTB/SmolLM2-135M hi
offline run no/such:Q4_0 hi --json
offline chat "$model"
offline tokenize "$model" "some text"
offline template "$folder" "$T/chat.json"
offline logits "$model" --tokens 1,2,3 -o "$T/rows"
offline inspect "$model" --json
offline inspect llama3.2:1b
offline eval "$model" --perplexity "$T/text" --ctx 8
offline bench "$model" -p 4 -n 2 -r 1
offline convert "$model" "$T/out.gguf"
offline quantize "$model" "$T/small.gguf" --type q8_0
offline fit smollm2:135m
offline summarize -m "$model" --words 5 "$T/text"
offline sentiment -m "$model" "a fine film"
offline adapt "$adapted" "$T/text" -o "$T/made.gguf" --steps 1 --keep-share 0
echo '{"event":"liked","id":"1","title":"A small house","text":"by the sea"}' >"$T/events.jsonl"
offline personalize profile add "$T/events.jsonl"
offline personalize profile show
offline personalize profile export
offline personalize rank "$T/events.jsonl" -m "$model"
offline personalize rewrite "$T/text" -m "$model" --words 4
offline personalize adapt "$T/text" -m "$adapted" --steps 1
offline personalize profile forget --all
offline list
offline list --available
offline list "$T"
offline show smollm2:135m
offline show "$model"
offline rm smollm2:135m
offline rm --cache
offline doctor
offline --help
offline --version
offline help pull
offline pull --help

# Commands that this list has no line of its own for.
"$BANTAM" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >"$T/commands"
check "the commands are known" [ "$(lines "$T/commands")" -ge 13 ]
while read -r command; do
    case "$tried" in
    *" $command "*) continue ;;
    esac
    [ "$command" = pull ] && continue
    offline "$command" --help
    offline "$command"
    offline "$command" "$model"
    offline "$command" "$adapted" "$T/text" -o "$T/made.gguf"
done <"$T/commands"

# What is linked where. An emulator's programs are not asked: the tools here may not read them.
undefined() {
    nm -D --undefined-only "$1" 2>/dev/null | sed 's/@.*//; s/.* //'
}
network='^(socket|socketpair|connect|bind|listen|accept4?|getaddrinfo|gethostbyname.*|sendto|recvfrom|curl_.*|SSL_.*|EVP_.*)$'
if [ -n "${BANTAM_BUILD:-}" ] && [ -z "${BANTAM_EMULATOR:-}" ] && command -v nm >/dev/null &&
    ! nm "$BANTAM_BUILD/bantam" 2>/dev/null | grep -q -E '__(asan|tsan)_init'; then
    for file in bantam libbantam.so.0; do
        [ -n "$(undefined "$BANTAM_BUILD/$file")" ] || continue
        check "$file refers to no network function" [ -z "$(undefined "$BANTAM_BUILD/$file" | grep -E "$network")" ]
    done
    if [ -e "$BANTAM_BUILD/libbantam-fetch.so.0" ]; then
        check "libbantam-fetch does" [ -n "$(undefined "$BANTAM_BUILD/libbantam-fetch.so.0" | grep -E "$network")" ]
        check "and offers one function" \
            [ "$(nm -D --defined-only "$BANTAM_BUILD/libbantam-fetch.so.0" | grep -c ' T ')" -eq 1 ]
    fi
fi

finish
