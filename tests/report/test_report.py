"""The report as text: its content, its escaping, and its files."""

import base64
import json
import os
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pymc as pm
import pytest
import report_sample as sample
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from latentfit import report
from latentfit.agreement import Comparison
from latentfit.errors import InputError
from latentfit.report.graph import draw_graph
from latentfit.report.markdown import derivation_html
from latentfit.report.mathml import mathml
from latentfit.report.numbers import align_decimals, to_uncertainty, two_digits
from latentfit.report.pictures import report_style

pytestmark = pytest.mark.slow

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return sample.comparison()


@pytest.fixture(scope="module")
def page(comparison: Comparison) -> str:
    return report.html(comparison)


class Elements(HTMLParser):
    """Every start tag with its attributes, and all the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def printed(comparison: Comparison, width: int) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(report.terminal(comparison))
    return console.file.getvalue()  # type: ignore[attr-defined]


# Numbers


@given(
    st.floats(-1e12, 1e12),
    st.floats(1e-9, 1e9),
)
def test_a_number_is_printed_to_a_tenth_of_its_uncertainty(value: float, scale: float) -> None:
    assert abs(float(to_uncertainty(value, scale)) - value) <= 0.1 * scale + 1e-14 * abs(value)


@given(st.floats(-1e300, 1e300))
def test_a_difference_keeps_its_order_of_magnitude(value: float) -> None:
    assert float(two_digits(value)) == pytest.approx(value, rel=0.51, abs=0)


@pytest.mark.parametrize("text", [to_uncertainty(np.nan, 1.0), two_digits(np.nan)])
def test_an_unknown_number_is_a_dash(text: str) -> None:
    assert text == "—"


def test_decimal_points_are_aligned() -> None:
    column = align_decimals(["12", "3.25", "-0.5", "—"])
    assert [len(entry) - re.search(r"[.\u2008]", entry).start() for entry in column[:3]] == [3] * 3  # type: ignore[union-attr]
    assert column[3] == "—"


def test_zero_has_no_sign() -> None:
    assert to_uncertainty(-1e-9, 0.1) == "0.00"


# Formulas and text of a model file


def test_a_formula_becomes_mathml() -> None:
    made = mathml(r"\begin{aligned} a &= \frac{1}{n} \\ b &= 2 \end{aligned}", display=True)
    assert made.count("<mtr>") == 2
    assert "<mfrac>" in made
    assert "amp" not in made


def test_a_function_has_a_space_before_its_argument() -> None:
    assert re.search(r"<mi>log</mi><mspace[^>]*/><mi>θ</mi>", mathml(r"\log\theta", display=False))
    assert re.search(r"<mi>exp</mi><mo[^>]*>\{</mo>", mathml(r"\exp\{x\}", display=False))


@pytest.mark.parametrize(
    "latex",
    [
        rf"\text{{{HOSTILE}}}",
        r"\text{&lt;script&gt;alert(1)&lt;/script&gt;}",
        r"\href{javascript:alert(1)}{x}",
        r"\style{background:url(http://example.org/x)}{x}",
        r"\class{banner}{x}",
        HOSTILE,
        r"\left( \frac{",
    ],
)
def test_a_formula_has_no_scripts_links_or_styles(latex: str) -> None:
    made = Elements(mathml(latex, display=False))
    assert not made.all("script")
    names = {name for _, attributes in made.tags for name in attributes}
    assert not names & {"href", "style", "class", "onclick", "id"}


def test_a_formula_that_cannot_be_read_is_shown_as_written() -> None:
    assert mathml("a_1_2<b", display=False) == "<code>a_1_2&lt;b</code>"


def test_html_and_pictures_in_a_derivation_are_shown_as_text() -> None:
    made = Elements(
        derivation_html(
            f"{HOSTILE}\n\n![alt](http://example.org/x.png)\n\n[a](javascript:alert(1))\n\n"
            '<img src="http://example.org/y.png">\n\n# Heading'
        )
    )
    assert not made.all("script")
    assert not made.all("img")
    assert all(not (link["href"] or "").startswith("javascript") for link in made.all("a"))
    assert 'alert("x")' in made.text
    assert made.all("h3")


def test_names_and_titles_are_escaped_everywhere(comparison: Comparison) -> None:
    row = replace(comparison.parameters[0], name=f"{HOSTILE}$x_$")
    hostile = replace(
        comparison,
        name=HOSTILE,
        title=HOSTILE,
        parameters=(row, *comparison.parameters[1:]),
        verdicts=tuple(replace(v, title=HOSTILE, detail=HOSTILE) for v in comparison.verdicts),
        latents=tuple(replace(latent, name=HOSTILE) for latent in comparison.latents),
        settings={HOSTILE: HOSTILE},
        versions={HOSTILE: HOSTILE},
        timings={HOSTILE: 1.0},
        published=({"name": HOSTILE, "value": HOSTILE, "source": HOSTILE},),
        optima=tuple(replace(optimum, note=HOSTILE) for optimum in comparison.optima),
    )
    result = sample.wrong(hostile, HOSTILE).check
    assert result
    failing = replace(hostile, check=result)
    for made in (report.html(failing), report.fragment(failing), report.check_fragment(result)):
        assert not Elements(made).all("script")
        assert "<script" not in made
    assert "[bold]" in printed(replace(comparison, title="[bold]x"), 80)


# The page


def test_the_page_needs_no_other_file(page: str) -> None:
    elements = Elements(page)
    assert elements.all("html")[0]["lang"] == "en"
    assert "Mixture of normal distributions" in page
    assert any(meta.get("name") == "viewport" for meta in elements.all("meta"))
    assert not elements.all("script")
    for _, attributes in elements.tags:
        for name in ("src", "href", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert "@import" not in page
    assert not re.search(r"url\((?!data:)", page)


def test_every_link_has_a_target(page: str) -> None:
    elements = Elements(page)
    targets = {attributes["id"] for _, attributes in elements.tags if "id" in attributes}
    links = [link["href"] for link in elements.all("a")]
    assert links
    assert all(link and link.lstrip("#") in targets for link in links)


def test_every_picture_is_described_and_well_formed(page: str) -> None:
    pictures = Elements(page).all("img")
    # Graph, forest, gap, predictive check; five marginals and ranks; three paths; three latents.
    assert len(pictures) == 4 + 5 + 5 + 3 + 3
    for picture in pictures:
        assert len(picture["alt"] or "") > 20
        kind, data = re.fullmatch(  # type: ignore[union-attr]
            r"data:image/(svg\+xml|png);base64,(.+)", picture["src"] or ""
        ).groups()
        image = base64.b64decode(data)
        assert image.startswith(b"<?xml" if kind == "svg+xml" else b"\x89PNG")


def test_estimates_verdicts_and_log_likelihoods_are_on_the_page(
    comparison: Comparison, page: str
) -> None:
    text = Elements(page).text.replace("−", "-")
    for row in comparison.parameters:
        assert row.name in text
        assert to_uncertainty(row.em, row.posterior_sd) in text
    for verdict in comparison.verdicts:
        assert verdict.title in text
    assert f"{comparison.log_likelihood['em']:.6f}" in text
    assert "sigma went to zero" in text
    assert "The joint mode is not the MLE" in text
    assert "passed" in text
    assert "warning" in text


def test_the_page_is_reproducible(comparison: Comparison, page: str) -> None:
    assert report.html(comparison) == page


def test_many_parameters_are_drawn_in_part_and_the_page_says_so() -> None:
    many = sample.comparison(components=13, size=200)
    page = report.html(many)
    assert len(many.parameters) == 27
    assert "The first 24 of 27 parameters" in " ".join(page.split())
    assert all(f">{row.name}<" in page for row in many.parameters)


def test_drawing_leaves_matplotlib_as_it_was(comparison: Comparison) -> None:
    import matplotlib.pyplot as plt

    before, open_figures = dict(mpl.rcParams), plt.get_fignums()
    report.html(comparison)
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == open_figures


def test_without_trusted_chains_there_is_no_verdict(comparison: Comparison) -> None:
    untrusted = sample.untrusted(comparison)
    for text in (
        Elements(report.html(untrusted)).text,
        Elements(report.fragment(untrusted)).text,
        " ".join(printed(untrusted, 100).split()),
    ):
        assert "No verdict on agreement" in text
        assert "the report makes no statement" in text
        assert "The answers agree" not in text


def test_a_disagreement_is_named(comparison: Comparison) -> None:
    failed = replace(comparison.verdicts[2], status="fail", title="EM did not reach the MLE")
    disagreeing = replace(comparison, agree=False, verdicts=(*comparison.verdicts[:2], failed))
    for text in (Elements(report.html(disagreeing)).text, printed(disagreeing, 90)):
        assert "The answers disagree" in text
        assert "EM did not reach the MLE" in text


def test_the_findings_of_a_wrong_derivation_come_first(comparison: Comparison) -> None:
    wrong = sample.wrong(comparison)
    page = report.html(wrong)
    text = Elements(page).text
    assert "The derivation is wrong" in text
    assert page.index('id="check"') < page.index('id="verdicts"')
    assert 'href="#check"' in page
    whole = " ".join(text.split())
    assert "M step, mu[1]given 2.118608expected −2.018608" in whole
    assert "Hint divide by n, the shape of x" in whole
    assert "contract, the shape of xgiven [3, 2]expected the shape of x" in whole
    shown = [details for details in Elements(page).all("details") if "open" in details]
    assert len(shown) == 1
    text = " ".join(printed(wrong, 80).split())
    assert "M step: mu[1] is 2.1186078 where the maximum of Q has 2.0186078" in text
    assert "hint: divide by n, the shape of x" in text
    assert "without its constant" not in text
    figures = wrong.to_dict()
    assert figures["check"]["passed"] is False
    assert figures["check"]["findings"][0]["evidence"]["given"] == 2.1186078
    json.dumps(figures, allow_nan=False)


def test_both_paths_are_drawn_if_a_step_is_wrong(comparison: Comparison) -> None:
    result = sample.wrong(comparison).check
    assert result
    for made in (report.html(sample.wrong(comparison)), result._repr_html_()):
        drawn = [p for p in Elements(made).all("img") if (p["alt"] or "").startswith("Paths of")]
        assert "mu from one start" in (drawn[0]["alt"] or "")
        assert "the declaration's EM is 0.25" in (drawn[0]["alt"] or "")
        assert "stop after iteration 5" in (drawn[1]["alt"] or "")
        assert len(drawn) == 2
        assert "the declaration's own EM" in " ".join(Elements(made).text.split())


def test_a_right_derivation_has_a_short_section(comparison: Comparison, page: str) -> None:
    assert "two-normals passes" in Elements(page).text
    assert [details for details in Elements(page).all("details") if "open" in details] == []
    assert "List of all checks (1 check: 1 passed)" in page
    alone = report.html(replace(comparison, check=None))
    assert 'href="#check"' not in alone
    assert 'id="check"' not in alone


def test_unknown_numbers_are_dashes_on_the_page(comparison: Comparison) -> None:
    unknown = sample.unknown(comparison)
    for text in (Elements(report.html(unknown)).text, printed(unknown, 100)):
        assert "nan" not in text.lower().replace("maximum", "")
        assert "—" in text


def test_em_without_a_log_likelihood(comparison: Comparison) -> None:
    best = comparison.fit.best
    silent = replace(
        best, log_likelihood=None, rate=float("nan"), trace=replace(best.trace, log_likelihood=None)
    )
    fit = replace(comparison.fit, best=silent, solutions=(silent,))
    page = report.html(replace(comparison, fit=fit, latents=(), joint_mode=None, published=()))
    assert "Difference between the final log-likelihood" not in page
    assert "Estimated rate" not in page
    assert 'href="#latents"' not in page


def test_a_parameter_with_constant_draws_is_reported(comparison: Comparison) -> None:
    tree = comparison.tree.copy()
    posterior = tree["posterior"].to_dataset()
    posterior["sigma"] = xr.full_like(posterior["sigma"], 1.0)
    tree["posterior"] = xr.DataTree(posterior)
    assert len(Elements(report.html(replace(comparison, tree=tree))).all("img")) == 19


def test_few_observations_are_shown_one_by_one(comparison: Comparison) -> None:
    few = comparison.tree.copy()
    for group in ("observed_data", "posterior_predictive"):
        few[group] = xr.DataTree(comparison.tree[group].to_dataset().isel(i=slice(1)))
    page = report.html(replace(comparison, tree=few))
    assert "1 observed value of x over a histogram of 80" in page


def test_the_graph_has_every_role_and_no_cycles() -> None:
    with pm.Model(coords={"obs": range(5)}) as model:
        seen = pm.Data("seen", np.ones(5), dims="obs")
        z = pm.Normal("z", dims="obs")
        mean = pm.Deterministic("mean", 0.5 * seen + z)
        pm.Potential("penalty", -(z**2).sum())
        pm.Normal("a$b", mean, observed=seen, dims="obs")
    with report_style():
        drawn = draw_graph(model, ("z",))
    assert "mean depends on seen, z" in drawn.alt
    assert "a$b depends on mean" in drawn.alt
    assert drawn.width > 0


# The terminal


@pytest.mark.parametrize("width", [80, 100])
def test_the_terminal_shows_whole_numbers(comparison: Comparison, width: int) -> None:
    text = printed(comparison, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for row in comparison.parameters:
        line = next(line for line in text.splitlines() if line.startswith(row.name))
        assert to_uncertainty(row.em, row.posterior_sd) in line.split()
    assert "warning" in text


# On disk


def test_three_files_are_written(comparison: Comparison, tmp_path: Path) -> None:
    paths = report.write(comparison, tmp_path / "deep" / "folder")
    assert sorted(path.name for path in paths.report.parent.iterdir()) == [
        "comparison.json",
        "comparison.nc",
        "report.html",
    ]
    figures = json.loads(paths.json.read_text(encoding="utf-8"))
    assert figures["agree"] is True
    assert figures["parameters"][0]["name"] == "w[0]"
    assert figures["optima"][1]["log_likelihood"] is None
    with xr.open_datatree(paths.netcdf) as tree:
        xr.testing.assert_allclose(tree["em"].to_dataset(), comparison.tree["em"].to_dataset())
    assert paths.report.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert stat.S_IMODE(paths.report.stat().st_mode) == 0o666 & ~_umask()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interruption_leaves_what_was_there(
    comparison: Comparison,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    old, new = tmp_path / "old", tmp_path / "new" / "deep"
    before = {path: path.read_bytes() for path in vars(report.write(comparison, old)).values()}

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(xr.DataTree, "to_netcdf", fail)
    expected = InputError if isinstance(error, OSError) else KeyboardInterrupt
    for folder in (old, new):
        with pytest.raises(expected):
            report.write(replace(comparison, title="Another"), folder)
    assert {path: path.read_bytes() for path in old.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_failing_page_leaves_no_files(
    comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latentfit.report._page.page", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write(comparison, tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        report.check_writable(tmp_path / "taken" / "reports")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match=r"report\.html is a folder, not a file"):
        report.check_writable(tmp_path)


def test_a_missing_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(InputError, match="reports: cannot write a report there: Permission denied"):
        report.check_writable(tmp_path / "reports")


def test_checking_a_folder_creates_nothing(tmp_path: Path) -> None:
    report.check_writable(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
