"""The schema as a document, and what is there without the packages that events need."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest

from ecl_logging import events
from ecl_logging.events import EventError, json_schema, new_event, parse
from tests.events.written_elsewhere import LOG, METRICS, event_with, event_with_header, without


def test_both_layers_are_described():
    schema = json_schema()
    parts = schema["$defs"]
    assert schema["$ref"] == "#/$defs/Event"
    assert parts["Event"]["required"] == ["schema", "header", "payload"]
    assert parts["Header"]["required"] == ["id", "channel", "timestamp"]
    assert parts["Payload"]["required"] == ["cls_type"]
    assert parts["LogPayload"]["properties"]["severity"]["enum"] == [
        "critical",
        "debug",
        "error",
        "info",
        "warning",
    ]
    assert set(parts["MetricsPayload"]["required"]) == {"cls_type", "values"}
    assert "additionalProperties" not in json.dumps(parts["Header"])


def references(part: object) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_what_it_refers_to_is_there():
    schema = json_schema()
    assert references(schema) == {f"#/$defs/{name}" for name in schema["$defs"]}


GOOD = [
    event_with(),
    event_with_header(context={"fqdn": "a", "x": 1}, composition=False, deliveries=3, more=1),
    event_with(payload=METRICS),
    event_with(payload=LOG),
    new_event({"cls_type": "order", "values": 5}, "a"),
]
BAD = [
    without(event_with(), "header", "id"),
    event_with_header(id="XX"),
    event_with_header(channel=""),
    event_with_header(deliveries=-1),
    event_with_header(context={"fqdn": 5}),
    event_with(payload={}),
    event_with(payload={"cls_type": ""}),
    event_with(payload={"cls_type": "metrics"}),
    event_with(payload=METRICS | {"values": [{"name": "a", "value": "1"}]}),
    event_with(payload=LOG | {"severity": "loud"}),
]


def test_it_says_what_parse_says():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.check_schema(json_schema())
    for event in GOOD:
        assert parse(json.dumps(event)) == event
        assert list(validator.iter_errors(event)) == []
    for event in BAD:
        assert not validator.is_valid(event)
        with pytest.raises(EventError):
            parse(json.dumps(event))


def test_nobody_shares_the_document():
    schema = json_schema()
    before = copy.deepcopy(schema)
    schema["$defs"].clear()
    assert json_schema() == before


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.once
def test_it_can_be_printed():
    ended = run("-m", "ecl_logging.events")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == json_schema()


@pytest.mark.once
@pytest.mark.parametrize("package", ["msgspec", "packaging"])
def test_a_missing_package_is_told_in_one_line(package):
    ended = run("-c", (
        f"import sys; sys.modules[{package!r}] = None\n"
        "import ecl_logging.events, ecl_logging.handlers\n"
        "from ecl_logging.errors import ConfigError\n"
        "try: ecl_logging.events.get_logger\n"
        "except ConfigError as error: print(error)\n"
    ))  # fmt: skip
    assert (
        ended.stdout
        == f"events need {package}, which is not installed: pip install 'ecl-logging[events]'\n"
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.once
def test_the_command_tells_of_a_missing_package_in_one_line():
    source = (
        "import sys, runpy; sys.modules['msgspec'] = None; sys.argv = ['x']\n"
        "runpy.run_module('ecl_logging.events', run_name='__main__')"
    )
    ended = run("-c", source)
    assert ended.returncode == 1
    assert ended.stderr.endswith("pip install 'ecl-logging[events]'\n")
    assert ended.stderr.count("\n") == 1


def test_importing_the_package_loads_nothing():
    source = "import sys, ecl_logging.events; print(*{'msgspec', 'packaging', 'structlog', 'venusian'} & {*sys.modules})"
    assert run("-c", source).stdout == "\n"


def test_every_public_name_is_there():
    for name in events.__all__:
        assert getattr(events, name) is not None
    assert set(events.__all__) <= {*dir(events)}
