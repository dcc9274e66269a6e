"""The one error of the language: what is wrong, where, and what would work."""

from __future__ import annotations

from gemel.core.errors import ConfigurationError

__all__ = ["ExpressionError"]


class ExpressionError(ConfigurationError, ValueError):
    """The text is not an expression, or its types do not fit.

    `position` is a column counted from 0 over the whole `text`; `message` is the problem without
    it. It is a `ValueError` too, so that a settings model may raise it while it validates.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(message, f"column {position}")
        self.text = text
        self.position = position

    def __reduce__(self) -> tuple[type[ExpressionError], tuple[str, str, int]]:
        return type(self), (self.message, self.text, self.position)

    def at(self, where: str) -> ConfigurationError:
        """The same problem with its place in a file in front of the column."""
        return ConfigurationError(str(self), where)

    def pointer(self) -> str:
        """The line of the text that is wrong, and below it a caret at the place."""
        start = self.text.rfind("\n", 0, self.position) + 1
        line = self.text[start:].partition("\n")[0].replace("\t", " ")
        return f"{line}\n{' ' * (self.position - start)}^"
