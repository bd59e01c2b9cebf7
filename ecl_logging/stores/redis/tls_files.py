"""Which of a connection's certificate files cannot be used, asked after TLS has failed.

The system and OpenSSL say what is wrong and not with which file.
"""

from __future__ import annotations

import errno
import ssl
from typing import Any

__all__ = ["unusable_file"]


def unusable_file(connection: Any) -> OSError | None:
    """Return an error that names the setting and its file; None where all can be used.

    `connection`: a redis-py connection with TLS.
    """
    files = {
        "ssl_certfile": connection.certfile,
        "ssl_keyfile": connection.keyfile,
        "ssl_ca_certs": connection.ca_certs,
    }
    for setting, path in files.items():
        if path is not None and (error := _unreadable(path)):
            return OSError(error.errno, f"{setting}: {path}: {error.strerror}")
    return _unusable_authorities(connection) or _unusable_pair(connection)


def _unreadable(path: str) -> OSError | None:
    try:
        with open(path, "rb"):
            return None
    except OSError as error:
        return error


def _unusable_authorities(connection: Any) -> OSError | None:
    for setting, argument in {"ssl_ca_certs": "cafile", "ssl_ca_data": "cadata"}.items():
        given = getattr(connection, setting.removeprefix("ssl_"))
        if given is None:
            continue
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**{argument: given})
        except (OSError, ValueError, TypeError):
            # What it holds is not shown: it may be the wrong file, such as a key.
            where = f"{setting}: {given}" if argument == "cafile" else setting
            return OSError(errno.EINVAL, f"{where}: holds no certificate")
    return None


def _unusable_pair(connection: Any) -> OSError | None:
    if connection.certfile is None:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
            connection.certfile, connection.keyfile, connection.certificate_password
        )
    except OSError:
        files = f"ssl_certfile: {connection.certfile}"
        if connection.keyfile is not None:
            files += f" and ssl_keyfile: {connection.keyfile}"
        return OSError(
            errno.EINVAL, f"{files}: no certificate with its key (and its ssl_password, if any)"
        )
    return None
