"""What a report stands on, byte by byte: every file that was read, with versions and the seed."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doublecode.analysis.report.methods_text import packages_used
from doublecode.analysis.results.versions import version_of
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.study_tables import RATINGS_TABLE, TABLES

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import Intake, StudyRun
    from doublecode.schemas.study import Study


def manifest_record(run: StudyRun) -> dict[str, Any]:
    """Everything that decides what a run of a study gives.

    Parameters
    ----------
    run : StudyRun

    Returns
    -------
    dict
        study, seed, set_aside; versions (doublecode, Python, libraries); codebooks (name, version, hash); inputs (path
        within the study folder, sha256) of declaration, codebooks and tables; ratings (file, sha256, n_rows, from: the
        file that was read, or the ledger).
    """
    return manifest_of(run.intake, packages_used(run))


def manifest_of(intake: Intake, packages: Sequence[str]) -> dict[str, Any]:
    """The same of what was read of a study, for whatever was computed of it with these packages."""
    study, held = intake.study, set(intake.held)
    listed = intake.files
    return {
        "study": study.name,
        "seed": study.seed,
        "set_aside": list(intake.set_aside),
        "versions": {
            "python": platform.python_version(),
            **{name: version_of(name) for name in ("doublecode", *packages)},
        },
        "codebooks": [
            {"name": book.name, "version": book.version, "hash": coding_hash(book)} for book in study.codebooks.values()
        ],
        "inputs": [{"path": path.as_posix(), "sha256": digest} for path, digest in _inputs(study)],
        "ratings": [
            {"file": file, "sha256": digest, "n_rows": int(count), "from": "ledger" if file in held else "file"}
            for file, digest, count in zip(listed["file"], listed["sha256"], listed["n_rows"], strict=True)
        ],
    }


def _inputs(study: Study) -> Iterator[tuple[Path, str]]:
    """Declaration, codebooks of the folder, and tables, with their hashes."""
    own = [study.folder / "study.toml"]
    own += [study.folder / use.name for use in study.instruments if use.name.endswith(".toml")]
    tables = study.table_files
    own += [path for name in (*TABLES, RATINGS_TABLE, *tables.outcomes) if (path := tables.path(name)) is not None]
    for path in dict.fromkeys(own):
        if path.is_file():
            yield path.relative_to(study.folder), hashlib.sha256(path.read_bytes()).hexdigest()
