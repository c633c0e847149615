"""Random declarations: the likelihood beside brute force, and the check of right and wrong steps.

    python validation/fuzz_declarations.py                500 models
    python validation/fuzz_declarations.py --count 20     the first 20 of them
    python validation/fuzz_declarations.py --only 17      model 17, with all details

A random model has one to three latents, which may depend on one another, a response for each of six
units, priors from tight to absurd, and data that are drawn from it. For each model,

1. log p(x | θ) of the observed view, at parameters of moderate size, equals that of brute force, or
   the model is refused. Where several strategies apply to its latents, each of them is tried;
2. the EM algorithm that follows from the declaration passes the check;
3. the same algorithm with one entry of one step changed by 7 % does not pass.

Steps 2 and 3 need exact conditional expectations; models without are counted. The results go to
``reports/fuzz.json``, and a summary of them to ``reports/fuzz.md``. The exit status is 1 if a
log-likelihood differs, right steps fail or wrong steps pass.
"""

import argparse
import json
import logging
import os
import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from random_declarations import (
    Specification,
    Steps,
    change,
    declare,
    declared_steps,
    draw_data,
    draw_params,
    draw_specification,
    log_likelihood,
)

import latentfit
from latentfit import bayes, check
from latentfit.bayes import marginalize
from latentfit.bayes.views import Density, marginalisations
from latentfit.declaration import parameter_space
from latentfit.errors import LatentfitError
from latentfit.progress import Progress

REPORTS = Path(__file__).resolve().parents[1] / "reports"
# Difference of two log-likelihoods that are the same, relative to their size or to 1.
SAME_LOG_LIKELIHOOD_RELATIVE = 1e-8
STARTS = 3


@dataclass(frozen=True)
class Row:
    """What was found for one random model.

    Attributes
    ----------
    number : int
        Seed of the model.
    model : str
        Description of the model.
    brute_force : float
        log p(x | θ).
    strategies : dict
        From the strategies for the latents to the difference from brute force.
    refusal : str or None
        The sentence with which the model was refused.
    right : str
        ``"passed"``, ``"failed"``, ``"not exact"`` or ``"refused"``.
    wrong : str
        The same for the changed steps.
    changed : str
        The entry that was changed.
    detail : str
        The report of a check whose verdict is false, or the traceback of an unexpected error.
    """

    number: int
    model: str
    brute_force: float = np.nan
    strategies: dict[str, float] | None = None
    refusal: str | None = None
    right: str = "refused"
    wrong: str = "refused"
    changed: str = ""
    detail: str = ""

    @property
    def errors(self) -> list[str]:
        """What is wrong, one phrase each."""
        size = max(1.0, abs(self.brute_force))
        found = [
            f"log-likelihood differs by {difference:.2g} ({strategy})"
            for strategy, difference in (self.strategies or {}).items()
            if not abs(difference) <= SAME_LOG_LIKELIHOOD_RELATIVE * size
        ]
        if self.right == "failed":
            found.append("right steps fail")
        if self.wrong == "passed":
            found.append(f"wrong steps pass: {self.changed}")
        if self.right == "crashed":
            found.append("unexpected error")
        return found


