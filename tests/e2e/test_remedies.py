"""The table of remedies."""
import json

import jsonschema

from recording import ROOT


def entries():
    return json.loads((ROOT / "user/profile/remedies.json").read_text())["remedies"]


def test_the_table_is_as_its_schema_says():
    schema = json.loads((ROOT / "docs/remedies.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads((ROOT / "user/profile/remedies.json").read_text()))
