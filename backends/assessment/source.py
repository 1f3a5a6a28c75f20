"""The model a person named: one file or folder, or a bundle with several forms of it."""

from __future__ import annotations

from pathlib import Path

from backends.assessment.assess import assess
from backends.assessment.bundled import MODEL_FILE, read_bundle
from backends.assessment.folder import is_folder
from backends.assessment.images import preprocessing_beside
from backends.domain.model import SourceModel


def source_model(path: Path) -> SourceModel:
    """A source for the wizard and the command line. A folder with ``model.toml`` gives all its forms.

    Raises:
        BadInput: see :func:`backends.assessment.assess.assess`.
    """
    if is_folder(path) and (path / MODEL_FILE).is_file():
        return read_bundle(path)
    profile = assess(path)
    return SourceModel(
        name=profile.name,
        profile=profile,
        forms={profile.format: profile.path},
        preprocessing=preprocessing_beside(profile),
    )
