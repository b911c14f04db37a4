"""Flame graphs, in a real browser and in real readers of folded stacks: what they show is what the profile has."""
import base64
import json
import re
import subprocess

import pytest

from browser import ARROW_DOWN, ARROW_RIGHT, ARROW_UP, ENTER, ESCAPE, FlameGraph, Page, start
from exports import speedscope
from machine import Processes
from profile_file import add_contended, packed, unpacked
from recording import ROOT, Recorder, workload
from refusals import FAILED, assert_one_sentence

ITERATIONS = 5_000
HOTTEST = "function.func_builtins (dict builtins)"
HOSTILE = ["</script><script>document.title = 'injected'</script>", "<!--<script>", "<img src=x onerror=document.title=1>",
           "semi;colon", "'quoted' \"names\"", "two\nlines\r\nand\ta tab", "line\u2028and\u2029paragraph", "naïve 中文 😼 \u202eeman",
           "&lt;b&gt;", "back\\slash \\u003c", "@DATA@", "x" * 10_000]
ESCAPES = {"\\": "\\\\", ";": "\\x3b", "\n": "\\n", "\r": "\\x0d", "\t": "\\x09", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    driver = start(tmp_path_factory.mktemp("browser"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("flames")


@pytest.fixture(scope="module")
def recorder(folder):
    processes = Processes()
    yield Recorder(processes, folder)
    processes.end_all()


def recorded(recorder, python, *arguments):
    recording = recorder.record("--", python.path, *arguments)
    assert recording.status == 0, recording.stderr
    return recording.profile


@pytest.fixture(scope="module")
def nested(recorder, plain_python):
    return recorded(recorder, plain_python, workload("nested.py"), "--iterations", str(ITERATIONS), "--suppress-immortalization")


@pytest.fixture(scope="module")
def deep(recorder, plain_python):
    return recorded(recorder, plain_python, workload("stacks.py"), "--iterations", str(ITERATIONS), "--case", "recursion")


@pytest.fixture(scope="module")
def plain(recorder, plain_python):
    """The same as `nested`, where its objects are immortal."""
    return recorded(recorder, plain_python, workload("nested.py"), "--iterations", str(ITERATIONS))


def changed(profile, path, names):
    """The profile with an object of each name, contended through a field of that name in a C function of that name."""
    magic, schema, sections = unpacked(profile.read_bytes())
    for name in names:
        add_contended(sections, name, type_name=name, field=name, function=name)
    path.write_bytes(packed(magic, schema, sections))
    return path


@pytest.fixture(scope="module")
def hostile(nested, folder):
    return changed(nested, folder / "hostile.prof", HOSTILE)


def written(recorder, profile, path, *options):
    status, stdout, stderr = recorder("report", "-i", profile, "-f", "flamegraph", "-o", path, *options)
    assert (status, stdout, stderr) == (0, "", "")
    return path


@pytest.fixture(scope="module")
def report(recorder, nested):
    return recorder.report(nested)


@pytest.fixture(scope="module")
def page(recorder, nested, folder):
    return written(recorder, nested, folder / "nested.html")


@pytest.fixture
def graph(driver, page):
    return FlameGraph(driver, page)


def folded(recorder, profile, *options):
    status, stdout, stderr = recorder("report", "-i", profile, "-f", "folded", *options)
    assert (status, stderr) == (0, "")
    return stdout


def parsed(text):
    """As flamegraph.pl takes lines apart."""
    lines = [re.fullmatch(r"(.*)\s+?(\d+(?:\.\d*)?)", line) for line in text.removesuffix("\n").split("\n")]
    return [(line[1].split(";"), int(line[2])) for line in lines]


def sums_by_leaf(text):
    sums = {}
    for stack, weight in parsed(text):
        sums[stack[-1]] = sums.get(stack[-1], 0) + weight
    return sums


def seen(name):
    """As the page shows it."""
    return re.sub("[\x00-\x1f\u2028\u2029\u202e]", lambda found: f"\\u{ord(found[0]):04x}", name)


def grouped(number):
    return f"{number:,}"


# Folded.

def test_folded_stacks_lead_from_the_root_to_the_object_and_sum_up_to_the_rows(recorder, report, nested):
    text = folded(recorder, nested)
    sums = sums_by_leaf(text)

    for row in report.ranked[:5]:
        leaf = next(leaf for leaf in sums if leaf.startswith(f"{row['field']} (") and row["object"] in leaf)
        assert sums[leaf] == row["ops"]
    assert sum(sums.values()) == report.json["ranked_ops"]
    assert any(re.fullmatch(r"_bind\S* \(together.py:\d+\);_run \(together.py:\d+\);func \(nested.py:\d+\);func_clear;"
                            rf"{re.escape(HOTTEST)} \d+", line) for line in text.splitlines())


def test_folded_stacks_are_weighed_by_a_key_and_hold_what_was_asked_for(recorder, report, nested):
    handoffs = sum(row["handoffs"] for row in report.all_rows)

    assert sum(weight for _, weight in parsed(folded(recorder, nested, "-k", "decrefs"))) == sum(
        row["decrefs"] for row in report.ranked)
    assert sum(weight for _, weight in parsed(folded(recorder, nested, "-k", "handoffs", "--all"))) == handoffs
    assert list(sums_by_leaf(folded(recorder, nested, "-I", "field=function.func_builtins"))) == [HOTTEST]
    status, stdout, stderr = recorder("report", "-i", nested, "-f", "folded", "-k", "threads")
    assert (status, stdout) == (FAILED, "")
    assert_one_sentence(stderr, "threads")


def test_hostile_names_are_one_frame_each_in_folded_stacks(recorder, hostile):
    leaves = {stack[-1] for stack, _ in parsed(folded(recorder, hostile)) if stack[0] == "[no Python stack seen]"}

    for name in HOSTILE:
        safe = "".join(ESCAPES.get(character, character) for character in name)
        assert f"{safe} ({safe})" in leaves


@pytest.mark.parametrize("name", ["nested", "hostile"])
def test_speedscope_takes_folded_stacks(driver, recorder, folder, request, name):
    text = folded(recorder, request.getfixturevalue(name))
    script = folder / f"{name}.js"
    encoded = base64.b64encode(text.encode()).decode()
    script.write_text(f"speedscope.loadFileFromBase64('{name}.folded', '{encoded}')")
    page = Page(driver, speedscope("index.html"), f"#localProfilePath={script}")
    page.wait_for(lambda: page.driver.title.startswith(f"{name}.folded"), "speedscope to read it")

    messages, _ = page.said_and_asked()
    assert any("Importing as collapsed stack format" in message for message in messages)
    page.run("[...document.querySelectorAll('div')].find(found => found.textContent === '🥪Sandwich').click()")
    page.wait_for(lambda: any("func_clear" in shown for shown in page.texts("td")), "speedscope's list of frames")
    total = sum(weight for _, weight in parsed(text))
    own = sum(weight for stack, weight in parsed(text) if stack[-1] == HOTTEST)
    cells = page.texts("td")
    hottest = cells[next(i for i, cell in enumerate(cells) if HOTTEST in cell) - 2]
    assert grouped(own).replace(",", "") in hottest.replace(",", ""), (hottest, own, total)


# The page.

def test_the_page_needs_no_network_and_has_nothing_to_complain_of(graph):
    assert graph.said_and_asked() == ([], [graph.url])
    ours = graph.run("const page = document.documentElement.cloneNode(true); page.querySelector('#library').remove();"
                     " return page.outerHTML")
    assert not re.search(r"https?://", ours)
    policy = graph.one("meta[http-equiv]").get_attribute("content")
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy


def test_the_page_shows_verdict_stacks_and_rows(graph, report):
    row = report.ranked[0]

    assert graph.text("h1") == report.json["verdict"]
    assert graph.texts("tbody tr:first-child td") == [
        "1", grouped(row["ops"]), str(row["threads"]), row["object"], row["field"],
        f"nested.py:{row['place']['line']} in func", row["type"], row["function"]]
    assert len(graph.all("tbody tr")) == len(report.ranked)
    frames = graph.frames()
    assert frames[0] == [0, f"all: {grouped(report.json['ranked_ops'])} ops, 100 %"]
    depths = [next(depth for depth, label in frames if label.startswith(wanted))
              for wanted in ("_bind.<locals>.<lambda> (together.py", "_run (together.py", "func (nested.py", "func_clear", HOTTEST)]
    assert depths == [1, 2, 3, 4, 5]
    places = {graph.data["texts"][name]: graph.data["texts"][place] for _, _, name, place, *_ in graph.data["nodes"]}
    assert places[f"func (nested.py:{row['place']['line']})"] == f"{row['place']['file']}:{row['place']['line']}"
    assert places["func_clear"] == places[HOTTEST] == ""


def test_search_marks_frames_and_leaves_their_rows(graph):
    graph.search("FUNC_GLOBALS")

    assert re.fullmatch(r"\d frames?, \d+ %", graph.text("#found"))
    marked = graph.texts(".frame.match")
    assert marked and all("func_globals" in text for text in marked)
    shown = graph.texts("tbody tr:not([hidden]) td:nth-child(5)")
    assert shown and set(shown) == {"function.func_globals"}

    graph.search("no such thing")
    assert graph.text("#found") == "nothing found"
    assert graph.all("tbody tr:not([hidden])") == []


def test_a_click_zooms_and_back(graph):
    whole, before = graph.width("all:"), graph.width("func_clear:")
    assert before < whole

    graph.frame("func_clear:").click()
    assert graph.width("func_clear:") == whole
    assert graph.width("func (nested.py") == whole
    assert not any(label.startswith("func_dealloc") for _, label in graph.frames())
    assert graph.all("tbody tr.outside")

    graph.one("#whole").click()
    assert graph.width("func_clear:") == before
    assert not graph.all("tbody tr.outside")


def test_hovering_tells_metrics_and_remedy(graph, report):
    row = report.row(field="function.func_builtins", object="builtins")
    assert graph.tip is None

    graph.hover(graph.frame(HOTTEST))
    for part in HOTTEST, grouped(row["ops"]), row["remedy"]["summary"], row["function"]:
        assert part in graph.tip
    graph.hover(graph.one("h1"))
    assert graph.tip is None


def test_a_row_and_its_frames_are_chosen_together(graph, report):
    row = report.row(field="function.func_builtins", object="builtins")
    line, = [line for line in graph.all("tbody tr") if "function.func_builtins" in line.text]

    line.click()
    selected = [frame.get_attribute("aria-label") for frame in graph.all(".frame.selected")]
    assert selected and all(label.startswith(HOTTEST) for label in selected)
    panel = graph.text("#row")
    assert all(text in panel for text in (row["remedy"]["summary"], row["remedy"]["what"], *row["remedy"]["advice"]))
    line.click()
    assert graph.all(".frame.selected") == [] and graph.text("#row") == ""

    graph.frame("function.func_code (").click()
    chosen, = graph.all("tbody tr[aria-selected='true']")
    assert "function.func_code" in chosen.text


def test_light_and_dark(graph):
    light = graph.background()
    graph.one("#theme").click()
    dark = graph.background()
    assert light != dark
    graph.one("#theme").click()
    assert graph.background() == light

    graph.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    try:
        graph.run("delete document.documentElement.dataset.theme")
        assert graph.background() == dark
        graph.one("#theme").click()
        assert graph.background() == light
    finally:
        graph.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_other_metrics(graph, report):
    graph.run("const list = document.getElementById('metric'); list.value = [...list.options].findIndex(option =>"
              " option.textContent === 'decrefs'); list.dispatchEvent(new Event('change'))")

    assert graph.frames()[0][1] == f"all: {grouped(sum(row['decrefs'] for row in report.ranked))} decrefs, 100 %"
    assert graph.texts("thead th")[1] == "DECREFS"
    shown = [int(text.replace(",", "")) for text in graph.texts("tbody td:nth-child(2)")]
    assert shown == sorted((row["decrefs"] for row in report.ranked), reverse=True)


def test_all_of_it_by_keyboard(graph):
    def focused():
        return graph.run("return document.activeElement.getAttribute('aria-label') || document.activeElement.id")

    graph.press("/", "dict_lookup")
    assert graph.all(".frame.match")
    graph.run("document.querySelector('.frame[tabindex=\"0\"]').focus()")
    graph.press(ARROW_DOWN, ARROW_DOWN, ARROW_DOWN, ARROW_DOWN)
    first = focused()
    graph.press(ARROW_RIGHT)
    second = focused()
    assert first != second
    graph.press(ENTER)
    assert graph.width(second) == graph.width("all:")
    assert focused() == second
    graph.press(ARROW_UP)
    assert focused().startswith("func (nested.py")
    graph.press(*[ESCAPE] * 4)
    assert graph.width(second) < graph.width("all:")
    assert graph.one("#search").get_attribute("value") == ""


def test_hostile_names_are_text_and_nothing_else(driver, recorder, hostile, folder):
    graph = FlameGraph(driver, written(recorder, hostile, folder / "hostile.html"))

    assert graph.said_and_asked() == ([], [graph.url])
    assert graph.driver.title == "hotref"
    assert graph.all("img") == [] and len(graph.all("script")) == 3
    objects = set(graph.texts("tbody td:nth-child(4)"))
    for name in HOSTILE:
        assert seen(name) in objects
        assert name in graph.data["texts"] and f"{name} ({name})" in graph.data["texts"]
    for line in graph.all("tbody tr")[-len(HOSTILE):]:
        line.click()
    assert graph.said_and_asked()[0] == []


def test_a_page_without_rows(driver, recorder, nested, folder):
    path = folder / "none.html"
    status, _, _ = recorder("report", "-i", nested, "-f", "flamegraph", "-o", path, "-I", "no such thing")
    assert status == 0
    graph = FlameGraph(driver, path)

    assert [label for _, label in graph.frames()] == ["all: 0 ops, 0 %"]
    assert graph.all("tbody tr") == []
    assert "left out by -I and -X" in " ".join(graph.texts("#notes li"))
    graph.search("anything")
    graph.one("#whole").click()
    assert graph.said_and_asked() == ([], [graph.url])


def test_deep_stacks(driver, recorder, deep, folder):
    graph = FlameGraph(driver, written(recorder, deep, folder / "deep.html"))

    assert max(depth for depth, _ in graph.frames()) > 128
    assert graph.frames()[1][1].startswith("[truncated]: ")
    leaf = "list item (instance of __main__.Shared"
    assert graph.frame(leaf).size["width"] > 0
    graph.frame(leaf).click()
    assert graph.said_and_asked()[0] == []


def test_a_hundred_thousand_rows(driver, recorder, nested, folder):
    profile = changed(nested, folder / "many.prof", [f"object {number}" for number in range(100_000)])
    path = written(recorder, profile, folder / "many.html")
    _, stdout, _ = recorder("report", "-i", profile, "-f", "json", "-n", 1)
    total = json.loads(stdout)["ranked_ops"]
    graph = FlameGraph(driver, path)

    assert path.stat().st_size < 8 << 20
    assert len(graph.data["nodes"]) <= 20_000 and len(graph.data["rows"]) == 2_000
    notes = " ".join(graph.texts("#notes li"))
    assert re.search(r"frames were too small", notes) and re.search(r"the hottest 2,000 of 100,0\d\d rows", notes)
    assert graph.frames()[0][1] == f"all: {grouped(total)} ops, 100 %"
    assert "[smaller ones]" in graph.data["texts"]
    assert graph.all(".rest") and not graph.all("tbody tr.outside")
    graph.search("object 99999")
    assert graph.said_and_asked() == ([], [graph.url])


# Two profiles.

def differences(recorder, before, after, form, *options):
    status, stdout, stderr = recorder("diff", before, after, "-f", form, *options)
    assert (status, stderr) == (0, "")
    return stdout


def test_folded_stacks_of_two_profiles_have_both_values(recorder, nested, plain):
    rows = json.loads(differences(recorder, nested, plain, "json", "--all"))["rows"]
    lines = [re.fullmatch(r"(.*) (\d+) (\d+)", line) for line in
             differences(recorder, nested, plain, "folded").removesuffix("\n").split("\n")]

    assert sum(int(line[2]) for line in lines) == sum(row["before"]["value"] for row in rows if row["before"])
    assert sum(int(line[3]) for line in lines) == sum(row["after"]["value"] for row in rows if row["after"])
    hottest, = [line for line in lines if line[1].endswith(f"func (nested.py);func_clear;{HOTTEST}")]
    assert int(hottest[2]) >= 2 * ITERATIONS and int(hottest[3]) == 0


def test_folded_stacks_of_two_profiles_in_shares(recorder, nested, plain):
    lines = differences(recorder, nested, nested, "folded", "--normalize").splitlines()
    assert lines and all(re.fullmatch(r".* (\d+\.\d+) \1", line) for line in lines)


def test_what_changed_is_shown_both_ways(driver, recorder, nested, plain, folder):
    path = folder / "changed.html"
    differences(recorder, nested, plain, "flamegraph", "-o", path)
    verdict = json.loads(differences(recorder, nested, plain, "json"))["verdict"]
    graph = FlameGraph(driver, path)

    def lay_out(side):
        graph.run("const list = document.getElementById('layout'); list.value = arguments[0];"
                  " list.dispatchEvent(new Event('change'))", side)

    assert graph.text("h1") == verdict
    lay_out("before")
    gone = graph.frame(HOTTEST)
    assert gone.get_attribute("class").split()[1] == "shrank"
    assert gone.get_attribute("aria-label").endswith("→ 0 decrefs, gone")
    graph.hover(gone)
    assert re.search(r"decrefs1\d,\d{3} → 0 \(gone\)", graph.tip)
    lay_out("after")
    assert not any(label.startswith(HOTTEST) for _, label in graph.frames())
    lay_out("both")
    assert graph.frame(HOTTEST)
    assert graph.texts("thead th")[1:4] == ["BEFORE", "AFTER", "CHANGE"]
    line, = [line for line in graph.texts("tbody tr") if "function.func_builtins" in line]
    assert "gone" in line
    assert graph.said_and_asked() == ([], [graph.url])

    differences(recorder, plain, nested, "flamegraph", "-o", path)
    graph = FlameGraph(driver, path)
    assert graph.frame(HOTTEST).get_attribute("class").split()[1] == "grew"
    assert graph.frame(HOTTEST).get_attribute("aria-label").endswith("decrefs, new")


def test_a_profile_has_not_changed_from_itself(driver, recorder, nested, folder):
    path = folder / "same.html"
    differences(recorder, nested, nested, "flamegraph", "-o", path, "--normalize=time")
    graph = FlameGraph(driver, path)

    assert set(graph.run("return [...document.querySelectorAll('.frame[aria-label]')].map(frame => frame.classList[1])")) == {"same"}
    assert graph.frames()[0][1].endswith(" decrements a second, same")
    assert graph.said_and_asked() == ([], [graph.url])


def test_no_page_is_written_to_a_terminal(nested):
    command = f"exec {ROOT / 'build/hotref'} report -i {nested} -f flamegraph"
    shown = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert shown.returncode == FAILED
    assert "-o" in shown.stdout and "<" not in shown.stdout


def test_json_of_the_page_is_json(recorder, hostile, folder):
    text = written(recorder, hostile, folder / "json.html").read_text()
    data = re.search(r'<script id="profile" type="application/json">(.*?)</script>', text, re.DOTALL)[1]
    assert not re.search("[<>&\u2028\u2029]", data)
    assert json.loads(data)["sides"] == 1
