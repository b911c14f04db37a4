"""`gate` answers passed, failed or not judged, and never passes what it could not judge."""
import html.parser
import json
import re
import struct
import subprocess
import xml.etree.ElementTree as ElementTree

import jsonschema
import pytest
import yaml

from machine import Processes
from profile_file import add_contended, packed, unpacked
from recording import ENVIRONMENT, ROOT, Recorder, workload
from refusals import assert_one_sentence

PASSED, FAILED, NOT_JUDGED = 0, 1, 2
ITERATIONS = 1_000
NESTED = ("nested.py", "--suppress-immortalization", "--iterations", ITERATIONS)
THREE = 2 * ITERATIONS  # decrements of each of the three fields of a nested function, by two threads
# Where members lie in the records of a profile (docs/profile.md).
META = {"mode": 0, "complete": 4, "live_probes": 28, "armed_probes": 32, "lost": 48}
TARG = {"end": 4, "end_status": 8, "decrements": 36, "armed": 40, "increments": 44, "increments_armed": 48}
NASTY = {
    "semicolon": "instance of a;b;c",
    "quotes": """str 'it''s "quoted"' `and` so""",
    "newlines": "first\nsecond\r\nthird",
    "colons": "a::b::error::c",
    "percent": "100%0A %25 %s",
    "cdata": "<![CDATA[ ]]> <b>&amp;</b>",
    "controls": "\x01\x02\x1b[31mred\x1b[0m\x7f\x85",
    "others": "größe \N{GREEK SMALL LETTER LAMDA}\N{PILE OF POO} \N{RIGHT-TO-LEFT OVERRIDE}evil \ufffe",
    "markdown": "|a|b| *c* _d_ [e](f) <img src=x> #1 @all",
    "command": "##[error]gotcha",
    "yaml": "- *a: &b !!c {d} [e] # f \\",
    "long": "x" * 10_000,
}


@pytest.fixture(scope="module")
def profile(tmp_path_factory, plain_python):
    """A recording that these tests judge."""
    processes = Processes()
    try:
        recording = Recorder(processes, tmp_path_factory.mktemp("gate")).record(
            "--", plain_python.path, workload(NESTED[0]), *NESTED[1:])
    finally:
        processes.end_all()
    assert recording.status == 0, recording.stderr
    return recording.profile


def without_github(**more):
    return {**{name: value for name, value in ENVIRONMENT.items() if not name.startswith("GITHUB_")}, **more}


@pytest.fixture
def gate(hotref):
    def run(profile, *arguments, env=None):
        return hotref("gate", "-i", profile, *arguments, env=env or without_github())
    return run


@pytest.fixture
def changed(profile, tmp_path):
    """A copy of the profile with other values in the first record of a section."""
    def change(section, **values):
        magic, schema, sections = unpacked(profile.read_bytes())
        record, data = sections[section.encode()]
        places = {"META": META, "TARG": TARG}[section]
        for name, value in values.items():
            start = places[name] + (record if section == "TARG" else 0)
            struct.pack_into("<Q" if name == "lost" else "<I", data, start, value)
        copy = tmp_path / "changed.prof"
        copy.write_bytes(packed(magic, schema, sections))
        return copy
    return change


@pytest.fixture
def budget(tmp_path):
    def write(text):
        file = tmp_path / "budget.yml"
        file.write_text(text)
        return file
    return write


def not_judged(result, *patterns):
    status, stdout, stderr = result
    assert (status, stdout) == (NOT_JUDGED, "")
    assert_one_sentence(stderr, *patterns)


def limit_of(decrefs, pattern="field=function.func_globals"):
    return "--max", f"{pattern},decrefs={decrefs}"


def test_limits_of_the_command_line(gate, profile):
    status, stdout, stderr = gate(profile, *limit_of(THREE))
    assert (status, stderr) == (PASSED, "")
    assert stdout.startswith("gate passed: 1 limit kept\n")

    status, stdout, stderr = gate(profile, *limit_of(THREE - 1))
    assert (status, stderr) == (FAILED, "")
    assert stdout.startswith("gate failed: 1 of 1 limit exceeded\n")
    assert f"decrefs {THREE:,}, 1 more than the limit of {THREE - 1:,}" in stdout
    assert "function.func_globals: dict, globals of __main__" in stdout
    assert re.search(r"at nested\.py:\d+ in func, in func_clear, 2 threads", stdout)
    assert "remedy: define the function once" in stdout


