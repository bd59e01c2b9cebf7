"""How the Redis store reaches its server, and what it says where it cannot."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio
from redis.backoff import ExponentialBackoff
from redis.connection import SSLConnection
from redis.credentials import CredentialProvider
from redis.retry import Retry
from redis.sentinel import Sentinel

from ecl_logging import ConfigError, StoreError, StoreUnavailable, open_store
from ecl_logging.stores.redis.store import RedisStore
from tests.redis_servers import CANARY, RedisServer, free_port, running
from tests.stores.programs import REQUESTS, Program, cells, count_now, fork, status_of

# They read the bucket that is current, which must not end in between.
pytestmark = pytest.mark.usefixtures("amid_a_minute")


@pytest.fixture
def server(own_server: RedisServer) -> RedisServer:
    return own_server


@pytest.fixture
def store(own_store: RedisStore) -> RedisStore:
    return own_store


# --- ways to name it


@pytest.mark.parametrize(
    "name",
    ["redis://:{password}@127.0.0.1:{port}/3", "unix://:{password}@{folder}/redis.sock?db=3"],
)
def test_a_url_reaches_the_server(server, tmp_path, name):
    url = name.format(password=CANARY, port=server.port, folder=tmp_path)
    with contextlib.closing(open_store(url)) as store:
        assert count_now(store)["req1"] == 1
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        assert client.connection_pool.connection_kwargs["db"] == 3
        assert client.exists("requests:@def")


def test_a_mapping_reaches_the_server(server, tmp_path):
    for settings in (
        {"host": "127.0.0.1", "port": server.port, "password": CANARY, "db": 3},
        {"unix_socket_path": f"{tmp_path}/redis.sock", "password": CANARY, "username": "default"},
    ):
        with contextlib.closing(open_store(settings)) as store:
            assert count_now(store)["req1"] == 1


@pytest.mark.fault("A7")
def test_the_settings_of_a_client_are_taken_over_but_not_its_habits(server, tmp_path):
    often = Retry(ExponentialBackoff(), 10)
    clients = [
        redis.Redis(
            host="127.0.0.1",
            port=server.port,
            password=CANARY,
            retry=often,
            decode_responses=True,
            health_check_interval=1,
            socket_timeout=60,
        ),
        redis.Redis(unix_socket_path=f"{tmp_path}/redis.sock", password=CANARY, retry=often),
        redis.Redis.from_url(server.url, protocol=3, max_connections=1),
        redis.StrictRedis(connection_pool=redis.ConnectionPool.from_url(server.url)),
        redis.Redis(port=server.port, username=b"default", password=CANARY.encode()),
    ]
    for number, client in enumerate(clients, 1):
        with contextlib.closing(client), contextlib.closing(open_store(client)) as store:
            assert sum(count_now(store).values()) == 1
            (idle,) = store._connections._idle
            assert idle.retry._retries == 0
            client.flushall()
            assert len(clients) >= number


@pytest.mark.fault("A7")
def test_the_connections_of_a_client_are_not_used(server):
    client = redis.Redis.from_url(server.url)
    store = open_store(client)
    client.close()
    client.connection_pool.disconnect()
    assert count_now(store)["req1"] == 1
    store.close()
    assert client.connection_pool._available_connections == []


@pytest.mark.fault("A7")
def test_clients_that_cannot_be_taken_over_are_refused():
    class OwnAsynchronous(redis.asyncio.Redis):
        pass

    sentinel = Sentinel([("localhost", 1)]).master_for("m", password=CANARY)
    own_login = redis.ConnectionPool(redis_connect_func=lambda _: None, password=CANARY)
    for client in (
        redis.asyncio.Redis(password=CANARY),
        OwnAsynchronous(password=CANARY),
        redis.Redis(connection_pool=own_login),
        sentinel,
        redis.Redis().pipeline().immediate_execute_command,
    ):
        with pytest.raises(ConfigError) as caught:
            open_store(client)
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://host/abc", "db is a whole number from 0"),
        ("redis://host/-1", "db is a whole number from 0"),
        ("redis://host:0", "port: 0 is a whole number from 1 to 65535"),
        ("redis://host?socket_timout=3", "did you mean 'socket_timeout'?"),
        ("redis://host?socket_timeout=abc", "socket_timeout is a number of seconds above 0"),
        ("redis://host?socket_timeout=0", "socket_timeout is a number of seconds above 0"),
        ("redis://host?protocol=4", "protocol is a whole number from 2 to 3"),
        ({"hots": "cache"}, "did you mean 'host'?"),
        ({"port": "notaport"}, "port is a whole number"),
        ({"port": 99999}, "port: 99999 is a whole number"),
        ({"port": True}, "port: True is a whole number"),
        ({"db": "x"}, "db is a whole number"),
        ({"password": 12345}, "password is a text; quote it"),
        ({"credential_provider": "x"}, "credential_provider is an object of redis-py or ssl"),
        ("redis://h?credential_provider=x", "credential_provider is an object of redis-py or ssl"),
        ({"credential_provider": object(), "password": CANARY}, "takes the place of username"),
        ("redis://h?socket_keepalive_options=x", "socket_keepalive_options is a mapping"),
        ({"socket_keepalive_options": [1]}, "socket_keepalive_options is a mapping of numbers"),
        (
            {"socket_keepalive_options": {"a": 3}},
            "socket_keepalive_options is a mapping of numbers",
        ),
        ("rediss://h?ssl_min_version=TLSv1_2", "ssl_min_version is an ssl.TLSVersion"),
        ({"ssl": True, "ssl_cert_reqs": 7}, "ssl_cert_reqs: 7 is none, optional or required"),
        ({"ssl_ca_data": 5}, "ssl_ca_data: 5 is a text; quote it"),
        ("redis://a..b", "host is no host's name"),
        ({"host": "127.0.0.1:6379"}, "host is no IPv6 address; a port goes into port"),
        ({"host": ""}, "host is no host's name"),
        ({"port": "²"}, "port is a whole number"),
        ("redis://h/²", "db is a whole number"),
        ({"client_name": "my app"}, "client_name is a word without blanks"),
        ("unix://", "path is a socket's path"),
        ({"unix_socket_path": ""}, "unix_socket_path is a socket's path"),
        (f"redis://{'a' * 64}.example.com", "host is no host's name"),
        ({"ssl": "maybe"}, "ssl is true or false"),
        ({"host": f"redis://:{CANARY}@cache"}, "a URL is given in place of the mapping"),
        ({f"redis://:{CANARY}@cache": 1}, "an unknown setting"),
        ("redis+sentinel://h1:26379/service/0", "neither Sentinel nor Cluster"),
        ("redis+cluster://h1:7000", "neither Sentinel nor Cluster"),
    ],
)
def test_settings_that_mean_nothing_are_refused_when_configured(url, problem):
    with pytest.raises(ConfigError) as caught:
        open_store(url)

    assert problem in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("host", ["::1", "[::1]", "::ffff:127.0.0.1", "fe80::1%lo"])
def test_an_ipv6_address_may_have_brackets(host):
    assert open_store({"host": host}).shown == f"redis://[{host.strip('[]')}]:6379/0"


def test_a_password_of_digits_may_be_a_number_in_a_client(server):
    with contextlib.closing(server.client()) as admin:
        admin.execute_command("ACL", "SETUSER", "digits", "on", ">12345", "~*", "+@all")
    client = redis.Redis(port=server.port, username="digits", password=12345)
    with contextlib.closing(open_store(client)) as store:
        assert store.groups() == []


def test_what_is_shown_has_no_secret():
    for given, shown in {
        f"redis://me:{CANARY}@cache:6380/2": "redis://cache:6380/2",
        f"rediss://:{CANARY}@cache": "rediss://cache:6379/0",
        f"unix://:{CANARY}@/run/redis.sock?db=1": "unix:///run/redis.sock?db=1",
        f"redis://[::1]/?password={CANARY}": "redis://[::1]:6379/0",
        "redis://[::ffff:127.0.0.1]": "redis://[::ffff:127.0.0.1]:6379/0",
    }.items():
        store = open_store(given)
        assert store.shown == shown
        assert CANARY not in repr(vars(store)["shown"])


# --- where it cannot be reached


def unreachable(url: object) -> str:
    with contextlib.closing(open_store(url)) as store, pytest.raises(StoreUnavailable) as caught:
        store.groups()
    return str(caught.value)


def test_a_port_that_refuses_is_told_in_the_systems_words():
    port = free_port()
    told = unreachable(f"redis://:{CANARY}@127.0.0.1:{port}/0")
    assert told == f"redis://127.0.0.1:{port}/0: Connection refused"


def test_a_socket_that_is_not_there_is_told():
    assert unreachable("unix:///nowhere/redis.sock") == (
        "unix:///nowhere/redis.sock: No such file or directory"
    )


def test_a_host_that_has_no_address_is_told():
    told = unreachable("redis://no.such.host.invalid")
    assert told.startswith("redis://no.such.host.invalid:6379/0: ")


@pytest.mark.fault("B15")
def test_a_wrong_password_is_an_error_of_its_own(server):
    wrong = server.url.replace(CANARY, f"{CANARY}-wrong")
    with contextlib.closing(open_store(wrong)) as store, pytest.raises(StoreError) as caught:
        store.groups()

    assert not isinstance(caught.value, StoreUnavailable)
    assert CANARY not in str(caught.value)
    with (
        contextlib.closing(open_store(f"redis://127.0.0.1:{server.port}")) as store,
        pytest.raises(StoreError, match="the server asks for a password"),
    ):
        store.groups()


def test_a_database_that_the_server_does_not_have_is_told(server):
    url = server.url.replace("/0", "/16")
    with (
        contextlib.closing(open_store(url)) as store,
        pytest.raises(StoreError, match="DB index is out of range"),
    ):
        store.groups()


@pytest.mark.fault("A8", "B3")
@pytest.mark.timed
def test_a_server_that_does_not_answer_is_waited_for_as_long_as_is_allowed(server, store):
    store.define(REQUESTS)
    server.pause()
    began = time.monotonic()
    for used in (store, open_store(server.url)):  # with a connection, and without
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            used.apply(Program(store).batch({"req1": 1}), timeout=0.3)
        used.close()
    server.go_on()

    assert 0.5 < time.monotonic() - began < 4


@contextlib.contextmanager
def slow_server(seconds: float, *, piece: int) -> Iterator[int]:
    """Answers everything with `PONG`, so many bytes at a time, with a pause before each piece."""

    def serve(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while client.recv(4096):
                answer = b"+PONG\r\n"
                for first in range(0, len(answer), piece):
                    time.sleep(seconds)
                    client.sendall(answer[first : first + piece])

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield int(listener.getsockname()[1])


@pytest.mark.fault("A8")
@pytest.mark.parametrize("piece", [1, 100], ids=["byte by byte", "one answer after the other"])
@pytest.mark.timed
def test_the_time_is_for_the_whole_step_however_slowly_it_comes(piece):
    with (
        slow_server(0.4, piece=piece) as port,
        contextlib.closing(open_store(f"redis://127.0.0.1:{port}?protocol=2")) as store,
    ):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            store._connections.call("PING", timeout=0.6, read=bytes)
        assert 0.5 < time.monotonic() - began < 1.6


@pytest.mark.timed
def test_a_host_with_addresses_that_do_not_answer_is_given_up_in_time(monkeypatch):
    """A full queue of connections: the system drops whoever comes, without a word."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        found = (socket.AF_INET, socket.SOCK_STREAM, 0, "", address)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [found] * 4)
        with contextlib.closing(open_store(f"redis://some.host:{address[1]}")) as store:
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                store._connections.call("PING", timeout=0.5, read=bytes)
            assert 0.4 < time.monotonic() - began < 1.5
        for one in waiting:
            one.close()


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The system's look-up of a host does not return until the event is set."""
    is_over = threading.Event()

    def look_up(*_: object) -> list[object]:
        is_over.wait(30)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield is_over
    is_over.set()


