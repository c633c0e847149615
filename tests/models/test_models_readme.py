"""Relative links and anchors of README.md and models/README.md resolve."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "models/README.md")


def prose(path):
    """The text of a Markdown file without fenced code."""
    return re.sub(
        r"^ *```.*?^ *```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )


def anchors(path):
    """The anchors that GitHub gives to the headings of a Markdown file."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def links(page):
    """Targets of inline links and images of one page that are not on the web."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(ROOT / page))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


LINKS = [(page, target) for page in PAGES for target in dict.fromkeys(links(page))]


@pytest.mark.parametrize("page", PAGES)
def test_pages_have_links(page):
    assert links(page)


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_links_resolve(page, target):
    file, _, anchor = target.partition("#")
    path = ((ROOT / page).parent / file).resolve() if file else ROOT / page
    assert path.exists(), f"{page} links to {file}, which does not exist"
    if anchor:
        assert anchor in anchors(path), f"{page} links to {target}: no such heading"
