"""The sentence that every face says of itself."""

from __future__ import annotations

__all__ = ["USE"]

USE = "For research and decision support; it is not a diagnosis."
