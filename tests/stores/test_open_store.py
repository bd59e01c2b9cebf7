"""Which store a URL names, and what is said of one that names none."""

from __future__ import annotations

import pathlib

import pytest

from ecl_logging import ConfigError, open_store
from ecl_logging.addresses import choose_address, embedded_path, parse_address
from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores import open_chosen_store
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.stores.programs import REQUESTS, Program, cells

SECRET = "CANARY"


# --- URLs


def test_three_slashes_are_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///some/counts.db")

    assert isinstance(store, SqliteStore)
    assert store.shown == f"sqlite:///{tmp_path}/some/counts.db"


def test_four_slashes_are_an_absolute_path():
    assert open_store("sqlite:////var/lib/counts.db").shown == "sqlite:////var/lib/counts.db"


def test_what_is_shown_opens_the_same_store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/counts.db")
    store.define(REQUESTS)
    store.close()

    assert open_store(store.shown).groups() == ["requests"]


def test_opening_touches_no_disk(tmp_path):
    open_store(f"sqlite:///{tmp_path}/missing/counts.db")

    assert list(tmp_path.iterdir()) == []


def test_memory_without_a_name_is_private():
    first, second = open_store("memory://"), open_store("memory://")
    first.define(REQUESTS)

    assert isinstance(first, MemoryStore)
    assert second.groups() == []


def test_memory_with_a_name_is_shared_in_the_process():
    first, second = open_store("memory://test-shared"), open_store("memory://test-shared")
    first.define(REQUESTS)
    Program(first).send({"req1": 2}, start=2**40)  # counts now

    assert cells(second) == {"req1": 2}
    assert second.shown == "memory://test-shared"


def test_memories_of_two_names_are_two():
    open_store("memory://test-one").define(REQUESTS)

    assert open_store("memory://test-two").groups() == []


@pytest.mark.parametrize("url", ["sqlite:///counts.db", "memory://"])
def test_a_store_is_returned_as_it_is(url):
    store = open_store(url)

    assert open_store(store) is store
    assert open_chosen_store(store, parse_address("memory://")) is store


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "is empty"),
        ("counts.db", "not a store URL"),
        ("/var/lib/counts.db", "not a store URL"),
        ("sqlite:/counts.db", "not a store URL"),
        ("sqlite://counts.db", "a path follows the third slash"),
        ("sqlite://", "a path follows the third slash"),
        ("sqlite:///", "a path follows the third slash"),
        ("sqlite:///folder/", "a path follows the third slash"),
        ("sqlite:///counts.db?mode=ro", "none of"),
        ("sqlite:///counts.db#1", "none of"),
        ("sqlite:///counts\0.db", "none of"),
        ("postgres://host/db", "unknown scheme 'postgres'"),
        ("SQLITE:///counts.db", "unknown scheme 'SQLITE'"),
    ],
)
def test_a_url_that_names_no_store_is_told_with_what_would_be_right(url, problem):
    with pytest.raises(ConfigError) as caught:
        open_store(url)

    assert str(caught.value).startswith("store: ")
    assert problem in str(caught.value)
    assert "sqlite:///relative.db" in str(caught.value) or problem == "none of"


@pytest.mark.parametrize("store", [None, 5, True, b"memory://", pathlib.Path("counts.db"), []])
def test_what_is_neither_url_nor_store_is_refused(store):
    with pytest.raises(ConfigError, match="a store is a URL or a mapping, not"):
        open_store(store)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379/0",
        "rediss://localhost",
        "unix:///run/redis.sock",
        "redis+sentinel://h1:26379/service/0",
        "redis+sentinel://h1:26379,h2:26379/service/0",
        "redis+cluster://h1:7000,h2:7001",
        "redis://[::1]:6379/0",
        {"host": "localhost"},
        {},
    ],
)
def test_every_documented_way_to_name_a_redis_is_understood(url):
    assert parse_address(url).kind == "redis"


# --- which one


def test_the_argument_goes_before_the_environment_and_the_file(monkeypatch):
    monkeypatch.setenv("ECL_STORE", "memory://environment")
    store = open_chosen_store("memory://argument", parse_address("memory://file"))

    assert store.shown == "memory://argument"


