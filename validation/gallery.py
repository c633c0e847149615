"""The gallery: the comparison of every model of the catalogue on its example data.

    python validation/gallery.py             all models
    python validation/gallery.py NAME...     only these models; the other rows are kept
    python validation/gallery.py --drawn     pictures and index only, from the reports on disk

Full reports are written to ``reports/<name>/``. ``reports/`` itself gets ``gallery.json`` with the
numbers of all rows, ``gallery-<name>.png`` with the pictures, and ``README.md``, the index, which
is made from ``gallery.json`` alone.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import xarray as xr
from gallery_content import draw_row, index_text

import latentfit
from latentfit import report
from latentfit.report.wording import overall

REPORTS = Path(__file__).resolve().parents[1] / "reports"
SEED = 0
# Number of parameters in a row of the gallery; the report lists all of them.
MAX_PARAMETERS = 8

_PARAMETER_FIELDS = (
    "name", "em", "em_se", "mle", "map", "posterior_mean", "posterior_sd", "eti",
    "mcse_mean", "ess_bulk", "ess_tail",
)  # fmt: skip
_SAMPLING_SETTINGS = ("starts", "draws", "tune", "chains")


def main(arguments: list[str] | None = None) -> int:
    """Build rows and write the index; return 1 if a comparison failed, else 0."""
    entries = {entry.name: entry for entry in latentfit.catalogue()}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a model; by default all")
    parser.add_argument("--drawn", action="store_true", help="use the reports already written")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in entries]
    if unknown:
        parser.error(f"not in the catalogue: {', '.join(unknown)}")
    store = REPORTS / "gallery.json"
    kept = chosen.names and store.exists()
    known = json.loads(store.read_text(encoding="utf-8")) if kept else {}
    for name in chosen.names or entries:
        known[name] = row = build(name, REPORTS, compare=not chosen.drawn)
        rows = {name: known[name] for name in entries if name in known}
        text = json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False)
        store.write_text(text + "\n", encoding="utf-8")
        (REPORTS / "README.md").write_text(index_text(rows), encoding="utf-8")
        print(f"{name}: {row.get('error') or row['headline']}", flush=True)
    for picture in REPORTS.glob("gallery-*.png"):
        if picture.stem.removeprefix("gallery-") not in entries:
            picture.unlink()
    return int(any("error" in known[name] for name in chosen.names or entries))


def build(name: str, folder: Path, *, compare: bool = True) -> dict[str, Any]:
    """Compare one model as ``latentfit compare NAME`` does, and draw its picture.

    Parameters
    ----------
    name : str
        Name of a model of the catalogue.
    folder : Path
        The picture is written into it, and the report into a folder of its own in it.
    compare : bool
        Whether to compare, or to use the report that is in the folder already.

    Returns
    -------
    dict
        The numbers of the row as plain data, ready for JSON.
    """
    model = latentfit.load(name)
    if compare:
        try:
            comparison = model.compare(seed=SEED)
        except latentfit.LatentfitError as error:
            return {"title": model.title, "error": str(error)}
        report.write(comparison, folder / name)
    result = json.loads((folder / name / "comparison.json").read_text(encoding="utf-8"))
    with xr.open_datatree(folder / name / "comparison.nc") as tree:
        image, description = draw_row(result, tree, model.example_data())
    (folder / f"gallery-{name}.png").write_bytes(image)
    # The report also lists parameters that are not identified, and a verdict names them.
    parameters = [p for p in result["parameters"] if p.get("identified", True)]
    settings = result["settings"]
    return {
        "title": model.title,
        "picture": description,
        "agree": result["agree"],
        **_overall(result),
        "parameters": [
            {key: p[key] for key in _PARAMETER_FIELDS} for p in parameters[:MAX_PARAMETERS]
        ],
        "parameter_count": len(parameters),
        "log_likelihood": result["log_likelihood"],
        "verdicts": result["verdicts"],
        "iterations": result["em"]["iterations"],
        "timings": result["timings"],
        "seed": result["seed"],
        "sampling": {key: settings[key] for key in _SAMPLING_SETTINGS},
        "options": {k: v for k, v in settings.items() if k not in _SAMPLING_SETTINGS},
        "versions": result["versions"],
        "cores": os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count(),
    }


def _overall(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the overall result in the words of the report."""
    banner = overall(
        SimpleNamespace(
            verdicts=[SimpleNamespace(**verdict) for verdict in result["verdicts"]],
            parameters=[SimpleNamespace(**parameter) for parameter in result["parameters"]],
            agree=result["agree"],
            objective=result["objective"],
        )
    )
    return {"headline": banner.headline, "sentence": banner.sentence}


if __name__ == "__main__":
    sys.exit(main())
