#!/bin/sh
# Models by name: pull against a server on this machine that plays the hub, list, show, rm.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

run pull smollm2:135m
if contains "$T/err" "built without libcurl"; then
    check "pull says what it lacks" [ "$rc" -eq 1 ]
    echo "skipped the rest: built without libcurl"
    finish
fi
check "HF_HUB_OFFLINE: nothing is fetched" [ "$rc" -eq 1 ]
check "and it says so" contains "$T/err" "HF_HUB_OFFLINE"
unset HF_HUB_OFFLINE

helpers
W=$T/hub
S=$BANTAM_HOME/models
mkdir "$W"
: >"$W/mode"
"$HUB" "$W" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$T"' EXIT
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -s "$W/port" ] && break
    sleep 0.2
done
HF_ENDPOINT=http://127.0.0.1:$(cat "$W/port")
endpoint=$HF_ENDPOINT
export HF_ENDPOINT

json() {
    "$JSON" "$T/out" "$@"
}
# mode WORDS...: how the server behaves from now on
mode() {
    echo "$*" >"$W/mode"
    rm -f "$W/count"
    : >"$W/log"
}
# asked PATTERN: how many requests the server has had that match
asked() {
    grep -c -e "$1" "$W/log"
}
# listing REPO COMMIT [more JSON members]: writes what the hub says of the files in $W/REPO
listing() {
    {
        printf '{"id":"%s","sha":"%s","gated":false,"cardData":{"license":"apache-2.0"},%s"siblings":[' \
            "$1" "$2" "${3:-}"
        separator=
        (cd "$W/$1" && find . -type f | sed 's|^\./||' | sort) | while read -r file; do
            size=$(wc -c <"$W/$1/$file" | tr -d ' ')
            printf '%s{"rfilename":"%s","size":%s,' "$separator" "$file" "$size"
            separator=,
            case $file in
            *.safetensors | *.gguf)
                printf '"blobId":"0123456789012345678901234567890123456789",'
                printf '"lfs":{"sha256":"%s","size":%s,"pointerSize":134}}' \
                    "$(sha256sum <"$W/$1/$file" | cut -d' ' -f1)" "$size"
                ;;
            *)
                printf '"blobId":"%s"}' \
                    "$({ printf 'blob %s\0' "$size"; cat "$W/$1/$file"; } | sha1sum | cut -d' ' -f1)"
                ;;
            esac
        done
        printf ']}'
    } >"$W/$1.json"
}
# noise BYTES FILE: the same bytes for the same number
noise() {
    awk -v n="$1" 'BEGIN { s = n; for (i = 0; i < n / 8; i++) { s = (s * 16807) % 2147483647; printf "%08x", s } }' |
        head -c "$1" >"$2"
}
commit=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
clean() {
    rm -rf "$BANTAM_HOME"
    mode
}

# A repository as the hub has them; its numbers mean nothing, its bytes count.
R=HuggingFaceTB/SmolLM2-135M
D=$S/HuggingFaceTB--SmolLM2-135M
mkdir -p "$W/$R/onnx"
echo '{"model_type":"llama"}' >"$W/$R/config.json"
echo '{"version":"1.0"}' >"$W/$R/tokenizer.json"
echo '{"eos_token_id":0}' >"$W/$R/generation_config.json"
echo 'Apache License' >"$W/$R/LICENSE"
echo 'read me' >"$W/$R/README.md"
noise 700000 "$W/$R/model.safetensors"
noise 5000 "$W/$R/onnx/model.onnx"
noise 5000 "$W/$R/pytorch_model.bin"
listing $R $commit

same() {
    for file in config.json tokenizer.json generation_config.json LICENSE model.safetensors; do
        cmp -s "$W/$R/$file" "$D/$file" || return 1
    done
}
nothing_there() {
    [ ! -e "$D" ]
}