def test_the_environment_goes_before_the_file(monkeypatch):
    monkeypatch.setenv("ECL_STORE", " memory://environment ")

    assert open_chosen_store(None, parse_address("memory://file")).shown == "memory://environment"


@pytest.mark.parametrize("unset", [None, "", " "])
def test_without_argument_and_environment_the_file_decides(monkeypatch, unset):
    if unset is not None:
        monkeypatch.setenv("ECL_STORE", unset)

    assert open_chosen_store(None, parse_address("memory://file")).shown == "memory://file"


def test_where_nobody_names_a_store_it_is_the_embedded_one(home):
    store = open_chosen_store(None, None)

    assert store.shown == f"sqlite:///{embedded_path()}"
    assert store.shown.startswith(f"sqlite:///{home}/")
    assert list(home.iterdir()) == []


def test_the_environment_is_named_where_it_is_wrong(monkeypatch):
    monkeypatch.setenv("ECL_STORE", "counts.db")

    with pytest.raises(ConfigError, match=r"^store: environment variable ECL_STORE: not a store"):
        open_chosen_store(None, None)


def test_an_address_that_was_parsed_is_not_parsed_again():
    address = parse_address("memory://test-parsed")

    assert choose_address(address, None) is address


# --- the embedded store's place


def test_the_embedded_file_lies_in_the_state_folder(home, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert embedded_path() == f"{home}/.local/state/ecl_logging/counts.db"

    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert embedded_path() == "/state/ecl_logging/counts.db"


def test_a_relative_state_folder_is_ignored(home, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", "state")

    assert embedded_path() == f"{home}/.local/state/ecl_logging/counts.db"


def test_on_macos_the_embedded_file_lies_in_the_library(home, monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")

    assert embedded_path() == f"{home}/Library/Application Support/ecl_logging/counts.db"


def test_a_user_without_a_home_has_no_embedded_store(monkeypatch):
    monkeypatch.setenv("HOME", "nowhere")
    store = open_chosen_store(None, None)

    with pytest.raises(StoreUnavailable, match="no home directory"):
        store.groups()
    assert store.shown == "the embedded store"


# --- secrets


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}@host:6379/0",
        f"redis://user:{SECRET}@host",
        f"redis://:p@{SECRET}@host",
        f"redis://:p/{SECRET}@host:6379/0",
        f"redis://:/{SECRET}@host:6379/0",
        f"redis://user:12/{SECRET}@host:6379/0",
        f"redis://user/{SECRET}@host:6379/0",
        f"redis://:p#{SECRET}@host",
        f"redis://:p?{SECRET}@host",
        f"redis://:[{SECRET}@host",
        f"redis://:{SECRET}]@host",
        f"redis://:{SECRET}@host:port/0",
        f"redis://:{SECRET}@host:99999/0",
        f"redis://:{SECRET}%@host:6379/0",
        f"redis://:{SECRET}",
        f"redis://host?password={SECRET}",
        f"redis:/:{SECRET}@host",
        f"redis:{SECRET}@host",
        f":{SECRET}@redis://host",
        f"rediss://:{SECRET}@host:6379/0",
        f"unix://:{SECRET}@/run/redis.sock",
        f"unix:///run/redis.sock?password={SECRET}",
        f"redis+sentinel://:{SECRET}@h1:26379,h2:26379/service/0",
        f"redis+cluster://:{SECRET}@h1:7000,h2:7001",
        f"reddis://:{SECRET}@host",
        {"host": "localhost", "password": SECRET},
        {"host": "localhost", "password": [SECRET], "username": SECRET},
    ],
)
def test_a_password_is_shown_nowhere(url):
    said = []
    try:
        address = parse_address(url)
        said += [str(address), address.shown]
    except ValueError as error:
        said += [str(error), repr(error)]
    try:
        said.append(open_store(url).shown)
    except ConfigError as error:
        said += [str(error), repr(error)]

    assert SECRET not in "\n".join(said)
