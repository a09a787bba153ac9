"""From the events of a mouse, a finger or a pen to strokes."""

Point = tuple[float, float]


class StrokeRecorder:
    """Collects strokes. A move without a press is passed over, and a press while the pen is down
    begins a new stroke."""

    def __init__(self) -> None:
        self._strokes: list[list[Point]] = []
        self.is_down = False

    @property
    def strokes(self) -> list[list[Point]]:
        """A copy of all strokes so far, the unfinished one included."""
        return [list(stroke) for stroke in self._strokes]

    def press(self, x: float, y: float) -> None:
        self._strokes.append([(x, y)])
        self.is_down = True

    def move(self, x: float, y: float) -> tuple[Point, Point] | None:
        """Return the piece of line that came to the stroke; None where the pen is up."""
        if not self.is_down:
            return None
        before = self._strokes[-1][-1]
        self._strokes[-1].append((x, y))
        return before, (x, y)

    def release(self) -> None:
        self.is_down = False

    def undo(self) -> None:
        self._strokes = self._strokes[:-1]
        self.is_down = False

    def clear(self) -> None:
        self._strokes = []
        self.is_down = False
