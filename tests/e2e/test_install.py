"""What 'make install' and 'make deb' put on a machine: a program that needs no source tree, its manual, completions."""
import gzip
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = machine.output_of(ROOT / "build/hotref", "generate", "commands").split()

needs = {shell: pytest.mark.skipif(shutil.which(shell) is None, reason=f"there is no {shell}")
         for shell in ("zsh", "fish", "mandoc")}


def make(*arguments):
    return machine.output_of("make", "-s", "--no-print-directory", "-C", str(ROOT), *arguments)


@pytest.fixture(scope="module")
def installed():
    with tempfile.TemporaryDirectory() as folder:
        make("install", f"DESTDIR={folder}", "PREFIX=/usr/local")
        yield pathlib.Path(folder, "usr/local")


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_is_installed_can_be_uninstalled(installed):
    with tempfile.TemporaryDirectory() as folder:
        make("install", f"DESTDIR={folder}")
        found = files_below(pathlib.Path(folder, "usr/local"))
        make("uninstall", f"DESTDIR={folder}")
        left = files_below(pathlib.Path(folder))

    assert found == files_below(installed)
    assert "bin/hotref" in found and "share/man/man1/hotref-record.1" in found
    assert {"share/doc/hotref/docs/profile.md", "share/doc/hotref/docs/budget.schema.json"} <= set(found)
    assert left == []


def test_the_installed_program_needs_no_tree(installed, tmp_path):
    """Moved to where no source is, in an empty folder, and with nothing in the environment."""
    program = tmp_path / "hotref"
    shutil.copy(installed / "bin/hotref", program)
    empty = tmp_path / "empty"
    empty.mkdir()

    def run(*arguments):
        return subprocess.run([program, *arguments], cwd=empty, env={}, capture_output=True, text=True)

    assert run("--version").stdout.startswith("hotref ")
    assert '"$schema"' in run("report", "--json-schema").stdout
    missing = run("report", "-i", "no.prof")
    assert (missing.returncode, missing.stdout) == (1, "") and "no.prof" in missing.stderr


def test_the_installed_program_records(installed, plain_python, tmp_path):
    script = tmp_path / "work.py"
    script.write_text("import threading\nshared = [object()]\n"
                      "def work():\n    for i in range(1000):\n        a = shared\n"
                      "threads = [threading.Thread(target=work) for _ in range(2)]\n"
                      "[t.start() for t in threads]\n[t.join() for t in threads]\n")
    recorded = subprocess.run([installed / "bin/hotref", "record", "-o", tmp_path / "p", "--", plain_python.path, script],
                              cwd=tmp_path, capture_output=True, text=True)

    assert recorded.returncode == 0, recorded.stderr
    page = machine.output_of(installed / "bin/hotref", "report", "-i", str(tmp_path / "p"), "-f", "flamegraph")
    assert page.startswith("<!DOCTYPE html>")


def options_of(command):
    """As --help has them."""
    text = machine.output_of(ROOT / "build/hotref", command, "--help")
    return set(re.findall(r"^  (?:-\w, |    )(--[a-z-]+)", text, re.MULTILINE))


def plain(page):
    return page.read_text().replace(r"\-", "-")


def test_each_command_has_a_page_with_all_its_options(installed):
    pages = installed / "share/man/man1"

    assert {page.name for page in pages.iterdir()} == {"hotref.1"} | {f"hotref-{name}.1" for name in COMMANDS}
    for name in COMMANDS:
        text = plain(pages / f"hotref-{name}.1")
        assert options_of(name) <= set(re.findall(r"--[a-z-]+", re.sub(r"\\f.", "", text)))
        assert f"hotref-{name}" in plain(pages / "hotref.1")
    assert len(options_of("record")) > 5


@needs["mandoc"]
def test_pages_are_without_a_warning(installed):
    for page in sorted((installed / "share/man/man1").iterdir()):
        checked = subprocess.run(["mandoc", "-Tlint", "-W", "warning", page], capture_output=True, text=True)
        assert checked.stdout == ""
        assert "SEE ALSO" in re.sub(".\b", "", machine.output_of("mandoc", "-Tutf8", str(page)))


BASH = """source "$1"
COMP_WORDS=("${@:2}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _hotref; printf '%s\\n' "${COMPREPLY[@]}" """


