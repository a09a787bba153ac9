"""From the events of a mouse, a finger or a pen to strokes."""

from collections.abc import Sequence

from ..checks import described, require_number

Point = tuple[float, float]


class StrokeRecorder:
    """Collects strokes: `press`, `move` as often as there is something to tell, `release`.

    It is a class because it has to remember the strokes, and whether the pen is down. Events out of order do no harm: a
    move without a press is passed over, and a press while the pen is down begins a new stroke.
    """

    def __init__(self) -> None:
        self._strokes: list[list[Point]] = []
        self._down = False

    @property
    def strokes(self) -> list[list[Point]]:
        """All strokes so far, as `rasterize` takes them, the unfinished one included. A copy."""
        return [list(stroke) for stroke in self._strokes]

    @property
    def is_down(self) -> bool:
        """Whether a stroke is being drawn."""
        return self._down

    def press(self, x: float, y: float) -> None:
        """Begin a stroke.

        Raises:
            TypeError: a coordinate is no number.
            ValueError: a coordinate is not finite.
        """
        _require_point(x, y)
        self._strokes.append([(x, y)])
        self._down = True

    def move(self, x: float, y: float) -> tuple[Point, Point] | None:
        """Go on with the stroke, and return the piece of line that came to it; None where the pen is up.

        Raises:
            TypeError, ValueError: as `press` does.
        """
        _require_point(x, y)
        if not self._down:
            return None
        before = self._strokes[-1][-1]
        self._strokes[-1].append((x, y))
        return before, (x, y)

    def release(self) -> None:
        """End the stroke."""
        self._down = False

    def undo(self) -> None:
        """Forget the last stroke, if there is one."""
        if self._strokes:
            self._strokes.pop()
        self._down = False

    def clear(self) -> None:
        """Forget all strokes."""
        self._strokes.clear()
        self._down = False

    def press_first(self, touches: Sequence[Point]) -> None:
        """Begin a stroke with the first of several fingers, each a pair ``(x, y)``.

        Raises:
            TypeError: `touches` is no list of pairs of numbers.
            ValueError: a coordinate is not finite.
        """
        first = _first(touches)
        if first is not None:
            self.press(*first)

    def move_first(self, touches: Sequence[Point]) -> tuple[Point, Point] | None:
        """Go on with the first of several fingers.

        Raises:
            TypeError, ValueError: as `press_first` does.
        """
        first = _first(touches)
        return None if first is None else self.move(*first)


def _require_point(x: float, y: float) -> None:
    require_number("x", x)
    require_number("y", y)


def _first(touches: Sequence[Point]) -> Point | None:
    """Return the first of several fingers, or None where there is none."""
    if not isinstance(touches, Sequence) or isinstance(touches, (str, bytes)):
        raise TypeError(
            f"touches is {described(touches)}, and has to be a list of points (x, y), one for each finger."
        )
    if not touches:
        return None
    if (
        not isinstance(touches[0], Sequence)
        or isinstance(touches[0], (str, bytes))
        or len(touches[0]) != 2
    ):
        raise TypeError(
            f"The first of touches is {described(touches[0])}, and has to be a point (x, y)."
        )
    return touches[0]
