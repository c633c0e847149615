"""Public models: EM beside the MLE, and the posterior beside a computation with NumPy alone.

    python validation/compare_public_models.py             all models
    python validation/compare_public_models.py NAME...     only these; other rows are kept

Each model of ``validation/public_models/`` is checked and compared, with NUTS compiled by JAX. Its
row passes if the check of the derivation passes, EM and the direct MLE agree, and each posterior
mean is within 0.15 posterior standard deviations of the reference. The rows are kept in
``reports/public_models.json``, from which ``reports/public_models.md`` is written. The exit status
is 1 if a row does not pass.
"""

import argparse
import json
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from public_models import PUBLISHED, REFERENCES

import latentfit
from latentfit.progress import Progress

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "reports" / "public_models.md"
SEED = 0
# Largest distance of a posterior mean from the reference, in reference standard deviations.
TOLERANCE_SDS = 0.15

_TITLE = """# Public models

`make public-models` writes this page. For each model of `validation/public_models/` it checks the
hand-derived steps against the PyMC declaration, compares EM's estimate with the direct MLE, and
compares posterior means by NUTS with a computation that uses NumPy alone: a sum over a dense grid
(`_grids.py`), or Gibbs or Metropolis sampling (`_samplers.py`). The priors are those of the source.
A row passes if check and comparison pass, and each posterior mean is within {tolerance}
reference standard deviations of the reference mean.

The column *published* has posterior means of BUGS' manual of 1996, where they could be looked up:
rounded results of short runs, which are shown and not judged.

| model | result | check | EM and MLE | log p(x given θ) of EM | of the MLE | largest distance |
|---|---|---|---|---:|---:|---:|
"""

_QUANTITIES = """
## Posterior means

| model | quantity | NUTS: mean | reference: mean | sd | distance in sds | published |
|---|---|---:|---:|---:|---:|---:|
"""


def main(arguments: list[str] | None = None) -> int:
    """Compare the models and write the report; return 1 if a row does not pass, else 0."""
    parser = argparse.ArgumentParser(description="EM, MLE and posterior of public models.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a model; by default all")
    names = parser.parse_args(arguments).names
    if unknown := [name for name in names if name not in REFERENCES]:
        parser.error(f"no such model: {', '.join(unknown)}")
    warnings.simplefilter("ignore")
    store = REPORT.with_suffix(".json")
    rows = json.loads(store.read_text(encoding="utf-8")) if names and store.exists() else {}
    chosen = names or list(REFERENCES)
    with Progress() as progress, progress.stage("Public models", total=len(chosen)) as bar:
        for name in chosen:
            rows[name] = row(name)
            rows = {known: rows[known] for known in REFERENCES if known in rows}
            store.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
            REPORT.write_text(report(rows), encoding="utf-8")
            print(f"{name}: {_result(rows[name])}", flush=True)
            bar.advance()
    return int(not all(_passes(rows[name]) for name in chosen))


def row(name: str) -> dict[str, Any]:
    """Check and compare one model.

    Returns
    -------
    dict
        Plain data, ready for JSON. With the key ``"error"`` if the model could not be compared.
    """
    model = latentfit.load(ROOT / "validation" / "public_models" / f"{name}.py")
    started = time.perf_counter()
    try:
        comparison = model.compare(seed=SEED, backend="jax")
    except Exception as error:  # the report has a row for it, and the other models are compared
        return {"error": f"{type(error).__name__}: {_first_line(error)}"}
    reference = REFERENCES[name](model.example_data())
    posterior = comparison.tree["posterior"].to_dataset()
    verdict = next(one for one in comparison.verdicts if one.id == "em_vs_mle")
    check = comparison.check
    return {
        "check": _check(check),
        "em_vs_mle": verdict.status,
        "em_vs_mle_detail": verdict.detail,
        "log_likelihood": {key: comparison.log_likelihood[key] for key in ("em", "mle")},
        "quantities": {
            quantity: {"posterior": _mean(posterior, quantity), "mean": mean, "sd": sd}
            for quantity, (mean, sd) in reference.items()
        },
        "seconds": time.perf_counter() - started,
    }


def report(rows: dict[str, dict[str, Any]]) -> str:
    """Write the report from the rows: one table of models and one of posterior means."""
    text = _TITLE.format(tolerance=TOLERANCE_SDS)
    for name, one in rows.items():
        if "error" in one:
            text += f"| {name} | not compared: {_escape(one['error'])} | | | | | |\n"
            continue
        log_likelihoods = [f"{one['log_likelihood'][key]:.9g}" for key in ("em", "mle")]
        agreement = one["em_vs_mle"]
        if agreement != "pass":
            agreement += f": {one['em_vs_mle_detail']}"
        cells = [name, _result(one), _escape(one["check"]), _escape(agreement), *log_likelihoods]
        text += f"| {' | '.join(cells)} | {max(_distances(one).values()):.2f} |\n"
    text += _QUANTITIES
    for name, one in rows.items():
        for quantity, values in one.get("quantities", {}).items():
            published = PUBLISHED.get(name, {}).get(quantity)
            numbers = [f"{values[key]:.4g}" for key in ("posterior", "mean", "sd")]
            numbers += [f"{_distances(one)[quantity]:.2f}", "" if published is None else published]
            text += f"| {name} | {quantity} | {' | '.join(map(str, numbers))} |\n"
    return text


def _result(one: dict[str, Any]) -> str:
    if "error" in one:
        return f"not compared: {one['error']}"
    return "passes" if _passes(one) else "does not pass"


def _passes(one: dict[str, Any]) -> bool:
    return (
        "error" not in one
        and one["check"] == "passes"
        and one["em_vs_mle"] == "pass"
        and max(_distances(one).values()) <= TOLERANCE_SDS
    )


def _distances(one: dict[str, Any]) -> dict[str, float]:
    """Return the distance of each posterior mean from the reference, in reference sds."""
    return {
        quantity: abs(values["posterior"] - values["mean"]) / values["sd"]
        for quantity, values in one["quantities"].items()
    }


def _check(check: Any) -> str:
    if check is None:
        return "not made"
    return "passes" if check.passed else "; ".join(one.message for one in check.findings)


def _mean(posterior: Any, quantity: str) -> float:
    """Return the posterior mean of a variable, or of one entry such as ``alpha[2]``."""
    name, entry = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", quantity).groups()
    values = np.asarray(posterior[name])
    return float(np.mean(values if entry is None else values[..., int(entry)]))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(main())
