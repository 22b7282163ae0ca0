#!/bin/sh
# mini_eval.sh BUILD MODEL [WORK] - what bantam-mini can do, as Markdown.
#
# Sentiment of the SST-2 dev sentences by the likelier label, loss per character on stories that
# were kept out of the training beside that of the 260K model, and questions with their answers.
# With WORK, the folder of the training, its loss curve is drawn to WORK/loss.svg.
set -eu
build=$1
model=$2
work=${3:-}
shared=${BANTAM_SHARED:-../shared}
score=$build/bantam-mini-score
stories=$shared/data/tinystories-eval-200.txt
small=$shared/weights/gguf/stories260K-F32.gguf

# member NAME: a number out of one line of JSON.
member() { sed -n "s/.*\"$1\":\([-0-9.e]*\).*/\1/p"; }

ours=$("$score" stories "$model" "$stories" | member per_character)
theirs=$("$score" stories "$small" "$stories" | member per_character)
sentiment=$("$score" sentiment "$model" "$shared/data/sst2-dev.tsv")
right=$(echo "$sentiment" | member right)
sentences=$(echo "$sentiment" | member sentences)
accuracy=$(echo "$sentiment" | member accuracy)

echo "| what | measured | wanted |"
echo "|---|---|---|"
awk -v a="$accuracy" -v r="$right" -v n="$sentences" 'BEGIN {
    printf "| SST-2 dev sentences judged right | %s of %s, %.1f %% | at least 80 %% |\n", r, n, 100 * a }'
awk -v o="$ours" -v t="$theirs" 'BEGIN {
    printf "| nats per character, 200 stories kept out | %.4f; stories260K %.4f; ratio %.3f | at most 1.15 |\n",
        o, t, o / t }'
echo "| size in the program | $(wc -c <"$model") bytes | at most 4194304 |"
echo
echo "| | question | answer |"
echo "|---|---|---|"
"$score" answers "$model" tools/mini/questions.tsv | awk -F '\t' '
    NF == 3 { gsub(/\|/, "\\|"); gsub(/\\n/, "<br>"); printf "| %s | %s | %s |\n", $1, $2, $3; next }
    { printf "\n%s\n", $0 }'

if [ -n "$work" ] && [ -f "$work/loss.jsonl" ]; then
    "$build/bantam-mini-plot" "$work/loss.jsonl" "$work/loss.svg"
fi
