"""Build the documentation site: python docs/site/build.py [FOLDER]."""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import buttpain as bp
from api_pages import api_pages
from link_check import broken_links, outside_files
from network_pages import PICTURE, network_pages
from staging import stage

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def main() -> int:
    """Put the pages together, build them without a warning, and follow every link."""
    start = time.perf_counter()
    folder = _folder()
    source, kept = (folder.with_name(f"{folder.name}-{part}") for part in ("source", "kept"))
    stage(ROOT, source, dict(generated()))
    if failed := _built(source, kept, folder):
        shutil.rmtree(kept, ignore_errors=True)  # what was read with a warning would not warn again
        return failed
    for name in bp.available_networks():
        bp.load_network(name).to_html(folder / "networks" / name / PICTURE)
    wrong = [*broken_links(folder), *(f"from elsewhere: {line}" for line in outside_files(folder))]
    for line in wrong:
        print(line, file=sys.stderr)
    pages = len(list(folder.rglob("*.html")))
    print(f"{pages} pages in {time.perf_counter() - start:.0f} s; open {(folder / 'index.html').as_uri()}")
    return 1 if wrong else 0


def generated() -> Iterator[tuple[str, str]]:
    """Yield place and text of the pages that are in no file."""
    yield from ((f"api/{place}", text) for place, text in api_pages().items())
    for name in bp.available_networks():
        pages = network_pages(bp.load_network(name))
        yield from ((f"networks/{name}/{place}", text) for place, text in pages.items())


def _folder() -> Path:
    """Return where the site goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = ROOT / "build" / "site"
    parser.add_argument("folder", nargs="?", type=Path, default=default, help="where the site goes")
    folder: Path = parser.parse_args().folder
    return folder.resolve()


def _built(source: Path, kept: Path, folder: Path) -> int:
    """Build the site with Sphinx, on two processors; return its exit code."""
    try:
        from sphinx.cmd.build import main as sphinx
    except ImportError:
        sys.exit('The site needs Sphinx and its theme; install them: python -m pip install -e ".[docs]"')
    strict = ("-W", "--keep-going", "-q")
    places = ("-c", HERE, "-d", kept, source, folder)
    code: int = sphinx([*strict, "-j", "2", *map(str, places)])
    return code


if __name__ == "__main__":
    sys.exit(main())
