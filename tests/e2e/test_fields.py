"""Through which field: one shared object, dropped through each kind of container."""
import pytest

ITERATIONS = 5_000
EXPECTED = 2 * ITERATIONS
FIELDS = {
    "in_tuple": "tuple item",
    "in_list": "list item",
    "in_set": "set item",
    "in_dict": "dict entry",
    "in_bound_method": "method.im_self",
    "in_cell": "cell.ob_ref",
    "in_partial": "partial.fn",
}


def record(hotref, python, case):
    return hotref.record_workload(python, "fields.py", "--case", case, "--iterations", ITERATIONS)


@pytest.mark.parametrize("case", FIELDS)
def test_a_shared_object_is_named_by_the_field_that_it_was_dropped_through(hotref, python, case):
    row = record(hotref, python, case).row(type="__main__.Shared", field=FIELDS[case])

    assert (row["ops"], row["threads"], row["field_source"]) == (EXPECTED, 2, "slot")
    assert row["object"].startswith("instance of __main__.Shared")


def test_an_attribute_in_an_instance_is_named_by_its_class(hotref, python313):
    row = record(hotref, python313, "in_attribute").row(type="__main__.Shared", field="Plain attribute")

    assert (row["ops"], row["field_source"]) == (EXPECTED, "slot")


def test_the_name_of_a_module_is_what_its_functions_share(hotref, python313):
    row = record(hotref, python313, "in_module_of_function").row(type="str", field="function.func_module")

    assert (row["ops"], row["object"]) == (EXPECTED, "str 'made here'")


def test_classes_that_take_each_others_place_are_told_apart(hotref, python):
    """Type objects and instances of one address, but of other names."""
    report = hotref.record_workload(python, "classes.py", "--classes", 4, "--iterations", 2_000)

    assert not [row for row in report.ranked if row["type"] == "object"]
    dropped = {}
    for row in report.ranked:
        if row["type"].startswith("kinds."):
            dropped[row["type"]] = dropped.get(row["type"], 0) + row["decrefs"]
            assert f"instance of {row['type']}" in row["object"]
    assert dropped == {f"kinds.Kind{number}": 4_000 for number in range(4)}
