"""The report in a browser, on a laptop and on a telephone."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import report_sample as sample

from latentfit import report

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WIDTHS = {"laptop": 1366, "telephone": 390}
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# The share of pixels that differ from the first one: nothing for a blank picture.
INKED = """
const done = arguments[arguments.length - 1];
Promise.all([...document.images].map(async image => {
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  const data = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return [image.alt, image.naturalWidth, data.filter(p => p !== data[0]).length / data.length];
})).then(done, error => done(String(error)));
"""

OVERFLOWING = """
const scrolls = element => element && (
  ["auto", "scroll", "hidden"].includes(getComputedStyle(element).overflowX)
  || scrolls(element.parentElement));
return [...document.querySelectorAll("body *")]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e))
  .map(e => e.tagName + ": " + e.textContent.trim().slice(0, 60));
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not (BROWSER and DRIVER):
        if os.environ.get("CI"):
            pytest.fail("chromium and chromedriver are needed to check the report")
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    paths = report.write(sample.comparison(), tmp_path_factory.mktemp("report"))
    return Path(paths.report).as_uri()


@pytest.fixture(params=WIDTHS)
def opened(browser: Any, address: str, request: pytest.FixtureRequest) -> Any:
    width = WIDTHS[request.param]
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(address)
    return browser


def test_the_page_loads_nothing_and_complains_of_nothing(opened: Any, address: str) -> None:
    assert not opened.get_log("browser")
    # Entries are JSON; the address of every request stands in them in plain text.
    asked = [
        entry["message"]
        for entry in opened.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    assert any(address in message for message in asked)
    strangers = [m for m in asked if '"url":"http' in m or '"url":"ws' in m or '"url":"ftp' in m]
    assert not strangers


def test_no_picture_is_empty(opened: Any) -> None:
    pictures = opened.execute_async_script(INKED)
    assert isinstance(pictures, list), pictures
    assert len(pictures) == 20
    for alt, width, inked in pictures:
        assert width > 0, alt
        assert inked > 0.002, alt


def test_nothing_sticks_out_of_the_page(opened: Any) -> None:
    assert opened.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert opened.execute_script(OVERFLOWING) == []


def test_formulas_are_set(opened: Any) -> None:
    sizes = opened.execute_script(
        "return [...document.querySelectorAll('math')]"
        ".map(m => m.getBoundingClientRect()).map(r => [r.width, r.height])"
    )
    assert len(sizes) >= 6
    assert all(width > 3 and height > 3 for width, height in sizes)
    fraction = opened.execute_script(
        "const f = document.querySelector('mfrac');"
        "return [f.children[0], f.children[1]].map(e => e.getBoundingClientRect().bottom)"
    )
    assert fraction[0] < fraction[1]


def test_headings_do_not_overlap_what_follows(opened: Any) -> None:
    overlaps = opened.execute_script(
        "return [...document.querySelectorAll('section > *')].filter(e => e.nextElementSibling)"
        ".filter(e => e.getBoundingClientRect().bottom"
        " > e.nextElementSibling.getBoundingClientRect().top + 1)"
        ".map(e => e.textContent.slice(0, 60))"
    )
    assert overlaps == []
