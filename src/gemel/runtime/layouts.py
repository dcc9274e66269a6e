"""Other layouts in questions to the running twin: texts of files that came with the question, and
lines of the same plant file, by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.line import Line
from gemel.core.line.changes import written
from gemel.runtime.lines import read_line

__all__ = ["Comments", "Layouts"]

Comments = dict[tuple[str, ...], str]
"""What stands beside keys of a text that is written, by their path."""


@dataclass(frozen=True, slots=True)
class Layouts:
    """Where lines are looked up: `files` are texts by file name, `lines` those of the plant file. A
    file goes before a line of its name."""

    files: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)

    def line(self, name: str, where: str) -> tuple[Line, str]:
        """The line of a name, and where it is from. Raises `ConfigurationError`: what is wrong in a
        file, at its own line; `where` for a name that nothing has."""
        if name in self.files:
            return read_line(Path(name), self.files[name]), f"As it was in {name}."
        if name in self.lines:
            return self.lines[name], f"Line '{name}' of the plant file, as it was."
        known = [*self.files, *self.lines]
        raise ConfigurationError(
            f"'{name}' is neither a file that came with the question nor a line of the plant file; "
            f"{did_you_mean(name, known)}", where,
        )  # fmt: skip

    def whole(
        self, scenarios: Mapping[str, Any], wanted: Sequence[str]
    ) -> tuple[dict[str, Any], Comments]:
        """The scenarios with their lines in them instead of names, and one more for each of
        `wanted` that none of them names; and where each line is from."""
        found, comments = dict(scenarios), Comments()
        there = set(_named(scenarios))
        for name in dict.fromkeys(wanted):
            if name in there:
                continue
            key = Path(name).stem if name in self.files else name
            if key in found:
                raise ConfigurationError(f"'{key}' is given twice; rename its file", "layouts")
            found[key] = {"line": name}
        for key, scenario in found.items():
            said = scenario.get("line") if isinstance(scenario, Mapping) else None
            if isinstance(said, str) and said:
                line, origin = self.line(said, f"scenarios.{key}.line")
                # Files of layouts are often copies, whose title is that of the line as it is.
                title = {"title": line.title} if line.title and said not in self.files else {}
                found[key] = {**title, **scenario, "line": written(line)}
                comments["scenarios", str(key), "line"] = origin
        return found, comments


def _named(scenarios: Mapping[str, Any]) -> Iterator[str]:
    """Names of lines in scenarios."""
    for scenario in scenarios.values():
        if isinstance(scenario, Mapping) and isinstance(name := scenario.get("line"), str):
            yield name
