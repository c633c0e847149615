"""A picture of the declaration: what depends on what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from latentfit.report._picture import INK, MUTED, Picture, picture, sheet

if TYPE_CHECKING:
    import networkx as nx
    import pymc as pm
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

Kind = Literal["parameter", "latent", "observed", "deterministic", "data", "potential"]

_MOST_IN_A_ROW = 4
_ACROSS, _DOWN = 118.0, 92.0
_SWEEPS = 7


@dataclass(frozen=True)
class _Node:
    name: str
    kind: Kind
    distribution: str
    plate: str

    @property
    def lines(self) -> list[str]:
        said = f"~ {self.distribution}" if self.distribution else self.kind
        return [self.name, said, *([self.plate] if self.plate else [])]


def graph(model: "pm.Model", latents: tuple[str, ...]) -> Picture:
    """Draw the declaration, parameters at the top and what they generate below.

    Parameters
    ----------
    model : pm.Model
    latents : tuple of str
        Drawn dashed; observed variables are shaded, data are square.
    """
    import pymc as pm

    network = _settled(pm.model_to_networkx(model), tuple(model.named_vars))
    nodes = {key: _node(key, look, model, latents) for key, look in network.nodes(data=True)}
    places = _places(network)
    across = [x for x, _ in places.values()]
    down = [y for _, y in places.values()]
    width = (max(across) - min(across)) + _ACROSS + 10
    height = (max(down) - min(down)) + _DOWN
    figure, axes = sheet(width, height)
    axes.set(
        xlim=(min(across) - (_ACROSS + 10) / 2, max(across) + (_ACROSS + 10) / 2),
        ylim=(min(down) - _DOWN / 2, max(down) + _DOWN / 2),
    )
    axes.axis("off")
    figure.get_layout_engine().set(w_pad=0, h_pad=0)  # type: ignore[union-attr, call-arg]
    shapes = {key: _draw(axes, nodes[key], places[key]) for key in network.nodes}
    _connect(axes, network, places, shapes)
    said = "; ".join(
        f"{child} depends on {', '.join(sorted(network.predecessors(child)))}"
        for child in network.nodes
        if network.in_degree(child)
    )
    return picture(figure, f"Graph of the declaration. {said}.")


def _settled(network: "nx.DiGraph", names: tuple[str, ...]) -> "nx.DiGraph":
    """The same graph in the order of declaration, without circles.

    Data that are also someone's values point both ways; the way that generates is kept.
    """
    import networkx as nx

    place = {name: position for position, name in enumerate(names)}

    def position(key: str) -> int:
        return place.get(_name(network.nodes[key]), len(place))

    settled = nx.DiGraph()
    settled.add_nodes_from((key, network.nodes[key]) for key in sorted(network, key=position))
    settled.add_edges_from(sorted(network.edges, key=lambda e: (position(e[0]), position(e[1]))))
    if not nx.is_directed_acyclic_graph(settled):
        data = [key for key, look in settled.nodes(data=True) if "~\nData" in look["label"]]
        settled.remove_edges_from([(u, v) for u, v in settled.edges if v in data])
    return settled


def _name(look: Mapping[str, str]) -> str:
    return str(look["label"]).partition("\n")[0]


def _node(key: str, look: Mapping[str, str], model: "pm.Model", latents: tuple[str, ...]) -> _Node:
    name = _name(look)
    variable = model[name]
    kind: Kind
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
    """Layers by the distance to what is generated last; within a layer, near one's kin.

    Every variable stands directly above its nearest descendant, so that few arrows pass other
    nodes; a crowded layer is broken into several rows, the rows shifted against one another.
    """
    import networkx as nx

    generations = [list(layer) for layer in nx.topological_generations(network.reverse())]
    rows: list[list[str]] = []
    for layer in reversed(generations):
        rows += [
            layer[begin : begin + _MOST_IN_A_ROW] for begin in range(0, len(layer), _MOST_IN_A_ROW)
        ]
    across = {
        key: _ACROSS * (place - (len(row) - 1) / 2 + (0.5 if level % 2 and len(row) > 3 else 0))
        for level, row in enumerate(rows)
        for place, key in enumerate(row)
    }
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            wanted = {}
            for key in row:
                kin = [*network.predecessors(key), *network.successors(key)]
                wanted[key] = sum(across[k] for k in kin) / len(kin) if kin else across[key]
            across.update(_apart(wanted))
    return {key: (across[key], -_DOWN * level) for level, row in enumerate(rows) for key in row}


def _apart(wanted: Mapping[str, float]) -> dict[str, float]:
    """Keep the wanted order, and neighbours at arm's length, around the same centre."""
    order = sorted(wanted, key=lambda key: wanted[key])
    placed: list[float] = []
    for key in order:
        placed.append(max(wanted[key], placed[-1] + _ACROSS) if placed else wanted[key])
    shift = (sum(wanted.values()) - sum(placed)) / len(placed)
    return {key: x + shift for key, x in zip(order, placed, strict=True)}


def _draw(axes: "Axes", node: _Node, place: tuple[float, float]) -> "Patch":
    from matplotlib.patches import Ellipse, FancyBboxPatch

    x, y = place
    wide, tall = 108.0, 60.0
    filled = {"observed": "#dfe3e9", "data": "#dfe3e9"}.get(node.kind, "white")
    dashed = (0, (4, 3)) if node.kind == "latent" else "-"
    shape: Patch
    if node.kind in ("data", "deterministic", "potential"):
        corner = "square,pad=0" if node.kind == "data" else "round,pad=0,rounding_size=9"
        shape = FancyBboxPatch(
            (x - wide / 2 + 4, y - tall / 2 + 5), wide - 8, tall - 10, boxstyle=corner
        )
    else:
        shape = Ellipse((x, y), wide, tall)
    shape.set(facecolor=filled, edgecolor=INK, linestyle=dashed, linewidth=1.2, zorder=2)
    axes.add_patch(shape)
    step = 13.0
    for k, line in enumerate(map(_shortened, node.lines)):
        head = k == 0
        axes.text(
            x,
            y + step * ((len(node.lines) - 1) / 2 - k),
            line,
            ha="center",
            va="center",
            # Bold letters are some seven pixels wide at full size, and the shape is not wider.
            fontsize=min(10.5, 130 / max(len(line), 1)) if head else 8.5,
            fontweight="bold" if head else "normal",
            color=INK if head else MUTED,
            zorder=3,
        )
    return shape


def _connect(
    axes: "Axes",
    network: "nx.DiGraph",
    places: Mapping[str, tuple[float, float]],
    shapes: "Mapping[str, Patch]",
) -> None:
    from matplotlib.patches import FancyArrowPatch

    for parent, child in network.edges:
        (x, above), (_, below) = places[parent], places[child]
        # A long arrow straight down would run through whatever stands between.
        blocked = any(
            key not in (parent, child)
            and below < y < above
            and abs(other - x - (places[child][0] - x) * (above - y) / (above - below)) < 50
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


def _shortened(text: str, most: int = 18) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
