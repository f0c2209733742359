"""What a user waits for in a real Chromium, with everything of the demo running on the same machine:
``python -m tests.bench.browser RESULT.json``.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.bench.figures import ROUNDS, Figure, figure
from tests.chromium import ARGUMENTS, CHROMIUM
from tests.installation import START_LIMIT_S, Installation
from tests.processes import wait_for
from tests.screenshots import log_in

# When the lines of the plot were drawn anew, as the page itself sees it: it asks at every frame.
DRAWN = """async (before) => {
  const lines = () => {
    const plot = document.querySelector('#plot .js-plotly-plot');
    const isDrawn = plot && plot.data && plot.querySelector('.trace');
    return isDrawn ? JSON.stringify(plot.data.map((line) => [line.uid, line.name])) : '';
  };
  while (!lines() || lines() === before) await new Promise(requestAnimationFrame);
  return [performance.now(), lines()];
}"""


def first_graph_ms(page: Page, url: str) -> float:
    """From the start of the navigation to the first drawn line."""
    page.goto(url, wait_until="commit")
    return float(page.evaluate(DRAWN, "")[0])


def tab_switch_ms(page: Page, name: str) -> float:
    """From the click on a device's tab to its lines."""
    before = page.evaluate(DRAWN, "")[1]
    page.get_by_role("tab", name=name).wait_for()
    clicked_ms = page.evaluate(
        """(name) => { const tab = [...document.querySelectorAll('[role=tab]')].find((t) => t.innerText.includes(name));
                       const now = performance.now(); tab.click(); return now; }""",
        name,
    )
    return float(page.evaluate(DRAWN, before)[0]) - float(clicked_ms)


def measure(installation: Installation) -> list[Figure]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        log_in(page, installation)
        loads = [first_graph_ms(page, installation.url + "/") for _ in range(ROUNDS)]
        switches = []
        for _ in range(ROUNDS):
            for name in ("House", "Annex"):
                switches.append(tab_switch_ms(page, name))
                page.wait_for_load_state("networkidle")
        browser.close()
    return [
        figure("first_graph_warm_ms", statistics.median(loads), "ms"),
        figure("tab_switch_ms", statistics.median(switches), "ms"),
    ]


def main(result: str) -> None:
    with tempfile.TemporaryDirectory(prefix="ct6-bench-") as scratch:
        installation = Installation(Path(scratch))
        installation.start()
        try:
            wait_for(lambda: installation.get("/health/")[0] == 200, START_LIMIT_S)
            time.sleep(5)  # the rollups of the start
            figures = measure(installation)
            installation.stop()
        finally:
            installation.close()
    Path(result).write_text(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1])
