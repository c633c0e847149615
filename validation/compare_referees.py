"""The log-likelihood of latentfit's EM estimate beside those of independent implementations.

Referees are programs by other authors, from PyPI and from R; each R program runs in a separate
``Rscript`` process. The package `referees` has them. They use their own starting values, with
convergence tolerances close to rounding error and without regularisation. A referee that is not
installed is skipped, and listed as skipped in the report.

Where log-likelihoods differ by more than a relative 1e-6, each program is started again from the
other's estimate: the referee from latentfit's, and EM from the referee's. The difference is
explained if latentfit's log-likelihood is the higher one and neither program increases it further.
Any other difference is a failure, exit status 1.
"""

import argparse
import json
import logging
import sys
import time
import warnings
from dataclasses import asdict
from pathlib import Path

from referees import ROOT, Row, cases, compare, installed, report

import latentfit


def main() -> None:
    parser = argparse.ArgumentParser(description="Log-likelihoods beside those of other programs.")
    parser.add_argument(
        "--model", action="append", help="this model anew, the rows of others as they were"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "referees.md")
    arguments = parser.parse_args()
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    everything, began = cases(), time.perf_counter()
    order = list(dict.fromkeys(case.model for case in everything))
    record, rows = arguments.out.with_suffix(".json"), []
    if arguments.model and record.exists():
        rows = [Row(**row) for row in json.loads(record.read_text())]
        rows = [row for row in rows if row.model not in arguments.model]
    for case in everything:
        if arguments.model and case.model not in arguments.model:
            continue
        if present := [one for one in case.referees if installed(one.package, one.r)]:
            model = latentfit.load(case.model)
            fit = model.fit(case.data, seed=1, starts=case.starts, **case.options)
        for referee in present:
            row = compare(case, referee, fit)
            rows.append(row)
            print(
                f"{row.model}, {row.data}, {row.options or 'no options'}: {row.ours:.9g}, "
                f"{row.referee}: {row.theirs:.9g}, {row.difference:.1e} "
                f"{'passed' if row.passed else 'FAILED'} {row.note}",
                flush=True,
            )
    packages = {(one.package, one.r) for case in everything for one in case.referees}
    absent = sorted(package for package, r in packages if installed(package, r) is None)
    for package in absent:
        print(f"skipped: {package} is not installed")
    rows.sort(key=lambda row: order.index(row.model))
    record.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    arguments.out.write_text(report(rows, absent))
    print(f"{len(rows)} rows, {time.perf_counter() - began:.0f} s: {arguments.out}")
    sys.exit(not all(row.passed for row in rows))


if __name__ == "__main__":
    main()
