"""Settings: frozen values whose fields are the schema, the help, the form and the reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from gemel.core.errors import ConfigurationError, did_you_mean

__all__ = ["Misplaced", "Problem", "Settings", "problems"]


class Settings(BaseModel):
    """Base of everything a person can write down. Unknown fields, infinities and NaN are errors.

    Sequences are tuples: a frozen model with a list in it can still be changed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """Check `values` (as JSON or YAML gives them) against the fields.

        Raises `ConfigurationError` with the first problem; `problems` lists all of them.
        """
        try:
            return cls.model_validate_json(json.dumps(values), strict=True)
        except ValidationError as error:
            first = problems(error, cls)[0]
            raise ConfigurationError(str(first), where) from None
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"not plain data: {error}", where) from None


class Misplaced(ValueError):
    """What a validator of a whole finds wrong in one of its parts: the path of keys to that part,
    from the whole, and a sentence."""

    def __init__(self, path: tuple[str | int, ...], sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


class Problem:
    """One thing that is wrong with settings: the path of keys to it, and a sentence."""

    def __init__(self, path: tuple[str | int, ...], sentence: str) -> None:
        self.path = path
        self.sentence = sentence

    def __str__(self) -> str:
        place = ".".join(str(p) for p in self.path)
        return f"{place}: {self.sentence}" if place else self.sentence


_BOUNDS = {
    "greater_than": "gt",
    "greater_than_equal": "ge",
    "less_than": "lt",
    "less_than_equal": "le",
}


def problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """The problems in a validation error, in words that say what was found and what would work."""
    found = []
    for item in error.errors(include_url=False):
        path = tuple(p for p in item["loc"])
        kind, value, context = item["type"], item["input"], item.get("ctx", {})
        if kind == "missing":
            sentence = "is missing"
        elif kind == "extra_forbidden":
            known = _fields_at(model, path[:-1])
            sentence = f"is not known here; {did_you_mean(str(path[-1]), known)}"
        elif kind in _BOUNDS:
            bound = context[_BOUNDS[kind]]
            sentence = f"is {value!r}, must be {kind.replace('_', ' ')} {bound}"
            sentence = sentence.replace("greater than equal", "at least")
            sentence = sentence.replace("less than equal", "at most")
        elif kind == "literal_error":
            sentence = f"is {value!r}, must be {context['expected']}"
        elif kind == "value_error":
            sentence = str(context["error"])
            path += getattr(context["error"], "path", ())
        else:
            shown = repr(value)
            shown = shown if len(shown) <= 60 else shown[:57] + "…"
            sentence = f"is {shown}: {item['msg'][0].lower()}{item['msg'][1:]}"
        found.append(Problem(path, sentence))
    return found


def _fields_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """Names of the fields of the model that `path` leads to, as far as types tell."""
    here: Any = model
    for key in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            if isinstance(key, int):
                continue  # a place in a sequence of them
            field = here.model_fields.get(str(key))
            if field is None:
                return []
            here = field.annotation
        else:
            arguments = [a for a in getattr(here, "__args__", ()) if a is not Ellipsis]
            here = arguments[-1] if arguments else None
        while not (isinstance(here, type) and issubclass(here, BaseModel)):
            arguments = [
                a for a in getattr(here, "__args__", ()) if a not in (type(None), Ellipsis)
            ]
            models = [a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel)]
            if not models or len(arguments) > 1:
                break
            here = models[0]
    if isinstance(here, type) and issubclass(here, BaseModel):
        return list(here.model_fields)
    return []