# ---- a plain download ----
mode
run pull smollm2:135m --json
check "a model is pulled by its name" [ "$rc" -eq 0 ]
check "all its files are there" same
check "and no others" [ "$(ls "$D")" = "$(printf 'LICENSE\nbantam.json\nconfig.json\ngeneration_config.json\nmodel.safetensors\ntokenizer.json')" ]
check "nothing unfinished is left" [ -z "$(find "$S" -name '*part*')" ]
check "--json: name" [ "$(json name)" = smollm2:135m ]
check "--json: repository" [ "$(json repository)" = $R ]
check "--json: revision" [ "$(json revision)" = $commit ]
check "--json: path" [ "$(json path)" = "$D" ]
check "--json: files" [ "$(json files)" = 5 ]
check "--json: all of them verified" [ "$(json verified_files)" = 5 ]
check "files are asked for at the commit" [ "$(asked "/resolve/$commit/")" -eq 5 ]
check "one request a file" [ "$(lines "$W/log")" -eq 6 ]
run pull smollm2:135m --json
check "again: nothing is to be done" [ "$(json was_there)" = true ]
check "again: one request more" [ "$(lines "$W/log")" -eq 7 ]
run pull SmolLM2:135M -q
check "names are read in any case" [ "$rc" -eq 0 ]
run pull huggingfacetb/smollm2-135m --json
check "so are repositories" [ "$(json was_there)" = true ]

own=$(built_in)
run list --json
check "list has it" [ "$(json models "$own" name)" = smollm2:135m ]
check "list says where it is from" [ "$(json models "$own" source)" = store ]
check "list counts its weights" [ "$(json models "$own" bytes)" = 700000 ]
run list -q
check "list -q is the name" [ "$(tail -n +$((own + 1)) "$T/out")" = smollm2:135m ]
run show smollm2:135m --json
check "show has its revision" [ "$(json manifest revision)" = $commit ]
check "show has its license" [ "$(json catalog license)" = Apache-2.0 ]
check "show has its path" [ "$(json path)" = "$D" ]
run show $R
check "show by repository is the same model" contains "$T/out" smollm2:135m
run show llama3.2:1b
check "show of what is not here: its gating" contains "$T/out" "gated        yes"
check "show of what is not here: how to get it" contains "$T/out" "bantam pull llama3.2:1b"
run list --available --json
check "the catalog has every family" [ "$("$JSON" -n "$T/out" models)" -ge 20 ]
for name in smollm2:1.7b-instruct llama3.2:1b amd-llama:135m-code phonelm:1.5b-call ministral:8b; do
    check "$name is in the catalog" contains "$T/out" "\"$name\""
done
run run llama3.2:1b hi
check "run of what is not here names pull" contains "$T/err" "bantam pull llama3.2:1b"
check "and fails" [ "$rc" -eq 1 ]

# ---- names ----
expect "a name with a slip" 1 pull smolm2:135m
check "the nearest is named" contains "$T/err" smollm2:135m
expect "a size that is none" 1 pull smollm2:9b
check "those of the family are named" contains "$T/err" "smollm2:1.7b-instruct"
expect "no weights published" 1 pull bluelm-v:3b
check "and it says so" contains "$T/err" "published no weights"
for name in '../x/y' 'a/../b' 'a/b/../../c.gguf' 'a/b:..' '/etc/passwd' 'a//b' 'a/b c' "a/b$(printf '\033')[2J"; do
    expect "no name: $name" 1 pull "$name"
done
expect "a repository that is not there" 1 pull nobody/nothing
check "the hub's 401 for it is explained" contains "$T/err" "no repository nobody/nothing"

# ---- resume ----
clean
mode only=model.safetensors cut=300000
run pull smollm2:135m
check "a connection that is cut twice: all bytes come" [ "$rc" -eq 0 ]
check "and are the right ones" same
check "each time from where it was" [ "$(asked "range=300000-")" -eq 1 ]
check "and on" [ "$(asked "range=600000-")" -eq 1 ]
check "the second file of one run is not asked for again" [ "$(asked config.json)" -eq 2 ]

clean
mode only=model.safetensors status=500
run pull smollm2:135m --timeout 1 -q
check "a server that is down for good: exit 1" [ "$rc" -eq 1 ]
check "nothing is in the store" nothing_there
check "after five tries" [ "$(asked model.safetensors)" -eq 5 ]
mode
run pull smollm2:135m
check "the next pull goes on" [ "$rc" -eq 0 ]
check "with the files that were there" [ "$(asked "resolve/$commit/config.json")" -eq 0 ]
check "and it is whole" same

clean
mode only=model.safetensors status=503 once=2
run pull smollm2:135m -q
check "a server that is busy twice: exit 0" [ "$rc" -eq 0 ]

