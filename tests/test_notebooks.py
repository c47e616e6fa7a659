"""The notebooks run from top to bottom, show what they promise, and are kept without outputs."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

USE = "*For research and decision support; it is not a diagnosis.*"

SHOWN = {
    "quick_start": [
        "Proximal hamstring tendinopathy",
        "81.2 %",
        "not excluded",
        "23 conditions",
        "70.9 %",
        "Is there pain on the outer side of the hip",
        "Did you mean",
        "sex=male, postpartum=present",
    ],
    "sensitivity_and_uncertainty": [
        "81.2%",
        "sit_bone_tenderness <- leak",
        "elicited2026",
        "proximal_hamstring_tendinopathy &lt;- leak",
        "narrowing",
    ],
    "clinic_visit": [
        "urgency: routine",
        "urgency: emergency",
        "Emergency department now",
        "Is there pain on the outer side of the hip",
        "through Pain on pressure at the sit bone",
        "times as probable as Referred lumbar pain",
        "start      Proximal hamstring tendinopathy",
        "examined   Proximal hamstring tendinopathy",
        "which compete with it",
    ],
    "cohort": [
        "(500, 121)",
        "in row 'ben': sex=male, postpartum=present",
        "NaN",
        "Brier score",
        "top_3",
        "50,000 rows",
    ],
    "research_study": [
        "sit_bone_tenderness &lt;- leak",
        "clinic2027",
        "375.2",
        "338.6",
        "after   40% of 10",
    ],
    "own_network": [
        "3 conditions",
        "Iliotibial band syndrome",
        "Locking absent",
        "knee.toml",
        "has no source",
        "44.0 %",
        "come without an effective sample size",
    ],
}
"""What the outputs of each notebook must hold, beside a picture."""


def outputs_of(notebook: Any) -> str:
    """Return all outputs as one text: what was printed, and each kind of what was shown."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = [{output["output_type"]: output.get("text", "")} | output.get("data", {}) for output in outputs]
    return "\n".join(f"{kind}: {content}" for shown in kinds for kind, content in shown.items())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
# The kernel's own libraries warn about each other; what the notebook warns about stands in its output.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
def test_a_notebook_runs_and_shows_what_it_promises(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell runs; nothing is written to standard error; the promised words and pictures are there."""
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    # tqdm says so where ipywidgets are not installed; no bar is shown here anyway.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:IProgress not found")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}}).execute()
    text = outputs_of(notebook)
    errors = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output["text"] for output in errors if output.get("name") == "stderr"]
    assert [promised for promised in [*SHOWN[path.stem], "image/png"] if promised not in text] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    """Outputs are made by running, so that a change to a notebook shows as what was changed."""
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert nbformat.writes(notebook, version=4).rstrip("\n") + "\n" == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_what_it_is(path: Path) -> None:
    """It begins with a title, a paragraph and the sentence on use, which stands nowhere else."""
    cells = nbformat.read(path, as_version=4).cells
    title, paragraph, use = cells[0].source.split("\n\n")
    assert title.startswith("# ")
    assert len(paragraph) > 100
    assert use == USE
    assert all(USE not in cell.source for cell in cells[1:])


def test_every_notebook_is_looked_at() -> None:
    """A new notebook must say what it shows."""
    assert {path.stem for path in NOTEBOOKS} == set(SHOWN)
