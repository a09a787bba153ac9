from mnist_helpers.drawing import StrokeRecorder, rasterize
import pytest
import torch


def test_a_new_recorder_has_no_stroke_and_the_pen_is_up() -> None:
    recorder = StrokeRecorder()
    assert recorder.strokes == []
    assert not recorder.is_down


def test_strokes_are_kept_in_the_order_in_which_they_were_drawn() -> None:
    recorder = StrokeRecorder()
    recorder.press(1, 2)
    assert recorder.is_down
    assert recorder.strokes == [[(1, 2)]], "the unfinished one is among them"
    assert recorder.move(3, 4.5) == ((1, 2), (3, 4.5))
    assert recorder.move(-5, 6) == ((3, 4.5), (-5, 6))
    recorder.release()
    assert not recorder.is_down
    recorder.press(7, 8)
    recorder.release()
    assert recorder.strokes == [[(1, 2), (3, 4.5), (-5, 6)], [(7, 8)]]


def test_the_pieces_of_line_are_those_of_the_strokes() -> None:
    recorder = StrokeRecorder()
    points = [(0, 0), (3, 1), (3, 1), (9, 4)]
    recorder.press(*points[0])
    pieces = [recorder.move(*point) for point in points[1:]]
    assert [piece[0] for piece in pieces] == points[:-1]
    assert [piece[1] for piece in pieces] == points[1:]
    assert recorder.strokes == [points]


def test_a_move_without_a_press_is_passed_over() -> None:
    recorder = StrokeRecorder()
    assert recorder.move(1, 2) is None
    assert recorder.strokes == []
    recorder.press(3, 4)
    recorder.release()
    assert recorder.move(5, 6) is None
    assert recorder.strokes == [[(3, 4)]]
    assert not recorder.is_down


def test_a_press_while_the_pen_is_down_begins_a_new_stroke() -> None:
    recorder = StrokeRecorder()
    recorder.press(1, 2)
    recorder.move(3, 4)
    recorder.press(5, 6)
    assert recorder.move(7, 8) == ((5, 6), (7, 8)), "no line joins the two"
    assert recorder.strokes == [[(1, 2), (3, 4)], [(5, 6), (7, 8)]]
    assert recorder.is_down


def test_to_release_twice_or_without_a_press_does_nothing() -> None:
    recorder = StrokeRecorder()
    recorder.release()
    recorder.press(1, 2)
    recorder.release()
    recorder.release()
    assert recorder.strokes == [[(1, 2)]]
    assert not recorder.is_down


def test_what_is_done_with_the_strokes_that_are_given_out_leaves_the_recorded_ones() -> None:
    recorder = StrokeRecorder()
    recorder.press(1, 2)
    given = recorder.strokes
    given[0].append((9, 9))
    given.append([(8, 8)])
    assert recorder.strokes == [[(1, 2)]]
    recorder.move(3, 4)
    recorder.clear()
    assert given == [[(1, 2), (9, 9)], [(8, 8)]]


def test_undo_forgets_the_last_stroke_until_there_is_none() -> None:
    recorder = StrokeRecorder()
    for x in range(3):
        recorder.press(x, 0)
        recorder.release()
    for left in (2, 1, 0, 0):
        recorder.undo()
        assert recorder.strokes == [[(x, 0)] for x in range(left)]


@pytest.mark.parametrize(("forget", "left"), [("undo", 1), ("clear", 0)])
def test_what_is_forgotten_while_it_is_drawn_is_not_gone_on_with(forget, left) -> None:
    recorder = StrokeRecorder()
    recorder.press(1, 2)
    recorder.release()
    recorder.press(3, 4)
    getattr(recorder, forget)()
    assert not recorder.is_down
    # The mouse is still pressed on the pad, and goes on.
    assert recorder.move(5, 6) is None
    recorder.release()
    assert recorder.strokes == [[(1, 2)]][:left]


def test_clear_forgets_all_and_the_next_stroke_is_the_first() -> None:
    recorder = StrokeRecorder()
    recorder.clear()
    recorder.press(1, 2)
    recorder.release()
    recorder.press(3, 4)
    recorder.clear()
    assert recorder.strokes == []
    recorder.press(5, 6)
    assert recorder.strokes == [[(5, 6)]]


def test_of_several_fingers_the_first_draws() -> None:
    recorder = StrokeRecorder()
    recorder.press_first([(1, 2), (10, 20)])
    assert recorder.move_first([(3, 4), (30, 40), (5, 5)]) == ((1, 2), (3, 4))
    recorder.release()
    assert recorder.move_first([(7, 8)]) is None
    assert recorder.strokes == [[(1, 2), (3, 4)]]


def test_no_finger_draws_nothing() -> None:
    recorder = StrokeRecorder()
    recorder.press_first([])
    assert not recorder.is_down
    assert recorder.move_first([]) is None
    recorder.press_first([(1, 2)])
    assert recorder.move_first([]) is None
    assert recorder.strokes == [[(1, 2)]]
    assert recorder.is_down


def test_two_recorders_share_no_stroke() -> None:
    first, second = StrokeRecorder(), StrokeRecorder()
    first.press(1, 2)
    assert second.strokes == []
    assert not second.is_down


def test_recorded_strokes_are_what_rasterize_takes() -> None:
    recorder = StrokeRecorder()
    recorder.press(10, 20)
    recorder.move(10, 90)
    recorder.release()
    recorder.press(60, 50)
    expected = rasterize([[(10, 20), (10, 90)], [(60, 50)]])
    assert expected.any()
    assert torch.equal(rasterize(recorder.strokes), expected)
