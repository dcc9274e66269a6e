"""Whether people have said something to learn from, since a model was last fitted."""

from __future__ import annotations

from concurrent.futures import Executor, Future

from gemel.parts.historians.base import Store
from gemel.twin.learning.live.forms import Form

__all__ = ["Hearing"]


class Hearing:
    """Asks history, in `executor`, as often as the task is asked.

    heard       what people have said by now, in a form that changes when it does
    learned_of  the same when a model was last fitted
    """

    def __init__(self, form: Form, store: Store, executor: Executor) -> None:
        self._form, self._store, self._executor = form, store, executor
        self._asking: Future[str] | None = None
        self._next = 0
        self.heard = self.learned_of = ""

    def tick(self, now: int) -> bool:
        """Whether there is more, or something else, than at the last tick. Raises `GemelError`
        where history cannot be read."""
        if self._asking is None:
            if now >= self._next:
                self._next = now + self._form.use.every
                self._asking = self._executor.submit(self._form.heard, self._store, now)
            return False
        if not self._asking.done():
            return False
        asking, self._asking = self._asking, None
        before, self.heard = self.heard, asking.result()
        return self.heard != before
