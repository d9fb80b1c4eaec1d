"""Pages of the documentation that are made from the library itself: reference of names, commands and problem files, tables of choice.

``python -m tools.pages`` writes those that stand in the repository (`docs/problem_files.md` and the tables between two comments in
others); the reference of names and commands is written when Sphinx builds, by `tools.pages.extension`.
"""
