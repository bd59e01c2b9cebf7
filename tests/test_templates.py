from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecl_logging.templates import Template

VALUES = {"name": "web", "level": "ERROR", "größe": "10", "x": "{y}"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{name}", "web"),
        ("{name}{level}", "webERROR"),
        ("a {name}: {level}!", "a web: ERROR!"),
        ("{name} {name}", "web web"),
        ("{größe}", "10"),
        ("{x}", "{y}"),
        ("{{", "{"),
        ("}}", "}"),
        ("{{name}}", "{name}"),
        ("{{{name}}}", "{web}"),
        ("{{}}", "{}"),
        ("{name}}}", "web}"),
        ("two\nlines %s $x", "two\nlines %s $x"),
    ],
)
def test_parts_are_filled_and_doubled_braces_are_braces(text, filled):
    assert Template(text).fill(VALUES) == filled


@pytest.mark.parametrize(
    "text", ["{", "}", "a{b", "a}b", "{{{", "}}}", "{a{b}}", "{name}}", "{name"]
)
def test_a_lone_brace_is_refused(text):
    with pytest.raises(ValueError, match=r"^lone '[{}]' in .* write \{\{ or \}\} for braces$"):
        Template(text)


@pytest.mark.parametrize(
    "part", ["{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>5}", "{a b}", "{ a}", "{a-b}", "{%s}"]
)
def test_a_part_is_a_plain_name(part):
    with pytest.raises(ValueError, match=r"is no template part; write \{name\}") as caught:
        Template(f"before {part} after")

    assert str(caught.value).startswith(part)


def test_names_are_told_in_their_order():
    assert Template("{b}-{a}-{b}").names == ("b", "a", "b")
    assert Template("{{a}}").names == ()


def test_a_template_without_names_is_a_literal():
    assert Template("a {{b}}").literal == "a {b}"
    assert Template("").literal == ""
    assert Template("{a}").literal is None


def test_a_template_of_one_part_has_a_sole_name():
    assert Template("{name}").sole_name() == "name"
    assert Template("{name}!").sole_name() is None
    assert Template("{name}{name}").sole_name() is None
    assert Template("name").sole_name() is None


def test_the_text_is_kept_as_it_was_written():
    assert Template("{{x}} {name}").text == "{{x}} {name}"


def test_a_value_that_is_missing_is_a_key_error():
    with pytest.raises(KeyError, match="nobody"):
        Template("{nobody}").fill(VALUES)


@given(st.text())
def test_any_text_can_be_written_as_a_literal(text):
    escaped = text.replace("{", "{{").replace("}", "}}")

    assert Template(escaped).literal == text


@given(st.text(), st.text())
def test_values_are_taken_as_they_are(before, value):
    escaped = before.replace("{", "{{").replace("}", "}}")

    assert Template(escaped + "{x}").fill({"x": value}) == before + value
