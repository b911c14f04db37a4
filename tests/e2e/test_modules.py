"""Extension modules: what they do to reference counts is counted, by module, C function and field."""
import pytest

from modules import about, build_counting, build_plugin, build_plugins
from recording import workload
from targets import Target

TURNS = 2_000


def sites_of(report, kind="decrefs"):
    """Operations on the shared object by the C function of the module, and the fields that they went through."""
    found = {}
    for row in report.ranked:
        if row["type"].endswith("Config"):
            for site in row["sites"]:
                if "counting" in site["binary"]:
                    found[site["function"]] = found.get(site["function"], 0) + site[kind]
    return found


def module_of(report):
    module, = [module for module in report.only_target["modules"] if "counting" in module["path"]]
    return module


def assert_all_was_counted(report, tries=True):
    expected = {"take": 2 * TURNS, "keep": 2 * (TURNS - 1), "holder_dealloc": 2}
    if tries:
        expected["try_take"] = 2 * (TURNS + 1)
        assert sites_of(report, "increfs")["try_take"] == 2 * TURNS
    assert sites_of(report) == expected
    kept, = [row for row in report.ranked if row["field"] == "Holder+32"]
    assert (kept["field_source"], kept["ops"]) == ("slot", 2 * TURNS)


def test_a_module_that_a_command_imports(hotref, python, tmp_path):
    build_counting(python, tmp_path / "module")
    recording = hotref.record("--", python.path, workload("counting_work.py"), tmp_path / "module", "--iterations", TURNS)

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert_all_was_counted(report)
    module = module_of(report)
    assert module["path"].endswith(about(python.path)["suffix"])
    assert module["calls"] >= 4
    assert module["armed"] == module["decrements"]
    assert module["try_increments_armed"] == module["try_increments"] == 1
    assert not module["failed"]
    # It was held while the probes were put, so that nothing ran without them.
    assert module["late_ns"] == 0
    probes = report.json["metadata"]["probes"]
    assert probes["armed"] == probes["live"]


def test_a_module_that_calls_for_each_reference(hotref, python, tmp_path):
    """As those for the stable interface do."""
    build_counting(python, tmp_path / "module", "-DCALLS")
    recording = hotref.record("--", python.path, workload("counting_work.py"), tmp_path / "module", "--iterations", TURNS)

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert_all_was_counted(report, tries=False)
    assert module_of(report)["decrements"] == 0


@pytest.mark.parametrize("options", [("-s",), ("-fno-plt",)], ids=["stripped", "without a PLT"])
def test_a_module_that_was_built_otherwise(hotref, plain_python, tmp_path, options):
    build_counting(plain_python, tmp_path / "module", *options)
    recording = hotref.record("--", plain_python.path, workload("counting_work.py"), tmp_path / "module",
                              "--iterations", TURNS)

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert sum(sites_of(report).values()) == 2 * (3 * TURNS + 1)
    kept, = [row for row in report.ranked if row["field"] == "Holder+32"]
    assert kept["ops"] == 2 * TURNS


def test_a_module_that_cannot_be_looked_into_is_in_the_profile_as_failed(hotref, plain_python, tmp_path):
    build_counting(plain_python, tmp_path / "module", "-fno-asynchronous-unwind-tables", "-nostartfiles",
                   "-Wl,--no-eh-frame-hdr", "-Wl,--no-ld-generated-unwind-info")
    recording = hotref.record("--", plain_python.path, workload("counting_work.py"), tmp_path / "module",
                              "--iterations", TURNS)

    assert recording.status == 0, recording.stderr
    assert "cannot count in" in recording.stderr
    module = module_of(hotref.report(recording.profile))
    assert module["failed"]
    assert module["armed"] == 0
    status, _, stderr = hotref("gate", "-i", recording.profile, "--max", "decrefs=1000000000")
    assert status == 2
    assert module["path"] in stderr


def test_a_module_that_was_there_before(hotref, processes, python, tmp_path):
    build_counting(python, tmp_path / "module")
    target = Target(processes, python)
    assert target.ask(f"load {tmp_path / 'module'}") == "loaded"
    attached = hotref.attach(target)
    assert target.ask(f"count {TURNS}") == "done"
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert_all_was_counted(report)
    assert module_of(report)["late_ns"] == 0


