"""The results of a comparison, a check or a selection, presented to people.

| module | job |
|---|---|
| `sections` | the sections of the report, one module each |
| `section`, `tables`, `pictures`, `numbers`, `wording` | what sections are made of |
| `parameter_draws`, `graph`, `markdown`, `mathml` | their content |
| `templating`, `_page`, `_selection_page` | HTML pages, and fragments for notebooks |
| `_terminal` | the result of a comparison in a terminal |
| `_files` | the files that are written |

`pictures`, `numbers` and `wording` may also be used outside this folder, by programs whose pictures
and tables should look like those of the report.
"""

from typing import TYPE_CHECKING

from latentfit.report._files import Paths, check_writable, report_files, write, write_selection

if TYPE_CHECKING:
    from rich.console import Group

    from latentfit.agreement import Comparison
    from latentfit.check import CheckResult
    from latentfit.selection import Selection

__all__ = [
    "Paths",
    "check_fragment",
    "check_writable",
    "fragment",
    "html",
    "report_files",
    "selection_fragment",
    "terminal",
    "write",
    "write_selection",
]


def html(comparison: "Comparison") -> str:
    """Make the report as one HTML page, without scripts and with all pictures inside.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        An HTML document that loads nothing from the network.
    """
    from latentfit.report._page import page

    return page(comparison)


def fragment(comparison: "Comparison") -> str:
    """Make the overall result and the table of estimates for a notebook.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        An HTML fragment with its own style, which does not change the rest of the notebook.
    """
    from latentfit.report._page import fragment

    return fragment(comparison)


def check_fragment(result: "CheckResult") -> str:
    """Make the result of a check for a notebook: verdict, findings, pictures, list of checks.

    Parameters
    ----------
    result : CheckResult

    Returns
    -------
    str
        An HTML fragment with its own style, which does not change the rest of the notebook.
    """
    from latentfit.report._page import check_fragment

    return check_fragment(result)


def selection_fragment(selection: "Selection") -> str:
    """Make the table and the picture of a selection for a notebook.

    Parameters
    ----------
    selection : Selection

    Returns
    -------
    str
        An HTML fragment with its own style, which does not change the rest of the notebook.
    """
    from latentfit.report._selection_page import fragment

    return fragment(selection)


def terminal(comparison: "Comparison") -> "Group":
    """Make the overall result, the estimates and the verdicts for a terminal.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    rich.console.Group
        To be printed by a `rich.console.Console` with at least 80 columns.
    """
    from latentfit.report._terminal import terminal

    return terminal(comparison)
