import re

from hypothesis import given
from hypothesis import strategies as st

from ecl_logging.exporters.safe_names import NameRule, safe_names

PATHS = NameRule("A-Za-z0-9_-")
FIELDS = NameRule("A-Za-z0-9_", first="A-Za-z_", reserved=frozenset({"root"}))


def test_a_name_of_allowed_characters_stays():
    assert safe_names(["req1", "Req-2", "_x"], PATHS) == {
        "req1": "req1",
        "Req-2": "Req-2",
        "_x": "_x",
    }


def test_any_other_character_becomes_an_underscore():
    names = safe_names(["GET /a.b", "größe", "a:b", "."], PATHS)

    assert names == {"GET /a.b": "GET__a_b", "größe": "gr__e", "a:b": "a_b", ".": "_"}


def test_where_the_first_character_may_not_come_first_an_underscore_does():
    """So 404 and 504 are told apart by what they are, not by a hash."""
    names = safe_names(["404", "504", "a404", "-x"], FIELDS)

    assert names == {"404": "_404", "504": "_504", "a404": "a404", "-x": "_x"}


def test_what_is_too_long_is_cut_and_gets_a_hash():
    names = safe_names(["a" * 20, "a" * 21, "a" * 22], NameRule("A-Za-z_", longest=20))

    assert names["a" * 20] == "a" * 20
    assert re.fullmatch(r"a{11}_[0-9a-f]{8}", names["a" * 21])
    assert len(set(names.values())) == 3


def test_of_two_ids_with_one_name_the_changed_one_gets_a_hash():
    assert safe_names(["a_b", "a.b"], PATHS) == {"a_b": "a_b", "a.b": "a_b_2e7336dc"}


def test_where_both_are_changed_both_get_a_hash():
    names = safe_names(["a.b", "a/b"], PATHS)

    assert all(re.fullmatch(r"a_b_[0-9a-f]{8}", name) for name in names.values())
    assert len(set(names.values())) == 2


def test_the_hash_is_of_the_id_alone():
    both = safe_names(["a.b", "a/b"], PATHS)

    assert safe_names(["a/b", "a_b"], PATHS)["a/b"] == both["a/b"]


def test_a_name_with_a_hash_is_not_that_of_an_id_that_looks_like_it():
    name = safe_names(["a_b", "a.b"], PATHS)["a.b"]
    names = safe_names(["a_b", "a.b", name], PATHS)

    assert names[name] == name
    assert len(set(names.values())) == 3


def test_a_reserved_name_is_nobodys():
    assert re.fullmatch(r"root_[0-9a-f]{8}", safe_names(["root"], FIELDS)["root"])


def test_a_text_without_characters_has_a_name_too():
    assert safe_names([""], PATHS) == {"": "_"}


@given(st.lists(st.text("ab._/é1-", max_size=5)))
def test_names_are_safe_and_each_has_one_id(ids):
    for rule, form in ((PATHS, "[A-Za-z0-9_-]+"), (FIELDS, "[A-Za-z_][A-Za-z0-9_]*")):
        names = safe_names(ids, rule)

        assert names.keys() == set(ids)
        assert len(set(names.values())) == len(names)
        assert all(re.fullmatch(form, name) for name in names.values())
