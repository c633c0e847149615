"""LaTeX formulas as MathML, which browsers typeset without scripts."""

import html
import re
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

# The text of a derivation is not trusted. Attributes that could load a file, make a link or change
# the style of the page are not on this list.
_ALLOWED_ATTRIBUTES = frozenset(
    {"accent", "accentunder", "columnalign", "columnlines", "columnspacing", "columnspan"}
    | {"depth", "display", "displaystyle", "fence", "form", "height", "largeop", "linethickness"}
    | {"lspace", "mathsize", "mathvariant", "maxsize", "minsize", "movablelimits", "notation"}
    | {"rowlines", "rowspacing", "rspace", "scriptlevel", "separator", "stretchy", "symmetric"}
    | {"voffset", "width"}
)

_LETTER_TO_OPERATOR = {"~": "∼", ";": ";", "′": "′", "″": "″"}
_SIGNS, _CLOSING_BRACKETS = frozenset("+-−±"), frozenset(")]}|⟩!")

# Notation that the converter does not know, and what it knows in its place.
_REPLACEMENTS = (
    (re.compile(r"\{(?:aligned|alignedat|eqnarray\*?)\}"), "{split}"),
    (re.compile(r"\\operatorname\*?\{\s*arg\\?[,;! ]*\s*max\s*\}"), r"\\argmax "),
    (re.compile(r"\\operatorname\*?\{\s*arg\\?[,;! ]*\s*min\s*\}"), r"\\argmin "),
    (re.compile(r"\\operatorname\*"), r"\\operatorname"),
    (re.compile(r"\\arg\s*(?:\\[,;!:])?\s*\\(max|min)(?![a-zA-Z])"), r"\\arg\1"),
)


def mathml(latex: str, *, display: bool) -> str:
    """Convert a formula to a ``<math>`` element, or to its escaped source if it cannot be parsed.

    Parameters
    ----------
    latex : str
        Without dollar signs.
    display : bool
        Whether the formula stands on a line of its own.
    """
    from latex2mathml.converter import Converter

    source = latex.strip()
    for pattern, replacement in _REPLACEMENTS:
        source = pattern.sub(replacement, source)
    try:
        root = Converter(display="block" if display else "inline").convert_to_element(source)
    except Exception:
        # The converter raises many kinds of errors on formulas that it cannot parse, and the report
        # is useful without the formula.
        return f"<code>{html.escape(latex.strip())}</code>"
    _clean(root)
    _space_functions(root)
    _mark_signs(root)
    root.set("xmlns", "http://www.w3.org/1998/Math/MathML")
    return ElementTree.tostring(root, encoding="unicode")


def _clean(root: Element) -> None:
    for element in root.iter():
        for name in set(element.attrib) - _ALLOWED_ATTRIBUTES:
            del element.attrib[name]
        written = (element.text or "").strip()
        element.text = html.unescape(written) or None
        # The converter writes an upright letter as a character reference, an italic one as itself.
        if element.tag == "mi" and written.startswith("&#x000") and (element.text or "").isalpha():
            element.set("mathvariant", "normal")
        # The converter writes these operators as letters, which have no space around them.
        if element.tag == "mi" and element.text in _LETTER_TO_OPERATOR:
            element.tag, element.text = "mo", _LETTER_TO_OPERATOR[element.text]
            element.attrib.pop("mathvariant", None)
        if element.tag == "mo" and element.text == "/":
            element.attrib.update(lspace="0", rspace="0")
        if element.tag == "mo" and len(element.text or "") > 1 and _is_word(element.text):
            element.tag = "mi"


def _space_functions(root: Element) -> None:
    """Insert the thin space that TeX puts around functions, as in log x, and MathML does not."""
    for row in list(root.iter()):
        if row.tag not in ("mrow", "mtd", "math", "mstyle"):
            continue
        for left, right in pairwise(list(row)):
            if _wants_space(left, right):
                row.insert(list(row).index(right), Element("mspace", {"width": "0.1667em"}))


def _mark_signs(root: Element) -> None:
    """Mark signs, such as a minus after an opening bracket, which have no space behind them."""
    for row in root.iter():
        for left, right in pairwise(row):
            both = left.tag == right.tag == "mo"
            if both and right.text in _SIGNS and left.text not in _CLOSING_BRACKETS:
                right.set("form", "prefix")


def _wants_space(left: Element, right: Element) -> bool:
    if _is_function(left):
        return not _opens_or_operates(right)
    return _is_function(right) and not _opens_or_operates(left, closing=True)


def _opens_or_operates(element: Element, *, closing: bool = False) -> bool:
    if element.tag == "mspace":
        return True
    inner = next(_leaves(element), element)
    return inner.tag == "mo" and not (closing and (inner.text or "") in _CLOSING_BRACKETS)


def _is_function(element: Element) -> bool:
    if element.tag in ("msub", "msup", "msubsup", "munder", "munderover") and len(element):
        element = element[0]
    return element.tag == "mi" and len(element.text or "") > 1 and _is_word(element.text)


def _is_word(text: str | None) -> bool:
    return text is not None and all(c.isalpha() or c.isspace() for c in text)


def _leaves(element: Element) -> Iterator[Element]:
    return (leaf for leaf in element.iter() if len(leaf) == 0)