clean
mode only=model.safetensors trickle
rc=0
timeout -k 5 2 "$BANTAM" pull smollm2:135m >"$T/out" 2>"$T/err" || rc=$?
part=$(find "$S" -name 'model.safetensors.*.part')
check "stopped while bytes trickle: a part is there" [ -s "$part" ]
check "and no model" nothing_there
head -c 250000 "$W/$R/model.safetensors" >"$part"
mode
run pull smollm2:135m --json
check "it goes on with the part" [ "$(asked "model.safetensors range=250000-")" -eq 1 ]
check "fewer bytes are received" [ "$(json received_bytes)" -lt 500000 ]
check "and it is whole" same

clean
mode only=model.safetensors trickle
run pull smollm2:135m --timeout 1 -q &
waiting=$!
sleep 4
mode
wait $waiting
check "a trickle is given up and tried again" same

# ---- interrupted ----
clean
mode only=model.safetensors trickle
rc=0
timeout --foreground --preserve-status -k 10 -s INT 1 "$BANTAM" pull smollm2:135m >"$T/out" 2>"$T/err" || rc=$?
check "Ctrl-C: exit 130" [ "$rc" -eq 130 ]
check "Ctrl-C keeps the part" [ -n "$(find "$S" -name 'model.safetensors.*.part')" ]
check "and says how to go on" contains "$T/err" "goes on from here"
mode
run pull smollm2:135m -q
check "after it: whole" same

# Killed at any moment: the model is there whole or not at all, and the next pull makes it whole.
clean
mode only=model.safetensors cut=100000
for moment in 0.02 0.05 0.1 0.2 0.4 0.8; do
    timeout -s KILL $moment "$BANTAM" pull smollm2:135m -q >/dev/null 2>&1
    if [ -e "$D" ]; then check "killed after $moment s: whole" same; else ok "killed after $moment s: not there"; fi
done
run pull smollm2:135m -q
check "after six kills: whole" same

# ---- wrong answers ----
clean
mode only=model.safetensors wrong
expect "a wrong hash" 1 pull smollm2:135m -q
check "both hashes are named" contains "$T/err" "sha256: expected $(sha256sum <"$W/$R/model.safetensors" | cut -d' ' -f1)"
check "nothing is in the store" nothing_there
check "the wrong bytes are gone" [ -z "$(find "$S" -name 'model.safetensors*')" ]
check "it was fetched twice" [ "$(asked model.safetensors)" -eq 2 ]
clean
mode only=config.json wrong
expect "a wrong hash of a small file" 1 pull smollm2:135m -q
check "it is git's" contains "$T/err" "git sha1: expected"
mode
run pull smollm2:135m -q
check "and then it is right" same

clean
mkdir -p "$S/.part--HuggingFaceTB--SmolLM2-135M"
hash=$(sha256sum <"$W/$R/model.safetensors" | cut -c1-16)
noise 123456 "$S/.part--HuggingFaceTB--SmolLM2-135M/model.safetensors.$hash.part"
noise 1000 "$S/.part--HuggingFaceTB--SmolLM2-135M/model.safetensors.0123456789abcdef.part"
run pull smollm2:135m -q
check "a part with wrong bytes in it: fetched anew" same
check "a part of another content is not gone on with" [ "$(asked "range=1000-")" -eq 0 ]

for words in "norange" "shift" "416"; do
    clean
    mkdir -p "$S/.part--HuggingFaceTB--SmolLM2-135M"
    head -c 300000 "$W/$R/model.safetensors" >"$S/.part--HuggingFaceTB--SmolLM2-135M/model.safetensors.$hash.part"
    mode only=model.safetensors $words
    run pull smollm2:135m -q
    check "a range: $words: whole all the same" same
    rm -rf "$BANTAM_HOME"
done

mode only=model.safetensors length=900000
expect "a length that is not the listed one" 1 pull smollm2:135m -q
check "both are named" contains "$T/err" "expected 700000 bytes, the server offers 900000"
mode only=model.safetensors length=9999999999999999
expect "a length beyond all disks" 1 pull smollm2:135m -q
mode only=model.safetensors length=99999999999999999999999999
expect "a length beyond 64 bits" 1 pull smollm2:135m -q --timeout 1
mode only=model.safetensors nolength longer
expect "more bytes than listed, and no length" 1 pull smollm2:135m -q
check "and it says so" contains "$T/err" "longer than its 700000 bytes"
check "nothing is in the store" nothing_there
clean
mode only=model.safetensors nolength
run pull smollm2:135m -q
check "no length is no fault" same
clean
mode only=config.json headers
expect "headers without end" 1 pull smollm2:135m -q
check "are stopped" contains "$T/err" "headers"
mode api-headers
expect "headers without end, of the listing" 1 pull smollm2:135m -q
mode only=model.safetensors status=404
expect "a file that is gone" 1 pull smollm2:135m -q

