"""Sphinx configuration. Formulas become MathML and fonts are those of the reader: built pages load nothing from the network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the library and the tools that make pages of it

project = "qml_dynamics"
author = "The qml_dynamics developers"
extensions = ["myst_nb", "tools.pages.mathml", "tools.pages.extension"]
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the test suite executes the notebooks
html_theme = "furo"
html_title = "qml_dynamics"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True
exclude_patterns = ["_build"]
suppress_warnings = ["myst.header"]
