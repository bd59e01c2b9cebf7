"""Log files of other programs, said once more through `logging`: so they are counted by rules.

    python replay.py apache.yaml error.log ...

The YAML file is a logging configuration. Its key `lines` says how a line is read: the named
groups `level`, `logger` and `message` of `pattern` are what they say, any other is an extra of
the record. Records are counted in the present; what the file says of the time is an extra, too.
"""

from __future__ import annotations

import logging
import logging.config
import re
import sys
from pathlib import Path

import yaml


def main() -> int:
    """Replay the files that are named; return the exit status."""
    if len(sys.argv) < 3:
        print("usage: python replay.py CONFIG.yaml FILE...", file=sys.stderr)
        return 2
    config = yaml.safe_load(Path(sys.argv[1]).read_text("utf-8"))
    logging.config.dictConfig(config)
    for path in sys.argv[2:]:
        lines = Path(path).read_text("utf-8", "replace").splitlines()
        unread = replay(lines, **config["lines"])
        print(f"{path}: {len(lines)} lines, {unread} of them not like the pattern")
    return 0


def replay(
    lines: list[str],
    pattern: str,
    levels: dict[str, str] | None = None,
    level: str = "INFO",
    logger: str = "root",
) -> int:
    """Log each line; return how many the pattern does not fit.

    `level` and `logger` are those of lines that name none.
    """
    unread = 0
    for line in lines:
        found = re.match(pattern, line)
        if found is None:
            unread += 1
            continue
        fields = {name: text for name, text in found.groupdict().items() if text is not None}
        name = fields.pop("level", level)
        number = logging.getLevelNamesMapping()[(levels or {}).get(name, name)]
        message = fields.pop("message")
        logging.getLogger(fields.pop("logger", logger)).log(number, "%s", message, extra=fields)
    return unread


if __name__ == "__main__":
    raise SystemExit(main())
