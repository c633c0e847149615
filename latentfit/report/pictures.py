"""Pictures in the style of the report: colours, axes, and the encoding for an ``<img>``.

The sections of the report draw with this module, and so does every other program whose pictures
should look like those of the report.
"""

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

__all__ = [
    "CATEGORY_COLORS",
    "EM_COLOR",
    "ESTIMATE_STYLES",
    "GREY",
    "HEIGHT",
    "INK",
    "LIGHT_GREY",
    "MAP_COLOR",
    "MLE_COLOR",
    "MUTED",
    "PALE",
    "WIDTH",
    "EstimateStyle",
    "Picture",
    "encode_picture",
    "hide_y_axis",
    "new_axes",
    "report_style",
    "set_log_scale",
]

# The colours of Okabe & Ito, which people with any colour vision can distinguish. Each estimate
# also has a line style and a marker of its own.
EM_COLOR, MLE_COLOR, MAP_COLOR = "#0072b2", "#d55e00", "#009e73"
CATEGORY_COLORS = ("#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#1f2328", "#009e73")
INK, MUTED, GREY, LIGHT_GREY, PALE = "#1f2328", "#6b7280", "#9aa1ac", "#b9c0cb", "#d5d9e0"


@dataclass(frozen=True)
class EstimateStyle:
    """How a point estimate is drawn in all pictures.

    Attributes
    ----------
    key : {"mle", "map", "em"}
        Name of the estimate among the attributes of `latentfit.agreement.Parameter`.
    label : str
    color, marker : str
    line : dict
        Keyword arguments of Matplotlib's line functions.
    """

    key: str
    label: str
    color: str
    marker: str
    line: dict[str, Any]


# EM's estimate and the MLE coincide if the derivation is right: a thin line on a broad line shows
# both.
ESTIMATE_STYLES = (
    EstimateStyle(
        "mle", "MLE", MLE_COLOR, "s", {"linewidth": 5.0, "alpha": 0.45, "linestyle": "-"}
    ),
    EstimateStyle("map", "MAP", MAP_COLOR, "^", {"linewidth": 1.6, "linestyle": (0, (1.2, 1.2))}),
    EstimateStyle("em", "EM", EM_COLOR, "o", {"linewidth": 1.4, "linestyle": "-"}),
)

# CSS pixels. A picture of this width shrinks little on a telephone: its text stays readable.
WIDTH, HEIGHT = 360, 240
_PIXELS_PER_INCH = 72
_MAX_SVG_BYTES = 400_000
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_STYLE: dict[str, Any] = {
    "figure.dpi": _PIXELS_PER_INCH,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "latentfit",
    "font.size": 10.5,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10.5,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GREY,
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
    # Names of variables come from models: a dollar sign in a name does not start a formula.
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
        Text that describes the picture to readers who cannot see it.
    width, height : int
        CSS pixels.
    """

    uri: str
    alt: str
    width: int
    height: int


@contextmanager
def report_style() -> Iterator[None]:
    """Apply the style of the report within the block, and restore the user's settings after it."""
    from matplotlib import style

    with style.context([_STYLE], after_reset=True):
        yield


def new_axes(width: float = WIDTH, height: float = HEIGHT) -> "tuple[Figure, Axes]":
    """Make an empty figure with one pair of axes, independent of any windowing back end.

    Parameters
    ----------
    width, height : float
        CSS pixels.
    """
    from matplotlib.figure import Figure

    size = (width / _PIXELS_PER_INCH, height / _PIXELS_PER_INCH)
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.add_subplot()


def encode_picture(figure: "Figure", alt: str) -> Picture:
    """Encode a finished figure as SVG, or as PNG if the SVG file would be large."""
    width, height = (round(inches * _PIXELS_PER_INCH) for inches in figure.get_size_inches())
    # Without a date and a version in the file, equal pictures have equal bytes.
    image, kind = _saved(figure, "svg", metadata={"Date": None, "Creator": None}), "svg+xml"
    if len(image) > _MAX_SVG_BYTES:
        resolution = 2.5 * _PIXELS_PER_INCH
        image, kind = _saved(figure, "png", dpi=resolution, metadata={"Software": None}), "png"
    uri = f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"
    return Picture(uri, alt, width, height)


def set_log_scale(axes: "Axes", axis: str = "y") -> None:
    """Make an axis logarithmic, with labels that need no mathematical typesetting.

    Parameters
    ----------
    axes : Axes
    axis : {"x", "y"}
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(axes, f"set_{axis}scale")("log")
    one = getattr(axes, f"{axis}axis")
    one.set_major_locator(LogLocator(numticks=6))
    one.set_major_formatter(FuncFormatter(_power_of_ten))
    one.set_minor_formatter(NullFormatter())


def hide_y_axis(axes: "Axes") -> None:
    """Hide the vertical axis, for densities whose values nobody needs to read."""
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _saved(figure: "Figure", kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format=kind, **options)
    return buffer.getvalue()


def _power_of_ten(value: float, _: int) -> str:
    exponent = str(round(math.log10(value)))
    return "10" + exponent.translate(_SUPERSCRIPT)
