"""What happens to a request before the pages see it: who it is from behind proxies, its line in the log, health."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request

from tracker import logs
from tracker.core.base import workers
from tracker.core.base.migrations import current, newest
from tracker.core.base.workspace import Workspace
from tracker.logs import facts, fault
from tracker.settings import Settings
from tracker.web.security import HEADERS

log = logging.getLogger("tracker.web")
Environ = dict[str, Any]
Start = Callable[..., Any]
Wsgi = Callable[[Environ, Start], Iterable[bytes]]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LIVE, READY = "/healthz", "/readyz"
ASKED_EVERY_S = 1.0  # the database is asked for its health at most so often
FORWARDED = tuple(f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "PROTO", "HOST", "PORT", "PREFIX"))
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def install(app: Flask, workspace: Workspace, settings: Settings) -> None:
    """Put all of it in front of the pages."""

    @app.before_request
    def name_the_route() -> None:
        logs.note(route=request.url_rule.rule if request.url_rule else "none")

    inner: Wsgi = app.wsgi_app
    app.wsgi_app = FromProxies(RequestLog(Health(inner, workspace)), settings)  # type: ignore[method-assign, assignment]


class FromProxies:
    """Believes what trusted proxies say of a request, and nobody else; the scheme is that of the setting `url`."""

    def __init__(self, app: Wsgi, settings: Settings) -> None:
        self.app = app
        self.trusted = [ip_network(each) for each in settings.trusted_proxies]
        self.scheme = urlsplit(settings.url).scheme

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        said = {name: str(environ.pop(name, "")).split(",") for name in FORWARDED}
        environ["tracker.proxied"] = self._trusts(environ.get("REMOTE_ADDR", ""))
        if environ["tracker.proxied"]:
            environ["REMOTE_ADDR"] = self._client(environ["REMOTE_ADDR"], said["HTTP_X_FORWARDED_FOR"])
            proto, host = (
                said["HTTP_X_FORWARDED_PROTO"][-1].strip(),
                said["HTTP_X_FORWARDED_HOST"][-1].strip(),
            )
            if proto in ("http", "https"):
                environ["wsgi.url_scheme"] = proto
            if host:
                environ["HTTP_HOST"] = host
        if self.scheme:
            environ["wsgi.url_scheme"] = self.scheme
        return self.app(environ, start)

    def _client(self, address: str, chain: list[str]) -> str:
        """Return the last address before our own proxies: what stands before it, the client may have written."""
        for each in reversed([part.strip() for part in chain]):
            if not _network_of(each):
                break
            address = each
            if not self._trusts(each):
                break
        return address

    def _trusts(self, address: str) -> bool:
        own = _network_of(address)
        return own is not None and any(
            own.version == each.version and own.network_address in each for each in self.trusted
        )


def _network_of(address: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(ip_address(address))
    except ValueError:
        return None


class RequestLog:
    """Gives each request an id, and tells it in one line: route, status and time, never its path or form."""

    def __init__(self, app: Wsgi) -> None:
        self.app = app

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        began, sent = time.perf_counter(), str(environ.get("HTTP_X_REQUEST_ID", ""))
        number = sent if environ.get("tracker.proxied") and _ID.fullmatch(sent) else secrets.token_hex(8)
        path = environ.get("PATH_INFO", "")
        health, file = path in (LIVE, READY), path.startswith("/static/")
        held = logs.begin(request=number, method=_method(environ), route="none")
        if health:
            logs.note(route=path)
        status = [500]

        def begin(line: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            status[0] = int(line[:3])
            return start(line, [*headers, ("X-Request-ID", number)], *rest)

        def finish() -> None:
            ms = round((time.perf_counter() - began) * 1000, 1)
            level = logging.DEBUG if health or (file and status[0] < 400) else logging.INFO
            log.log(level, "request", extra=facts(**held, status=status[0], ms=ms))
            logs.end(held)

        try:
            return _Body(self.app(environ, begin), finish)
        except Exception as error:  # noqa: BLE001 - the server would print its message, which may hold values
            log.error("a request failed before its page", extra=facts(**fault(error)))  # noqa: TRY400
            begin("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])
            return _Body([b"This could not be done.\n"], finish)


def _method(environ: Environ) -> str:
    """Return the method if it is one: what else a client sends there is not logged."""
    method = str(environ.get("REQUEST_METHOD", ""))
    return method if method in METHODS else "other"


class Broken(Exception):
    """An answer broke off; the log has told why. It has no words, since the server prints them."""


class _Body:
    """The body of an answer, which tells when it was sent."""

    def __init__(self, body: Iterable[bytes], finish: Callable[[], None]) -> None:
        self._body = body
        self._finish: Callable[[], None] | None = finish

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception as error:  # noqa: BLE001 - as above
            log.error("an answer broke off", extra=facts(**fault(error)))  # noqa: TRY400
            raise Broken from None
        finally:
            self._end()

    def close(self) -> None:
        """End the answer, whether all of it was sent or not."""
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._end()

    def _end(self) -> None:
        finish, self._finish = self._finish, None
        if finish is not None:
            finish()


class Health:
    """Answers `/healthz` (the process is alive) and `/readyz` (it can work), whatever the host; details are logged."""

    def __init__(self, app: Wsgi, workspace: Workspace) -> None:
        self.app = app
        self.workspace = workspace
        self._lock = Lock()
        self._state, self._asked_at = "", 0.0

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO")
        if path not in (LIVE, READY):
            return self.app(environ, start)
        ready = path == LIVE or self.state() == "ready"
        told = "alive" if path == LIVE else "ready" if ready else "not ready"
        body = json.dumps({"status": told}).encode() + b"\n"
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        headers += [("Cache-Control", "no-store"), *HEADERS.items()]
        start("200 OK" if ready else "503 Service Unavailable", headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    def state(self) -> str:
        """Return `ready`, or what is in the way; asked anew after a second, and logged when it changes."""
        with self._lock:
            if not self._state or time.monotonic() - self._asked_at >= ASKED_EVERY_S:
                before, self._state = self._state, _state(self.workspace)
                self._asked_at = time.monotonic()
                if self._state != before and (before or self._state != "ready"):
                    log.warning("the state of this server changed", extra=facts(state=self._state))
            return self._state


def _state(workspace: Workspace) -> str:
    try:
        with workspace.database.reading() as connection:
            if current(connection) != newest():
                return "the schema is of another version"
            seen = workers.last_seen(connection)
    except Exception as error:  # noqa: BLE001 - whatever it is, the database does not answer
        log.warning("the database does not answer", extra=facts(**fault(error)))
        return "the database does not answer"
    late = seen is None or workspace.clock() - seen > workers.GONE_AFTER
    return "no worker was seen lately" if late else "ready"
