"""Puts all pages in one folder: those of docs/ and of the root, notebooks, generated ones."""

import re
from collections.abc import Mapping
from pathlib import Path
from posixpath import dirname, normpath, relpath

__all__ = ["relinked", "stage", "stand_in"]

LINK = re.compile(r"(?P<before>\]\()(?P<target>[^)#\s<>]+)(?P<anchor>#[^)\s]*)?\)")

END_OF_DOCTEST = re.compile(r"(^```python\n(?:(?!^```).*\n)*?.+)\n\n```$", re.MULTILINE)
"""A block that ends with the empty line that doctest asks for, and readers do not."""

ROOT_PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "README.md": "index.md"}
"""Pages of the root, and where they stand on the site; the first page stands in for the README."""


def stand_in(path: str) -> str:
    """Return where a file of the repository stands on the site.

    Examples
    --------
    >>> stand_in("docs/cli.md"), stand_in("CONTRIBUTING.md"), stand_in("networks/runner.toml")
    ('cli.md', 'contributing.md', 'files/networks/runner.toml')
    """
    if path in ROOT_PAGES:
        return ROOT_PAGES[path]
    if path.startswith("notebooks/") or (path.startswith("docs/") and path.endswith((".md", ".svg", ".png"))):
        return path.removeprefix("docs/")
    return f"files/{path}"


def relinked(text: str, page: str, root: Path) -> tuple[str, set[str]]:
    """Return a page whose links to files of the repository lead to their places on the site, and those files.

    Parameters
    ----------
    text
        The page.
    page
        Where it stands in the repository.
    root
        The repository.
    """
    led_to = set()

    def moved(found: re.Match[str]) -> str:
        target = normpath(f"{dirname(page)}/{found['target']}".lstrip("/"))
        if "://" in found["target"] or not (root / target).is_file():
            return found[0]
        led_to.add(target)
        place = relpath(stand_in(target), dirname(stand_in(page)) or ".")
        return f"]({place}{found['anchor'] or ''})"

    return LINK.sub(moved, text), led_to


def stage(root: Path, folder: Path, generated: Mapping[str, str]) -> None:
    """Fill a folder with every page of the site; what has not changed is not touched.

    Parameters
    ----------
    root
        The repository.
    folder
        Where to.
    generated
        Pages that are in no file, by their place.
    """
    texts = dict(generated)
    files: set[str] = set()
    for page in pages_of(root):
        text, led_to = relinked((root / page).read_text(encoding="utf-8"), page, root)
        texts[stand_in(page)] = END_OF_DOCTEST.sub(r"\1\n```", text)
        files |= led_to
    pages = set(pages_of(root)) | {"README.md"}
    copies = {stand_in(name): root / name for name in files - pages}
    for place in sorted(found(folder) - set(texts) - set(copies)):
        (folder / place).unlink()
    for place, text in texts.items():
        write(folder / place, text.encode())
    for place, origin in copies.items():
        write(folder / place, origin.read_bytes())


def pages_of(root: Path) -> list[str]:
    """Return the pages and notebooks of the repository that are shown as such."""
    paths = [*root.glob("docs/**/*.md"), *root.glob("notebooks/*.ipynb")]
    names = {path.relative_to(root).as_posix() for path in paths}
    return sorted(names | ROOT_PAGES.keys() - {"README.md"})


def found(folder: Path) -> set[str]:
    """Return the files in a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def write(path: Path, content: bytes) -> None:
    """Write a file if it is not there yet with this content."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
