"""The flow of material between machines, as `after` in the plant file draws it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gemel.core.plant import Asset

__all__ = ["Flow"]


class Flow:
    """Machines and what connects them; assets that are no machines, such as conveyors without a
    state, are looked through."""

    def __init__(self, assets: Mapping[str, Asset], machines: Collection[str]) -> None:
        self._machines = frozenset(machines)
        self._before = {path: list(asset.after) for path, asset in assets.items()}
        self._behind: dict[str, list[str]] = {}
        for path, sources in self._before.items():
            for source in sources:
                self._behind.setdefault(source, []).append(path)

    def neighbours(self, path: str) -> list[str]:
        """Machines that feed this one, and those that it feeds."""
        return [*self._reach(path, self._before), *self._reach(path, self._behind)]

    def line(self, path: str) -> list[str]:
        """All machines that material connects with this one, itself included if it is one."""
        found: list[str] = []
        ahead, seen = [path], {path}
        while ahead:
            here = ahead.pop()
            if here in self._machines:
                found.append(here)
            for other in (*self._before.get(here, ()), *self._behind.get(here, ())):
                if other not in seen:
                    seen.add(other)
                    ahead.append(other)
        return sorted(found)

    def _reach(self, path: str, links: Mapping[str, list[str]]) -> list[str]:
        found: list[str] = []
        ahead, seen = list(links.get(path, ())), {path}
        while ahead:
            other = ahead.pop()
            if other in seen:
                continue
            seen.add(other)
            if other in self._machines:
                found.append(other)
            else:
                ahead += links.get(other, ())
        return sorted(found)
