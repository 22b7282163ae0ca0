#!/bin/sh
# skipped.sh BUILD - what the tests that just passed in BUILD left out, and why: ctest shows the
# output of failing tests only.
set -eu
awk '/^skipped [0-9]+ cases: / {
    n = $2
    sub(/^skipped [0-9]+ cases: /, "")
    left_out[$0] += n
}
END { for (why in left_out) print "skipped " left_out[why] " cases: " why }' \
    "$1/Testing/Temporary/LastTest.log"