def examine(number: int) -> Row:
    """Draw a model and examine it."""
    warnings.simplefilter("ignore")
    for name in ("pytensor", "pymc"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    rng = np.random.default_rng(number)
    specification = draw_specification(rng)
    truth, at = (draw_params(specification, rng) for _ in range(2))
    y = draw_data(specification, truth, rng)
    row = {"number": number, "model": str(specification)}
    try:
        row["brute_force"] = log_likelihood(specification, at, y)
        row |= _examine_declaration(specification, at, y, rng)
    except LatentfitError as error:
        row["refusal"] = str(error)
    except Exception:
        import traceback

        row |= {"right": "crashed", "detail": traceback.format_exc()[-3000:]}
    return Row(**row)


def _examine_declaration(
    specification: Specification,
    at: dict[str, np.ndarray],
    y: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, Any]:
    declaration = _model(specification, None).declare({"y": y})
    space = parameter_space(declaration)
    point = space.locate(at)
    density = Density(bayes.observed_view(declaration), space)
    brute_force = log_likelihood(specification, at, y)
    strategies = {}
    for label, one in _by_each_strategy(declaration, density, space, point):
        strategies[label] = one.objective(point) - brute_force
    found: dict[str, Any] = {"strategies": strategies}
    reference = check.reference(declaration, density)
    if not reference.complete.exact:
        return found | {"right": "not exact", "wrong": "not exact"}
    right = _check(specification, declared_steps(reference), y)
    changed = change(reference, at, rng)
    wrong = _check(specification, changed, y)
    found |= {
        "right": "passed" if right.passed else "failed",
        "wrong": "passed" if wrong.passed else "failed",
        "changed": changed.changed,
    }
    if not right.passed:
        found["detail"] = repr(right)
    elif wrong.passed:
        found["detail"] = repr(wrong)
    return found


def _by_each_strategy(
    declaration: Any, density: Density, space: Any, point: np.ndarray
) -> list[tuple[str, Density]]:
    """Observed views by the strategies in use, and without each strategy that can be spared."""

    def label(one: Density) -> str:
        return "; ".join(map(str, marginalisations(declaration, one, [point])))

    found = {label(density): density}
    if sum(one.dtype.startswith("float") for one in _latents(declaration)) > 1:
        # Without one of two closed forms, the integral of an integral takes minutes to build.
        return list(found.items())
    every = marginalize.STRATEGIES
    for left_out in every:
        marginalize.STRATEGIES = tuple(one for one in every if one is not left_out)
        try:
            other = Density(bayes.observed_view(declaration), space)
            found.setdefault(label(other), other)
        except LatentfitError:
            pass
        finally:
            marginalize.STRATEGIES = every
    return list(found.items())


def _latents(declaration: Any) -> list[Any]:
    return [declaration.model[name] for name in declaration.latents]


def _model(specification: Specification, steps: Steps | None) -> latentfit.LatentModel:
    def initial(data: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return draw_params(specification, rng)

    return latentfit.LatentModel(
        model=lambda y: declare(specification, y),
        latents=tuple(one.name for one in specification.latents),
        e_step=steps.e_step if steps else lambda params, data: {},
        m_step=steps.m_step if steps else lambda expectations, data: {},
        initial=initial,
        name="random",
    )


def _check(specification: Specification, steps: Steps, y: np.ndarray) -> check.CheckResult:
    model = _model(specification, steps)
    return model.check({"y": y}, seed=0, starts=STARTS, against=steps.reference, paths=False)


def summary(rows: list[Row]) -> str:
    """Write the summary as Markdown."""
    refused = [row for row in rows if row.refusal]
    counts = Counter(
        strategy.split(": ", 1)[1].split(" (")[0]
        for row in rows
        for label in row.strategies or {}
        for strategy in label.split("; ")
    )
    differences = [abs(d) for row in rows for d in (row.strategies or {}).values()]
    right, wrong = (Counter(getattr(row, which) for row in rows) for which in ("right", "wrong"))
    lines = [
        "# Random declarations",
        "",
        f"{len(rows)} random models; {len(refused)} were refused.",
        "",
        f"- log p(x | θ) beside brute force: {len(differences)} comparisons, largest absolute "
        f"difference {max(differences, default=0.0):.1e}.",
        f"- The declaration's own EM: {right['passed']} passed, {right['failed']} failed, "
        f"{right['not exact']} without exact expectations.",
        f"- One entry changed by 7 %: {wrong['failed']} found, {wrong['passed']} passed.",
        "",
        "| how latents were marginalised | latents |",
        "|---|---|",
        *(f"| {strategy} | {count} |" for strategy, count in counts.most_common()),
        "",
    ]
    if refused:
        reasons = Counter((row.refusal or "")[:160] for row in refused)
        lines += ["| refusal | models |", "|---|---|"]
        lines += [f"| {reason.replace('|', '/')} | {n} |" for reason, n in reasons.most_common()]
        lines.append("")
    errors = [(row, row.errors) for row in rows if row.errors]
    if errors:
        lines += ["| number | error | model |", "|---|---|---|"]
        lines += [f"| {row.number} | {'; '.join(found)} | {row.model} |" for row, found in errors]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Random declarations beside brute force.")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--only", type=int, help="one model, with all details")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=REPORTS)
    arguments = parser.parse_args()
    if arguments.only is not None:
        row = examine(arguments.only)
        print(json.dumps(asdict(row), indent=1, ensure_ascii=False))
        print(row.detail)
        sys.exit(bool(row.errors))
    rows = []
    with (
        Progress() as progress,
        progress.stage("Random models", arguments.count) as bar,
        ProcessPoolExecutor(arguments.workers) as pool,
    ):
        for row in pool.map(examine, range(arguments.count)):
            rows.append(row)
            bar.advance()
            if row.errors:
                print(f"{row.number}: {'; '.join(row.errors)}: {row.model}", flush=True)
    arguments.out.mkdir(exist_ok=True)
    record = [asdict(row) for row in rows]
    (arguments.out / "fuzz.json").write_text(json.dumps(record, indent=1) + "\n")
    (arguments.out / "fuzz.md").write_text(summary(rows))
    print(summary(rows))
    sys.exit(any(row.errors for row in rows))


if __name__ == "__main__":
    main()
