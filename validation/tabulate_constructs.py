"""The table of PyMC constructs, ``docs/constructs.md``.

    python validation/tabulate_constructs.py             all constructs; writes the page
    python validation/tabulate_constructs.py NAME...     only these; prints their rows

The exit status is 1 if a log-likelihood differs from the independent computation, or if a construct
is refused with another sentence than the expected one.
"""

import argparse
import sys
import warnings
from pathlib import Path

from constructs import Construct, Row, all_constructs, evaluate, page

from latentfit.progress import Progress

PAGE = Path(__file__).resolve().parents[1] / "docs" / "constructs.md"


def main(arguments: list[str] | None = None) -> int:
    """Evaluate the constructs; return 1 if one of them does not do what it should, else 0."""
    constructs = {construct.name: construct for construct in all_constructs()}
    parser = argparse.ArgumentParser(description="The table of PyMC constructs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a construct; by default all")
    names = parser.parse_args(arguments).names
    if unknown := [name for name in names if name not in constructs]:
        parser.error(f"no such construct: {', '.join(unknown)}")
    rows = _evaluate([constructs[name] for name in names or constructs])
    if names:
        print(page(rows))
    else:
        PAGE.write_text(page(rows), encoding="utf-8")
    failed = [row for row in rows if row.problem]
    for row in failed:
        print(f"{row.construct.name}: {row.problem}", *([row.refusal] if row.refusal else []))
    print(f"{len(rows) - len(failed)} of {len(rows)} constructs do what they should")
    return int(bool(failed))


def _evaluate(constructs: list[Construct]) -> list[Row]:
    warnings.simplefilter("ignore")
    rows = []
    with Progress() as progress, progress.stage("Constructs", total=len(constructs)) as bar:
        for construct in constructs:
            rows.append(evaluate(construct))
            bar.advance()
    return rows


if __name__ == "__main__":
    sys.exit(main())