# ---- redirects ----
for to in cdn relative; do
    clean
    mode redirect=$to
    HF_TOKEN=hf_secret run pull smollm2:135m -q
    check "a redirect: $to" same
    check "the endpoint gets the token" [ "$(asked "/resolve/.*token=hf_secret")" -eq 5 ]
done
clean
mode redirect=cdn
HF_TOKEN=hf_secret run pull smollm2:135m -q
check "another server does not get the token" [ "$(asked "/cdn/.*token=hf_secret")" -eq 0 ]
check "but is asked" [ "$(asked "/cdn/")" -eq 5 ]
clean
mode redirect=cdn cut=300000 only=model.safetensors
run pull smollm2:135m -q
check "behind a redirect it goes on, too" same
clean
mode redirect=loop
expect "a circle of redirects" 1 pull smollm2:135m -q
check "ends" contains "$T/err" "redirects"
check "after few requests" [ "$(asked /resolve/)" -le 10 ]
echo secret >"$T/secret"
for to in "file://$T/secret" ftp://127.0.0.1/x gopher://127.0.0.1:70/x "http://user:pw@127.0.0.1/x" "//" "http://"; do
    mode "redirect=$to"
    expect "a redirect to $to" 1 pull smollm2:135m -q
done
mode redirect=ftp://127.0.0.1/x
run pull smollm2:135m -q
check "what is expected is said" contains "$T/err" "expected https"
check "nothing came of it" nothing_there

# ---- gates ----
G=meta-llama/Llama-3.2-1B
mkdir -p "$W/$G"
cp "$W/$R/config.json" "$W/$R/model.safetensors" "$W/$R/tokenizer.json" "$W/$G"
listing $G $commit
sed -i 's/"gated":false/"gated":"manual"/' "$W/$G.json"
clean
mode token=hf_good
expect "gated, without a token" 1 pull llama3.2:1b -q
check "says HF_TOKEN" contains "$T/err" "HF_TOKEN"
check "says where to accept the license" contains "$T/err" "$HF_ENDPOINT/meta-llama/Llama-3.2-1B"
check "before any file is asked for" [ "$(asked /resolve/)" -eq 0 ]
HF_TOKEN=hf_bad run pull llama3.2:1b -q
check "gated, with a wrong token: exit 1" [ "$rc" -eq 1 ]
check "says that the token is not accepted" contains "$T/err" "does not accept the token"
check "and never shows it" [ -z "$(grep hf_bad "$T/err")" ]
HF_TOKEN=hf_good run pull llama3.2:1b -q
check "gated, with the right token" [ "$rc" -eq 0 ]
rm -rf "$BANTAM_HOME"
mkdir -p "$HF_HOME"
echo hf_good >"$HF_HOME/token"
run pull llama3.2:1b -q
check "the token in the file of the hub's own tools" [ "$rc" -eq 0 ]
rm -rf "$BANTAM_HOME"
HF_TOKEN="hf_a$(printf '\r\nX: y')" run pull llama3.2:1b -q
check "a token that would be a header: exit 1" [ "$rc" -eq 1 ]
rm "$HF_HOME/token"
mode status=403
HF_TOKEN=hf_good run pull llama3.2:1b -q
check "403: the license is not accepted yet" contains "$T/err" "accept its license"
HF_ENDPOINT=file:///etc expect "an endpoint that is a file" 1 pull smollm2:135m
HF_ENDPOINT=nonsense:// expect "an endpoint that is none" 1 pull smollm2:135m
HF_ENDPOINT=http://127.0.0.1:1 expect "nobody listens" 1 pull smollm2:135m -q
# Some shells keep what stood before a function.
HF_ENDPOINT=$endpoint
unset HF_TOKEN

