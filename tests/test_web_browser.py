"""Lists in a real browser: keys, selection, more rows, toasts, and nothing too wide."""

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address():
    screens = pytest.importorskip("screens")
    with screens.served() as served:
        yield served


@pytest.fixture
def at_home(page, address):
    import screens

    page.complaints = []
    page.on(
        "console", lambda message: page.complaints.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    screens.sign_in(page, address)
    return page


def test_rows_are_walked_selected_changed_and_undone_by_keys(at_home, address):
    at_home.goto(f"{address}/t/person?sort=number")
    for key in ("j", "x", "j", "x"):
        at_home.keyboard.press(key)
    assert at_home.inner_text("[data-picked-count]") == "2"

    at_home.click("button[value=change]")
    at_home.select_option("#field", "town")
    at_home.click("text=Next")
    at_home.fill("#value", "Wien")
    at_home.click(".btn-primary >> text=Change 2 people")
    at_home.wait_for_selector("text=Town changed for 2 people.")

    at_home.keyboard.press("Control+z")
    at_home.wait_for_selector("text=Undone.")
    assert at_home.complaints == []


def test_fifty_more_rows_come_without_leaving_the_page(at_home, address):
    expect = pytest.importorskip("playwright.sync_api").expect
    at_home.goto(f"{address}/t/person")
    at_home.click("#more a")
    expect(at_home.locator("[data-row]")).to_have_count(100)

    assert at_home.url == f"{address}/t/person"
    assert at_home.complaints == []


def test_letters_can_be_switched_off(at_home, address):
    at_home.goto(f"{address}/t/person")
    at_home.keyboard.press("?")
    at_home.check("[data-keys-off]")
    at_home.click("#keys >> text=Close")
    at_home.keyboard.press("j")

    assert at_home.locator(".tk-at").count() == 0
    at_home.evaluate("localStorage.clear()")


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_no_page_is_wider_than_the_window(at_home, address, width):
    import screens

    at_home.set_viewport_size({"width": width, "height": 800})
    for name, path in screens.PAGES.items():
        at_home.goto(address + path)
        assert at_home.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


def test_the_menu_of_a_phone_opens_and_closes(at_home):
    at_home.set_viewport_size({"width": 390, "height": 844})
    assert not at_home.is_visible("#menu")
    at_home.click("text=Menu")
    assert at_home.is_visible("#menu >> text=Households")
    at_home.click("[aria-label='Close the menu']")
    assert not at_home.is_visible("#menu")
