"""Stores that are none: told when configured, in a program and in a command, without a password."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio
from redis.backoff import ExponentialBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from ecl_logging import ConfigError, EventCountLogger, StoreError, StoreUnavailable, open_store
from ecl_logging.handlers import CountingHandler
from ecl_logging.tools.read import main as ecl_read
from tests.bad_input.conftest import GROUP, assert_balanced
from tests.canary import CANARY, assert_no_canary
from tests.redis_servers import RedisServer, free_port, running

FORMS = "write one of redis://host:6379/0, sqlite:///relative.db, sqlite:////absolute.db, memory://"
NOT_A_URL = (
    "redis://...: not a URL; percent-encode special characters in the password, and write a port"
    " from 1 to 65535"
)
NO_DB = "db is a whole number from 0 to 2147483648"
NEITHER = (
    "this version knows neither Sentinel nor Cluster; name one server, such as redis://host:6379/0"
)

URLS = [
    pytest.param("", f"is empty; {FORMS}", id="1-empty"),
    pytest.param(" \n", f"is empty; {FORMS}", id="1-blank"),
    pytest.param("http://cache", f"unknown scheme 'http'; {FORMS}", id="2-http"),
    pytest.param("reddis://cache", f"unknown scheme 'reddis'; {FORMS}", id="2-misspelt"),
    pytest.param(f"rediss//:{CANARY}@cache", f"not a store URL; {FORMS}", id="2-no-colon"),
    pytest.param("\x1b[31m://cache", f"not a store URL; {FORMS}", id="2-escape-sequence"),
    pytest.param(
        "x" * 1_000_000 + "://cache",
        f"unknown scheme 'xxxxxxxxxxxx...xxxxxxxxxxxxx'; {FORMS}",
        id="2-a-megabyte",
    ),
    pytest.param(f"redis://:p/{CANARY}@cache", NOT_A_URL, id="3-slash"),
    pytest.param(f"redis://:p#{CANARY}@cache", NOT_A_URL, id="3-hash"),
    pytest.param(f"redis://:{CANARY}#cache", NOT_A_URL, id="3-hash-without-at"),
    pytest.param(f"redis://:p?{CANARY}@cache", NOT_A_URL, id="3-question-mark"),
    pytest.param(f"redis://:{CANARY}@cache:notaport", NOT_A_URL, id="4-word"),
    pytest.param("redis://cache:0", "port: 0 is a whole number from 1 to 65535", id="4-zero"),
    pytest.param(f"redis://:{CANARY}@cache:99999", NOT_A_URL, id="4-too-large"),
    pytest.param("redis://cache:-1", NOT_A_URL, id="4-negative"),
    pytest.param("redis://cache/abc", NO_DB, id="5-word"),
    pytest.param("redis://cache/-1", NO_DB, id="5-negative"),
    pytest.param("redis://cache/1.5", NO_DB, id="5-fraction"),
    pytest.param("redis://cache/0/1", NO_DB, id="5-two"),
    pytest.param("redis://cache/1?db=2", "db is there twice; write it once", id="5-contradiction"),
    pytest.param("redis://cache?db=1&db=2", "db is there twice; write it once", id="5-repeated"),
    pytest.param("redis://cache/1#2", NOT_A_URL, id="5-fragment"),
    pytest.param(
        f"redis+cluster://:{CANARY}@h1:7000,h2:7001/1",
        f"redis+cluster://h1:7000,h2:7001/1: {NEITHER}",
        id="6-cluster-with-a-database",
    ),
    pytest.param(
        "redis://cache?socket_timout=3",
        "unknown setting 'socket_timout'; did you mean 'socket_timeout'?",
        id="7-misspelt",
    ),
    pytest.param(
        "redis://cache?socket_timeout=abc",
        "socket_timeout is a number of seconds above 0",
        id="7-word",
    ),
    pytest.param(
        "redis://cache?socket_timeout=nan",
        "socket_timeout is a number of seconds above 0",
        id="7-nan",
    ),
    pytest.param(
        "rediss://cache?ssl_cert_reqs=maybe",
        "ssl_cert_reqs is none, optional or required",
        id="8-word",
    ),
    pytest.param("rediss://cache?ssl_ca_certs=", "ssl_ca_certs is a file's path", id="9-no-name"),
    pytest.param(
        f"rediss://cache?ssl_keyfile=/etc/{CANARY}.pem",
        "ssl_keyfile is the key of a certificate; name that in ssl_certfile",
        id="9-key-without-certificate",
    ),
    pytest.param(
        f"redis+sentinel://:{CANARY}@h1:26379",
        f"redis+sentinel://h1:26379: {NEITHER}",
        id="10-sentinel-without-a-service",
    ),
    pytest.param(
        "redis+sentinel://h1:26379/orders/0",
        f"redis+sentinel://h1:26379/orders/0: {NEITHER}",
        id="10-sentinel",
    ),
    pytest.param(
        f"memory://:{CANARY}@cache",
        "memory://...: a name is printable, without '@'; write memory://NAME",
        id="2-memory-with-a-password",
    ),
    pytest.param(
        "sqlite:////tmp/\x1b[31m\ud800.db",
        "sqlite:////tmp/\\x1b[31m\\ud800.db: a store's path has none of '?', '#' and what cannot"
        " be printed",
        id="2-path-that-cannot-be-printed",
    ),
]
OBJECTS = [
    pytest.param(None, f"a store is a URL or a mapping, not NoneType; {FORMS}", id="1-none"),
    pytest.param(b"redis://c", f"a store is a URL or a mapping, not bytes; {FORMS}", id="1-bytes"),
    pytest.param({"port": True}, "port: True is a whole number from 1 to 65535", id="4-bool"),
    pytest.param({"db": -1}, "db: -1 is a whole number from 0 to 2147483648", id="5-mapping"),
    pytest.param({"hots": "cache"}, "unknown setting 'hots'; did you mean 'host'?", id="7-key"),
]


@pytest.mark.parametrize(("url", "problem"), URLS)
def test_a_url_that_names_no_store_is_refused_when_configured(url, problem, capsys):
    for configure in (
        lambda: open_store(url),
        lambda: CountingHandler(store=url),
        lambda: EventCountLogger({"g": GROUP}, store=url),
    ):
        with pytest.raises(ConfigError) as caught:
            configure()
        assert str(caught.value) == f"store: {problem}"
        assert_no_canary("an error", str(caught.value), repr(caught.value))
    assert capsys.readouterr().err == f"ecl_logging: store: {problem}\n"


@pytest.mark.parametrize(
    ("url", "problem"),
    # Sentinel and Cluster are understood, so that a file can be checked; opening says no.
    [case for case in URLS if not str(case.values[1]).endswith(NEITHER)],
)
def test_the_same_in_a_section_is_told_with_its_place(url, problem):
    with pytest.raises(ConfigError) as caught:
        CountingHandler(config={"store": url})

    assert str(caught.value) == f"ecl: store: {problem}"


@pytest.mark.parametrize(("url", "problem"), [case for case in URLS if not case.id.startswith("1")])
def test_a_command_refuses_it_in_one_line(ran, url, problem):
    status, out, err = ran(ecl_read, "--store", url)

    assert (status, out) == (1, "")
    assert err == f"ecl-read: error: store: {problem}\n"


@pytest.mark.parametrize(("store", "problem"), OBJECTS)
def test_what_is_no_url_is_refused_when_configured(store, problem):
    with pytest.raises(ConfigError) as caught:
        open_store(store)

    assert str(caught.value) == f"store: {problem}"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"redis://:%2F%23%3F%40{CANARY}@cache", id="3-encoded"),
        pytest.param(f"redis://:p@{CANARY}@cache", id="3-at-sign"),
        pytest.param(f"redis://:{CANARY}%zz@cache", id="3-percent-sign"),
    ],
)
def test_a_password_with_special_characters_is_shown_nowhere(url):
    store = open_store(url)

    assert store.shown == "redis://cache:6379/0"
    assert_no_canary("a store", store.shown, repr(store))


# --- the environment


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("", "the file's", id="21-empty"),
        pytest.param(" \n", "the file's", id="21-blank"),
        pytest.param("memory://environment\n", "memory://environment", id="21-newline"),
        pytest.param("memory://environment\r\n", "memory://environment", id="21-carriage-return"),
    ],
)
def test_a_store_in_the_environment_is_stripped_and_nothing_is_none(monkeypatch, value, shown):
    monkeypatch.setenv("ECL_STORE", value)
    handler = CountingHandler(config={"store": "memory://file"})

    assert handler.ecl.store.shown == shown.replace("the file's", "memory://file")
    handler.close()


@pytest.mark.parametrize(
    ("value", "is_read"),
    [
        pytest.param("", False, id="21-no-file"),
        pytest.param("\n", False, id="21-blank-file"),
        pytest.param("some.yaml\n", True, id="21-file-with-newline"),
    ],
)
def test_a_file_in_the_environment_is_stripped_and_nothing_is_none(
    monkeypatch, ran, value, is_read
):
    Path("some.yaml").write_text("ecl: {store: 'memory://', groups: {some: {intervals: [1m]}}}")
    monkeypatch.setenv("ECL_CONFIG", value)
    status, out, _ = ran(ecl_read, "--current")

    assert status == 0
    assert ("# some 1m" in out) is is_read


def test_the_environment_is_named_with_what_is_wrong_in_it(monkeypatch, capsys):
    monkeypatch.setenv("ECL_STORE", f"redis//:{CANARY}@cache")

    with pytest.raises(ConfigError) as caught:
        CountingHandler()
    told = f"store: environment variable ECL_STORE: not a store URL; {FORMS}"
    assert str(caught.value) == told
    assert capsys.readouterr().err == f"ecl_logging: {told}\n"


# --- what only the first use can tell


@pytest.mark.parametrize("number", [pytest.param(16, id="5-not-on-this-server")])
def test_a_database_that_the_server_lacks_is_told_and_is_not_another(
    empty_server, warnings_told, number
):
    url = empty_server.url.replace("/0", f"/{number}")
    shown = f"redis://127.0.0.1:{empty_server.port}/{number}"
    with EventCountLogger({"g": GROUP}, store=url) as ecl:
        ecl["g"].log("x")
        assert not ecl.flush()
        assert_balanced(ecl, 1)
        assert ecl.telemetry()["pending"] == 1
    with contextlib.closing(empty_server.client()) as client:
        assert client.keys() == []

    assert warnings_told[0] == f"{shown}: DB index is out of range; counting in memory"


def pem(folder: Path, name: str, *options: str) -> tuple[Path, Path]:
    """A certificate and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate), *options),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths by the words that stand for them in a URL."""
    folder = tmp_path_factory.mktemp("pems")
    good, good_key = pem(folder, "good", "-nodes")
    _, other_key = pem(folder, "other", "-nodes")
    locked, locked_key = pem(folder, "locked", "-passout", f"pass:{CANARY}")
    notes = folder / "notes.pem"
    notes.write_text(f"the key is {CANARY}")
    return {
        "GOOD": str(good),
        "GOODKEY": str(good_key),
        "OTHERKEY": str(other_key),
        "LOCKED": str(locked),
        "LOCKEDKEY": str(locked_key),
        "NOTES": str(notes),
        "FOLDER": str(folder),
    }


@pytest.fixture
def listening_port() -> Iterator[int]:
    """Somebody accepts, and says nothing: what is wrong with the files is found before that."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                listener.accept()[0].close()

    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield int(listener.getsockname()[1])


