"""Pictures of pages in a real browser: `python tests/screens.py FOLDER [NAME ...]`, on a furnished workspace."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from ground import Ground
from playwright.sync_api import Browser, Page, sync_playwright
from web_ground import PASSWORD, add_person, furnish
from werkzeug.serving import make_server

from tracker.app import create_app, open_workspace
from tracker.settings import Settings

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


def main() -> None:
    """Take the pictures that were asked for, or all."""
    folder, names = Path(sys.argv[1]), sys.argv[2:] or ["sign_in", *PAGES]
    folder.mkdir(parents=True, exist_ok=True)
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for complaint in shoot(browser, address, folder, names):
            print(complaint)  # noqa: T201 - a script that prints
        browser.close()


if __name__ == "__main__":
    main()
