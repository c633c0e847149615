"""The log-likelihood where latentfit's EM ends, beside that of independent implementations.

Referees are programs that others wrote, of PyPI and of R, each of R's in an ``Rscript`` of its own;
`referees` holds them. They start from starting values of their own, with convergence tolerances
close to rounding error and without regularisation. One that is not installed is skipped, which the
report says.

Where log-likelihoods differ by more than a millionth, each is sent on from where the other ended:
the referee from latentfit's estimate, and EM from the referee's. The difference is explained if
latentfit is the higher and neither goes beyond it. Any other is a failure, exit status 1.
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