# ---- answers that are no listing ----
clean
answers() {
    printf '%s' "$2" >"$W/bad/repo.json"
    expect "a listing: $1" 1 pull bad/repo -q
}
mkdir "$W/bad"
hex=$(printf '%064d' 7)
answers "nothing" ""
answers "not JSON" "<html>"
answers "an array" "[]"
answers "no files" '{"sha":"aa"}'
answers "files that are no array" '{"siblings":{"a":1}}'
answers "files that are none" '{"siblings":[1,2]}'
answers "no names" '{"siblings":[{"size":1}]}'
answers "an empty repository" '{"siblings":[]}'
for path in ../../x.gguf /etc/x.gguf a/../../x.gguf './x.gguf' 'a//x.gguf' 'x\u0000.gguf' 'x\u001b[2J.gguf' \
    '..\\\\x.gguf' '~/../x.gguf/..' "$(printf '%0600d' 0).gguf"; do
    answers "a path: $path" "{\"siblings\":[{\"rfilename\":\"config.json\",\"size\":3},{\"rfilename\":\"$path\",\"size\":3,\"lfs\":{\"sha256\":\"$hex\",\"size\":3}}]}"
done
for size in -1 1e3 0.5 '"5"' 99999999999999999999 9223372036854775807 17592186044417 '[1]'; do
    answers "a size: $size" "{\"siblings\":[{\"rfilename\":\"m.gguf\",\"size\":$size}]}"
done
answers "a size beyond this disk" "{\"siblings\":[{\"rfilename\":\"m.gguf\",\"size\":17592186044416,\"lfs\":{\"sha256\":\"$hex\",\"size\":17592186044416}}]}"
check "a full disk is named before anything is fetched" contains "$T/err" "needs 17592186.0 MB more"
check "and that it could be elsewhere" contains "$T/err" "BANTAM_HOME"
check "nothing was asked for" [ "$(asked /resolve/)" -eq 0 ]
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "[" }' >"$W/bad/repo.json"
expect "a listing: 200000 brackets" 1 pull bad/repo -q
awk 'BEGIN { printf "{\"siblings\":["; for (i = 0; i < 20000; i++) printf "{\"rfilename\":\"f%d.gguf\",\"size\":1},", i; print "{}]}" }' >"$W/bad/repo.json"
expect "a listing: 20001 files" 1 pull bad/repo -q
check "too many are said to be so" contains "$T/err" "at most 16384"
awk 'BEGIN { printf "{\"siblings\":["; for (i = 0; i < 500000; i++) printf "{\"rfilename\":\"f%d.gguf\",\"size\":1,\"x\":\"0123456789\"},", i; print "{}]}" }' >"$W/bad/repo.json"
expect "a listing: beyond 16 MiB" 1 pull bad/repo -q
check "is not read on" contains "$T/err" "longer than"
mode api-cut=10
expect "a listing that is cut" 1 pull smollm2:135m -q
mode api-status=500
expect "a hub that is down" 1 pull smollm2:135m -q
check "nothing is left of all this" [ -z "$(find "$T" -name 'x.gguf' -o -name 'passwd')" ]

# ---- gguf files ----
Q=somebody/Model-GGUF
mkdir -p "$W/$Q/Q8_0"
noise 3000 "$W/$Q/Model-Q4_K_M.gguf"
noise 4000 "$W/$Q/Model-Q4_0.gguf"
noise 2000 "$W/$Q/mmproj-Model-f16.gguf"
noise 5000 "$W/$Q/Q8_0/Model-Q8_0-00001-of-00002.gguf"
noise 6000 "$W/$Q/Q8_0/Model-Q8_0-00002-of-00002.gguf"
echo '{"model_type":"llama"}' >"$W/$Q/config.json"
listing $Q $commit
clean
run pull $Q --json
check "a repository of gguf files: Q4_K_M" [ "$(json path)" = "$S/somebody--Model-GGUF--Q4_K_M/Model-Q4_K_M.gguf" ]
check "its name says so" [ "$(json name)" = $Q:Q4_K_M ]
check "it is the only file fetched" [ "$(asked /resolve/)" -eq 1 ]
run pull $Q:q8_0 --json
check "one in parts: all of them" [ "$(json files)" = 2 ]
check "in their folder" cmp -s "$W/$Q/Q8_0/Model-Q8_0-00002-of-00002.gguf" \
    "$S/somebody--Model-GGUF--Q8_0/Q8_0/Model-Q8_0-00002-of-00002.gguf"
