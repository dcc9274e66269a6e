"""The answer key: what really happened on the line, as JSON lines."""

import json
from dataclasses import asdict, replace
from typing import Any, TextIO

from gemel.virtual.faults import Fault, Truth


class TruthLog:
    """What really happened, as JSON lines: the answer key of every test."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self._told: dict[int, Fault] = {}

    def write(self, event: str, time_ns: int, **details: Any) -> None:
        if self._file is not None:
            line = {"event": event, "time_ns": time_ns, **details}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()

    def faults(self, truth: list[Truth], now_ns: int) -> None:
        """Write a line when a fault begins and one when it ends. `truth` only grows at its end."""
        for index, entry in enumerate(truth):
            fault = entry.fault
            told = self._told.get(index)
            if told is None and fault.start_ns <= now_ns:
                self._told[index] = told = replace(fault, end_ns=None)
                details = asdict(entry)
                self.write("fault", fault.start_ns, **details.pop("fault"), **details)
            ends_ns = fault.end_ns
            if told is not None and told.end_ns is None and ends_ns and ends_ns <= now_ns:
                self._told[index] = fault
                self.write("repaired", ends_ns, kind=fault.kind, asset=fault.asset)
