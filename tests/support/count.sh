#!/bin/bash
# count.sh - reads the output of `ctest -V` or of a test script; sourced by tests/run.
#
# Prints "PASSED FAILED". Of a ctest test made with `check`, every check counts, and one
# failure more when the program failed although none did (a leak, a crash); any other test
# counts as one.
count_ctest() {
    awk '
    match($0, /^[0-9]+: [0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/) {
        split($0, field, /[^0-9]+/)
        checks[field[1]] += field[3]; bad[field[1]] += field[4] + field[5]
    }
    match($0, /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: /) {
        number = $0; sub(/^[^#]*#/, "", number); sub(/:.*/, "", number)
        good = $0 ~ /  Passed  /
        passed += (number in checks) ? checks[number] - bad[number] : good
        failed += (number in checks) ? bad[number] : !good
        if (!good && (number in checks) && bad[number] == 0) failed++
        tests++
    }
    END { if (tests == 0) failed++; print passed + 0, failed + 0 }' "$1"
}

# A script may say "N passed, N failed" in its last line; else its exit status is one result.
count_script() {
    local last
    last=$(tail -n 1 "$1")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        if [ "$2" != 0 ] && [ "${BASH_REMATCH[2]}" = 0 ]; then
            echo "${BASH_REMATCH[1]} 1"
        else
            echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
        fi
    elif [ "$2" = 0 ]; then
        echo "1 0"
    else
        echo "0 1"
    fi
}
