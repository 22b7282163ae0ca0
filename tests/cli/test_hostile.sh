#!/bin/sh
# Files that are not what they say: exit 1, one line, under a second, under 64 MiB.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

limit=
if limited; then limit="ulimit -v 65536;"; else echo "no limit on memory: a sanitized build"; fi
# A second of processor time, which other programs cannot take away: a signal ends what needs more.
limit="$limit ulimit -t ${BANTAM_TIME_FACTOR:-1};"

# hostile NAME PATH: every command refuses the file.
hostile() {
    for line in "inspect MODEL" "tokenize MODEL hi" "run MODEL hi" "logits MODEL --tokens 1 -o $T/x" \
        "template MODEL $T/chat.json" "convert MODEL $T/made.gguf" "bench MODEL -r 1" \
        "eval MODEL --perplexity $T/chat.json" "chat MODEL"; do
        line=$(printf %s "$line" | sed "s|MODEL|$2|")
        rc=0
        # shellcheck disable=SC2086 # the words of the line
        (eval "$limit"; exec "$BANTAM" $line) >"$T/out" 2>"$T/err" </dev/null || rc=$?
        if [ "$rc" -ne 1 ]; then
            failed "$1: ${line%% *}" "exit $rc: $(head -c 200 "$T/err")"
        elif [ "$(lines "$T/err")" -ne 1 ]; then
            failed "$1: ${line%% *}" "$(lines "$T/err") lines"
        elif [ -s "$T/out" ]; then
            failed "$1: ${line%% *}" "something on standard output"
        elif [ -e "$T/made.gguf" ] || [ -e "$T/x" ]; then
            failed "$1: ${line%% *}" "a file was left"
        else
            ok "$1: ${line%% *}"
        fi
        rm -f "$T/made.gguf" "$T/x"
    done
}

# bytes FORMAT: printf's octal escapes; a zero is \000.
bytes() {
    # shellcheck disable=SC2059
    printf "$1"
}

echo '{"messages":[]}' >"$T/chat.json"
cd "$T" || exit 1

: >empty.gguf
hostile "an empty file" empty.gguf
bytes 'GGUF' >magic.gguf
hostile "a magic alone" magic.gguf
bytes 'GGML\003\000\000\000' >other.gguf
hostile "another magic" other.gguf
bytes 'GGUF\003\000\000\000\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377' >counts.gguf
hostile "counts of 2^64 - 1" counts.gguf
bytes 'GGUF\003\000\000\000\000\000\000\000\000\000\000\000\001\000\000\000\000\000\000\000\377\377\377\377\377\377\377\177' >key.gguf
hostile "a key of 2^63 bytes" key.gguf
head -c 65536 /dev/zero >zeros.gguf
hostile "zeros" zeros.gguf
printf '<html><body>404</body></html>' >page.gguf
hostile "a web page" page.gguf
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' >pointer.gguf
hostile "a pointer to a large file" pointer.gguf
mkdir folder.gguf emptyfolder
hostile "a folder with the name of a file" folder.gguf
hostile "an empty folder" emptyfolder
ln -s loop.gguf loop.gguf
hostile "a link to itself" loop.gguf
hostile "a file that is not there" absent.gguf
ln -s /dev/zero zero.gguf
hostile "a link to /dev/zero" zero.gguf
mkfifo pipe.gguf
hostile "a pipe that nobody writes to" pipe.gguf
mkdir badconfig && printf '[' >badconfig/config.json
hostile "a folder with a broken config.json" badconfig
mkdir deep && awk 'BEGIN { for (i = 0; i < 100000; i++) printf "[" }' >deep/config.json
hostile "a config.json 100,000 deep" deep
bytes '\377\377\377\377\377\377\377\377{}' >header.safetensors
hostile "a safetensors header of 2^64 - 1 bytes" header.safetensors

if shared_found 100; then
    MODEL=$LM/smollm2-a/model-f32.gguf
    size=$(wc -c <"$MODEL")
    for cut in 24 100 1000 5000 20000 $((size / 2)) $((size - 1)); do
        head -c "$cut" "$MODEL" >cut.gguf
        hostile "a model cut after $cut bytes" cut.gguf
    done
    # A disk that is full, for which the limit on the size of a file stands in.
    for line in "logits $MODEL --tokens 1,2,3,4,5,6,7,8 --all -o $T/full/x" \
        "convert $MODEL $T/full/x" "run $MODEL hi --raw -n 4 --save-state $T/full/x"; do
        mkdir "$T/full"
        rc=0
        # shellcheck disable=SC2086 # the words of the line
        (ulimit -f 2; exec "$BANTAM" $line) >"$T/out" 2>"$T/err" </dev/null || rc=$?
        check "a full disk: ${line%% *} exits 1" [ "$rc" -eq 1 ]
        check "a full disk: ${line%% *} says so" contains "$T/err" "File too large"
        check "a full disk: ${line%% *} says it once" [ "$(lines "$T/err")" -eq 1 ]
        check "a full disk: ${line%% *} leaves no file" [ -z "$(ls -A "$T/full")" ]
        rm -rf "$T/full"
    done
    # What comes in as JSON and text.
    for json in '' '{' '[]' '{"messages":1}' '{"messages":[1]}' '{"messages":"x"}' 'null'; do
        printf %s "$json" >bad.json
        expect "template of '$json'" 1 template "$LM/smollm2-a/hf" bad.json
    done
    expect "tools that are no array" 1 run "$MODEL" --tools bad.json hi
    expect "tools that are not there" 1 run "$MODEL" --tools absent.json hi
    expect "a token beyond the vocabulary" 1 logits "$MODEL" --tokens 340 -o x
    expect "a token to decode beyond it" 1 tokenize "$MODEL" --decode 340
    expect "a text that is not there" 1 eval "$MODEL" --perplexity absent.txt
fi

finish