NO_PAIR = "no certificate with its key (and its ssl_password, if any)"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param(
            "ssl_ca_certs=/nowhere.pem",
            "ssl_ca_certs: /nowhere.pem: No such file or directory",
            id="9-missing",
        ),
        pytest.param(
            "ssl_certfile=GOOD&ssl_keyfile=/nowhere.pem",
            "ssl_keyfile: /nowhere.pem: No such file or directory",
            id="9-missing-key",
        ),
        pytest.param(
            "ssl_ca_certs=FOLDER", "ssl_ca_certs: FOLDER: Is a directory", id="9-unreadable"
        ),
        pytest.param(
            "ssl_ca_certs=NOTES", "ssl_ca_certs: NOTES: holds no certificate", id="9-no-certificate"
        ),
        pytest.param(
            f"ssl_ca_data={CANARY}", "ssl_ca_data: holds no certificate", id="9-no-certificate-data"
        ),
        pytest.param(
            "ssl_certfile=GOOD&ssl_keyfile=OTHERKEY",
            f"ssl_certfile: GOOD and ssl_keyfile: OTHERKEY: {NO_PAIR}",
            id="9-wrong-key",
        ),
        pytest.param(
            "ssl_certfile=NOTES", f"ssl_certfile: NOTES: {NO_PAIR}", id="9-no-certificate-of-ours"
        ),
        pytest.param(
            "ssl_certfile=LOCKED&ssl_keyfile=LOCKEDKEY",
            f"ssl_certfile: LOCKED and ssl_keyfile: LOCKEDKEY: {NO_PAIR}",
            id="9-key-with-a-password",
        ),
    ],
)
def test_a_certificate_file_that_cannot_be_used_is_named_with_its_setting(
    listening_port, pems, options, problem
):
    def with_paths(text: str) -> str:
        for word in sorted(pems, key=len, reverse=True):
            text = text.replace(f"={word}", f"={pems[word]}").replace(f" {word}", f" {pems[word]}")
        return text

    url = f"rediss://127.0.0.1:{listening_port}/0"
    with contextlib.closing(open_store(f"{url}?{with_paths(options)}")) as store:
        with pytest.raises(StoreUnavailable) as caught:
            store.groups()
        assert str(caught.value) == f"{url}: {with_paths(problem)}"
        assert_no_canary("an error", str(caught.value))


