"""Has the shop publish its sales, and consumers work on them; some of that fails at first.

What should have become of the events is compared with what `ecl-read` says of the group `consumed`.
"""

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare, end

CONSUME = ("consumers", "--max-deliveries", "3", "--retry-pause", "0.1")

# Order 3 fails twice, order 5 three times; then it is replayed, and handled like the others.
EXPECTED = {
    "handled": 8,
    "failed": 2 + 3,
    "dead_letter": 1,
    "invoice:handled": 8,
    "invoice:failed": 2 + 3,
    "stock:handled": 8,
    "rows in stock.db": 8,
}


def consume(trial: Trial) -> None:
    """Run ecl-consume until order 3 was handled and order 5 is given up; then stop it."""
    print("$ ecl-consume", *CONSUME)
    awaited = {"invoice of order 3", "delivery 3 of 3"}
    arguments = ("-m", "ecl_logging.tools.consume", *CONSUME)
    with trial.running(*arguments, stderr=subprocess.STDOUT) as program:
        for line in program.stdout or ():
            print(line, end="")
            awaited -= {text for text in awaited if text in line}
            if not awaited:
                break
        print(end(program))


with Trial(__file__) as trial:
    print("The shop publishes what it sells:\n")
    print(trial.run("shop.py"))

    print("Both consumers get each sale. What fails comes again, at most three times in all:\n")
    consume(trial)

    print("What nobody could do anything with is kept, with the reason:\n")
    trial.command("consume", "consumers", "--dead-letters", "list")

    print("The consumer is mended. So the event is put back, and handled:\n")
    trial.environment["SHOP_IS_MENDED"] = "1"
    trial.command("consume", "consumers", "--dead-letters", "replay")
    trial.command("consume", "consumers", "--once", stderr=subprocess.STDOUT)

    counted = trial.counted("consumed")
    with contextlib.closing(sqlite3.connect(trial.home / "stock.db")) as database:
        counted["rows in stock.db"] = database.execute("SELECT count(*) FROM sold").fetchone()[0]
    raise SystemExit(compare(EXPECTED, counted, title="expected"))
