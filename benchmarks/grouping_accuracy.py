"""How well a fingerprint groups the messages of a log whose templates are known.

`python -m benchmarks.grouping_accuracy FILE...` reads tables as those of Loghub-2k: CSV files with
the columns `Content` and `EventTemplate`. Grouping accuracy is that of "Tools and Benchmarks for
Automated Log Parsing" (Zhu et al., ICSE-SEIP 2019): the share of lines whose group, which is all
lines with the same text, has exactly the lines of one template. `--fingerprint` takes what the
handlers take: `masked`, or `module:function`.
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ecl_logging import ConfigError
from ecl_logging.records.fingerprints import fingerprint_from

__all__ = ["accuracy", "main", "read_table", "score"]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the accuracy of each file and their average; return the exit status."""
    parser = argparse.ArgumentParser(prog="grouping_accuracy", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a *_structured.csv")
    parser.add_argument("--fingerprint", default="masked")
    parser.add_argument("--at-least", type=float, default=0.0, help="an average below: status 1")
    options = parser.parse_args(argv)
    try:
        text_of = fingerprint_from(options.fingerprint).text
        scores = [_told_score(path, text_of) for path in options.files]
    except (ConfigError, OSError, KeyError) as error:
        print(f"grouping_accuracy: {error}", file=sys.stderr)
        return 2
    average = sum(scores) / len(scores)
    print(f"{average:.4f}  on average")
    return 0 if average >= options.at_least else 1


def _told_score(path: Path, text_of: Callable[[logging.LogRecord], str]) -> float:
    contents, templates = read_table(path)
    found = score(contents, templates, text_of)
    print(f"{found:.4f}  {path.name}")
    return found


def read_table(path: Path) -> tuple[list[str], list[str]]:
    """Return messages and templates of a table; raise KeyError where a column is missing."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [row["Content"] for row in rows], [row["EventTemplate"] for row in rows]


def score(
    contents: Iterable[str], templates: Sequence[str], text_of: Callable[[logging.LogRecord], str]
) -> float:
    """Return the grouping accuracy of a fingerprint's texts.

    All messages go through it once before they are asked for their texts, as those of a program
    that has run for a while have; what learns from messages has learned then.
    """
    records = [_record(content) for content in contents]
    for record in records:
        text_of(record)
    return accuracy([text_of(record) for record in records], templates)


def _record(content: str) -> logging.LogRecord:
    return logging.LogRecord("log", logging.INFO, "log", 1, content, None, None)


def accuracy(groups: Sequence[str], templates: Sequence[str]) -> float:
    """Return the share of lines whose group is exactly the group of their template."""
    by_group, by_template = _lines(groups), _lines(templates)
    right = sum(
        len(lines)
        for lines in by_group.values()
        if by_template[templates[lines[0]]] == lines  # both are in the order of lines
    )
    return right / len(templates) if templates else 0.0


def _lines(names: Sequence[str]) -> dict[str, list[int]]:
    lines: defaultdict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(names):
        lines[name].append(number)
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