def test_a_key_with_its_password_is_used(listening_port, pems):
    files = f"ssl_certfile={pems['LOCKED']}&ssl_keyfile={pems['LOCKEDKEY']}&ssl_password={CANARY}"
    with contextlib.closing(open_store(f"rediss://127.0.0.1:{listening_port}?{files}")) as store:
        with pytest.raises(StoreUnavailable) as caught:
            store.groups()
        assert "ssl_certfile" not in str(caught.value)  # the files are well; nobody is there


@pytest.mark.parametrize("reqs", [pytest.param("none", id="8-not-checked")])
def test_a_certificate_that_is_not_checked_is_warned_of_once(tmp_path, pems, warnings_told, reqs):
    port = free_port()
    options = (
        *("--tls-port", str(port), "--tls-auth-clients", "no", "--tls-cert-file", pems["GOOD"]),
        *("--tls-key-file", pems["GOODKEY"], "--tls-ca-cert-file", pems["GOOD"]),
    )
    with running(tmp_path, *options):
        url = f"rediss://:{CANARY}@127.0.0.1:{port}/0?ssl_cert_reqs={reqs}&allow_insecure_tls=true"
        with EventCountLogger({"g": GROUP}, store=url) as ecl:
            for _ in range(2):
                ecl["g"].log("x")
                assert ecl.flush()
            assert_balanced(ecl, 2)

    [told] = warnings_told
    assert told == (
        f"rediss://127.0.0.1:{port}/0: whose server it is, is not checked (ssl_cert_reqs: none);"
        " name its certificate in ssl_ca_certs"
    )


