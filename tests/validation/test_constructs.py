"""The list of PyMC constructs, and what its evaluation finds.

`make constructs` evaluates all of them; these tests evaluate a few that are fast.
"""

import importlib
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pymc as pm
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "validation"))
constructs = importlib.import_module("constructs")
tabulate = importlib.import_module("tabulate_constructs")

ALL = {construct.name: construct for construct in constructs.all_constructs()}
FAST = ("normal_mixture", "change_point", "missing_exponential", "eight_schools", "no_parameter")


@pytest.fixture(scope="module")
def rows():
    return {name: constructs.evaluate(ALL[name]) for name in FAST}


def _mixture_without(**changes):
    """The row of the mixture of normal distributions, of which something else is expected."""
    example = replace(ALL["normal_mixture"].declare(), **changes)
    return constructs.evaluate(replace(ALL["normal_mixture"], declare=lambda: example))


def test_the_list_is_long_and_its_entries_are_distinct():
    assert len(ALL) >= 60
    for field in ("name", "title"):
        values = [getattr(construct, field) for construct in constructs.all_constructs()]
        assert Counter(values).most_common(1)[0][1] == 1


def test_every_construct_has_a_title_and_a_theme():
    for construct in ALL.values():
        assert construct.title, construct.name
        assert construct.theme, construct.name


@pytest.mark.parametrize("name", FAST)
def test_a_construct_does_what_it_should(rows, name):
    assert rows[name].problem == ""


def test_another_value_is_a_problem():
    right = ALL["normal_mixture"].declare().log_likelihood
    row = _mixture_without(log_likelihood=lambda **params: right(**params) + 1e-6)
    assert row.problem.startswith("differs by ")


def test_a_missing_refusal_is_a_problem():
    example = ALL["normal_mixture"].declare()
    refused = constructs.Refused(example.model, example.latents, "cannot")
    row = constructs.evaluate(replace(ALL["normal_mixture"], declare=lambda: refused))
    assert row.problem == "is not refused"


def test_an_unexpected_refusal_is_a_problem():
    assert _mixture_without(latents=("u",)).problem == "is refused, and should not be"


def test_another_sentence_is_a_problem():
    refused = replace(ALL["no_parameter"].declare(), sentence="no such sentence")
    row = constructs.evaluate(replace(ALL["no_parameter"], declare=lambda: refused))
    assert "another sentence" in row.problem


def test_a_crash_is_a_problem():
    def model() -> pm.Model:
        raise ZeroDivisionError("in the model")

    assert _mixture_without(model=model).problem == "raises ZeroDivisionError: in the model"


def test_the_page_has_a_row_for_each_construct(rows):
    text = constructs.page(list(rows.values()))
    lines = [line for line in text.splitlines() if re.match(r"\| [A-Z]", line)]
    assert len(lines) == len(FAST)
    assert all(line.count(" | ") == 4 for line in lines)
    assert "5 constructs: log p(x | θ) is computed for 4" in text


def test_every_construct_is_on_the_page():
    text = tabulate.PAGE.read_text(encoding="utf-8")
    for construct in ALL.values():
        assert f"| {construct.title} |" in text, construct.name


def test_the_command_reports_failures(monkeypatch, capsys):
    row = constructs.Row(ALL["change_point"], problem="differs by 1")
    monkeypatch.setattr(tabulate, "evaluate", lambda construct: row)
    assert tabulate.main(["change_point"]) == 1
    assert "change_point: differs by 1" in capsys.readouterr().out
