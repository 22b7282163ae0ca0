#!/bin/sh
# demo.sh BUILD - the main job, on a machine that has no model yet.
#
# Until a trained model is built in, this makes a tiny model with seeded random weights: what it
# writes is noise, but it takes the whole way from a model file to text.
set -eu
build=$1
bantam=$build/bantam
model=$build/demo.gguf

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }

"$build/bantam-random-model" tiny Q8_0 7 "$model"
say "A model file: random weights, so that the text below is noise, not language"
"$bantam" inspect "$model" | head -n 14

say "\$ bantam run demo.gguf \"Once upon a time\" -n 48 --seed 7"
"$bantam" run "$model" "Once upon a time" -n 48 --seed 7 --ignore-eos
echo

say "\$ bantam run ... --json: rates, and the memory planned for the model beside the whole process's peak"
"$bantam" run "$model" "Once upon a time" -n 48 --seed 7 --ignore-eos --json |
    tr ',' '\n' | grep -E 'tok_s|bytes|tokens"' | grep -v '"tokens":\[' | tr -d '{}'

say "\$ bantam tokenize demo.gguf \"Grüße, 2 small models\""
"$bantam" tokenize "$model" "Grüße, 2 small models"

say "Now give it a real one: bantam run path/to/model.gguf \"Write a haiku about chickens.\""
