"""More types, objects, code and threads than are kept track of at a time."""
from recording import matching

TYPES = 4_500  # ABI_TYPES of include/abi.h, and some more
MESSAGES = 20_000


def test_more_types_than_are_remembered(hotref, plain_python):
    report = hotref.record_workload(plain_python, "many_types.py", "--types", TYPES, "--messages", MESSAGES)
    made = [row for row in report.ranked if row["type"].startswith("__main__.Made")]

    # None is announced over and over again: Message, which comes when they are many, would be a loss a message.
    assert report.json["lost"] == 0 and report.json["lost_names"] < TYPES
    assert len({row["type"] for row in made}) > 0.5 * TYPES
    named = [row for row in made if row["object"].startswith("instance of ")]
    assert all(row["object"].split(" (")[0] == f"instance of {row['type']}" for row in named)
    assert sum(row["ops"] for row in matching(report.single, type="__main__.Message")) == MESSAGES
    assert report.row(type="__main__.Last", field="local each")["ops"] == 2 * 1_000
