"""How hotref refuses: a defined exit status and one sentence."""
import re

FAILED, MISUSED, RECORD_FAILED, NOT_FOUND = 1, 2, 125, 127


def assert_one_sentence(stderr, *patterns):
    assert re.fullmatch(r"hotref[^\n]*: [^\n]+\n", stderr), stderr
    for pattern in patterns:
        assert re.search(pattern, stderr), stderr
