"""Pictures: one style, one palette, and their way into the page."""

import base64
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, told apart with any colour vision; each estimate also has a line style
# and a marker of its own.
EM, MLE, MAP, INK, MUTED, PALE = "#0072b2", "#d55e00", "#009e73", "#1f2328", "#6b7280", "#d5d9e0"
CATEGORIES = ("#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#1f2328", "#009e73")


@dataclass(frozen=True)
class Mark:
    """How an estimate is drawn wherever it appears."""

    key: str
    label: str
    color: str
    marker: str
    line: dict[str, Any]


# EM and MLE coincide when all is well: a thin line upon a broad one shows both.
MARKS = (
    Mark("mle", "MLE", MLE, "s", {"linewidth": 5.0, "alpha": 0.45, "linestyle": "-"}),
    Mark("map", "MAP", MAP, "^", {"linewidth": 1.6, "linestyle": (0, (1.2, 1.2))}),
    Mark("em", "EM", EM, "o", {"linewidth": 1.4, "linestyle": "-"}),
)

# A picture this wide shrinks little on a telephone, so its lettering stays readable there.
WIDTH, HEIGHT = 360, 240
_DPI = 72
_LARGEST_SVG = 400_000
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_STYLE: dict[str, Any] = {
    "figure.dpi": _DPI,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "latentfit",
    "font.size": 10.5,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10.5,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": "#9aa1ac",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    # Names come from models; a dollar sign in one is a dollar sign.
    "text.parse_math": False,
    "text.color": INK,
}


@dataclass(frozen=True)
class Picture:
    """A picture for an ``<img>``.

    Attributes
    ----------
    uri : str
        A ``data:`` URI.
    alt : str
        What is to be seen, for those who cannot see it.
    width, height : int
        CSS pixels.
    """

    uri: str
    alt: str
    width: int
    height: int


@contextmanager
def drawing() -> Iterator[None]:
    """Within the block pictures have the report's style; the user's settings are untouched."""
    from matplotlib import style

    with style.context([_STYLE], after_reset=True):
        yield


def sheet(width: float = WIDTH, height: float = HEIGHT) -> "tuple[Figure, Axes]":
    """An empty picture with one pair of axes, known to no windowing backend."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / _DPI, height / _DPI), layout="constrained")
    return figure, figure.add_subplot()


def picture(figure: "Figure", alt: str) -> Picture:
    """Encode a finished figure: as SVG, or as PNG where the SVG would weigh more."""
    width, height = (round(inches * _DPI) for inches in figure.get_size_inches())
    # The date and version that would otherwise be written make equal pictures differ.
    image, kind = _saved(figure, "svg", metadata={"Date": None, "Creator": None}), "svg+xml"
    if len(image) > _LARGEST_SVG:
        image, kind = _saved(figure, "png", dpi=2.5 * _DPI, metadata={"Software": None}), "png"
    uri = f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"
    return Picture(uri, alt, width, height)


def on_log_scale(axes: "Axes", axis: str = "y") -> None:
    """A logarithmic axis whose labels need no mathematical typesetting."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(axes, f"set_{axis}scale")("log")
    one = getattr(axes, f"{axis}axis")
    one.set_major_locator(LogLocator(numticks=6))
    one.set_major_formatter(FuncFormatter(_power))
    one.set_minor_formatter(NullFormatter())


def without_y(axes: "Axes") -> None:
    """Drop the vertical axis where heights carry no units worth reading."""
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _saved(figure: "Figure", kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format=kind, **options)
    return buffer.getvalue()


def _power(value: float, _: int) -> str:
    exponent = str(round(math.log10(value)))
    return "10" + exponent.translate(_SUPERSCRIPT)