def test_a_limit_holds_for_the_sum_of_what_matches(gate, profile):
    both = "--max", "field=function.func_[!x]*,decrefs=0", "--max", "type=code,field=function.*,decrefs=0"
    status, stdout, _ = gate(profile, *both)
    assert status == FAILED and "passed  field=function.func_[!x]*" in stdout  # brackets are no pattern

    status, stdout, _ = gate(profile, "--max", f"field=function.func_???????*,decrefs={2 * THREE}")
    assert status == FAILED, stdout  # globals and builtins, and builtins have a few more


@pytest.mark.parametrize("arguments, pattern", [
    ([], "no limit is given"),
    (["--max", "field=a"], "needs a metric"),
    (["--max", "feld=a,decrefs=1"], "unknown key 'feld'"),
    (["--max", "decrefs=1k"], "'1k' is no maximum"),
    (["--max", "ops=1"], "'ops' differs from run to run"),
    (["--max", "increfs=1"], "'increfs' differs"),
    (["--max", "bounces=1"], "'bounces' differs"),
    (["--max", "decrefs=+5%"], "no baseline is given"),
    (["--max", "decrefs=1/unit"], "--work N"),
    (["--max", "decrefs=1", "--work", "0"], "'0' is not a number of units"),
    (["--max", "decrefs=1", "-f", "xml"], "unknown format 'xml'"),
    (["--max", "decrefs=1", "-f", "junit", "-f", "json"], "several formats"),
    (["--max", "decrefs=1", "-o", "x"], "-o is for --write-budget"),
    (["--max", "decrefs=1", "surplus"], "unexpected argument 'surplus'"),
    (["--max", "decrefs=1", "--unknown"], "unknown option '--unknown'"),
    (["--max", "decrefs=1", "-i", "again"], "--input is given twice"),
    (["--config", "/nowhere/budget.yml"], "/nowhere/budget.yml': No such file"),
    (["--max", "decrefs=+5%", "--baseline", "/nowhere/base.prof"], "/nowhere/base.prof': No such file"),
])
def test_wrong_arguments_are_not_judged(gate, profile, arguments, pattern):
    not_judged(gate(profile, *arguments), re.escape(pattern))


def test_without_a_profile_nothing_is_judged(gate, hotref, tmp_path):
    not_judged(hotref("gate", *limit_of(1)), "no profile is given")
    not_judged(gate(tmp_path / "missing.prof", *limit_of(1)), "No such file")


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.999])
def test_a_truncated_profile_or_baseline_is_not_judged(gate, profile, tmp_path, share):
    cut = tmp_path / "cut.prof"
    cut.write_bytes(profile.read_bytes()[:int(profile.stat().st_size * share)])
    not_judged(gate(cut, *limit_of(99_999)), "truncated")
    not_judged(gate(profile, *limit_of("+5%"), "--baseline", cut), "truncated")


def test_a_profile_of_another_schema_is_not_judged(gate, profile, tmp_path):
    content = bytearray(profile.read_bytes())
    struct.pack_into("<I", content, 8, 99)
    newer = tmp_path / "newer.prof"
    newer.write_bytes(content)
    not_judged(gate(newer, *limit_of(99_999)), "newer")


DOUBTFUL = [
    ("META", dict(mode=2), "exact mode"),
    ("META", dict(complete=0), "incomplete"),
    ("META", dict(lost=7, complete=0), "7 operations were lost"),
    ("META", dict(live_probes=0), r"only 0 of \d+ probes are proven live"),
    ("META", dict(live_probes=0, armed_probes=0), "no probe was armed"),
    ("TARG", dict(armed=1), "carried a probe"),
    ("TARG", dict(end=0), "how process .* ended is not known"),
    ("TARG", dict(end=1, end_status=3), "failed with exit status 3"),
    ("TARG", dict(end=2, end_status=9), "ended by signal 9"),
]


@pytest.mark.parametrize("section, values, pattern", DOUBTFUL, ids=[str(values) for _, values, _ in DOUBTFUL])
def test_what_was_not_seen_whole_is_not_judged(gate, profile, changed, section, values, pattern):
    doubtful = changed(section, **values)
    not_judged(gate(doubtful, *limit_of(99_999)), pattern)
    not_judged(gate(doubtful, *limit_of(1)), pattern)
    not_judged(gate(profile, *limit_of("+5%"), "--baseline", doubtful), pattern)


def test_a_baseline_with_other_increments_is_not_judged(gate, profile, changed):
    armed = changed("TARG", increments=1_687, increments_armed=1_687)
    not_judged(gate(profile, *limit_of("+5%"), "--baseline", armed), "other increments")


