"""Child processes that belong together: started, watched, restarted with back-off, ended by one signal."""

from __future__ import annotations

import ctypes
import http.client
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from types import FrameType

import click

from tracker.logs import facts

log = logging.getLogger(__name__)
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
STEADY_S = 60.0  # a child that ran so long starts again at once
GRACE_S = 20.0  # after the signal, before a child is killed
_PR_SET_PDEATHSIG = 1


class Child:
    """One command that should always run."""

    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        self.name = name
        self.arguments = list(arguments)
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.wait_s = 0.0
        self.due = 0.0

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it, in a session of its own: Ctrl-C reaches it through us."""
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter, and arguments that we wrote
            [sys.executable, *self.arguments],
            env=dict(environment),
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no thread runs yet
        )
        self.started = time.monotonic()

    def ended(self) -> int | None:
        """Return the exit code of a process that ended, else None."""
        return None if self.process is None else self.process.poll()

    def note_end(self, code: int) -> None:
        """Say that it ended, and when it starts again."""
        now = time.monotonic()
        steady = now - self.started > STEADY_S
        self.wait_s = FIRST_WAIT_S if steady or not self.wait_s else min(2 * self.wait_s, LONGEST_WAIT_S)
        self.due = now + self.wait_s
        self.process = None
        told = facts(child=self.name, code=_code(code), seconds=self.wait_s)
        log.error("a process ended, and starts again after a wait", extra=told)

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


def supervise(
    children: Sequence[Child],
    environment: Mapping[str, str],
    *,
    probe: tuple[str, int],
    ready: Callable[[], None],
) -> None:
    """Run the children until a signal comes; then end them all and return.

    :param probe: host and port at which the first child answers HTTP once it is ready.
    :param ready: called once, when it does.
    :raises ClickException: the first child ends before it is ready.
    """
    stop = Event()
    before = {
        number: signal.signal(number, lambda _number, _frame: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        for child in children:
            child.start(environment)
        _wait_until_ready(children[0], probe, stop)
        if not stop.is_set():
            ready()
        while not stop.wait(0.2):
            _look_after(children, environment)
    finally:
        _end(children)
        for number, handler in before.items():
            _restore(number, handler)


def _restore(number: int, handler: Callable[[int, FrameType | None], object] | int | None) -> None:
    signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _wait_until_ready(child: Child, probe: tuple[str, int], stop: Event) -> None:
    while not stop.wait(0.1):
        code = child.ended()
        if code is not None:
            raise click.ClickException(
                f"The {child.name} did not start ({_code(code)}); its own words stand above."
            )
        if _answers(probe):
            return


def _answers(probe: tuple[str, int]) -> bool:
    connection = http.client.HTTPConnection(*probe, timeout=5)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _look_after(children: Sequence[Child], environment: Mapping[str, str]) -> None:
    for child in children:
        code = child.ended()
        if code is not None:
            child.note_end(code)
        if child.process is None and time.monotonic() >= child.due:
            child.start(environment)


def _end(children: Sequence[Child]) -> None:
    for child in children:
        child.signal(signal.SIGTERM)
    last = time.monotonic() + GRACE_S
    for child in children:
        if child.process is None:
            continue
        try:
            child.process.wait(max(0.1, last - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def _end_with_parent() -> None:
    """Ask Linux to end this child when the supervisor is killed without a chance to do it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _code(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"signal {-code}"
    return f"exit code {code}"