def test_a_module_that_is_loaded_later(hotref, processes, python, tmp_path):
    build_counting(python, tmp_path / "module")
    target = Target(processes, python)
    attached = hotref.attach(target, options=["-v"])
    assert target.ask(f"load {tmp_path / 'module'}") == "loaded"
    attached.wait_for("/counting.")
    assert target.ask(f"count {TURNS}") == "done"
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert_all_was_counted(report)
    assert module_of(report)["late_ns"] > 0


def record_plugins(hotref, python, folder, names, *options):
    """Loads libraries with those functions in turn. Returns where each was loaded, the operations in each, the report."""
    build_plugins(python, folder)
    libraries = {name: build_plugin(python, folder, name) for name in names}
    recording = hotref.record("--", python.path, workload("plugins_work.py"), folder, "--iterations", TURNS, *options,
                              *[libraries[name] for name in names])
    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    counted = {name: sum(site["decrefs"] for row in report.all_rows for site in row["sites"]
                         if (site["function"], site["binary"]) == (name, libraries[name].split(":")[0]))
               for name in names}
    return recording.stdout.split(), counted, report


def test_a_library_that_is_unloaded_and_loaded_again_elsewhere(hotref, python, tmp_path):
    loaded, counted, report = record_plugins(hotref, python, tmp_path, ["come", "come", "come"], "--keep")

    assert len(set(loaded)) == 3
    assert counted == {"come": 3 * 2 * TURNS}
    assert report.json["lost"] == 0
    once, = [module for module in report.only_target["modules"] if "/come.so" in module["path"]]
    assert (once["failed"], once["late_ns"]) == (False, 0)


def test_a_library_that_is_loaded_where_another_one_was(hotref, python, tmp_path):
    loaded, counted, report = record_plugins(hotref, python, tmp_path, ["first", "second", "first"])

    assert len(set(loaded)) == 1, "this loader puts them elsewhere: the test shows nothing"
    # Which of them it was is not known, and neither is said.
    assert counted == {"first": 0, "second": 0}
    rows = [row for row in report.ranked if row["function"] == "code that was unloaded"]
    assert sum(row["decrefs"] for row in rows) == 3 * 2 * TURNS
    assert {row["field_source"] for row in rows} <= {"site", "bytecode"}
    assert report.json["lost"] == 0


def test_inlined_increments_of_a_module(hotref, plain_python, tmp_path):
    build_counting(plain_python, tmp_path / "module")
    recording = hotref.record("--increments", "take", "--", plain_python.path, workload("counting_work.py"),
                              tmp_path / "module", "--iterations", TURNS)

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert sites_of(report, "increfs")["take"] == 2 * TURNS
    assert module_of(report)["increments_armed"] > 0


def test_a_module_without_a_build_id(hotref, plain_python, tmp_path):
    """Scans are kept by build id; where there is none, a checksum tells files apart."""
    for kind in ["-DCALLS"], []:
        build_counting(plain_python, tmp_path / "module", "-Wl,--build-id=none", *kind)
        recording = hotref.record("--", plain_python.path, workload("counting_work.py"), tmp_path / "module",
                                  "--iterations", TURNS)
        assert recording.status == 0, recording.stderr
        report = hotref.report(recording.profile)
        assert_all_was_counted(report, tries=not kind)
        assert module_of(report)["build_id"] == ""


def test_a_scan_tells_of_a_module_and_lists_those_of_a_process(hotref, processes, plain_python, tmp_path):
    module = build_counting(plain_python, tmp_path / "module")
    status, stdout, stderr = hotref("scan", module)
    assert (status, stderr) == (0, "")
    assert "increments by compare-exchange: 1 of 1 armed" in stdout
    assert "try_take" in stdout

    target = Target(processes, plain_python)
    target.ask(f"load {tmp_path / 'module'}")
    status, stdout, stderr = hotref("scan", target.pid)
    assert (status, stderr) == (0, "")
    listed = stdout[stdout.index("modules, and other libraries"):]
    assert module in listed
    assert "libc.so" not in listed
