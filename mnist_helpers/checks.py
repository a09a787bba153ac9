"""What the package asks of its arguments, each question in one place. What does not fit is an error that says what was
given, what is expected and, where that is not plain, what to do."""

from collections.abc import Callable, Mapping, Sequence
import functools
import math
import numbers
import os
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

P, R = ParamSpec("P"), TypeVar("R")


def described(value: object) -> str:
    """Return what a value is, in a few words: ``the int 234``, ``a tensor [3, 28] of float32``, ``a function``."""
    if isinstance(value, Tensor):
        return f"a tensor {list(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array {list(value.shape)}"
    if value is None:
        return "None"
    if isinstance(value, (bool, int, float, str)):
        text = repr(value)
        return f"the {type(value).__name__} {text if len(text) < 60 else text[:60] + '…'}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def require_whole(
    name: str, value: object, at_least: int | None = None, at_most: int | None = None
) -> int:
    """Return a whole number as an int; NumPy's are accepted, bools are not.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} is {described(value)}, and has to be a whole number, an int.")
    _require_range(name, value, at_least, at_most)
    return int(value)


def require_number(
    name: str,
    value: object,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    finite: bool = True,
) -> float:
    """Return a number as a float; NumPy's are accepted, bools are not. It has to be more than `above`; NaN and
    infinity are accepted only where `finite` is False.

    Raises:
        TypeError: it is no number.
        ValueError: it is NaN, infinite or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {described(value)}, and has to be a number, a float or an int.")
    try:
        is_finite = math.isfinite(value)
    except OverflowError as error:
        raise ValueError(f"{name} is larger than any float can be: give a smaller one.") from error
    if finite and not is_finite:
        raise ValueError(f"{name} is {float(value)}, and has to be finite.")
    _require_range(name, value, at_least, at_most)
    if above is not None and value <= above:
        raise ValueError(f"{name} is {value}, and has to be more than {above}.")
    return float(value)


def require_bool(name: str, value: object) -> bool:
    """Return True or False.

    Raises:
        TypeError: it is neither; any other value would count as one of them, "no" as True.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {described(value)}, and has to be True or False.")
    return bool(value)


def require_function(name: str, value: object, takes: str) -> Callable[..., object]:
    """Return something that can be called and is no class.

    Args:
        name: what it is called in the message.
        value: what was given.
        takes: in words, what it is called with and has to return.

    Raises:
        TypeError: it cannot be called, or is a class, which would make an object instead of an answer.
    """
    if isinstance(value, type):
        raise TypeError(
            f"{name} is the class {value.__name__}, and has to be a function that {takes}: `{value.__name__}()` may "
            "make one."
        )
    if not callable(value):
        raise TypeError(f"{name} is {described(value)}, and has to be a function that {takes}.")
    return value


def require_path(name: str, value: object, example: str) -> Path:
    """Return the path of a file or a folder, of which `example` is one.

    Raises:
        TypeError: it is no path.
        ValueError: it is empty.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} is {described(value)}, and has to be a path, such as {example!r}.")
    if not os.fspath(value):
        raise ValueError(f"{name} is empty, and has to be a path, such as {example!r}.")
    return Path(value)


def require_seed(name: str, value: object) -> int:
    """Return a whole number that a generator of random numbers can start at.

    Raises:
        TypeError: it is no whole number.
        ValueError: it does not fit into 64 bits.
    """
    return require_whole(name, value, at_least=-(2**63), at_most=2**64 - 1)


def require_generator(name: str, value: object) -> torch.Generator | None:
    """Return a generator of random numbers on the CPU, or None, which stands for PyTorch's global one.

    Raises:
        TypeError: it is something else; a seed, for example.
        ValueError: it belongs to another device.
    """
    if value is None:
        return None
    if not isinstance(value, torch.Generator):
        raise TypeError(
            f"{name} is {described(value)}, and has to be a generator of random numbers, such as "
            "torch.Generator().manual_seed(0), or None."
        )
    if value.device.type != "cpu":
        raise ValueError(
            f"{name} is on {value.device}, and has to be on the CPU, as torch.Generator() makes it."
        )
    return value


