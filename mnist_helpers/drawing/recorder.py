"""From the events of a mouse, a finger or a pen to strokes."""

from collections.abc import Sequence

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
        """Begin a stroke."""
        self._strokes.append([(x, y)])
        self._down = True

    def move(self, x: float, y: float) -> tuple[Point, Point] | None:
        """Go on with the stroke, and return the piece of line that came to it; None where the pen is up."""
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
        """Begin a stroke with the first of several fingers."""
        if touches:
            self.press(*touches[0])

    def move_first(self, touches: Sequence[Point]) -> tuple[Point, Point] | None:
        """Go on with the first of several fingers."""
        return self.move(*touches[0]) if touches else None
