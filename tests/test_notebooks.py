"""The notebooks run from top to bottom, show what they promise, and are kept without outputs."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

SHOWN = {
    "quick_start": ["Proximal hamstring tendinopathy", "81.2 %", "image/png", "not excluded", "Did you mean"],
    "sensitivity_and_uncertainty": ["image/png", "81.2 %", "sit_bone_tenderness <- leak", "elicited2026"],
}
"""What the outputs of each notebook must hold."""


def outputs_of(notebook: Any) -> str:
    """Return all outputs as one text, kinds and contents."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(str(dict(output)) for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
# The kernel's own libraries warn about each other; what the notebook warns about stands in its output.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
def test_a_notebook_runs_and_shows_what_it_promises(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell runs; nothing is written to standard error; the promised words and pictures are there."""
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}}).execute()
    text = outputs_of(notebook)
    assert "'name': 'stderr'" not in text
    for promised in SHOWN[path.stem]:
        assert promised in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    """Outputs are made by running, so that a change to a notebook shows as what was changed."""
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


def test_every_notebook_is_looked_at() -> None:
    """A new notebook must say what it shows."""
    assert {path.stem for path in NOTEBOOKS} == set(SHOWN)