@pytest.mark.timed
def test_a_name_server_that_does_not_answer_is_given_up_in_time(silent_name_server):
    with contextlib.closing(open_store("redis://some.host")) as store:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"redis://some.host:6379/0: no answer in time"):
            store._connections.call("PING", timeout=0.3, read=bytes)
        assert time.monotonic() - began < 1.3


def test_where_no_thread_is_to_be_had_the_address_of_last_time_is_used(monkeypatch, server):
    """As at the end of a process, from Python 3.12 on."""
    url = server.url.replace("127.0.0.1", "localhost")
    with contextlib.closing(open_store(url)) as store:
        store.groups()
        store.close()

        def refuse(_: object) -> None:
            raise RuntimeError("can't create new thread at interpreter shutdown")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("asked"))
        assert store.groups() == []


def test_what_a_credential_provider_raises_is_told_as_ours(server):
    class Broken(CredentialProvider):
        def get_credentials(self) -> tuple[str]:
            raise RuntimeError(f"no vault for {CANARY}")

    client = redis.Redis(port=server.port, credential_provider=Broken())
    with (
        contextlib.closing(open_store(client)) as store,
        pytest.raises(StoreUnavailable, match=r"connecting raised RuntimeError$"),
    ):
        store.groups()


@pytest.mark.timed
def test_a_time_out_of_the_users_may_be_shorter(server):
    with contextlib.closing(open_store(f"{server.url}?socket_timeout=0.2")) as store:
        store.define(REQUESTS)
        server.pause()
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.groups()
        assert time.monotonic() - began < 3
        server.go_on()


