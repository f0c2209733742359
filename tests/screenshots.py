"""Pictures of the main states of the pages, for people to look at: in artifacts/screenshots, new with every run."""

from typing import Literal

from playwright.sync_api import Browser, Page

from tests.installation import PASSWORD, Installation
from tests.processes import ROOT

FOLDER = ROOT / "artifacts" / "screenshots"
PATIENCE_MS = 30_000
WIDE, PHONE = (1440, 1000), (390, 844)
# What is shown, by the words of its address.
STATES = {
    "today": "",
    "week": "?range=week",
    "voltage": "?quantity=voltage",
    "energy": "?view=energy&range=last-week",
}


def take_screenshots(browser: Browser, installation: Installation) -> list[str]:
    """Every state wide, today also in the dark, on a phone and in German; the names of the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = [_take(browser, installation, name, search, WIDE) for name, search in STATES.items()]
    names.append(_take(browser, installation, "today-dark", "", WIDE, scheme="dark"))
    names.append(_take(browser, installation, "today-phone", "", PHONE))
    names.append(_take(browser, installation, "energy-phone", STATES["energy"], PHONE))
    names.append(_take(browser, installation, "today-german", "", WIDE, language="de-DE"))
    return names


def _take(
    browser: Browser,
    installation: Installation,
    name: str,
    search: str,
    size: tuple[int, int],
    *,
    scheme: Literal["light", "dark"] = "light",
    language: str = "en-GB",
) -> str:
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, locale=language)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    try:
        log_in(page, installation)
        page.goto(f"{installation.url}/{search}")
        wait_until_drawn(page, "#energy-bars" if "view=energy" in search else "#plot")
        page.screenshot(path=FOLDER / f"{name}.png", full_page=size == PHONE)
    finally:
        context.close()
    return f"{name}.png"


def log_in(page: Page, installation: Installation) -> None:
    page.goto(f"{installation.url}/login/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("form.ct6-card [type=submit]")
    wait_until_drawn(page, "#plot")


def wait_until_drawn(page: Page, plot: str) -> None:
    """Until the plot shows lines or bars, and no other part of the page is being fetched."""
    page.wait_for_selector(f"{plot} .trace", state="attached")
    page.wait_for_function("() => !document.querySelector('[data-dash-is-loading=true]')")
