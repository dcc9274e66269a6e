"""Load and clutter for benchmarks: many simple signals, and nodes that mean nothing."""

import numpy as np
from asyncua import ua

from gemel.virtual.signals import Signal, Value
from gemel.virtual.space import Space

_PER_FOLDER = 50
_DIGITS = 4


class ExtraSignals:
    """`count` analog variables: a slow wave each, with noise, new at every sample."""

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._phase = rng.uniform(0.0, 2.0 * np.pi, count)
        self._period_s = rng.uniform(5.0, 120.0, count)
        self._mean = rng.uniform(10.0, 90.0, count)
        self.signals = [
            Signal(f"Extra.S{number:05d}", "Load signal", low=0.0, high=100.0, digits=_DIGITS)
            for number in range(1, count + 1)
        ]

    def values(self, seconds: float) -> dict[str, Value]:
        """Values at `seconds` after the start, by path."""
        wave = np.sin(2.0 * np.pi * seconds / self._period_s + self._phase)
        noise = self._rng.standard_normal(len(self._mean))
        values = np.round(self._mean + 5.0 * wave + 0.5 * noise, _DIGITS).tolist()
        return dict(zip((signal.path for signal in self.signals), values, strict=True))


def build_extra(space: Space, extra: ExtraSignals) -> dict[str, ua.NodeId]:
    """Objects/Extra with its variables in groups; returns node ids by path."""
    folder_type = ua.NodeId(ua.ObjectIds.FolderType)
    root = space.object(
        "Extra", ua.NodeId(ua.ObjectIds.ObjectsFolder), folder_type,
        "Signals that only make load", reference=ua.ObjectIds.Organizes,
    )  # fmt: skip
    nodes: dict[str, ua.NodeId] = {}
    group = root
    for number, signal in enumerate(extra.signals):
        if number % _PER_FOLDER == 0:
            group = space.object(f"Extra.Group{number // _PER_FOLDER + 1:04d}", root, folder_type)
        nodes[signal.path] = space.signal(signal, group)
    return nodes


def build_clutter(space: Space, count: int) -> None:
    """`count` static nodes under Objects/Diagnostics: folders of folders of counters."""
    folder_type = ua.NodeId(ua.ObjectIds.FolderType)
    root = space.object(
        "Diagnostics", ua.NodeId(ua.ObjectIds.ObjectsFolder), folder_type,
        "Counters of the controller", reference=ua.ObjectIds.Organizes,
    )  # fmt: skip
    made = 0
    rack = module = root
    while made < count:
        if made % (_PER_FOLDER * _PER_FOLDER) == 0:
            rack = space.object(f"Diagnostics.Rack{made}", root, folder_type)
            made += 1
        elif made % _PER_FOLDER == 1:
            module = space.object(f"{rack.Identifier}.Module{made}", rack, folder_type)
            made += 1
        else:
            space.variable(
                space.id(f"{module.Identifier}.Counter{made}"), module,
                space.line_name(f"Counter{made}"), ua.Variant(made, ua.VariantType.UInt32),
                ua.ObjectIds.UInt32,
            )  # fmt: skip
            made += 1
