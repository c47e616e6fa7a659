"""Sphinx settings of the site; `build.py` beside it puts the pages together and builds."""

import re
import warnings
from typing import Any

from buttpain import __version__

# numpydoc reads a docstring once more for its signature, before `as_numpydoc` could prepare it.
warnings.filterwarnings("ignore", "Unknown section Columns", UserWarning)

project = "buttpain"
author = "the buttpain authors"
version = release = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
]

root_doc = "index"
language = "en"
smartquotes = False  # what is quoted may be code
default_role = "py:obj"  # `Network` in a docstring leads to its page
nitpicky = False  # names of numpy and pandas are no pages here, and the build needs no network
highlight_language = "text"
pygments_style = "a11y-high-contrast-light"

# Headings are link targets down to the third level; every link is checked, and a warning fails the build.
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]

nb_execution_mode = "force"  # notebooks are kept without outputs
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
# Widgets would fetch their scripts from elsewhere; what else a cell gives is shown instead.
nb_ipywidgets_js: dict[str, Any] = {}
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"  # results are made by functions, not by calling their class
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"buttpain {version}"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_favicon = "static/favicon.svg"
templates_path = ["templates"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "buttpain", "image_light": "static/favicon.svg", "image_dark": "static/favicon.svg"},
    "header_links_before_dropdown": 6,
    "collapse_navigation": True,
    "navigation_depth": 4,
    "show_toc_level": 2,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["use"],
    "footer_end": ["copyright_line"],
}
html_sidebars: dict[str, list[str]] = {"index": []}
html_last_updated_fmt = None

MARKUP = re.compile(r"(?<=\()\*(?=\w)|(?<![\w`])\|(?=\S)")
"""A star or a bar that would begin emphasis or a substitution: (*shape), |x|."""


def as_numpydoc(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Prepare a docstring for numpydoc: it has no section "Columns", and stars and bars are markup to it."""
    lines[:] = [line if line.strip().startswith(">>>") else MARKUP.sub(r"\\\g<0>", line) for line in lines]
    if "Columns" in lines:
        at = lines.index("Columns")
        lines[at : at + 2] = ["Notes", "-----", "Columns:", ""]


def setup(app: Any) -> None:
    """Let docstrings be prepared before numpydoc reads them."""
    app.connect("autodoc-process-docstring", as_numpydoc, priority=400)
