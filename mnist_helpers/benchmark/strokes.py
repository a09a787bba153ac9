"""How well the network of the drawing pad reads pen strokes of people whom it has not seen."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from torch import nn

from ..checks import require_model, require_sequence, require_type
from ..drawing import Strokes, predict


class PenDigit(NamedTuple):
    """A digit as somebody wrote it with a pen."""

    digit: int
    writer: str
    strokes: Strokes


def load_pen_digits(path: str | Path) -> list[PenDigit]:
    """Return the digits of a file of the data set *UJI Pen Characters (Version 2)* (Llorens et al., "The UJIpenchars
    Database", LREC 2008; UCI Machine Learning Repository), whose name there is ``ujipenchars2.txt``; its letters are
    left out.

    Raises:
        TypeError: `path` is no path.
        ValueError: a line is not of that format, or there is no digit.
        OSError: the file cannot be read.
    """
    require_type("path", path, (str, Path), "the path of a file")
    digits: list[PenDigit] = []
    current: PenDigit | None = None
    lines = Path(path).read_text(encoding="latin-1").splitlines()
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if words[:1] == ["WORD"] and len(words) == 3:
            _, character, session = words
            current = None
            if character in set("0123456789"):
                current = PenDigit(int(character), session.rpartition("-")[0], [])
                digits.append(current)
        elif words[:1] == ["POINTS"] and current is not None:
            current.strokes.append(_stroke(words, number))
    if not digits:
        raise ValueError(f"{path} holds no digit in the format of ujipenchars2.txt.")
    return digits


def _stroke(words: list[str], number: int) -> list[tuple[float, float]]:
    try:
        values = [float(word) for word in words[3:]]
        if words[2] != "#" or len(values) != 2 * int(words[1]):
            raise ValueError("another number of points")
    except (ValueError, IndexError) as error:
        raise ValueError(
            f"Line {number} is {' '.join(words)!r:.60}, and has to be POINTS n # and n times x y."
        ) from error
    return list(zip(values[::2], values[1::2], strict=True))


def read_share(model: nn.Module, digits: list[PenDigit]) -> tuple[float, Counter]:
    """Return the share of digits that a network reads, in [0, 1], and how often it takes one digit for another:
    ``(label, prediction)``.

    Raises:
        TypeError: `model` is no network, or `digits` are none that `load_pen_digits` returns.
        ValueError: there is no digit.
    """
    require_model("model", model)
    require_sequence("digits", digits, PenDigit, "digits, those that load_pen_digits returns")
    pairs = Counter((one.digit, predict(model, one.strokes).argmax().item()) for one in digits)
    read = sum(times for (label, said), times in pairs.items() if label == said)
    mistakes = Counter({pair: times for pair, times in pairs.items() if pair[0] != pair[1]})
    return read / len(digits), mistakes
