"""Sizes of a predictor as they stand in a model's configuration, read before anything is built."""

from __future__ import annotations

from medzip.errors import ModelError

__all__ = ["Form", "number", "numbers"]

Form = dict[str, int | list[int]]
_MOST = 1024


def number(form: Form, key: str) -> int:
    """A size of 1 .. 1024, or ModelError."""
    value = form.get(key)
    if type(value) is not int or not 1 <= value <= _MOST:
        raise ModelError(
            f"expected {key} to be a whole number of 1 to {_MOST}, got {value}; "
            "the model is damaged"
        )
    return value


def numbers(form: Form, key: str) -> list[int]:
    """One to eight sizes of 1 .. 1024, or ModelError."""
    values = form.get(key)
    if not isinstance(values, list) or not 1 <= len(values) <= 8:
        raise ModelError(f"expected {key} to be 1 to 8 numbers, got {values}; the model is damaged")
    return [number({key: value}, key) for value in values]
