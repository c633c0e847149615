"""The page of all comparisons."""

import subprocess
from collections.abc import Sequence

import numpy as np

import latentfit

from ._compare import TOLERANCE, Row


def report(rows: Sequence[Row], absent) -> str:
    agreeing = [row for row in rows if row.difference <= TOLERANCE]
    explained = [row for row in rows if row.difference > TOLERANCE and row.passed]
    failed = [row for row in rows if not row.passed]
    lines = [
        "# Independent referees",
        "",
        "The log-likelihood of latentfit's EM estimate beside the one that an independent "
        "implementation reaches from starting values of its own. `make referees` writes this page.",
        "",
        f"Of {len(rows)} comparisons {len(agreeing)} agree to a relative difference of "
        f"{TOLERANCE:g}, {len(explained)} differ and are explained, {len(failed)} fail. "
        "*At the same θ* is the relative difference of the two log-likelihood functions at the "
        "referee's estimate.",
        "",
        f"latentfit {latentfit.__version__}, NumPy {np.__version__}{r_version()}.",
        "",
        *(f"Skipped, not installed: {package}.\n" for package in absent),
        "| model | data | options | n | referee | latentfit | referee's | relative difference "
        "| at the same θ | note |",
        "|---|---|---|--:|---|--:|--:|--:|--:|---|",
    ]
    notes: dict[str, int] = {}
    for row in rows:
        mark = ""
        if row.note:
            mark = str(notes.setdefault(row.note, len(notes) + 1))
        cells = (
            row.model,
            row.data,
            row.options,
            str(row.n),
            row.referee,
            f"{row.ours:.9g}",
            f"{row.theirs:.9g}",
            f"{row.difference:.1e}",
            f"{row.same:.1e}",
            mark,
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {note}." for note, number in notes.items())]
    return "\n".join(lines).rstrip() + "\n"


def r_version() -> str:
    try:
        done = subprocess.run(("Rscript", "--version"), capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return ", R " + (done.stdout + done.stderr).split(" version ")[-1].split()[0]
