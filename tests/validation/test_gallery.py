"""The gallery shows the results of the models of the catalogue.

`make reports` makes the rows. A new model has none until then, so that these tests run over the
rows that exist.
"""

import json
import re
from pathlib import Path
from typing import Any

import gallery
import gallery_content as content
import numpy as np
import pytest

import latentfit

REPORTS = Path(__file__).parents[2] / "reports"
TITLES = {entry.name: entry.title for entry in latentfit.catalogue()}
CHEAP = "zero-inflated-poisson"

# Both runs have Monte Carlo error, and a row has many numbers.
SIGMAS = 5


ROWS = json.loads((REPORTS / "gallery.json").read_text(encoding="utf-8"))
INDEX = (REPORTS / "README.md").read_text(encoding="utf-8")


def test_every_row_belongs_to_a_model():
    assert CHEAP in ROWS
    assert list(ROWS) == [name for name in TITLES if name in ROWS]
    assert {name: row["title"] for name, row in ROWS.items()} == {
        name: title for name, title in TITLES.items() if name in ROWS
    }


def test_every_row_has_a_section_in_the_index():
    *sections, last = re.findall(r"^## (.+)$", INDEX, flags=re.MULTILINE)
    assert sections == list(ROWS)
    assert last == "How the gallery was made"


def test_index_is_made_from_the_rows():
    assert content.index_text(ROWS) == INDEX


def test_index_shows_a_row_whose_comparison_failed():
    rows = ROWS | {"coins": {"title": "Two coins", "error": "no such thing"}}
    assert "Not compared: no such thing" in content.index_text(rows)


def test_pictures_exist_and_are_small():
    shown = set(re.findall(r'src="([^"]+)"', INDEX))
    assert shown == {f"gallery-{name}.png" for name in ROWS}
    assert shown == {path.name for path in REPORTS.glob("gallery-*.png")}
    for name in shown:
        assert (REPORTS / name).read_bytes().startswith(b"\x89PNG")
        assert (REPORTS / name).stat().st_size <= 15_000, name


def test_links_point_to_files():
    for target in re.findall(r"\]\((\.\./[^)]+)\)", INDEX):
        assert (REPORTS / target).is_file(), target


@pytest.mark.parametrize("name", ROWS)
def test_em_reproduces_the_log_likelihood_of_the_row(name):
    """EM alone, with the same seed, has the log-likelihood of the row."""
    row = ROWS[name]
    fit = latentfit.load(name).fit(seed=row["seed"], starts=row["sampling"]["starts"])
    assert fit.best.log_likelihood == pytest.approx(row["log_likelihood"]["em"], rel=1e-9)


@pytest.mark.slow
def test_a_row_can_be_made_again(tmp_path):
    again, row = gallery.build(CHEAP, tmp_path), ROWS[CHEAP]
    assert (tmp_path / f"gallery-{CHEAP}.png").is_file()
    assert (tmp_path / CHEAP / "report.html").is_file()
    assert again.keys() == row.keys()
    assert again["agree"] == row["agree"]
    assert again["picture"] == row["picture"]
    assert [v["status"] for v in again["verdicts"]] == [v["status"] for v in row["verdicts"]]
    assert again["log_likelihood"] == pytest.approx(row["log_likelihood"], abs=5e-7)
    for new, old in zip(again["parameters"], row["parameters"], strict=True):
        assert new["name"] == old["name"]
        for key in ("em", "em_se", "mle", "map"):
            assert _printed(new[key], old) == _printed(old[key], old), (old["name"], key)
        for key, error in _monte_carlo(old).items():
            # The variances of two independent runs add.
            difference, allowed = abs(new[key] - old[key]), SIGMAS * np.sqrt(2) * error
            assert difference <= allowed, (old["name"], key)
        for end in (0, 1):
            allowed = SIGMAS * np.sqrt(2) * _quantile_error(old)
            assert abs(new["eti"][end] - old["eti"][end]) <= allowed, (old["name"], end)


def _printed(value: float, row: dict[str, Any]) -> str:
    return content.number(value, row["posterior_sd"])


def _monte_carlo(row: dict[str, Any]) -> dict[str, float]:
    """Standard errors of mean and sd; the sd's as for a normal posterior."""
    sd = row["posterior_sd"] / np.sqrt(2 * row["ess_bulk"])
    return {"posterior_mean": row["mcse_mean"], "posterior_sd": sd}


def _quantile_error(row: dict[str, Any]) -> float:
    """Of a 2.5 % quantile: sqrt(p (1 - p) / ESS) over the density there, that of a normal."""
    density = np.exp(-(1.959964**2) / 2) / np.sqrt(2 * np.pi) / row["posterior_sd"]
    return np.sqrt(0.025 * 0.975 / row["ess_tail"]) / density
