"""Runs commands, each in a fork of this process, and kills them where it is told.

A line of JSON on stdin asks for one: {"arguments", "environ", "cwd", "kill"}; a line on stdout tells how it ended:
{"code", "out", "err", "places"}. A place is a commit of a writing transaction, or a file that is put under its name or
removed; at the one that `kill` counts to, the command is killed before it happens.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from importlib import import_module

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tracker.cli import cli
from tracker.core.base.database import WRITE

# Batches so small that two dozen items are several of them.
SMALL = {
    "conversion.run": {"AT_ONCE": 10, "FEW": 2},
    "sealing.switch": {"AT_ONCE": 10, "FEW": 2},
    "sealing.rotate": {"AT_ONCE": 10},
    "changes.undo": {"AT_ONCE": 10, "RANGE": 10},
    "items.jobs": {"STEP": 10},
    "transfer.run": {"MOST_CHARACTERS": 250},
    "profile.demo": {"_NOTED": 2},
}
MOVES = ("os.rename", "os.remove", "os.link")


def make_small() -> None:
    for module, names in SMALL.items():
        for name, value in names.items():
            found = import_module(f"tracker.core.{module}")
            assert hasattr(found, name), (module, name)
            setattr(found, name, value)
    import_module("tracker.core.items.batches").batch.__kwdefaults__["size"] = 10


def writes(connection) -> bool:
    options = connection.get_execution_options()
    return bool(
        options.get(WRITE) if connection.dialect.name == "sqlite" else not options.get("postgresql_readonly")
    )


class Places:
    """Counts the places that a command comes through, and kills it at one of them."""

    def __init__(self, kill: int | None) -> None:
        self.kill, self.passed = kill, 0

    def watch(self) -> None:
        event.listen(Engine, "commit", lambda connection: writes(connection) and self.come())
        sys.addaudithook(lambda name, _arguments: name in MOVES and self.come())

    def come(self) -> None:
        self.passed += 1
        if self.passed == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)


def run(asked: dict, places: Places) -> None:
    os.environ.update(asked.get("environ", {}))
    os.chdir(asked["cwd"])
    make_small()
    places.watch()
    cli.main(args=asked["arguments"], prog_name="tracker")


def in_fork(asked: dict, out: int, err: int, tell: int) -> None:
    """Run a command to its end and leave; what it printed is in the files."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    places = Places(asked.get("kill"))
    code = 70
    try:
        run(asked, places)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(tell, json.dumps({"places": places.passed}).encode())
        os._exit(code)


def main() -> None:
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            tempfile.TemporaryFile() as tell,
        ):
            pid = os.fork()
            if not pid:
                in_fork(asked, out.fileno(), err.fileno(), tell.fileno())
            _pid, status = os.waitpid(pid, 0)
            told = [each.seek(0) or each.read().decode() for each in (out, err, tell)]
        answer = {"code": os.waitstatus_to_exitcode(status), "out": told[0], "err": told[1]}
        sys.stdout.write(json.dumps(answer | json.loads(told[2] or "{}")) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    for each in ("upkeep", "fields", "transfer", "backup", "profile", "changes", "many"):
        import_module(f"tracker.cli.{each}")
    for each in (
        "app",
        "core.sealing.switch",
        "core.conversion.run",
        "core.transfer.run",
        "core.backup.read",
    ):
        import_module(f"tracker.{each}")
    main()
