"""What pages know of a plant that changes only with its plant file: asked once for all pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

__all__ = ["Kept"]

T = TypeVar("T")


class Kept:
    """Answers about one plan. Nothing that not every viewer may know belongs here: who may look at
    a page at all is asked for each page anew."""

    def __init__(self) -> None:
        self._plan: str | None = None
        self._answers: dict[Hashable, Any] = {}

    async def once(self, plan: str, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer of `ask`, which is called if nobody did so since this plan holds."""
        if plan != self._plan:
            self._plan, self._answers = plan, {}
        # While it is asked another plan may come to hold, whose answers must not mix with these.
        answers = self._answers
        if key not in answers:
            answers[key] = await ask()
        found: T = answers[key]
        return found
