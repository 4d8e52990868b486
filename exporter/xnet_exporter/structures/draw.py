"""Structures for a set, drawn from one source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import numpy as np

from xnet_onnx.errors import StructureError

from .alloys import alloys
from .cluster import ANY, Cluster, Shell, check_cluster
from .complexes import complexes, of_kind
from .compounds import compounds
from .minerals import minerals
from .radii import ELEMENTS

__all__ = ["SOURCES", "draw"]

SOURCES = ("minerals", "complexes", "compounds", "salts", "halides")
_WITHOUT_END: dict[str, Callable[..., Iterator[Cluster]]] = {
    "complexes": complexes,
    "compounds": compounds,
    "salts": partial(of_kind, "salt"),
    "halides": partial(of_kind, "halide"),
}
#: One of so many structures of minerals is a metal or an alloy.
ALLOY_EVERY = 16


def draw(element: str, source: str, number: int, seed: int, shell: Shell = ANY) -> Iterator[Cluster]:
    """Draw clusters around an element; the same seed gives the same ones.

    Parameters
    ----------
    element : str
        Ti to Zn.
    source : {"minerals", "complexes", "compounds", "salts", "halides"}
    number : int
        How many; minerals may come to an end before.
    seed : int
    shell : Shell
        Only clusters with such a first shell.

    Yields
    ------
    Cluster

    Raises
    ------
    StructureError
        If there are no radii for the element, or no complex or compound has such a shell.
    """
    if element not in ELEMENTS:
        raise StructureError(
            f"no structures are drawn for {element}; expected one of {', '.join(ELEMENTS)}: give files "
            "instead (--source FILE)"
        )
    rng = np.random.default_rng([seed, ELEMENTS.index(element), SOURCES.index(source)])
    if source == "minerals":
        made = _minerals(element, rng, number, seed, shell)
    else:
        made = islice(_WITHOUT_END[source](element, rng, seed, shell), number)
    for cluster in made:
        check_cluster(cluster)
        yield cluster


def _minerals(
    element: str, rng: np.random.Generator, number: int, seed: int, shell: Shell
) -> Iterator[Cluster]:
    if shell != ANY:
        yield from minerals(element, rng, number, seed, shell)
        return
    metals = alloys(element, rng, seed)
    for count, cluster in enumerate(minerals(element, rng, number - number // ALLOY_EVERY, seed), start=1):
        yield cluster
        if count % (ALLOY_EVERY - 1) == 0:
            yield next(metals)