@pytest.mark.parametrize(
    "store",
    [
        pytest.param(f"rediss://:{CANARY}@cache?ssl_cert_reqs=none", id="8-url"),
        pytest.param(
            {"host": "cache", "ssl": True, "ssl_cert_reqs": "none", "allow_insecure_tls": False},
            id="8-mapping",
        ),
    ],
)
def test_a_check_is_switched_off_by_two_words_only(store):
    with pytest.raises(ConfigError) as refused:
        open_store(store)

    assert str(refused.value) == (
        "store: ssl_cert_reqs: none lets anybody be the server; name its certificate in"
        " ssl_ca_certs, or add allow_insecure_tls: true"
    )


def test_a_check_that_a_programs_own_client_lacks_is_its_own_decision():
    client = redis.Redis(host="cache", ssl=True, ssl_cert_reqs="none")

    assert open_store(client).shown == "rediss://cache:6379/0"


def test_a_check_that_is_switched_off_without_tls_does_no_harm(empty_server):
    with contextlib.closing(open_store(f"{empty_server.url}?ssl_cert_reqs=none")) as store:
        assert store.groups() == []


def test_a_password_that_utf8_does_not_have_is_told_without_a_piece_of_it(empty_server):
    settings = {"host": "127.0.0.1", "port": empty_server.port, "password": f"{CANARY}\ud800"}
    with contextlib.closing(open_store(settings)) as store:
        with pytest.raises(StoreError) as caught:
            store.groups()
        assert str(caught.value) == (f"{store.shown}: a password or name is no text that UTF-8 has")


# --- clients that are handed in


def kept(server: RedisServer, kind: str) -> redis.Redis:
    """A client with habits that would count twice, or answer in other types, or not at all."""
    client = redis.Redis(
        port=server.port,
        password=CANARY,
        retry=Retry(ExponentialBackoff(), 10) if kind == "retries" else None,
        decode_responses=kind == "decoding",
    )
    if kind == "closed":
        client.close()
        client.connection_pool.disconnect()
    return client


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("retries", id="24-retries"),
        pytest.param("decoding", id="24-decoding"),
        pytest.param("closed", id="24-closed"),
    ],
)
def test_of_a_client_only_the_settings_are_taken_over(empty_server, kind):
    with contextlib.closing(kept(empty_server, kind)) as client:
        with EventCountLogger({"g": GROUP}, store=client) as ecl:
            ecl["g"].log("x")
            assert ecl.flush()
            assert ecl["g"].get_counts("366d", current=True) == {"x": 1}
            (idle,) = ecl.store._connections._idle  # type: ignore[attr-defined]
            assert idle.retry._retries == 0
        assert client.connection_pool._available_connections == []


@pytest.mark.parametrize(
    ("client", "kind"),
    [
        pytest.param(
            redis.asyncio.Redis(password=CANARY),
            "redis.asyncio.client.Redis with connections of the kind Connection",
            id="24-asynchronous",
        ),
        pytest.param(
            RedisCluster.__new__(RedisCluster),
            "redis.cluster.RedisCluster with connections of the kind unknown",
            id="24-cluster",
        ),
    ],
)
def test_a_client_that_cannot_be_taken_over_is_refused(client, kind):
    with pytest.raises(ConfigError) as caught:
        open_store(client)

    assert str(caught.value) == (
        f"store: a client of the kind {kind} cannot be taken over; hand in a plain redis.Redis,"
        " or name the server by a URL"
    )
