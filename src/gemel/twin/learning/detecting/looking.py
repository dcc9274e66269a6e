"""Looks into history beside a detector at work: what shadows cost beside the champion, and whether
far more rows are above its limit than was promised."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gemel.core.time import MINUTE
from gemel.parts.detectors.base import Detector, Score
from gemel.parts.historians.base import Store
from gemel.twin.learning.detecting.rates import Rates, not_watched
from gemel.twin.learning.detecting.shadow import Role, Shadow
from gemel.twin.learning.findings import WatchSettings

if TYPE_CHECKING:
    from gemel.twin.learning.detecting.comparing import Compared

__all__ = ["Looking"]

_OFTEN: Final = MINUTE
"""Where something stands in shadow."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look gave: of which models since when, and of which rates, if it was for those."""

    asked: dict[Role, tuple[str, int]]
    compared: dict[Role, Compared]
    rates: Rates
    drift: dict[str, Any] | None


class Looking:
    """Looks in `executor`; all else in the compute thread.

    compared  of each shadow, beside the present champion
    drift     of the share of rows above the limit
    """

    def __init__(
        self, name: str, settings: WatchSettings, detector: Detector, store: Store,
        executor: Executor,
    ) -> None:  # fmt: skip
        self._name, self._settings = name, settings
        self._store, self._executor = store, executor
        self._promised: float | None = getattr(detector, "false_alarm_rate", None)
        self.compared: dict[Role, Compared] = {}
        self.drift = not_watched()
        self._next = 0
        self._looking: Future[_Looked] | None = None
        counts = store.kept(self._place)
        period = settings.costs.period
        fits = counts is not None and counts["period"] == period
        self._rates = Rates(period, counts["counts"] if counts is not None and fits else None)
        self._drift_of: int | None = None
        """The period up to which drift was looked for."""

    def count(self, score: Score) -> None:
        """Rows that the champion has scored."""
        if self._rates.add(score):
            self._keep()

    def anew(self) -> None:
        """Another model speaks, or one was fitted for what was seen: rates count from here on."""
        self._rates, self.drift = Rates(self._settings.costs.period), not_watched()
        self._keep()

    def others(self) -> None:
        """Who is compared with whom has changed."""
        self.compared.clear()
        self._next = 0

    def start(self, shadows: Mapping[Role, Shadow], now: int) -> None:
        """Look again, if it is time."""
        if self._looking is not None or now < self._next:
            return
        often = self._settings.costs.period
        self._next = now + (min(often, _OFTEN) if shadows else often)
        asked = {role: (s.name, s.since) for role, s in shadows.items()}
        # Alarms of years are read for drift, and it changes only when a period has ended.
        drift = self._promised is not None and self._rates.newest != self._drift_of
        self._drift_of = self._rates.newest
        self._looking = self._executor.submit(self._look, asked, self._rates, drift, now)

    def collect(self, shadows: Mapping[Role, Shadow]) -> dict[Role, Compared]:
        """Comparisons that are new, and still of these shadows. Raises `GemelError` where history
        cannot be read."""
        if self._looking is None or not self._looking.done():
            return {}
        looking, self._looking = self._looking, None
        looked = looking.result()
        if looked.drift is not None and looked.rates is self._rates:
            self.drift = looked.drift
        found = {
            role: one
            for role, one in looked.compared.items()
            if role in shadows and looked.asked[role] == (shadows[role].name, shadows[role].since)
        }
        self.compared |= found
        return found

    def _look(
        self, asked: dict[Role, tuple[str, int]], rates: Rates, drift: bool, now: int
    ) -> _Looked:
        """In the executor; at `drift` only where that is wanted."""
        from gemel.twin.learning.detecting.apart import Apart  # it loads with the first look
        from gemel.twin.learning.detecting.comparing import compare  # this too

        settings = self._settings
        compared = {
            role: compare(self._store, self._name, settings.asset, name, settings.costs, since, now)
            for role, (name, since) in asked.items()
        }
        if not drift:
            return _Looked(asked, compared, rates, None)
        apart = Apart.read(self._store, self._name, settings.asset, settings.renewal,
                           now - settings.renewal.window, now)  # fmt: skip
        return _Looked(asked, compared, rates, rates.drift(self._promised, apart.abnormal))

    @property
    def _place(self) -> str:
        return f"model/{self._name}/rates"

    def _keep(self) -> None:
        self._store.keep(
            self._place, {"period": self._settings.costs.period, "counts": self._rates.counts}
        )
