"""What README.md and docs/ say can be followed: links lead somewhere, and commands take the options that they show."""
import functools
import pathlib
import re

import pytest

import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOTREF = ROOT / "build/hotref"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchor(heading):
    """As GitHub makes one of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(document):
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if link.startswith("https://"):
            continue
        path, _, place = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not place or place in anchors(target), link


def test_all_documents_can_be_reached_from_the_first():
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        document = ahead.pop()
        reached.add(document)
        for link in re.findall(r"\]\(([^)#\s]+\.md)", document.read_text()):
            target = (document.parent / link).resolve()
            if target.exists() and target not in reached:
                ahead.append(target)

    assert set(DOCUMENTS) <= reached


@functools.lru_cache
def help_of(command):
    return machine.output_of(HOTREF, command, "--help")


COMMANDS = machine.output_of(HOTREF, "generate", "commands").split()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_options_that_are_shown_exist(document):
    """Of 'hotref record ..', up to '--', a pipe, a comment or the end of the code."""
    text = document.read_text().replace("\\\n", " ")
    for command, rest in re.findall(r"\bhotref (\w+)\b([^`\n]*)", text):
        if command not in COMMANDS:
            continue
        words = re.split(r" -- |[|#;>]", re.sub(r"'[^']*'|\"[^\"]*\"", "X", rest))[0]
        for option in re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", words):
            assert re.search(rf"{option}\b(?!-)", help_of(command)), (command, option)
        for letter in re.findall(r"(?<![\w-])-([a-zA-Z])(?![\w-])", words):
            assert re.search(rf"^  -{letter}, ", help_of(command), re.MULTILINE), (command, letter)


def test_what_the_guide_to_reading_shows(plain_python, hotref, tmp_path):
    """Its program, completed, and its remedy: the rows, the line, and that they are gone."""
    text = (ROOT / "docs/reading.md").read_text()
    before, after = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    head = "import threading\n\nclass Config:\n    def __init__(self):\n        self.rates = [1.5, 2.5]\n\n"
    tail = ("\nthreads = [threading.Thread(target=price, args=(2_000,)) for _ in range(4)]\n"
            "[thread.start() for thread in threads]\n[thread.join() for thread in threads]\n")
    contending = head + before + tail
    remedied = head + "CONFIG = Config()\n\ndef price(orders):\n" + after + "    return total\n" + tail

    def rows(name, source):
        (tmp_path / name).write_text(source)
        recording = hotref.record("--", plain_python.path, str(tmp_path / name))
        assert recording.status == 0, recording.stderr
        return {(row["type"], row["field"]): row for row in hotref.report(recording.profile).ranked}

    line = next(number for number, code in enumerate(contending.splitlines(), 1) if "CONFIG.rates" in code)
    assert "# line %d" % line in contending.splitlines()[line - 1]
    found = rows("app.py", contending)
    shown = [("__main__.Config", "global CONFIG"), ("list", "Config attribute"), ("list", "attribute .rates")]
    for key in shown:
        assert found[key]["threads"] == 4 and found[key]["ops"] >= 4 * 2_000
    assert found[shown[0]]["object"] == "instance of __main__.Config (module global __main__.CONFIG)"
    left = rows("remedied.py", remedied)
    assert not any(key in left and left[key]["ops"] > 100 for key in shown)
