"""Build a deck of slides from each lesson: ``make slides``, or from some ``ARGS=notebooks/02*``.

Where a page starts, each cell's slide type says, as in JupyterLab's property inspector. A deck is
one HTML file in ``slides/``, beside the folder ``reveal.js`` that all of them share. It opens in a
browser without any network: formulas are MathML, pictures lie in the file, and links lead to the
neighbouring deck. How it looks is in ``slides_template``.
"""

from collections.abc import Iterable
import os
from pathlib import Path
import re
import shutil
import sys

from jinja2 import pass_context
from jinja2.runtime import Context
from latex2mathml.converter import convert as mathml
from mistune import HTMLRenderer
from nbconvert.exporters import SlidesExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
import nbformat
from nbformat import NotebookNode
from run_notebooks import ROOT, START_PAGE, lessons, strip
import sphinx_revealjs
from traitlets.config import Config

FOLDER = ROOT / "slides"
TEMPLATES = Path(__file__).resolve().parent
REVEAL = "reveal.js"
# What a deck loads of reveal.js. Other themes stay behind, and plugins that fetch from elsewhere.
REVEAL_FILES = (
    "LICENSE",
    "dist/reveal.js",
    "dist/reveal.css",
    "dist/theme/white.css",
    "dist/theme/fonts/source-sans-pro",
    "plugin/notes/notes.js",
)
OMITTED = "      ... the library's own lines ...\n"


class Renderer(IPythonRenderer):
    """Turn the text of a lesson that lies in `path` into HTML for a deck that lies in `folder`."""

    def __init__(self, path: Path, folder: Path, attachments: dict[str, dict[str, str]]) -> None:
        options = {"embed_images": True, "exclude_anchor_links": True, "attachments": attachments}
        super().__init__(escape=False, path=str(path), **options)
        self.folder = folder

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, deck_link(url, Path(self.path), self.folder), title)

    def block_html(self, html: str) -> str:
        # nbconvert reads each piece by itself to find its pictures, and so closes a <details> that
        # goes on.
        return super().block_html(html) if "<img" in html else HTMLRenderer.block_html(self, html)

    def block_math(self, body: str) -> str:
        return mathml(body, display="block")

    def inline_math(self, body: str) -> str:
        return mathml(body)


class Exporter(SlidesExporter):
    """nbconvert's, with the template and the text renderer of these lessons, into `folder`."""

    def __init__(self, folder: Path) -> None:
        settings = {
            "template_name": "slides_template",
            "extra_template_basedirs": [str(TEMPLATES)],
            "reveal_url_prefix": REVEAL,
            "reveal_theme": "white",
            "reveal_transition": "none",
            "reveal_number": "c/t",
            "reveal_width": "1280",
            "reveal_height": "720",
            "exclude_input_prompt": True,
            "exclude_output_prompt": True,
        }
        settings = {"Exporter": settings, "CSSHTMLHeaderPreprocessor": {"style": "default"}}
        super().__init__(config=Config(settings))
        self.folder = folder

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        path = Path(context["resources"]["metadata"]["path"])
        renderer = Renderer(path, self.folder, context["cell"].get("attachments", {}))
        return MarkdownWithMath(renderer=renderer).render(source)


def deck_link(url: str, path: Path, folder: Path) -> str:
    """Return where a link leads in a deck: to another deck, or to the same file from `folder`."""
    address, mark, place = url.partition("#")
    if not address or ":" in address:
        return url
    if address.endswith(".ipynb") and "/" not in address and address != START_PAGE.name:
        return address.removesuffix(".ipynb") + ".html"  # headings have other names there
    return Path(os.path.relpath(path / address, folder)).as_posix() + mark + place


