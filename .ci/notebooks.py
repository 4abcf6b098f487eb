"""Run notebooks from top to bottom, twice in one folder; a failing cell, one that warns, or a verdict that moved fails.

    python .ci/notebooks.py notebooks/*.ipynb            # run them, and hold their checked cells to the stored outputs
    python .ci/notebooks.py --write notebooks/*.ipynb    # store the outputs of the first run in the files
    python .ci/notebooks.py --once notebooks/*.ipynb     # without the second run

The second run finds what the first one left in the folder, as a reader's second *Run all* does, in a fresh kernel.
Cells tagged `checked` print counts of verdicts: they must say what the file holds, in both runs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

OPTIONS = ("--write", "--once")


def main(arguments: list[str]) -> None:
    """Run each notebook."""
    began = time.monotonic()
    for path in (Path(name).resolve() for name in arguments if name not in OPTIONS):
        stored = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as scratch:
            first = run(path, scratch)
            again = first if "--once" in arguments else run(path, scratch)
        if "--write" in arguments:
            write(path, first)
            stored = first
        for which, ran in (("first", first), ("second", again)):
            held(path.name, which, stored, ran)
        print(f"{path.name}: {sum(cell.cell_type == 'code' for cell in first.cells)} cells ran")
    print(f"all in {time.monotonic() - began:.0f} s")


def run(path: Path, folder: str) -> nbformat.NotebookNode:
    """Execute a notebook in a folder, with a kernel of its own."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": folder}}).execute()
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if output.get("name") == "stderr":
            sys.exit(f"{path.name}: a cell writes to standard error:\n{output['text']}")
    return notebook


def held(name: str, which: str, stored: nbformat.NotebookNode, ran: nbformat.NotebookNode) -> None:
    """Hold the checked cells to what is stored."""
    for before, after in zip(checked(stored), checked(ran), strict=True):
        if before != after:
            sys.exit(f"{name}, {which} run: a checked cell says\n{after}\nand the file holds\n{before}")


def checked(notebook: nbformat.NotebookNode) -> list[str]:
    """What the cells print that are tagged `checked`."""
    cells = [cell for cell in notebook.cells if "checked" in cell.metadata.get("tags", [])]
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in cells]


def write(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Store the outputs in the file, without times."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    nbformat.write(notebook, path)


if __name__ == "__main__":
    main(sys.argv[1:])
