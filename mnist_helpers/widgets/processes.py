"""Whether several processes pay: what their arithmetic shares, and what their all-reduce costs."""

from ipywidgets import VBox

from .. import plots
from .screen import connected, slider


def processes_that_pay(gradient_bytes: int) -> VBox:
    """Choose how long a step takes, how large the network is and how quick the wire, and see how
    many times as fast 1 to 8 processes are."""
    step, size = slider("a step, ms", 25, 400, least=1), slider("size, × this", 1, 400, least=1)
    wire = slider("wire, Gbit/s", 1, 100, least=1)

    def show(_):
        sent = size.value * gradient_bytes
        milliseconds = 1000 * sent / (wire.value * 1e9 / 8)
        costs = [step.value / n + 2 * (n - 1) / n * milliseconds for n in range(1, 9)]
        gains = [step.value / cost for cost in costs]
        text = (
            f"{sent:,} bytes of gradients; two processes spend {milliseconds:,.1f} ms a step on "
            f"them\ntwo are {gains[1]:.2f} times as fast as one, eight {gains[7]:.2f} times"
        )
        return plots.plot_speed_up({"processes": gains}), text

    return connected(show, [step, size, wire])