run pull $Q/Model-Q4_0.gguf --json
check "one by its file's name" [ "$(json files)" = 1 ]
run pull $Q:Q9 -q
check "a quantization that is not there: exit 1" [ "$rc" -eq 1 ]
check "those that are there are named" contains "$T/err" "Model-Q4_K_M.gguf"
run list -q
check "list has all three" [ "$(lines "$T/out")" -eq $((own + 3)) ]
run show $Q
check "a name that fits several is not guessed" [ "$rc" -eq 0 ]
run inspect $Q
check "nor opened" contains "$T/err" "name one"
run inspect $Q:q4_k_m
check "by its form it is found" contains "$T/err" "Model-Q4_K_M.gguf"
sed 's/-00002-of-00002/-00002-of-00003/' "$W/$Q.json" >"$W/somebody/Cut-GGUF.json"
expect "parts that are not all there" 1 pull somebody/Cut-GGUF:Q8_0 -q

# ---- rm ----
run rm $Q:Q4_K_M --json
check "rm of one" [ "$(json bytes)" = 3000 ]
check "it is gone" [ ! -e "$S/somebody--Model-GGUF--Q4_K_M" ]
check "the others are not" [ "$(find "$S" -name 'somebody*' | wc -l)" -eq 2 ]
expect "rm of it again" 1 rm $Q:Q4_K_M
run rm $Q:Q8_0 $Q/Model-Q4_0.gguf
check "rm of two" [ -z "$(ls "$S")" ]
mode only=model.safetensors status=404
run pull smollm2:135m -q
run rm smollm2:135m
check "rm of an unfinished one" [ "$rc" -eq 0 ]
check "leaves nothing" [ -z "$(ls -A "$S")" ]

# The Hugging Face cache and plain folders.
hub=$HF_HOME/hub/models--org--name
mkdir -p "$hub/blobs" "$hub/snapshots/abc" "$hub/refs"
echo abc >"$hub/refs/main"
noise 900 "$hub/blobs/b1"
noise 800 "$hub/blobs/b2"
ln -s ../../blobs/b1 "$hub/snapshots/abc/m-Q4_0.gguf"
ln -s ../../blobs/b2 "$hub/snapshots/abc/m-Q8_0.gguf"
run list --json
check "list has the cache, too" [ "$(json models "$own" source)" = hub ]
run rm org/name:Q8_0
check "rm of one file of the cache" [ "$rc" -eq 0 ]
check "takes its blob" [ ! -e "$hub/blobs/b2" ]
check "and leaves the other" [ -s "$hub/snapshots/abc/m-Q4_0.gguf" ]
run rm org/name
check "rm of a repository of the cache" [ ! -e "$hub" ]
mkdir -p "$T/models/folder"
cp "$W/$R/config.json" "$W/$R/model.safetensors" "$T/models/folder"
echo mine >"$T/models/folder/notes.txt"
noise 100 "$T/models/a.gguf"
noise 100 "$T/models/s-00001-of-00002.gguf"
noise 150 "$T/models/s-00002-of-00002.gguf"
run list "$T/models" --json
check "list of a folder" [ "$("$JSON" -n "$T/out" models)" = 3 ]
check "a set of parts counts whole" contains "$T/out" '"bytes":250'
run rm "$T/models/s-00001-of-00002.gguf"
check "rm of a file takes its parts" [ -z "$(find "$T/models" -name 's-*')" ]
run rm "$T/models/folder"
check "rm of a folder takes the model" [ ! -e "$T/models/folder/model.safetensors" ]
check "and leaves what is no part of it" [ "$(ls "$T/models/folder")" = notes.txt ]
expect "rm of a folder without a model" 1 rm "$T/models"
check "takes nothing" [ -s "$T/models/a.gguf" ]
expect "rm of a file that is no model" 1 rm "$T/models/folder/notes.txt"
expect "list of what is no folder" 1 list "$T/models/a.gguf"
expect "list of a folder and --available" 2 list --available "$T/models"

# ---- updates, locks, disks ----
clean
run pull smollm2:135m -q
echo '{"model_type":"llama","new":1}' >"$W/$R/config.json"
listing $R bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
mode
run pull smollm2:135m --json
check "a new revision is pulled" [ "$(json revision)" = bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ]
check "and is whole" same
check "what has not changed is not fetched again" [ "$(asked model.safetensors)" -eq 0 ]
check "the old one is gone" [ "$(ls -A "$S")" = HuggingFaceTB--SmolLM2-135M ]
clean
mode only=model.safetensors hold
: >"$W/hold"
"$BANTAM" pull smollm2:135m -q >/dev/null 2>&1 &
first=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ "$(asked model.safetensors)" -gt 0 ] && break
    sleep 0.1
