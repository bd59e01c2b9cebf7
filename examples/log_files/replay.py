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
from collections.abc import Iterable
from pathlib import Path

import yaml


def main() -> int:
    """Replay the files that are named; return the exit status."""
    if len(sys.argv) < 3:
        print("usage: python replay.py CONFIG.yaml FILE...", file=sys.stderr)
        return 2
    config = yaml.safe_load(Path(sys.argv[1]).read_text("utf-8"))
    logging.config.dictConfig(config)
    try:
        for path in sys.argv[2:]:
            with Path(path).open(encoding="utf-8", errors="replace") as lines:
                replayed, unread = replay(lines, **config["lines"])
            print(f"{path}: {replayed} lines replayed, {len(unread)} not like the pattern")
            print("".join(f"    {line}" for line in unread[:3]), end="")
    except (KeyError, TypeError) as error:  # in `lines`, or a group named like a record's attribute
        print(f"{sys.argv[1]}: lines: {error}", file=sys.stderr)
        return 1
    return 0


def replay(
    lines: Iterable[str],
    pattern: str,
    levels: dict[str, int | str] | None = None,
    level: str = "INFO",
    logger: str = "root",
) -> tuple[int, list[str]]:
    """Log each line; return how many that were, and those that the pattern does not fit.

    `levels`: what words for levels mean, where they are not Python's own. `level` and `logger`
    are those of lines that name none.
    """
    meanings: dict[str, int | str] = {**logging.getLevelNamesMapping(), **(levels or {})}
    replayed, unread = 0, []
    for line in lines:
        found = re.match(pattern, line.rstrip("\n"))
        if found is None:
            unread.append(line)
            continue
        fields = {name: text for name, text in found.groupdict().items() if text is not None}
        meaning = meanings[fields.pop("level", level)]
        number = meaning if isinstance(meaning, int) else logging.getLevelNamesMapping()[meaning]
        message = fields.pop("message")
        logging.getLogger(fields.pop("logger", logger)).log(number, "%s", message, extra=fields)
        replayed += 1
    return replayed, unread


if __name__ == "__main__":
    raise SystemExit(main())
