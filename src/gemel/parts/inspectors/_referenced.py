"""A reference, what is usual at each place, and scores of held-out pictures, from one album."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gemel.core.frame import Values
from gemel.core.image.patches import Features
from gemel.parts.inspectors._held_out import held_out, top
from gemel.parts.inspectors._patches import Compare, Places, Reference, learned, places
from gemel.parts.inspectors.base import Album

__all__ = ["referenced"]


def referenced(
    good: Album,
    features: Callable[[Album, int], Features],
    compare: Compare,
    keep: int,
    seed: int,
    count: int,
) -> tuple[Reference, Places, Values]:
    """The reference of all pictures, what is usual on held-out ones, and the score of each picture.

    A score is by a reference and by places to which neither the picture nor others of its part
    belong: distances are held out first, and what is usual is then taken from other parts.
    """
    distance: dict[int, Values] = {}

    def learn(part: Album) -> Callable[[Album, int], float]:
        reference = learned(
            [features(part, place) for place in range(len(part))], compare, keep, seed
        )

        def judge(album: Album, place: int) -> float:
            distance[place] = reference.distance(features(album, place))
            return 0.0

        return judge

    held_out(good, learn)
    score = np.empty(len(good))
    for unit in np.unique(good.unit):
        usual = places([distance[place] for place in np.flatnonzero(good.unit != unit).tolist()])
        for place in np.flatnonzero(good.unit == unit):
            score[place] = top(usual.unusual(distance[int(place)]), count)
    everything = learned([features(good, place) for place in range(len(good))], compare, keep, seed)
    return everything, places(list(distance.values())), score
