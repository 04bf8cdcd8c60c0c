# SPDX-License-Identifier: MIT
# For scripts that run other tests as their cases: one case a program.
n=0 status=0

# Runs a program of tests/, with the cases that are named; its output is shown if it fails.
run() { # PROGRAM [CASE...]
    n=$((n + 1))
    if out=$("${SATCHEL_SRCDIR:-.}/tests/$@" 2>&1); then echo "ok $n - $case_prefix$*"; else
        echo "$out" | tail -40 | sed 's/^/# /'
        echo "not ok $n - $case_prefix$*"
        status=1
    fi
}