def bash(installed, *words):
    script = installed / "share/bash-completion/completions/hotref"
    return machine.output_of("bash", "-c", BASH, "bash", str(script), "hotref", *words).split()


COMPLETED = [
    (["rep"], {"report"}, {"record"}),
    (["report", "-f", ""], {"table", "json", "folded", "flamegraph"}, {"github"}),
    (["report", "--format", "=", "js"], {"json"}, {"csv"}),
    (["report", "-k", ""], {"ops", "decrefs", "handoffs"}, {"type"}),
    (["record", "--mode", "s"], {"sample"}, {"exact"}),
    (["record", "--de"], {"--delay"}, {"--mode"}),
    (["gate", "-f", ""], {"text", "github", "junit", "json"}, {"csv"}),
    (["diff", "--normalize", "="], {"total", "time"}, {"="}),
]


@pytest.mark.parametrize("words, some, none", COMPLETED, ids=lambda value: " ".join(value))
def test_bash_completes(installed, words, some, none):
    found = set(bash(installed, *words))

    assert some <= found and not none & found


def test_bash_completes_files_and_processes(installed):
    assert "1" in bash(installed, "record", "-p", "")
    assert "/etc/passwd" in bash(installed, "diff", "/etc/passw")
    assert "echo" in bash(installed, "record", "-d", "1", "--", "ech")


def test_the_bash_script_is_clean(installed):
    script = installed / "share/bash-completion/completions/hotref"

    assert machine.output_of("shellcheck", "-s", "bash", str(script)) == ""


@needs["fish"]
@pytest.mark.parametrize("words, some, none", COMPLETED, ids=lambda value: " ".join(value))
def test_fish_completes(installed, words, some, none):
    script = installed / "share/fish/vendor_completions.d/hotref.fish"
    line = " ".join(["hotref", *words]).replace(" = ", "=").replace(" =", "=")
    text = machine.output_of("fish", "--no-config", "-c", f"source '{script}'; complete -C '{line}'")
    found = {entry.split("\t")[0].split("=")[-1] for entry in text.splitlines()}

    assert some <= found and not none & found


@needs["zsh"]
def test_the_zsh_script_is_found_by_its_completion_system(installed):
    functions = installed / "share/zsh/site-functions"
    text = machine.output_of("zsh", "-f", "-c", f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D; "
                             "echo $_comps[hotref]; zsh -n $fpath[1]/_hotref && echo parsed")

    assert text.split() == ["_hotref", "parsed"]


@pytest.fixture(scope="module")
def package():
    if shutil.which("dpkg-shlibdeps") is None:
        pytest.skip("this is not a Debian machine")
    built = pathlib.Path(make("deb").splitlines()[-1])
    return str(ROOT / built)


def test_the_package_depends_on_what_the_program_loads(package):
    depends = machine.output_of("dpkg-deb", "-f", package, "Depends")
    libraries = machine.output_of("ldd", ROOT / "build/hotref")

    for library in re.findall(r"lib(bpf|elf|dw|jansson|yaml|z|Zydis)[.-]", libraries):
        assert re.search(rf"\b(lib{library.lower()}|zlib)", depends), (library, depends)
    assert "libbpf1" in depends and "libc6" in depends


def test_what_is_in_the_package(package, tmp_path):
    machine.output_of("dpkg-deb", "-x", package, str(tmp_path))
    listed = machine.output_of("dpkg-deb", "-c", package)

    assert all(line.split()[1] == "root/root" for line in listed.splitlines())
    assert {str(path.parent) for path in map(pathlib.PurePath, files_below(tmp_path / "usr"))} >= {
        "bin", "share/man/man1", "share/doc/hotref/docs", "share/bash-completion/completions",
        "share/zsh/vendor-completions", "share/fish/vendor_completions.d"}
    for name in COMMANDS:
        with gzip.open(tmp_path / f"usr/share/man/man1/hotref-{name}.1.gz", "rt") as page:
            assert ".SH NAME" in page.read()
    assert machine.output_of(tmp_path / "usr/bin/hotref", "--version").startswith("hotref ")
    sums = machine.output_of("dpkg-deb", "-I", package, "md5sums")
    (tmp_path / "sums").write_text(sums)
    checked = subprocess.run(["md5sum", "-c", "--quiet", "sums"], cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