def check_cells(notebook: NotebookNode, path: Path) -> None:
    """End with a message unless every cell says where it stands in the slides, and was run."""
    for number, cell in enumerate(notebook.cells, start=1):
        line = cell.source.strip().partition("\n")[0]
        where = f"{path}: cell {number} ({line!r})"
        if not cell.metadata.get("slideshow", {}).get("slide_type"):
            raise SystemExit(
                f"{where} has no slide type. Open the lesson in JupyterLab, select the cell, and "
                "choose one in the property inspector (the gears at the top right)."
            )
        if cell.cell_type == "code" and cell.execution_count is None:
            raise SystemExit(
                f"{where} has no output: it was cleared, or the cell was not run, and the slides "
                f"show what is saved. `git checkout -- {path}` brings back what was committed; "
                f"`make notebooks ARGS={path}` runs the lesson."
            )


def heading(cell: NotebookNode) -> str:
    """Return the heading that the cell starts with, without Markdown's marks."""
    return re.sub("[`*]", "", cell.source.partition("\n")[0].lstrip("# "))


def name_sections(notebook: NotebookNode) -> None:
    """Note the section's heading on each page that continues it, which shows it at its top."""
    section = ""
    for cell in notebook.cells:
        kind = cell.metadata.slideshow.slide_type
        if kind == "slide" and cell.source.startswith("#"):
            section = heading(cell)
        elif kind == "subslide":
            # nbconvert writes what it finds here as the page's data- attributes.
            cell.metadata.slideshow["data"] = {"section": section}


def hold_predicted_outputs_back(notebook: NotebookNode) -> None:
    """Mark the code whose output the text before it asks to predict: that output waits for a key.

    In JupyterLab a `fragment` holds back a whole cell. Here its code is shown at once.
    """
    predicted = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            predicted = "**Predict" in cell.source
        elif predicted and cell.cell_type == "code":
            cell.metadata["predicted"] = True
            if cell.metadata.slideshow.slide_type == "fragment":
                cell.metadata.slideshow.slide_type = "-"


def shorten_outputs(notebook: NotebookNode) -> None:
    """Remove what an exercise's cell prints, that it waits for an answer, and leave of each
    traceback what a learner reads: the learner's own line, and the last one."""
    for cell in notebook.cells:
        if "exercise" in cell.metadata.get("tags", []):
            cell.outputs = []
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                # As IPython writes it: from the learner's own frame to the one that failed.
                _rule, _name, *frames, last = output.traceback
                output.traceback = [*frames[:1], *[OMITTED][: len(frames) - 1], last]


def read(path: Path) -> NotebookNode:
    """Return the notebook, or end with a message if there is none."""
    if not path.is_file():
        known = ", ".join(lesson.name for lesson in lessons())
        raise SystemExit(f"There is no notebook {path}. The lessons in notebooks/ are {known}.")
    return nbformat.read(path, as_version=4)


def deck(path: Path, folder: Path) -> str:
    """Return the HTML of the lesson's deck, to be written into `folder`."""
    notebook = read(path)
    check_cells(notebook, path)
    strip(notebook)  # JupyterLab saves widgets, of which a page could only print the repr
    notebook.metadata.title = heading(notebook.cells[0])
    name_sections(notebook)
    hold_predicted_outputs_back(notebook)
    shorten_outputs(notebook)
    where = {"metadata": {"name": path.stem, "path": str(path.resolve().parent)}}
    html, _ = Exporter(folder.resolve()).from_notebook_node(notebook, resources=where)
    return html


def copy_reveal(folder: Path) -> None:
    """Copy reveal.js from the package that carries it."""
    files = Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs"
    for name in REVEAL_FILES:
        target = folder / REVEAL / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (files / name).is_dir():
            shutil.copytree(files / name, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(files / name, target)


def main(paths: Iterable[Path], folder: Path = FOLDER) -> None:
    copy_reveal(folder)
    for path in paths:
        target = folder / f"{path.stem}.html"
        target.write_text(deck(path, folder), encoding="utf-8")
        print(f"built {target}", flush=True)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]] or lessons())