def test_a_program_that_was_killed_is_judged_where_that_is_asked_for(gate, changed):
    killed = changed("TARG", end=2, end_status=15)
    assert gate(killed, *limit_of(THREE), "--ended-anyhow")[0] == PASSED
    assert gate(killed, *limit_of(1), "--ended-anyhow")[0] == FAILED


def test_limits_relative_to_a_baseline(hotref, gate, plain_python, profile):
    more = hotref.record("--", plain_python.path, workload(NESTED[0]), *NESTED[1:], "--more").profile

    assert gate(profile, *limit_of("+5%"), "--baseline", profile)[0] == PASSED
    assert gate(more, *limit_of("2x"), "--baseline", profile)[0] == PASSED
    status, stdout, _ = gate(more, *limit_of("+5%"), "--baseline", profile)
    assert status == FAILED
    assert f"{2 * THREE:,}, {2 * THREE - THREE * 21 // 20:,} more than the limit of" in stdout
    assert f"(1.05 x the baseline's {THREE:,})" in stdout
    assert gate(more, *limit_of("1x"), "--baseline", profile, "--work", 2, "--baseline-work", 1)[0] == PASSED
    assert gate(more, *limit_of("4/unit"), "--work", ITERATIONS)[0] == PASSED
    assert gate(more, *limit_of("3.999/unit"), "--work", ITERATIONS)[0] == FAILED


def test_a_budget_of_the_repository(gate, profile, budget):
    file = budget("version: 1\n"
                  "limits:\n"
                  "  - name: nested functions stay away from what threads share\n"
                  "    field: function.func_*\n"
                  "    decrefs: 100\n"
                  "  - rest: true\n"
                  "    decrefs: 100_000\n"
                  "exceptions:\n"
                  "  - object: builtins\n"
                  "    reason: known, see issue 17\n"
                  "    expires: 2999-12-31\n"
                  "  - object: module builtins\n"
                  "    reason: was to go by then\n"
                  "    expires: 2001-01-01\n")
    status, stdout, _ = gate(profile, "--config", file)

    assert status == FAILED
    result = gate_result(gate(profile, "--config", file, "-f", "json")[1])
    assert [exception["expired"] for exception in result["exceptions"]] == [False, True]
    assert f"FAILED  nested functions stay away from what threads share ({file}:5):" in stdout
    assert f"decrefs {2 * THREE:,}, {2 * THREE - 100:,} more" in stdout
    assert re.search(r"excepted  object=builtins: 1 row .*, because: known, see issue 17 \(until 2999-12-31\)", stdout)
    assert re.search(r"EXPIRED  exception object=module builtins: 1 row .*was to go by then", stdout)


@pytest.mark.parametrize("text, line", [
    ("version: 1\nlimits:\n  - decref: 3\n", 3),
    ("version: 1\nlimits:\n  - field: *x\n    decrefs: 3\n", 3),
    ("version: 1\nlimits:\n  - ops: 3\n", 3),
    ("version: 1\nlimits:\n  - decrefs: 3\nexceptions:\n  - object: x\n", 5),
    ("version: 1\nlimits: [\n", 3),
])
def test_a_budget_that_is_not_understood_is_not_judged(gate, profile, budget, text, line):
    file = budget(text)
    not_judged(gate(profile, "--config", file), f"'{re.escape(str(file))}' line {line}: ")

    status, stdout, _ = gate(profile, "--config", file, "-f", "github", env=without_github(GITHUB_WORKSPACE=str(file.parent)))
    assert status == NOT_JUDGED
    assert stdout.startswith(f"::error file=budget.yml,line={line},title=hotref gate%3A not judged::")


def test_a_first_budget_is_kept_by_the_profile_that_it_is_from(hotref, gate, profile, tmp_path):
    file = tmp_path / "first.yml"
    assert gate(profile, "--write-budget", "-o", file) == (PASSED, "", "")
    assert gate(profile, "--write-budget")[1] == file.read_text()
    jsonschema.validate(yaml.safe_load(file.read_text()), budget_schema())

    assert gate(profile, "--config", file)[0] == PASSED
    not_judged(gate(profile, "--write-budget", "-o", file), "File exists")


def test_no_budget_is_made_of_what_cannot_be_judged(gate, changed):
    not_judged(gate(changed("META", complete=0), "--write-budget"), "incomplete")


def budget_schema():
    return json.loads((ROOT / "docs/budget.schema.json").read_text())


@pytest.fixture
def nasty(profile, tmp_path):
    """The profile with one contended object more for each nasty name."""
    magic, schema, sections = unpacked(profile.read_bytes())
    for name in NASTY.values():
        add_contended(sections, name, type_name=name, field=name, function=name)
    file = tmp_path / "nasty.prof"
    file.write_bytes(packed(magic, schema, sections))
    return file


