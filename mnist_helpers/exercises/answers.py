"""What the checkers share: to take an answer apart, to try a learner's code, and to say what is off."""

from collections.abc import Callable, Mapping, Sequence
import math
import numbers
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..checks import described
from .engine import NotYet, Unanswered


class Exercise(NamedTuple):
    """A hint, and a judge that returns a sentence for a right answer and raises `NotYet` for any other."""

    hint: str
    judge: Callable[[Any], str]


def unfinished(answer: object) -> bool:
    """Return whether an answer is ``...``, or a list, tuple or dictionary with ``...`` in it."""
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    return answer is ... or (isinstance(answer, (list, tuple)) and any(map(unfinished, answer)))


def whole_number(value: object, what: str) -> int:
    """Return a whole number as an int; NumPy's, and a tensor that holds just one, are accepted. `what` begins a
    sentence: "The number of batches"."""
    if isinstance(value, bool):
        raise NotYet(f"{what} is {value} here, which is a bool: a yes or no, not a number.")
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex():
        return whole_number(value.item(), what)
    if isinstance(value, float) and math.isfinite(value):
        raise NotYet(
            f"{what} is {value} here, a float. It has to be a whole number: round it the right way, "
            f"or divide with `//`."
        )
    raise NotYet(f"{what} has to be a whole number; yours is {described(value)}.")


def real_number(value: object, what: str) -> float:
    """Return a number as a float; a tensor or array that holds just one is accepted."""
    if isinstance(value, (Tensor, np.ndarray, np.generic)) and math.prod(value.shape) == 1:
        value = value.item()
    if isinstance(value, bool):
        raise NotYet(f"{what} is {value} here, which is a bool: a yes or no, not a number.")
    if not isinstance(value, numbers.Real):
        raise NotYet(f"{what} has to be a number; yours is {described(value)}.")
    try:
        number = float(value)
    except OverflowError as error:
        raise NotYet(f"{what} is larger here than any float can be.") from error
    if not math.isfinite(number):
        raise NotYet(f"{what} is {number} here: somewhere a logarithm of 0 or a division by 0.")
    return number


def several(value: object, names: Sequence[str]) -> list[object]:
    """Return the parts of a list, tuple or dictionary that has to have one entry for each name."""
    wanted = f"give {len(names)} values in this order: ({', '.join(names)})"
    if isinstance(value, Mapping):
        missing = [name for name in names if name not in value]
        if missing:
            raise NotYet(f"The entry {missing[0]!r} is missing.")
        return [value[name] for name in names]
    if isinstance(value, (Tensor, np.ndarray)) and list(value.shape) == [len(names)]:
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise NotYet(f"Your answer is {described(value)}; {wanted}.")
    if len(value) != len(names):
        raise NotYet(f"Your answer has {len(value)} entries; {wanted}.")
    return list(value)


def a_tensor(value: object, what: str, rank: int | None = None, axes: str = "") -> Tensor:
    """Return a tensor, of the rank given. `what` begins a sentence; `axes` names the axes, "H, W"."""
    if isinstance(value, np.ndarray):
        raise NotYet(f"{what} is a NumPy array; `torch.from_numpy` makes a tensor of it.")
    if isinstance(value, list):
        raise NotYet(
            f"{what} is a list. `torch.tensor` makes a tensor of numbers, `torch.stack` of a list of tensors."
        )
    if not isinstance(value, Tensor):
        raise NotYet(f"{what} has to be a tensor; yours is {described(value)}.")
    if rank is not None and value.ndim != rank:
        raise NotYet(
            f"{what} has the shape {list(value.shape)}, {value.ndim} axes; "
            f"it has to have {rank}: {axes}."
        )
    return value.detach()


def a_function(value: object, example: str) -> Callable[..., object]:
    """Return a function. `example` is how it is called, "to_batch(photo)"."""
    name = example.split("(")[0]
    if isinstance(value, type) or not callable(value):
        raise NotYet(
            f"Your answer is {described(value)}. Give the function itself, without calling it: `{name}`."
        )
    return value


def called(
    function: Callable[..., object],
    *arguments: object,
    shown: str,
    advice: Mapping[str, str] | None = None,
) -> object:
    """Return what a learner's code returns. `shown` is the call as the learner could write it; `advice` says, for a
    part of an error's message, what most likely is behind it.

    Raises:
        Unanswered: it returns ``...``.
        NotYet: it raises, or returns None.
    """
    try:
        result = function(*arguments)
    except (Unanswered, NotYet):
        raise
    except Exception as error:  # a learner's code can raise anything, and is to be told so
        first_line = (str(error).strip() or "no message").splitlines()[0]
        known = [text for part, text in (advice or {}).items() if part in first_line]
        tip = (
            known[0] if known else "Run that call in a cell of its own to see the whole traceback."
        )
        raise NotYet(f"{shown} raises {type(error).__name__}: {first_line}\n{tip}") from error
    if unfinished(result):
        raise Unanswered
    if result is None:
        raise NotYet(f"{shown} returns None. Does it end with `return`?")
    return result


def the_same(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have the same shape and, but for rounding, the same numbers."""
    return one.shape == other.shape and torch.allclose(
        one.double(), other.double(), rtol=1e-4, atol=1e-5
    )


def match_mistake(given: Sequence[Tensor], mistakes: Mapping[str, Callable[[int], Tensor]]) -> None:
    """Raise `NotYet` with the message of the first mistake that explains every result given.

    Args:
        given: the learner's results, one for each case tried.
        mistakes: for each message, a function that returns what the mistake makes of case number i.
    """
    for message, wrong in mistakes.items():
        if all(the_same(result, wrong(case)) for case, result in enumerate(given)):
            raise NotYet(message)


def require_close(
    value: float, right: float, tolerance: float, mistakes: Mapping[str, float], otherwise: str
) -> None:
    """Raise `NotYet` unless a number is right, with the message of the mistake whose result it is, or else with
    `otherwise`."""
    if abs(value - right) <= tolerance:
        return
    for message, wrong in mistakes.items():
        if abs(value - wrong) <= tolerance:
            raise NotYet(message)
    raise NotYet(otherwise)