@pytest.mark.fault("A4", "B3")
def test_an_answer_that_comes_too_late_is_nobodys(server, store):
    """What was asked is done once the server goes on; its answer answers nothing else."""
    count_now(store)  # the server knows the scripts from now on
    batch = Program(store).batch({"req1": 1}, start=int(time.time()))
    server.pause()
    with pytest.raises(StoreUnavailable):
        store.apply(batch, timeout=0.2)
    server.go_on()

    assert store.groups() == ["requests"]
    assert store.apply(batch).status == "duplicate"
    assert cells(store) == {"req1": 2}


@pytest.mark.fault("A10")
def test_a_connection_that_was_cut_while_idle_is_replaced_unseen(server, store):
    with contextlib.closing(server.client()) as client:
        for _ in range(3):
            assert store.groups() == []
            client.client_kill_filter(skipme=True, _type="normal")


def test_a_server_that_comes_back_is_used_again(server, store):
    store.define(REQUESTS)
    server.kill()
    with pytest.raises(StoreUnavailable):
        store.groups()
    server.start()
    assert store.groups() == []


@pytest.mark.fault("B13")
def test_scripts_that_the_server_has_forgotten_are_loaded_again(server, store):
    store.define(REQUESTS)
    with contextlib.closing(server.client()) as client:
        client.script_flush()
    assert count_now(store)["req1"] == 1


