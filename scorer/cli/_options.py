"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

path_type = click.Path(path_type=Path)

reference = click.option(
    "--reference",
    "references",
    multiple=True,
    type=path_type,
    help="Labels written by `scorer reference import`; repeat for several files.",
)
needed_reference = click.option(
    "--reference",
    "references",
    multiple=True,
    required=True,
    type=path_type,
    help="Labels written by `scorer reference import`; repeat for several files.",
)
annotator = click.option("--annotator", help="Whose labels, where there are several.")
estimator = click.option(
    "--estimator",
    help="plugin, rogan-gladen or ppi: which one leads (ppi where there are labels); all stand beside it.",
)
