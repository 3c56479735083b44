"""How the site is built: ``make docs``, without network, warnings as errors."""

import os
import sys
from pathlib import Path

from eventstudy import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "eventstudy"
author = "The eventstudy developers"
copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "made_pages",
]
exclude_patterns = ["_build", "_ext", "**.ipynb_checkpoints"]
root_doc = "index"
default_role = "py:obj"
templates_path: list[str] = []
suppress_warnings: list[str] = []

# Docstrings: numpydoc as the linter of the package wants it.
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Pages: Markdown; links to headings as they are on a plain repository.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# Notebooks: run by each build, their outputs kept nowhere else; frames are shown whole.
os.environ |= {"POLARS_FMT_MAX_COLS": "20", "POLARS_FMT_MAX_ROWS": "40"}
os.environ |= {"POLARS_FMT_STR_LEN": "100"}
os.environ |= {"POLARS_FMT_TABLE_HIDE_DATAFRAME_SHAPE_INFORMATION": "1"}
os.environ |= {"POLARS_FMT_TABLE_HIDE_COLUMN_DATA_TYPES": "1"}
# The kernels draw in vectors, and keep to themselves what they say of their sockets.
IPYTHON = HERE / "_build" / "ipython"
PROFILE = IPYTHON / "profile_default" / "ipython_kernel_config.py"
PROFILE.parent.mkdir(parents=True, exist_ok=True)
PROFILE.write_text(
    'c.InlineBackend.figure_formats = {"svg"}\nc.IPKernelApp.log_level = 40\n',
    encoding="utf-8",
)
os.environ["IPYTHONDIR"] = str(IPYTHON)
nb_execution_mode = "force"
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_merge_streams = True

html_theme = "pydata_sphinx_theme"
html_title = "eventstudy"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["llms.txt"]
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {
    name: [] for name in ("index", "start", "gallery/*", "changelog", "contributing")
}
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
}
