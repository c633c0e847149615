"""A picture of the declaration: a graph of its variables and their dependences."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from latentfit.report.pictures import INK, MUTED, Picture, encode_picture, new_axes

if TYPE_CHECKING:
    import networkx as nx
    import pymc as pm
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

_Kind = Literal["parameter", "latent", "observed", "deterministic", "data", "potential"]

_MAX_NODES_PER_ROW = 4
# Points between the centres of neighbouring nodes and of neighbouring rows, and the size of a node.
_NODE_DISTANCE, _ROW_DISTANCE = 118.0, 92.0
_NODE_SIZE = (108.0, 60.0)
_MARGIN = 10.0
_LINE_SPACING = 13.0
_MAX_TEXT_LENGTH = 18
# An arrow that passes the centre of a node at less than this distance would cross the node.
_CLEARANCE = 50.0
_LAYOUT_SWEEPS = 7
_SHADED = "#dfe3e9"


@dataclass(frozen=True)
class _Node:
    name: str
    kind: _Kind
    distribution: str
    plate: str

    @property
    def lines(self) -> list[str]:
        second = f"~ {self.distribution}" if self.distribution else self.kind
        return [self.name, second, *([self.plate] if self.plate else [])]


def draw_graph(model: "pm.Model", latents: tuple[str, ...]) -> Picture:
    """Draw the declaration, with parameters at the top and the variables that they generate below.

    Parameters
    ----------
    model : pm.Model
    latents : tuple of str
        Drawn with a dashed outline. Observed variables are shaded, and data are rectangles.
    """
    import pymc as pm

    with _shapes_without_draws():
        network = _acyclic(pm.model_to_networkx(model), tuple(model.named_vars))
    nodes = {key: _node(look, model, latents) for key, look in network.nodes(data=True)}
    places = _places(network)
    xs = [x for x, _ in places.values()]
    ys = [y for _, y in places.values()]
    width = (max(xs) - min(xs)) + _NODE_DISTANCE + _MARGIN
    height = (max(ys) - min(ys)) + _ROW_DISTANCE
    figure, axes = new_axes(width, height)
    axes.set(
        xlim=(
            min(xs) - (_NODE_DISTANCE + _MARGIN) / 2,
            max(xs) + (_NODE_DISTANCE + _MARGIN) / 2,
        ),
        ylim=(min(ys) - _ROW_DISTANCE / 2, max(ys) + _ROW_DISTANCE / 2),
    )
    axes.axis("off")
    figure.get_layout_engine().set(w_pad=0, h_pad=0)  # type: ignore[union-attr, call-arg]
    shapes = {key: _draw_node(axes, nodes[key], places[key]) for key in network.nodes}
    _draw_arrows(axes, network, places, shapes)
    dependences = "; ".join(
        f"{child} depends on {', '.join(sorted(network.predecessors(child)))}"
        for child in network.nodes
        if network.in_degree(child)
    )
    return encode_picture(figure, f"Graph of the declaration. {dependences}.")


@contextmanager
def _shapes_without_draws() -> Iterator[None]:
    """Within the block, PyMC's graphs find the shapes of variables without drawing from priors.

    PyMC evaluates shapes in a mode that draws the variables, which is not possible for improper
    priors, and for vague ones of which a draw overflows.
    """
    from pymc import model_graph

    from latentfit.declaration.compilation import compile_function

    kept = model_graph.fast_eval
    model_graph.fast_eval = lambda graph: compile_function([], graph)()
    try:
        yield
    finally:
        model_graph.fast_eval = kept


def _acyclic(network: "nx.DiGraph", names: tuple[str, ...]) -> "nx.DiGraph":
    """Return the same graph in the order of declaration, without cycles.

    PyMC draws an arrow from an observed variable to the data that are its value. If these data also
    generate the variable, that arrow is left out.
    """
    import networkx as nx

    place = {name: position for position, name in enumerate(names)}

    def position(key: str) -> int:
        return place.get(_name(network.nodes[key]), len(place))

    ordered = nx.DiGraph()
    ordered.add_nodes_from((key, network.nodes[key]) for key in sorted(network, key=position))
    ordered.add_edges_from(sorted(network.edges, key=lambda e: (position(e[0]), position(e[1]))))
    if not nx.is_directed_acyclic_graph(ordered):
        data = [key for key, look in ordered.nodes(data=True) if "~\nData" in look["label"]]
        ordered.remove_edges_from([(u, v) for u, v in ordered.edges if v in data])
    return ordered


def _name(look: Mapping[str, str]) -> str:
    return str(look["label"]).partition("\n")[0]


def _node(look: Mapping[str, str], model: "pm.Model", latents: tuple[str, ...]) -> _Node:
    name = _name(look)
    variable = model[name]
    kind: _Kind
    if name in latents:
        kind = "latent"
    elif variable in model.observed_RVs:
        kind = "observed"
    elif variable in model.free_RVs:
        kind = "parameter"
    elif variable in model.deterministics:
        kind = "deterministic"
    elif variable in model.data_vars:
        kind = "data"
    else:
        kind = "potential"
    random = kind in ("latent", "observed", "parameter")
    distribution = type(variable.owner.op).__name__.removesuffix("RV") if random else ""
    plate = str(look.get("cluster", "")).removeprefix("cluster").replace(" x ", " × ")
    return _Node(name, kind, distribution, f"size {plate}" if plate[:1].isdigit() else plate)


def _places(network: "nx.DiGraph") -> dict[str, tuple[float, float]]:
    """Return the coordinates of each node, in points.

    A node is in the row above its nearest descendant, so that few arrows pass other nodes. Within
    its row it is near its parents and children. A long row is split into several rows, which are
    shifted against each other.
    """
    import networkx as nx

    generations = [list(layer) for layer in nx.topological_generations(network.reverse())]
    rows: list[list[str]] = []
    for layer in reversed(generations):
        rows += [
            layer[first : first + _MAX_NODES_PER_ROW]
            for first in range(0, len(layer), _MAX_NODES_PER_ROW)
        ]
    x = {
        key: _NODE_DISTANCE
        * (place - (len(row) - 1) / 2 + (0.5 if level % 2 and len(row) > 3 else 0))
        for level, row in enumerate(rows)
        for place, key in enumerate(row)
    }
    for sweep in range(_LAYOUT_SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            wanted = {}
            for key in row:
                related = [*network.predecessors(key), *network.successors(key)]
                wanted[key] = sum(x[k] for k in related) / len(related) if related else x[key]
            x.update(_separated(wanted))
    return {key: (x[key], -_ROW_DISTANCE * level) for level, row in enumerate(rows) for key in row}


def _separated(wanted: Mapping[str, float]) -> dict[str, float]:
    """Separate the nodes of a row, keeping their order and the centre of the row."""
    order = sorted(wanted, key=lambda key: wanted[key])
    placed: list[float] = []
    for key in order:
        placed.append(max(wanted[key], placed[-1] + _NODE_DISTANCE) if placed else wanted[key])
    shift = (sum(wanted.values()) - sum(placed)) / len(placed)
    return {key: x + shift for key, x in zip(order, placed, strict=True)}


def _draw_node(axes: "Axes", node: _Node, place: tuple[float, float]) -> "Patch":
    from matplotlib.patches import Ellipse, FancyBboxPatch

    x, y = place
    across, down = _NODE_SIZE
    color = _SHADED if node.kind in ("observed", "data") else "white"
    outline = (0, (4, 3)) if node.kind == "latent" else "-"
    shape: Patch
    if node.kind in ("data", "deterministic", "potential"):
        corner = "square,pad=0" if node.kind == "data" else "round,pad=0,rounding_size=9"
        shape = FancyBboxPatch(
            (x - across / 2 + 4, y - down / 2 + 5), across - 8, down - 10, boxstyle=corner
        )
    else:
        shape = Ellipse((x, y), across, down)
    shape.set(facecolor=color, edgecolor=INK, linestyle=outline, linewidth=1.2, zorder=2)
    axes.add_patch(shape)
    for k, line in enumerate(map(_shortened, node.lines)):
        head = k == 0
        axes.text(
            x,
            y + _LINE_SPACING * ((len(node.lines) - 1) / 2 - k),
            line,
            ha="center",
            va="center",
            # A bold letter is about seven points wide, so that a long name would not fit.
            fontsize=min(10.5, 130 / max(len(line), 1)) if head else 8.5,
            fontweight="bold" if head else "normal",
            color=INK if head else MUTED,
            zorder=3,
        )
    return shape


def _draw_arrows(
    axes: "Axes",
    network: "nx.DiGraph",
    places: Mapping[str, tuple[float, float]],
    shapes: "Mapping[str, Patch]",
) -> None:
    from matplotlib.patches import FancyArrowPatch

    for parent, child in network.edges:
        (x, above), (_, below) = places[parent], places[child]
        # A straight arrow over several rows may cross a node in between; a curved one does not.
        blocked = any(
            key not in (parent, child)
            and below < y < above
            and abs(other - x - (places[child][0] - x) * (above - y) / (above - below)) < _CLEARANCE
            for key, (other, y) in places.items()
        )
        axes.add_patch(
            FancyArrowPatch(
                places[parent],
                places[child],
                patchA=shapes[parent],
                patchB=shapes[child],
                arrowstyle="-|>",
                mutation_scale=11,
                linewidth=1.0,
                color=MUTED,
                shrinkA=0,
                shrinkB=1,
                connectionstyle=f"arc3,rad={0.35 if blocked else 0}",
                zorder=1,
            )
        )


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_TEXT_LENGTH else text[: _MAX_TEXT_LENGTH - 1] + "…"
