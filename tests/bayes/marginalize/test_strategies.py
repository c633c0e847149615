"""The strategies are found in the modules of their folder, and tried by their precedence."""

import sys
from textwrap import dedent

from latentfit.bayes import marginalize
from latentfit.bayes.marginalize import (
    Precedence,
    _beta,
    _dirichlet,
    _entry_by_entry,
    _enumeration,
    _gamma,
    _half_lines,
    _inverse_gamma,
    _normal,
    _quadrature,
    _state_space,
    _thresholds,
    _unconstrained,
)
from latentfit.bayes.marginalize._strategy import discover_strategies


def test_strategies_are_tried_in_their_order():
    modules = (
        _entry_by_entry,
        _state_space,
        _beta,
        _dirichlet,
        _enumeration,
        _gamma,
        _inverse_gamma,
        _normal,
        _thresholds,
        _half_lines,
        _quadrature,
        _unconstrained,
    )
    assert tuple(module.STRATEGY for module in modules) == marginalize.STRATEGIES


def test_a_new_module_is_a_new_strategy(tmp_path, monkeypatch):
    package = tmp_path / "strategies_for_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "_helper.py").write_text("")
    for name, precedence in (("_a", "NUMERICAL"), ("_b", "CLOSED_FORM"), ("_c", "SPECIAL_CASE")):
        (package / f"{name}.py").write_text(
            dedent(f"""
            from latentfit.bayes.marginalize import Precedence, Strategy

            STRATEGY = Strategy(Precedence.{precedence}, lambda *arguments, **options: None)
            """)
        )
    monkeypatch.syspath_prepend(tmp_path)
    found = discover_strategies(package.name, [str(package)])
    assert [strategy.precedence for strategy in found] == sorted(Precedence)
    builders = [strategy.build.__module__ for strategy in found]
    assert builders == [f"{package.name}.{name}" for name in ("_c", "_b", "_a")]
    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]
