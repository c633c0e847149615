"""What a comparison says, for people: the report, its pictures, the table in a terminal."""

from typing import TYPE_CHECKING

from latentfit.report._write import Paths, check_writable, write, write_selection

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
    "selection_fragment",
    "terminal",
    "write",
    "write_selection",
]


def html(comparison: "Comparison") -> str:
    """The report as one self-contained page: no script, no network, pictures inside.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        An HTML document.
    """
    from latentfit.report._page import page

    return page(comparison)


def fragment(comparison: "Comparison") -> str:
    """The verdict and the agreement table alone, for a notebook.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        An HTML fragment that brings its own style and touches nothing around it.
    """
    from latentfit.report._page import fragment

    return fragment(comparison)


def check_fragment(result: "CheckResult") -> str:
    """What a check found, for a notebook: verdict, findings, paths, what was examined.

    Parameters
    ----------
    result : CheckResult

    Returns
    -------
    str
        An HTML fragment that brings its own style and touches nothing around it.
    """
    from latentfit.report._page import check_fragment

    return check_fragment(result)


def selection_fragment(selection: "Selection") -> str:
    """The table and the picture of a selection, for a notebook.

    Parameters
    ----------
    selection : Selection

    Returns
    -------
    str
        An HTML fragment that brings its own style and touches nothing around it.
    """
    from latentfit.report._selection import fragment

    return fragment(selection)


def terminal(comparison: "Comparison") -> "Group":
    """The verdict, the agreement table and the checks, for a terminal of 80 columns or more.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    rich.console.Group
        To be printed by a `rich.console.Console`.
    """
    from latentfit.report._terminal import terminal

    return terminal(comparison)
