"""The one way from a produced value to the address space, the history and the counts."""

from dataclasses import dataclass
from datetime import UTC, datetime

from asyncua import Server, ua

from gemel.virtual.history import MemoryHistory, Series, to_datetime
from gemel.virtual.signals import Value


@dataclass(slots=True)
class _Variable:
    node_id: ua.NodeId
    variant_type: ua.VariantType
    series: Series
    last: Value | None = None
    sent: int = 0


class Publisher:
    """Publishes values that changed, with the simulated time as source time.

    A value counts as sent when it was produced after the start, whether or not a client was there
    to receive it: sent must equal what a client has after back-filling its gaps.
    """

    def __init__(self, server: Server, history: MemoryHistory) -> None:
        self._space = server.iserver.aspace
        self._history = history
        self._variables: dict[str, _Variable] = {}
        self.total = 0

    def add(
        self, path: str, node_id: ua.NodeId, variant_type: ua.VariantType, retention_ns: int
    ) -> None:
        series = self._history.series(node_id, variant_type, retention_ns)
        self._variables[path] = _Variable(node_id, variant_type, series)

    @property
    def counts(self) -> dict[str, int]:
        """How many values of each variable were produced since the start."""
        return {path: variable.sent for path, variable in self._variables.items()}

    def remember(self, values: dict[str, Value], time_ns: int) -> None:
        """Put values from before the start into the history only; they are not counted."""
        for path, value in values.items():
            variable = self._variables[path]
            if value != variable.last:
                variable.last = value
                variable.series.append(time_ns, value)

    async def publish_all(self, values: dict[str, Value], time_ns: int) -> None:
        """Publish every value, changed or not: the first sample after the start."""
        for variable in self._variables.values():
            variable.last = None
        await self.publish(values, time_ns)

    async def publish(self, values: dict[str, Value], time_ns: int) -> None:
        """Publish those of `values` that changed since they were last published."""
        source = to_datetime(time_ns)
        server = datetime.now(UTC)
        for path, value in values.items():
            variable = self._variables[path]
            if value == variable.last:
                continue
            variable.last = value
            variable.series.append(time_ns, value)
            variable.sent += 1
            self.total += 1
            await self._space.write_attribute_value(
                variable.node_id,
                ua.AttributeIds.Value,
                ua.DataValue(
                    ua.Variant(value, variable.variant_type),
                    SourceTimestamp=source,
                    ServerTimestamp=server,
                ),
            )
