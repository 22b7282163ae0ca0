#!/bin/sh
# Manual pages and completions say what --help says. Needs BANTAM_BUILD.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

if [ -z "${BANTAM_BUILD:-}" ]; then
    echo "skipped: BANTAM_BUILD is not set"
    exit 0
fi
DOCGEN=$(emulated "$BANTAM_BUILD/bantam-docgen")
mkdir "$T/man" "$T/completions"
check "the manual is written" "$DOCGEN" man "$T/man"
check "the completions are written" "$DOCGEN" completions "$T/completions"
check "a folder that is not there is a failure" sh -c "! '$DOCGEN' man '$T/none' 2>/dev/null"

for command in run chat summarize sentiment personalize fit pull list show rm quantize prune convert merge adapt train \
    eval bench inspect tokenize template logits doctor; do
    page=$T/man/bantam-$command.1
    check "there is a page for $command" [ -s "$page" ]
    run "$command" --help
    missing=
    # shellcheck disable=SC2013 # the words of a line are what is wanted
    for option in $(grep -o -e '^ *\(-[a-z], \)\?--[a-z-]*' "$T/out" | grep -o -e '--.*'); do
        written=$(printf '%s' "$option" | sed 's/-/\\-/g')
        grep -q -F -e "$written" "$page" || missing="$missing $option(man)"
        for file in bantam.bash _bantam; do
            grep -q -F -e "$option" "$T/completions/$file" || missing="$missing $option($file)"
        done
        grep -q -F -e "-l ${option#--}" "$T/completions/bantam.fish" ||
            missing="$missing $option(fish)"
    done
    check "every option of $command is documented$missing" [ -z "$missing" ]
    check "bantam(1) lists $command" grep -q "^.TP" "$T/man/bantam.1"
    if command -v groff >/dev/null; then
        check "groff has nothing to say about $command" \
            [ -z "$(groff -man -ww -Tutf8 -z "$page" 2>&1)" ]
    fi
done
# docs/MODELS.md lists what the program lists.
run list --available -q
missing=
# shellcheck disable=SC2013 # a name has no blanks
for name in $(cat "$T/out"); do
    grep -q -F -e "| \`$name\` |" "$HERE/../../docs/MODELS.md" || missing="$missing $name"
done
check "every name is in docs/MODELS.md$missing" [ -z "$missing" ]
check "and no other one" [ "$(lines "$T/out")" -eq "$(grep -c '^| `[a-z0-9.-]*:[a-z0-9.-]*` |' "$HERE/../../docs/MODELS.md")" ]
if command -v bash >/dev/null; then
    check "bash reads its completion" bash -n "$T/completions/bantam.bash"
    # The words that bash would offer for `bantam to` and `bantam run m --kv f`.
    offered=$(bash -c '. "$1"; COMP_WORDS=(bantam to); COMP_CWORD=1; _bantam
                       echo "${COMPREPLY[@]}"' bash "$T/completions/bantam.bash")
    check "bash completes a command" [ "$offered" = tokenize ]
    offered=$(bash -c '. "$1"; COMP_WORDS=(bantam run m --kv f); COMP_CWORD=4; _bantam
                       echo "${COMPREPLY[@]}"' bash "$T/completions/bantam.bash")
    check "bash completes a choice" [ "$offered" = "f32 f16" ]
fi
if command -v zsh >/dev/null; then check "zsh reads its completion" zsh -n "$T/completions/_bantam"; fi
if command -v fish >/dev/null; then
    check "fish reads its completion" fish -n "$T/completions/bantam.fish"
fi

finish