@pytest.fixture
def nasty_budget(budget):
    limits = [{"name": name, "object": name, "decrefs": 0} for name in NASTY.values()]
    return budget(yaml.safe_dump({"version": 1, "limits": limits}, allow_unicode=False))


def test_names_survive_a_first_budget(gate, nasty, tmp_path):
    status, stdout, stderr = gate(nasty, "--write-budget")
    assert (status, stderr) == (PASSED, "")
    assert yaml.safe_load(stdout)["version"] == 1
    file = tmp_path / "nasty.yml"
    file.write_text(stdout)
    assert gate(nasty, "--config", file)[0] == PASSED


def test_names_survive_json(gate, nasty, nasty_budget):
    status, stdout, stderr = gate(nasty, "--config", nasty_budget, "-f", "json")
    assert (status, stderr) == (FAILED, "")
    result = gate_result(stdout)
    assert result["outcome"] == "failed"
    assert {check["limit"] for check in result["checks"]} == set(NASTY.values())
    assert {row["field"] for check in result["checks"] for row in check["rows"]} == set(NASTY.values())


def gate_result(text):
    """What -f json printed, checked against its schema."""
    result = json.loads(text)
    jsonschema.validate(result, json.loads((ROOT / "docs/gate.schema.json").read_text()))
    return result


def in_xml(name):
    """XML has no way to say these: they are shown as escapes."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]",
                  lambda found: f"\\x{ord(found[0]):02x}" if found[0] < " " else f"\\u{ord(found[0]):04x}", name)


SUITE = {"name", "package", "id", "hostname", "timestamp", "tests", "failures", "errors", "time"}


def junit_suite(file):
    """The one suite of a JUnit file, which has all that the stricter schemas of its readers want, in their order."""
    linted = subprocess.run(["xmllint", "--noout", file], capture_output=True, text=True)
    assert (linted.returncode, linted.stderr) == (0, "")
    root = ElementTree.parse(file).getroot()
    suite, = root
    assert root.tag == "testsuites" and suite.tag == "testsuite" and set(suite.attrib) == SUITE
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))
    first, *cases, out, err = suite
    assert (first.tag, out.tag, err.tag) == ("properties", "system-out", "system-err")
    for case in cases:
        assert case.tag == "testcase" and set(case.attrib) == {"name", "classname", "time"}
        for result in case:
            assert result.tag in ("failure", "error") and set(result.attrib) == {"message", "type"}
    return suite


def test_names_survive_junit(gate, nasty, nasty_budget, tmp_path):
    file = tmp_path / "gate.xml"
    status, stdout, _ = gate(nasty, "--config", nasty_budget, "-f", "text", "-f", f"junit={file}")
    assert status == FAILED and stdout.startswith("gate failed")

    suite = junit_suite(file)
    assert suite.get("tests") == suite.get("failures") == str(len(NASTY)) and suite.get("errors") == "0"
    assert {case.get("name") for case in suite.iter("testcase")} == {f"decrefs: {in_xml(name)}" for name in NASTY.values()}
    failures = "\n".join(failure.text for failure in suite.iter("failure"))
    assert all(in_xml(name) in failures for name in NASTY.values())


def test_junit_says_what_failed_and_what_to_do(gate, profile, tmp_path):
    file = tmp_path / "gate.xml"
    assert gate(profile, *limit_of(1), "--max", "threads=9", "-f", f"junit={file}")[:2] == (FAILED, "")

    failed, kept = junit_suite(file).iter("testcase")
    assert failed.find("failure").get("message") == f"decrefs {THREE:,}, {THREE - 1:,} more than the limit of 1"
    assert "function.func_globals: dict, globals of __main__ at nested.py:" in failed.find("failure").text
    assert "\nremedy: define the function once" in failed.find("failure").text
    assert len(kept) == 0


def unescaped(text):
    return text.replace("%2C", ",").replace("%3A", ":").replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")


def annotations_of(stdout):
    """As the runner reads commands: one a line, properties up to the next '::'."""
    for line in stdout.splitlines():
        command, properties, message = re.fullmatch(r"::(\w+) (.*?)::(.*)", line).groups()
        yield command, dict(part.split("=", 1) for part in properties.split(",")), unescaped(message)


def test_names_survive_annotations_and_summary(gate, nasty, nasty_budget, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("### before\n")
    status, stdout, stderr = gate(nasty, "--config", nasty_budget, "-f", "github",
                                  env=without_github(GITHUB_STEP_SUMMARY=str(summary), GITHUB_WORKSPACE=str(tmp_path)))
    assert (status, stderr) == (FAILED, "")

    annotations = list(annotations_of(stdout))
    assert len(annotations) == 10  # as many as GitHub shows
    assert annotations[-1][2] == f"and {len(NASTY) - 9} more limits: the log and the summary have them"
    for command, properties, message in annotations[:-1]:
        assert command == "error" and properties["file"] == "budget.yml" and properties["line"].isdigit()
        assert re.match(r"decrefs \d", message) and len(message) < 3_000
    assert "\x1b" not in stdout and "\u202e" not in stdout

    text = summary.read_text()
    assert text.startswith("### before\n\n### hotref gate failed")
    heading, *rows = table_of(text)
    assert len(rows) == len(NASTY) and all(len(row) == len(heading) for row in rows)
    for name in ("semicolon", "quotes", "colons", "percent", "cdata", "markdown", "command", "yaml"):
        assert [row for row in rows if row[1] == NASTY[name] and NASTY[name] in row[4]], name


class Cells(html.parser.HTMLParser):
    """The texts of a page's table cells, by row. No other tags than those of the summary itself may be there."""
    def __init__(self):
        super().__init__()
        self.rows = []

    def handle_starttag(self, tag, attrs):
        assert tag in {"h3", "table", "thead", "tbody", "tr", "th", "td", "strong", "code"}, tag
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1] and self.lasttag in ("td", "th", "strong", "code"):
            self.rows[-1][-1] += data


