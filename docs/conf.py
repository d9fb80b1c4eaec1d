"""Sphinx configuration."""

project = "qml_dynamics"
author = "The qml_dynamics developers"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "myst_nb"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
nb_execution_mode = "off"  # the test suite executes the notebooks
html_theme = "furo"
html_title = "qml_dynamics"
exclude_patterns = ["_build"]
suppress_warnings = ["myst.header"]