def require_tensor(
    name: str, value: object, axes: str, kind: str | None = None, empty: bool = False
) -> Tensor:
    """Return a tensor whose shape is as `axes` has it, with finite values.

    Args:
        name: what it is called in the message.
        value: what was given.
        axes: the shape as the lessons write it, ``[N, 1, H, W]``. A number has to be met; a name stands for any number.
        kind: ``float`` or ``int`` where the type of its numbers matters.
        empty: whether it may hold nothing.

    Raises:
        TypeError: it is no tensor, or its numbers are of another kind.
        ValueError: the shape differs, it holds nothing, or it holds NaN or infinity.
    """
    if not isinstance(value, Tensor):
        advice = "; torch.from_numpy makes one of it" if isinstance(value, np.ndarray) else ""
        raise TypeError(f"{name} is {described(value)}, and has to be a tensor {axes}{advice}.")
    wanted = axes.strip("[]").split(", ") if axes != "[]" else []
    fits = value.ndim == len(wanted) and all(
        not axis.isdecimal() or int(axis) == length
        for axis, length in zip(wanted, value.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{name} is {described(value)}, and has to have the shape {axes}."
            f"{_advice_on_shape(value, wanted)}"
        )
    is_int = not value.is_floating_point() and not value.is_complex() and value.dtype != torch.bool
    if kind == "float" and not value.is_floating_point():
        raise TypeError(
            f"{name} is {described(value)}, and has to hold floats: `.float()` converts; "
            "pixels from 0 to 255 are divided by 255, too."
        )
    if kind == "int" and not is_int:
        raise TypeError(f"{name} is {described(value)}, and has to hold ints: `.long()` converts.")
    if value.numel() == 0 and not empty:
        raise ValueError(f"{name} is {described(value)}: it holds nothing. Give at least one.")
    # On the device "meta" there are shapes and no values.
    if value.is_floating_point() and not value.is_meta and not value.isfinite().all():
        raise ValueError(
            f"{name} holds NaN or infinity: find out where it comes from, with `.isfinite()`, before you go on."
        )
    return value


def require_labels(name: str, value: object, count: int | None = None, classes: int = 10) -> Tensor:
    """Return labels, ints ``[N]`` from 0 to `classes` - 1.

    Raises:
        TypeError: they are no tensor of ints.
        ValueError: their shape differs, there are not `count` of them where that is given, or one is out of range.
    """
    labels = require_tensor(name, value, "[N]", kind="int")
    if count is not None and len(labels) != count:
        raise ValueError(f"{len(labels)} {name} were given for {count} images; give one for each.")
    if labels.is_meta:
        return labels
    low, high = labels.min().item(), labels.max().item()
    if low < 0 or high >= classes:
        raise ValueError(
            f"{name} go from {low} to {high}, and have to be from 0 to {classes - 1}"
            f"{', as digits are' if classes == 10 else f': there are {classes} classes'}."
        )
    return labels


def require_probabilities(name: str, value: object, axes: str) -> Tensor:
    """Return probabilities: a tensor of floats whose shape is as `axes` has it, that sum to 1 along the last axis.

    Raises:
        TypeError: it is no tensor of floats.
        ValueError: the shape differs, it holds nothing, or its numbers are no probabilities.
    """
    probabilities = require_tensor(name, value, axes, kind="float")
    off = (probabilities.sum(dim=-1) - 1).abs().max().item()
    low, high = probabilities.min().item(), probabilities.max().item()
    if low < 0 or off > 1e-3:
        raise ValueError(
            f"{name} go from {low:.3g} to {high:.3g}. Each row of probabilities has to sum to 1, with nothing below 0: "
            "apply softmax(dim=-1) to the logits first."
        )
    return probabilities


def require_model(name: str, value: object, parameters: bool = True) -> nn.Module:
    """Return a network that has parameters; with `parameters` False, any network or layer.

    Raises:
        TypeError: it is no network; a class of one, for example.
        ValueError: it has no parameters.
    """
    if isinstance(value, type) and issubclass(value, nn.Module):
        raise TypeError(
            f"{name} is the class {value.__name__}, and has to be a network: `{value.__name__}()` makes one."
        )
    if not isinstance(value, nn.Module):
        raise TypeError(f"{name} is {described(value)}, and has to be a network, an nn.Module.")
    if parameters and next(value.parameters(), None) is None:
        raise ValueError(
            f"{name} is a {type(value).__name__} without parameters: nothing to learn."
        )
    return value


def require_same_device(model: nn.Module, name: str, tensor: Tensor) -> None:
    """Raise ValueError where a tensor is not on the device of a network's parameters."""
    device = next(model.parameters()).device
    if tensor.device != device:
        raise ValueError(
            f"{name} is on {tensor.device} and the network on {device}; bring both to one: "
            f"`{name}.to({str(device)!r})`."
        )


def require_type(name: str, value: object, kind: type | tuple[type, ...], expected: str) -> object:
    """Return a value of a type, or raise TypeError; `expected` says what it has to be, and where that comes from."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {described(value)}, and has to be {expected}.")
    return value


def require_sequence(
    name: str, value: object, kind: type | tuple[type, ...], expected: str, empty: bool = False
) -> list:
    """Return a list, tuple or range as a list.

    Args:
        name: what it is called in the message.
        value: what was given.
        kind: what each of its entries has to be.
        expected: what they are, in the plural: ``titles``.
        empty: whether it may hold nothing.

    Raises:
        TypeError: it is no sequence, or an entry is of another type.
        ValueError: it holds nothing.
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise TypeError(f"{name} is {described(value)}, and has to be a list of {expected}.")
    for number, entry in enumerate(value):
        if not isinstance(entry, kind):
            raise TypeError(
                f"{name}[{number}] is {described(entry)}, and {name} has to be a list of {expected}."
            )
    if not value and not empty:
        raise ValueError(f"{name} is {described(value)}: it holds nothing. Give at least one.")
    return list(value)


def require_numbers(
    name: str, value: object, finite: bool = True, empty: bool = False
) -> list[float]:
    """Return a list of numbers, or a tensor or NumPy array ``[N]`` of them, as a list.

    Args:
        name: what it is called in the message.
        value: what was given.
        finite: whether NaN and infinity are refused.
        empty: whether it may hold nothing.

    Raises:
        TypeError: it is no such list, or holds something that is no number.
        ValueError: it holds nothing, or a number that is not finite.
    """
    if isinstance(value, (Tensor, np.ndarray)) and value.ndim == 1:
        value = value.tolist()
    found = require_sequence(name, value, numbers.Real, "numbers", empty)
    for number, entry in enumerate(found):
        if finite and not math.isfinite(entry):
            raise ValueError(f"{name}[{number}] is {float(entry)}, and has to be finite.")
    return found


def require_mapping(name: str, value: object, expected: str, empty: bool = False) -> dict:
    """Return a dictionary whose keys are text; `expected` says what it holds: ``losses by name``.

    Raises:
        TypeError: it is no dictionary, or a key is no text.
        ValueError: it holds nothing, unless `empty` allows it.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is {described(value)}, and has to be a dictionary of {expected}.")
    for key in value:
        if not isinstance(key, str):
            raise TypeError(
                f"{name} has the key {described(key)}, and has to be a dictionary of {expected}: a name is text."
            )
    if not value and not empty:
        raise ValueError(f"{name} is empty. Give a dictionary of {expected}, with at least one.")
    return dict(value)


def checked(require: Callable[P, object]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator after which a function's arguments are first handed to `require`, which raises where they do
    not fit.

    For a function that a lesson shows: it stands in the package as it stands there, and is wrapped below.
    """

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def asked(*arguments: P.args, **options: P.kwargs) -> R:
            require(*arguments, **options)
            return function(*arguments, **options)

        return asked

    return wrap


def _require_range(name: str, value: float, at_least: float | None, at_most: float | None) -> None:
    if at_least is not None and at_most is not None and not at_least <= value <= at_most:
        raise ValueError(f"{name} is {value}, and has to be from {at_least} to {at_most}.")
    if at_least is not None and value < at_least:
        raise ValueError(f"{name} is {value}, and has to be at least {at_least}.")
    if at_most is not None and value > at_most:
        raise ValueError(f"{name} is {value}, and has to be at most {at_most}.")


def _advice_on_shape(value: Tensor, wanted: list[str]) -> str:
    if len(wanted) == 4 and value.ndim == 3:
        return " image[None] makes a batch of a single image, images.unsqueeze(1) gives images [N, H, W] a channel."
    if value.ndim == 4 and len(wanted) < 4:
        return " Take one image of a batch: `images[0]`."
    return ""