def table_of(markdown):
    """As GitHub's own reader of Markdown has it."""
    rendered = subprocess.run(["cmark-gfm", "--unsafe", "-e", "table", "-e", "strikethrough"], input=markdown, check=True,
                              capture_output=True, text=True)
    cells = Cells()
    cells.feed(rendered.stdout)
    return [[cell.strip() for cell in row] for row in cells.rows]


def test_the_log_has_no_commands_in_it(gate, nasty, nasty_budget):
    status, stdout, _ = gate(nasty, "--config", nasty_budget)
    assert status == FAILED
    assert not [line for line in stdout.splitlines() if line.lstrip().startswith("::")]
    assert "##[" not in stdout and "\x1b" not in stdout and "\r" not in stdout


def test_annotations_point_at_the_line_of_code(gate, profile):
    status, stdout, _ = gate(profile, *limit_of(1), "-f", "github", env=without_github(GITHUB_WORKSPACE=str(ROOT)))
    (command, properties, message), = annotations_of(stdout)

    assert status == FAILED and command == "error"
    assert properties["file"] == "tests/workloads/nested.py"
    source = (ROOT / properties["file"]).read_text().splitlines()[int(properties["line"]) - 1]
    assert "def square" in source
    assert "remedy: define the function once" in message


def test_in_github_actions_text_and_annotations_are_the_default(gate, profile, tmp_path):
    summary = tmp_path / "summary.md"
    in_actions = without_github(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    status, stdout, _ = gate(profile, *limit_of(1), env=in_actions)

    assert status == FAILED
    assert stdout.startswith("gate failed") and "\n::error " in stdout
    assert "hotref gate" in summary.read_text()
    assert "::" not in gate(profile, *limit_of(1), "-f", "text", env=in_actions)[1]


def test_what_is_not_judged_is_an_error_in_each_format(gate, changed, tmp_path):
    doubtful = changed("META", lost=3, complete=0)
    junit, data = tmp_path / "gate.xml", tmp_path / "gate.json"
    status, stdout, stderr = gate(doubtful, *limit_of(1), "-f", "github", "-f", f"junit={junit}", "-f", f"json={data}")

    assert status == NOT_JUDGED
    assert_one_sentence(stderr, "3 operations were lost")
    (command, properties, message), = annotations_of(stdout)
    assert command == "error" and "3 operations were lost" in message
    suite = junit_suite(junit)
    assert suite.get("errors") == suite.get("tests") == "1"
    assert "3 operations were lost" in suite.find("testcase/error").get("message")
    assert gate_result(data.read_text())["outcome"] == "not_judged"


@pytest.mark.parametrize("format", ["text", "github", "junit", "json"])
def test_output_that_no_disk_takes_is_not_judged(hotref, profile, format):
    with open("/dev/full", "w") as full:
        status, _, stderr = hotref("gate", "-i", profile, *limit_of(THREE - 1), "-f", format, stdout=full,
                                   env=without_github())
    assert status == NOT_JUDGED
    assert_one_sentence(stderr, "No space left on device")
