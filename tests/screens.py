"""Pictures of pages in a real browser, on a furnished workspace: `python tests/screens.py FOLDER [NAME ...]`.

`python tests/screens.py --readme` makes docs/screenshot.png as the README's own line would show it.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from ground import Ground
from playwright.sync_api import Browser, Page, sync_playwright
from types_ground import add_venues
from web_ground import PASSWORD, add_person, furnish
from werkzeug.serving import make_server

from tracker.app import create_app, open_workspace
from tracker.settings import Settings

SCREENSHOT = Path(__file__).parent.parent / "docs" / "screenshot.png"
LARGEST = 200_000  # bytes
WIDTHS = {"wide": (1440, 900), "tablet": (820, 1000), "phone": (390, 844)}
PAGES = {
    "home": "/",
    "list": "/t/person",
    "view": "/t/person?view=active&town__contains=a",
    "condition": "/t/person?view=due_soon&edit=paid_until",
    "all_columns": "/t/person?columns=number,status,household,friends,town,paid_until,dues,emails,phones,website,kind,"
    "interests,tags,age,volunteer,about,their_town,friend_count,double_dues,iban",
    "empty": "/t/empty",
    "nothing": "/t/person?name__contains=zzz&status__is=active",
    "problem": "/t/person?age__gt=old",
    "search": "/search?q=mar",
    "changes": "/changes",
    "change": "/changes/6",
    "venue": "/t/venue/1",
    "venue_form": "/t/venue/1/edit",
    "venue_list": "/t/venue?columns=sector,score,discount,opens,visit,contact,tone",
    "venue_tree": "/admin/trackers/venue/fields/sector",
    "trash": "/t/person/trash",
    "account": "/account",
    "not_open": "/t/nowhere",
}


@contextmanager
def served(count: int = 120) -> Iterator[str]:
    """Serve a furnished workspace and yield its address."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        workspace = open_workspace(settings)
        ground = Ground(workspace)
        furnish(ground, count=count)
        add_venues(ground)
        add_person(ground, "amelie@example.org", "staff", admin=True)
        add_person(ground, "nadia@example.org", "guests", name="Nadia Haddad")
        server = make_server("127.0.0.1", 0, create_app(workspace, settings), threaded=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            workspace.database.close()


def sign_in(page: Page, address: str, email: str = "amelie@example.org") -> None:
    """Sign in as a person would."""
    page.goto(f"{address}/sign-in")
    page.fill("[name=email]", email)
    page.fill("[name=password]", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url(f"{address}/")


def shoot(browser: Browser, address: str, folder: Path, names: list[str]) -> list[str]:
    """Take the pictures, light and dark, at every width; return what the pages complained of."""
    complaints: list[str] = []
    for dark in (False, True):
        context = browser.new_context(color_scheme="dark" if dark else "light")
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        for width, (across, down) in WIDTHS.items():
            page.set_viewport_size({"width": across, "height": down})
            if "sign_in" in names:
                page.goto(f"{address}/sign-in?next=/x")
                _save(page, folder / f"sign_in-{width}{'-dark' if dark else ''}.png")
            sign_in(page, address)
            for name in names:
                if name not in PAGES:
                    continue
                page.goto(address + PAGES[name])
                page.wait_for_load_state("networkidle")
                over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                if over > 0:
                    complaints.append(f"{name} at {across}: {over} px too wide")
                _save(page, folder / f"{name}-{width}{'-dark' if dark else ''}.png")
            context.clear_cookies()
        context.close()
    return complaints


def _save(page: Page, path: Path) -> None:
    page.screenshot(path=str(path))


# -- the picture of the README ----------------------------------------------------------------------


@contextmanager
def demo() -> Iterator[str]:
    """Serve a profile with its demo data, and yield the one-time link of its administrator."""
    line = ["serve", "--profile", "nonprofit_membership", "--demo", "--port", "0", "--no-worker"]
    house = ["--set", "organisation=Rivers & Trails"]
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "tracker", *line, *house]
        environment = {**os.environ, "TRACKER_HOME": home}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                yield next(
                    found[0] for text in server.stdout if (found := re.search(r"http\S+/welcome/\S+", text))
                )
            finally:
                server.terminate()


def readme(browser: Browser) -> None:
    """Take the picture of the list of people, as the administrator sees it at first."""
    with demo() as welcome:
        page = browser.new_page(viewport=dict(zip(("width", "height"), WIDTHS["wide"], strict=True)))
        page.goto(welcome)
        page.fill("[name=name]", "Amélie Fontaine")
        page.fill("[name=email]", "amelie@example.org")
        page.fill("[name=password]", PASSWORD)
        page.click("button.btn-primary")
        page.goto(page.url.rpartition("/")[0] + "/t/person")
        page.wait_for_load_state("networkidle")
        picture = packed(page.screenshot())
    assert len(picture) <= LARGEST, len(picture)
    SCREENSHOT.write_bytes(picture)


def packed(png: bytes) -> bytes:
    """Return a picture of 8 bits a colour with its 256 commonest colours, the others as the nearest of them."""
    width, height, pixels = _pixels(png)
    colours = [pixels[place : place + 3] for place in range(0, len(pixels), 3)]
    palette = [colour for colour, _n in Counter(colours).most_common(256)]
    known = {colour: number for number, colour in enumerate(palette)}
    for colour in set(colours) - known.keys():
        known[colour] = min(
            range(len(palette)),
            key=lambda number: sum((a - b) ** 2 for a, b in zip(colour, palette[number], strict=True)),
        )
    rows = bytes(known[colour] for colour in colours)
    lines = b"".join(b"\0" + rows[start : start + width] for start in range(0, len(rows), width))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", head),
        (b"PLTE", b"".join(palette)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return png[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def _pixels(png: bytes) -> tuple[int, int, bytes]:
    """Return width, height and the colours of a PNG of 8-bit RGB that is not interlaced."""
    place, data, head = 8, b"", b""
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        body = png[place + 8 : place + 8 + length]
        head, data = (body if kind == b"IHDR" else head), (data + body if kind == b"IDAT" else data)
        place += 12 + length
    width, height, *form = struct.unpack(">IIBBBBB", head)
    assert form == [8, 2, 0, 0, 0], form
    raw, size, before, found = zlib.decompress(data), width * 3, bytes(width * 3), []
    for start in range(0, len(raw), size + 1):
        before = _unfiltered(raw[start], raw[start + 1 : start + 1 + size], before)
        found.append(before)
    return width, height, b"".join(found)


def _unfiltered(kind: int, line: bytes, up: bytes) -> bytes:
    """Return a line of a PNG as it was before its filter."""
    found = bytearray(line)
    for place, value in enumerate(line):
        a, c = (found[place - 3], up[place - 3]) if place >= 3 else (0, 0)
        b = up[place]
        if kind == 4:  # the nearest of the three neighbours to their plane
            p = a + b - c
            guess = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        else:
            guess = (0, a, b, (a + b) // 2)[kind]
        found[place] = (value + guess) & 255
    return bytes(found)


def main() -> None:
    """Take the pictures that were asked for, or all."""
    if sys.argv[1:] == ["--readme"]:
        with sync_playwright() as playwright:
            readme(playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"]))
        return
    folder, names = Path(sys.argv[1]), sys.argv[2:] or ["sign_in", *PAGES]
    folder.mkdir(parents=True, exist_ok=True)
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for complaint in shoot(browser, address, folder, names):
            print(complaint)  # noqa: T201 - a script that prints
        browser.close()


if __name__ == "__main__":
    main()