def test_an_interrupted_call_leaves_no_connection_in_use(server, store, monkeypatch):
    store.define(REQUESTS)
    (connection,) = store._connections._idle

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(connection, "read_response", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.groups()
    assert store._connections._idle == []
    assert store.groups() == ["requests"]


def test_threads_have_connections_of_their_own(server, store):
    store.define(REQUESTS)
    together = threading.Barrier(5)

    def ask() -> None:
        together.wait()
        for _ in range(50):
            assert store.groups() == ["requests"]

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(store._connections._idle) <= 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("has_hooks", [True, False], ids=["hooks", "no hooks"])
def test_a_child_leaves_its_parents_connection_alone(server, store, has_hooks):
    store.define(REQUESTS)

    def child() -> None:
        if has_hooks:
            store.after_fork()
        assert store.groups() == ["requests"]
        store.close()

    children = [fork(child) for _ in range(3)]
    assert [status_of(one) for one in children] == [0, 0, 0]
    (connection,) = store._connections._idle
    assert store.groups() == ["requests"]
    assert store._connections._idle == [connection]


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody has signed, for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def tls_port(tmp_path: Path, certificate: Path) -> Iterator[int]:
    port = free_port()
    options = (
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificate / "cert.pem")),
        *("--tls-key-file", str(certificate / "key.pem")),
        *("--tls-ca-cert-file", str(certificate / "cert.pem")),
    )
    with running(tmp_path, *options):
        yield port


def test_rediss_is_tls_and_its_certificate_is_checked(tls_port, certificate):
    url = f"rediss://:{CANARY}@127.0.0.1:{tls_port}/0"
    told = unreachable(url)
    assert "certificate verify failed" in told.lower()

    with contextlib.closing(open_store(f"{url}?ssl_ca_certs={certificate}/cert.pem")) as store:
        assert count_now(store)["req1"] == 1
    name = {"host": "127.0.0.1", "port": tls_port, "password": CANARY, "ssl": True}
    with contextlib.closing(
        open_store(name | {"ssl_cert_reqs": "none", "allow_insecure_tls": True})
    ) as store:
        assert store.groups() == ["requests"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_waits_for_a_tls_handshake(tls_port, monkeypatch):
    """OpenSSL's locks are the process's: one that is copied while it is held is held for ever."""
    is_within, is_over = threading.Event(), threading.Event()
    wrap = SSLConnection._wrap_socket_with_ssl

    def slow(self: SSLConnection, sock: socket.socket) -> object:
        is_within.set()
        time.sleep(0.3)
        try:
            return wrap(self, sock)
        finally:
            is_over.set()

    monkeypatch.setattr(SSLConnection, "_wrap_socket_with_ssl", slow)
    url = f"rediss://:{CANARY}@127.0.0.1:{tls_port}/0?ssl_cert_reqs=none&allow_insecure_tls=yes"
    with contextlib.closing(open_store(url)) as store:
        connecting = threading.Thread(target=store.groups)
        connecting.start()
        is_within.wait()
        child = fork(lambda: None if is_over.is_set() else pytest.fail("too early"))
        connecting.join()
    assert status_of(child) == 0


def test_a_tls_file_that_is_missing_is_told(tls_port):
    url = f"rediss://:{CANARY}@127.0.0.1:{tls_port}/0?ssl_ca_certs=/nowhere.pem"
    assert unreachable(url).endswith("No such file or directory")
