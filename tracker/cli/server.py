"""The server process of `tracker serve`: granian, which serves the application that `application()` makes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

THREADS = 8  # requests at once in one process


def application() -> Flask:
    """Open the workspace of the environment's settings and return its web application."""
    from tracker import logs
    from tracker.app import create_app, open_workspace
    from tracker.settings import load_settings

    settings = load_settings()
    logs.set_up(settings.log, settings.log_level)
    return create_app(open_workspace(settings), settings)


def run(host: str, port: int, processes: int) -> None:
    """Serve until a signal comes."""
    from granian import Granian
    from granian.constants import Interfaces

    from tracker import logs
    from tracker.settings import load_settings

    form = load_settings().log
    logs.set_up(form, "error")

    Granian(
        "tracker.cli.server:application",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=processes,
        blocking_threads=THREADS,
        websockets=False,
        respawn_failed_workers=processes > 1,
        log_level="error",  # type: ignore[arg-type]
        log_dictconfig=logs.for_granian(form),
        workers_kill_timeout=15,
    ).serve()


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
