"""Progress of a long run."""

from __future__ import annotations

import warnings
from typing import Any

__all__ = ["progress_bar"]


def progress_bar(total: int, unit: str, *, hidden: bool | None) -> Any:
    """Return a bar of tqdm's that appears after a second.

    Parameters
    ----------
    total, unit
        How many of what.
    hidden
        Whether to show none; None shows one in a terminal only.
    """
    with warnings.catch_warnings():
        # Without ipywidgets a notebook gets the bar in text, and need not be told so in red.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm

        return tqdm(total=total, unit=unit, disable=hidden, delay=1.0)
