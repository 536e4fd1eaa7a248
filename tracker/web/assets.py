"""The built front end: where a script, a style sheet or an icon lies under static/."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from flask import g, url_for
from markupsafe import Markup

from tracker.errors import Misconfigured
from tracker.i18n import _

STATIC = Path(__file__).parent / "static"
MANIFEST = STATIC / "dist" / "manifest.json"


def asset(name: str) -> str:
    """Return the path under static/ of `name`, as in `main.js`, `main.css`, `tabler.css` or `icons.svg`.

    Built files carry a hash of their content in their path and may be cached for ever.

    :raises Misconfigured: the front end is not built, or has no such file.
    """
    if (STATIC / name).is_file():
        return name
    if not MANIFEST.is_file():
        raise Misconfigured(
            _(
                "The front end is not built: %(file)s is not there. Run `npm ci --ignore-scripts` and "
                "`npm run build` in tracker/web/frontend, or `pip install` without TRACKER_SKIP_FRONTEND.",
                file=MANIFEST,
            )
        )
    built = _built(MANIFEST, MANIFEST.stat().st_mtime_ns)
    if name not in built:
        raise Misconfigured(
            _("The front end has no file “%(name)s”. It has %(known)s.", name=name, known=", ".join(built))
        )
    return f"dist/{built[name]}"


def asset_url(name: str) -> str:
    """Return the address of `name`; it changes whenever the file does."""
    path = asset(name)
    if path.startswith("dist/"):
        return url_for("static", filename=path)
    return url_for("static", filename=path, v=_fingerprint(path, (STATIC / path).stat().st_mtime_ns))


def icon(name: str, size: str = "") -> Markup:
    """Return the icon `name`, hidden from screen readers: the word beside it speaks.

    :param name: a line of frontend/icons.txt.
    :param size: `s`, `l` or `xl`; empty is 18 px.
    :raises Misconfigured: the front end is not built, or without this icon.
    """
    if "sprite" not in g:
        g.sprite = (asset_url("icons.svg"), _icons(asset("icons.svg")))
    address, known = g.sprite
    if name not in known:
        raise Misconfigured(
            _("There is no icon “%(name)s”. Add it to frontend/icons.txt and build again.", name=name)
        )
    looks = f"tk-i tk-i-{size}" if size else "tk-i"
    return Markup('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(looks, address, name)


def drawn_icons() -> frozenset[str] | None:
    """Return the names of the icons that the built front end can draw; None when it is not built."""
    try:
        return _icons(asset("icons.svg"))
    except Misconfigured:
        return None


@cache
def _built(manifest: Path, changed_ns: int) -> dict[str, str]:
    """Return the built files: the name of the source to the path under dist/."""
    del changed_ns  # only there so that a new build is read again
    entries = json.loads(manifest.read_text(encoding="utf-8"))
    return {
        source.removeprefix("src/"): entry["file"]
        for source, entry in entries.items()
        if source.startswith("src/")
    }


@cache
def _icons(path: str) -> frozenset[str]:
    sprite = (STATIC / path).read_text(encoding="utf-8")
    return frozenset(part.split('"', 1)[0] for part in sprite.split('<symbol id="')[1:])


@cache
def _fingerprint(path: str, changed_ns: int) -> str:
    del changed_ns
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:8]
