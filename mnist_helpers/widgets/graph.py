"""The graph of a computation, step by step: forwards its numbers, backwards its gradients."""

from typing import Any

from ipywidgets import VBox

from .. import plots
from .screen import connected, slider


def step_through_graph(last: Any) -> VBox:
    """Step through what lesson 09's value `last` was made from."""
    order = plots.in_order(last, [])
    made = [one for one in order if one.parents]
    step = slider("step", 0, 2 * len(made) + 1)

    def show(_):
        back = step.value - len(made) - 1
        data = {one: one.data for one in order if one not in made[step.value :]}
        gradients = {last: 1.0} if back >= 0 else {}
        text = "given" if step.value == 0 else "backwards: the gradient of the end is 1"
        if back < 0 < step.value:
            one = made[step.value - 1]
            data[one] = data.pop(one)  # the newest
            numbers = ", ".join(f"{parent.data:.4g}" for parent in one.parents)
            text = f"forwards: {one.name} of {numbers} is {one.data:.4g}"
        for one in made[::-1][: max(0, back)]:
            handed = one.backward(gradients[one])
            for parent, gradient in zip(one.parents, handed, strict=True):
                gradients[parent] = gradients.pop(parent, 0.0) + gradient
            parts = [f"{g:.4g} to {to.name}" for to, g in zip(one.parents, handed, strict=True)]
            text = (
                f"backwards: {one.name} has {gradients[one]:.4g}, and hands on {', '.join(parts)}"
            )
        text = f"step {step.value} of {step.max}\n{text}"
        return plots.plot_graph(last, data, gradients), text

    return connected(show, [step])
