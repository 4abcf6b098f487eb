"""Run notebooks from top to bottom in a scratch folder; a failing cell, or one that warns, fails the run."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main(paths: list[str]) -> None:
    """Execute each notebook; with ``--write`` first, store its outputs in the file."""
    write = "--write" in paths
    for path in (Path(name).resolve() for name in paths if name != "--write"):
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as scratch:
            NotebookClient(notebook, timeout=900, resources={"metadata": {"path": scratch}}).execute()
        for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
            if output.get("name") == "stderr":
                sys.exit(f"{path.name}: a cell writes to standard error:\n{output['text']}")
        if write:
            for cell in notebook.cells:
                cell.metadata.pop("execution", None)
            notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
            nbformat.write(notebook, path)
        print(f"{path.name}: {sum(cell.cell_type == 'code' for cell in notebook.cells)} cells ran")


if __name__ == "__main__":
    main(sys.argv[1:])
