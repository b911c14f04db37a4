"""More types, objects, code and threads than are kept track of at a time."""
from recording import matching

TYPES = 4_500  # ABI_TYPES of include/abi.h, and some more
MESSAGES = 20_000


def test_more_types_than_are_remembered(hotref, plain_python):
    report = hotref.record_workload(plain_python, "many_types.py", "--types", TYPES, "--messages", MESSAGES)
    made = [row for row in report.ranked if row["type"].startswith("__main__.Made")]

    # None is announced over and over again: Message, which comes when they are many, would be a loss a message.
    # How many of them get their names is a race with threads that make new ones faster than anybody can read.
    assert report.json["lost"] == 0 and report.json["lost_names"] < MESSAGES
    assert made
    named = [row for row in made if row["object"].startswith("instance of ")]
    assert all(row["object"].split(" (")[0] == f"instance of {row['type']}" for row in named)
    assert sum(row["ops"] for row in matching(report.single, type="__main__.Message")) == MESSAGES
    assert report.row(type="__main__.Last", field="local each")["ops"] == 2 * 1_000


ROUNDS = 400


def test_threads_code_and_classes_that_come_and_go(hotref, plain_python):
    """A row for each would not fit. What is always there keeps its name and its operations."""
    report = hotref.record_workload(plain_python, "churn.py", "--rounds", ROUNDS, "--drops", 10)
    always = matching(report.ranked, type="__main__.Always")

    assert report.json["lost"] == 0
    # What each call drops, its argument and its frame's variable, wherever that is named from.
    assert sum(row["decrefs"] for row in always) >= 2 * 10 * ROUNDS
    named = [row for row in always if row["object"].startswith("instance of __main__.Always")]
    assert sum(row["decrefs"] for row in named) >= 0.9 * sum(row["decrefs"] for row in always)
