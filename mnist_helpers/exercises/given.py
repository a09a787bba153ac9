"""What a learner gives: `Given` reads it as a number, a tensor, a module, or says what is off."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
import math
import numbers
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data import DataError


class NotYet(Exception):
    """An answer that is not right yet; the message says why. Without one it is still `...`."""


def refuse(complaints: Mapping[str, Any]) -> None:
    """Raise `NotYet` with the first message whose condition holds."""
    for message, holds in complaints.items():
        if holds:
            raise NotYet(message)


def same(one: object, other: object, tolerance: float = 1e-5) -> bool:
    """Return whether two results are alike, but for rounding; whole numbers have to be equal."""
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    try:
        one, other = torch.as_tensor(one), torch.as_tensor(other)
    except (TypeError, ValueError, RuntimeError):  # no numbers, or too large
        return False
    if one.shape != other.shape:
        return False
    if not (one.is_floating_point() or other.is_floating_point()):
        return torch.equal(one, other)
    one, other = one.double(), other.double()
    return torch.allclose(one, other, rtol=1e-4, atol=tolerance, equal_nan=True)


@dataclass(frozen=True)
class Given:
    """What a learner gives, with what begins a sentence about it: "Your padding".

    Each method returns it as one thing, or raises `NotYet`.
    """

    value: Any
    what: str = "Your answer"
    advice: Mapping[str, str] = field(default_factory=dict)  # for a part of an error, or "None"

    @property
    def kind(self) -> str:
        """What it is: ``234``, ``a tensor [3, 28] of float32``, ``of the type function``."""
        value, name = self.value, type(self.value).__name__
        if isinstance(value, Tensor):
            return f"a tensor {list(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
        if isinstance(value, type):
            return f"the class {value.__name__}"
        if isinstance(value, (list, tuple, dict)):
            return f"a {name} of {len(value)}"
        plain = value is None or isinstance(value, (bool, int, float, str))
        return repr(value)[:60] if plain else f"of the type {name}"

    def finished(self) -> "Given":
        """Refuse ``...``, and a list, tuple or dictionary with ``...`` in it."""
        if self.value is ...:
            raise NotYet
        if isinstance(self.value, (list, tuple, Mapping)):
            parts = self.value.values() if isinstance(self.value, Mapping) else self.value
            for part in parts:
                Given(part).finished()
        return self

    def call(self, *arguments: Any) -> "Given":
        """Return what it returns; `what` is the call as a learner could write it."""
        if isinstance(self.value, type) or not callable(self.value):
            wanted = f"Give the function itself, without calling it: `{self.what.split('(')[0]}`."
            raise NotYet(f"Your answer is {self.kind}. {wanted}")
        try:
            result = self.value(*arguments)
        except (NotYet, DataError):
            raise
        except Exception as error:  # a learner's code can raise anything, and is to be told so
            tip = "Make such a call in a cell of its own to see the whole traceback."
            tip = next((tip for part, tip in self.advice.items() if part in str(error)), tip)
            first_line = (str(error).strip() or "no message").splitlines()[0]
            raised = f"{type(error).__name__}: {first_line}"
            raise NotYet(f"{self.what} raises {raised}\n{tip}") from error
        if result is None:
            tip = self.advice.get("None", "Does it end with `return`?")
            raise NotYet(f"{self.what} returns None. {tip}")
        return Given(result, f"What {self.what} returns").finished()

    def module(self) -> nn.Module:
        if isinstance(self.value, type) and issubclass(self.value, nn.Module):
            raise NotYet(f"{self.what} is {self.kind}. Call it: {self.value.__name__}().")
        if not isinstance(self.value, nn.Module):
            wanted = "it has to be a module, such as an nn.Sequential"
            raise NotYet(f"{self.what} is {self.kind}; {wanted}.")
        return self.value

    def batches(self, limit: int) -> list[list[Tensor]]:
        """Return the pairs of tensors that it holds or yields; `limit`, if it never ends."""
        wanted = "a list of pairs (images, labels), or what yields them as a DataLoader does"
        if not isinstance(self.value, Iterable) or isinstance(self.value, (Tensor, Mapping, str)):
            raise NotYet(f"{self.what} is {self.kind}; it has to be {wanted}.")
        walk = Given(lambda: list(islice(self.value, limit)), "Walking through it")
        batches = []
        for batch in walk.call().value:
            pair = batch if isinstance(batch, (list, tuple)) and len(batch) == 2 else []
            batches.append([Given(part, "What stands in a pair").tensor() for part in pair])
            if not pair or any(part.ndim == 0 for part in batches[-1]):
                stands = f"holds {Given(batch).kind} where a batch should be"
                raise NotYet(f"{self.what} {stands}. It has to be {wanted}.")
        return batches

    def entries(self, names: Sequence[str]) -> list[Any]:
        """Return the entries of a list, tuple, dictionary or tensor that has one for each name."""
        value = self.value
        if len(names) == 1 and not isinstance(value, (list, tuple, Mapping)):
            return [value]
        if isinstance(value, Mapping):
            refuse({f"The entry {name!r} is missing.": name not in value for name in names})
            return [value[name] for name in names]
        if isinstance(value, (Tensor, np.ndarray)) and value.ndim == 1:
            value = value.tolist()
        if not isinstance(value, (list, tuple)) or len(value) != len(names):
            wanted = f"give a value for each, in this order: ({', '.join(names)})"
            raise NotYet(f"{self.what} is {Given(value).kind}; {wanted}.")
        return list(value)

    def like(self, right: object) -> Any:
        """Return it as the right one is: a number, a tensor, or a tuple or list of such."""
        if isinstance(right, tuple):
            parts = self.entries([f"number {place + 1}" for place in range(len(right))])
            pairs = zip(parts, right, strict=True)
            return tuple(Given(part, self.what).like(one) for part, one in pairs)
        if isinstance(right, list):  # of whole numbers, however many
            what = f"An entry of {self.what.lower()}"
            return [Given(one, what).number(whole=True) for one in self.value]
        if not isinstance(right, Tensor):
            return self.number(whole=isinstance(right, int))
        value, fraction = self.tensor(), right.is_floating_point()
        if value.dtype != right.dtype and not (fraction and value.is_floating_point()):
            cut = ", which cuts fractions off" if fraction else ""
            raise NotYet(f"{self.what} is {value.dtype}{cut}. Make it {right.dtype}.")
        return value

    def tensor(self) -> Tensor:
        if not isinstance(self.value, Tensor):
            ways = "`torch.tensor` makes one of numbers, `torch.stack` of tensors"
            ways += ", `torch.from_numpy` of an array"
            raise NotYet(f"{self.what} has to be a tensor; yours is {self.kind}. {ways}.")
        # A copy: a learner's function may use one tensor for all that it returns.
        return self.value.detach().cpu().clone()

    def number(self, whole: bool = False) -> int | float:
        """Return a number, an int as it is; a tensor or an array may hold just one."""
        value = self.value
        if isinstance(value, (Tensor, np.ndarray, np.generic)) and math.prod(value.shape) == 1:
            value = value.item()
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise NotYet(f"{self.what} has to be a number; yours is {Given(value).kind}.")
        if not math.isfinite(value):
            raise NotYet(f"{self.what} is {value}: somewhere a logarithm of 0 or a division by 0.")
        if isinstance(value, numbers.Integral):
            return int(value)
        if whole:
            wanted = "It has to be a whole number: round it the right way, or divide with `//`."
            raise NotYet(f"{self.what} is {float(value)}, a float. {wanted}")
        return float(value)