done
expect "two pulls of one model" 1 pull smollm2:135m -q
check "the second gives way" contains "$T/err" "another process"
rm "$W/hold"
wait $first
check "the first is not disturbed" same
clean
rc=0
(ulimit -f 200 && "$BANTAM" pull smollm2:135m -q >"$T/out" 2>"$T/err") || rc=$?
check "a file that may not grow: exit 1" [ "$rc" -eq 1 ]
check "says what is the matter" contains "$T/err" "cannot write"
check "and leaves no model" nothing_there
if unshare -Urm true 2>/dev/null && [ -z "${BANTAM_EMULATOR:-}" ]; then
    mkdir -p "$BANTAM_HOME"
    mode only=model.safetensors hold
    : >"$W/hold"
    # shellcheck disable=SC2016 # the inner shell's variables
    BANTAM=$BANTAM W=$W unshare -Urm sh -c '
        mount -t tmpfs -o size=900k none "$BANTAM_HOME" || exit 99
        "$BANTAM" pull smollm2:135m -q >/dev/null 2>"$BANTAM_HOME/../err" &
        i=0
        while [ $i -lt 50 ] && ! grep -q model.safetensors "$W/log"; do sleep 0.1; i=$((i + 1)); done
        head -c 600000 /dev/zero >"$BANTAM_HOME/filler"
        rm "$W/hold"
        wait $!
        echo $? >"$BANTAM_HOME/../full"
        rm "$BANTAM_HOME/filler"
        "$BANTAM" pull smollm2:135m -q >/dev/null && cmp "$W/HuggingFaceTB/SmolLM2-135M/model.safetensors" \
            "$BANTAM_HOME/models/HuggingFaceTB--SmolLM2-135M/model.safetensors" && : >"$BANTAM_HOME/../after"
    ' 2>"$T/unshare"
    if [ -e "$T/full" ]; then
        check "a disk that fills up: exit 1" [ "$(cat "$T/full")" = 1 ]
        check "a clear word" contains "$T/err" "the disk is full"
        check "the part stays and is gone on with" [ -e "$T/after" ]
    else
        echo "skipped 3 cases: no tmpfs may be mounted here"
    fi
else
    echo "skipped 3 cases: no tmpfs may be mounted here"
fi
rm -f "$W/hold"

# ---- small forms, of a model that runs ----
if shared_found 14; then
    M=HuggingFaceTB/SmolLM2-360M
    mkdir -p "$W/$M"
    cp "$SHARED"/goldens/lm/smollm2-a/hf/* "$W/$M/"
    listing $M $commit
    clean
    run pull smollm2:360m --quantize b8 --json
    check "--quantize makes a form beside it" [ "$(json quantized name)" = smollm2:360m-q8 ]
    check "of that type" [ "$(json quantized type)" = b8 ]
    check "which is in the store" [ -s "$(json quantized path)" ]
    run logits smollm2:360m --tokens 1,2,3 -o "$T/rows"
    check "the model runs by its name" [ "$rc" -eq 0 ]
    run logits smollm2:360m-q8 --tokens 1,2,3 -o "$T/rows"
    check "so does the form" [ "$rc" -eq 0 ]
    run pull smollm2:360m-q4 --json
    check "a form by its name" [ "$(json quantized name)" = smollm2:360m-q4 ]
    check "what it is made of was there, and stays" [ -d "$S/HuggingFaceTB--SmolLM2-360M" ]
    clean
    run pull smollm2:360m-q4 --json
    check "a form alone" [ "$rc" -eq 0 ]
    check "what it is made of goes again" [ "$(ls -A "$S")" = HuggingFaceTB--SmolLM2-360M--b4 ]
    run logits smollm2:360m --tokens 1,2,3 -o "$T/rows"
    check "a name finds the only form there is" [ "$rc" -eq 0 ]
    mode
    run pull smollm2:360m-q4 -q
    check "again: nothing is asked for" [ "$(lines "$W/log")" -eq 0 ]
    expect "rm of what is not there, though a form is" 1 rm smollm2:360m
    run rm smollm2:360m-q4
    check "rm of the form" [ -z "$(ls "$S")" ]
    expect "a form of a form" 2 pull smollm2:360m-q4 --quantize b8
    expect "a type that is none" 2 pull smollm2:360m --quantize q3
fi

finish
