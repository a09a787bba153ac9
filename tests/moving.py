"""The widgets without a browser: values of controls are set, and what is shown then is read."""

import html
import re

import ipywidgets
from ipywidgets import BoundedFloatText, Checkbox, Dropdown, IntSlider


def parts(widget, kind):
    inside = [part for child in getattr(widget, "children", ()) for part in parts(child, kind)]
    return [widget, *inside] if isinstance(widget, kind) else inside


def controls(widget):
    kinds = (IntSlider, Dropdown, BoundedFloatText, Checkbox)
    return {part.description: part for part in parts(widget, kinds)}


def move(widget, *moves):
    """Set controls, by name and value, and return the text that stands there then."""
    for name, value in moves:
        part = controls(widget)[name]
        setattr(part, "label" if isinstance(part, Dropdown) else "value", value)
    return found(widget, r"<pre[^>]*>([^<]*)</pre>")[0]


def found(widget, pattern):
    page = "".join(part.value for part in parts(widget, ipywidgets.HTML))
    return [html.unescape(text) for text in re.findall(pattern, page)]


def pictures(widget):
    return found(widget, r'<img [^>]*src="data:image/png;base64,([^"]*)"')
