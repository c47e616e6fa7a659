"""Follows every link of a built site: to pages, to places in them, and to what they load."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["broken_links", "outside_files"]

LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
"""What a browser fetches on its own."""


class _Page(HTMLParser):
    """The anchors of a page, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name in ("id", "name"):
                self.anchors.add(value)
            if (tag, name) in LOADED:
                self.loaded.add(value)
            if (tag, name) in LOADED or (tag, name) == ("a", "href"):
                self.links.add(value)


def broken_links(site: Path) -> list[str]:
    """Return each link within a site that leads nowhere, with the page that it is on."""
    pages = _pages(site)
    broken = []
    for path, page in pages.items():
        for target in sorted(page.links):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = there / "index.html" if there.is_dir() else there
            lost = not there.is_file()
            if not lost and parts.fragment and there in pages:
                lost = unquote(parts.fragment) not in pages[there].anchors
            if lost:
                broken.append(f"{path.relative_to(site)}: {target}")
    return broken


def outside_files(site: Path) -> list[str]:
    """Return what the pages of a site load from elsewhere, with the page that does."""
    return [
        f"{path.relative_to(site)}: {target}"
        for path, page in _pages(site).items()
        for target in sorted(page.loaded)
        if urlsplit(target).netloc
    ]


def _pages(site: Path) -> dict[Path, _Page]:
    """Return the pages of a site; the theme's own files are none."""
    paths = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    return {path: _Page(path.read_text(encoding="utf-8")) for path in paths}
