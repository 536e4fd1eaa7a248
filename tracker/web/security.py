"""What every answer says to browsers, which hosts are ours, and how much a request may carry."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request

from tracker.settings import Settings

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
LARGEST_BODY = 2 * 1024 * 1024
MOST_PARTS = 5000
YEAR = 365 * 24 * 3600


def install(app: Flask, settings: Settings) -> None:
    """Set limits, hosts and cookies, and the headers of every answer."""
    secure = settings.url.startswith("https://")
    app.config.update(
        SECRET_KEY=settings.secret(
            "session"
        ),  # signs nothing but the cookie that carries a toast to the next page
        SESSION_COOKIE_NAME="tracker_toast",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_BODY,
        MAX_FORM_PARTS=MOST_PARTS,
        TRUSTED_HOSTS=trusted_hosts(settings),
    )

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if secure:
            response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR}")
        _add_caching(response)
        return response


def trusted_hosts(settings: Settings) -> list[str]:
    """Return the host names that requests may name: those that were set, that of `url`, or this machine's own."""
    if settings.trusted_hosts:
        return list(settings.trusted_hosts)
    own = urlsplit(settings.url).hostname
    return [own] if own else ["localhost", "127.0.0.1", "[::1]", settings.host]


def _add_caching(response: Response) -> None:
    """Pages are kept by nobody; files whose address changes with them are kept for ever."""
    if request.endpoint == "static":
        named = "v" in request.args or "/dist/" in request.path
        ok = response.status_code in (200, 304)
        response.headers["Cache-Control"] = (
            f"public, max-age={YEAR}, immutable" if named and ok else "no-cache"
        )
        return
    response.headers["Cache-Control"] = "no-store"
    response.vary.update(["Cookie", "HX-Request-Type"])
