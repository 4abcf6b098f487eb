"""The folder of a sensitivity analysis, and a study folder that declares one of its specifications."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.report.sections_sensitivity import sensitivity_document
from doublecode.analysis.report.target_folder import checked_target, is_part, write_parts
from doublecode.analysis.study.sensitivity_specifications import Specification, specifications
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import plain, result_record, to_json
from doublecode.schemas.whole_files import replace_folder

if TYPE_CHECKING:
    from doublecode.analysis.study.sensitivity_answer import SensitivityResult
    from doublecode.schemas.study import Study

FOLDER: Final = "sensitivity"
_FILES: Final = ("index.html", "results.json")
_NOT_COPIED: Final = ("report", FOLDER, "please_fix", "*.py", "__pycache__")


def is_of_sensitivity(path: str) -> bool:
    """Whether a sensitivity analysis writes a file of this path within the study folder."""
    first, _, rest = path.partition("/")
    return first == FOLDER and (rest in _FILES or is_part(rest))


def check_sensitivity_target(folder: Path, *, overwrite: bool) -> Path:
    """Refuse, before any work, to write over an earlier analysis or over what is none; return the folder."""
    return checked_target(folder, FOLDER, "sensitivity analysis", is_of_sensitivity, overwrite=overwrite)


def write_sensitivity(found: SensitivityResult, study: Study, folder: Path, *, overwrite: bool = False) -> Path:
    """Write ``sensitivity/`` into `folder`: page, tables, figures, results with full precision.

    Raises
    ------
    UsageError
        It is there already and `overwrite` is False, or holds other files.
    """
    from doublecode.analysis.rendering.page import render_page

    target = check_sensitivity_target(folder, overwrite=overwrite)
    document = sensitivity_document(found, study)

    def fill(fresh: Path) -> None:
        (fresh / "index.html").write_text(render_page(document), encoding="utf-8", newline="\n")
        write_parts(document, fresh)
        text = to_json(sensitivity_record(found)) + "\n"
        (fresh / "results.json").write_text(text, encoding="utf-8", newline="\n")

    replace_folder(target, fill)
    return target


def sensitivity_record(found: SensitivityResult) -> dict[str, Any]:
    """Specifications, and beside them what was left out and what moves the result."""
    record = {**result_record(found), "left_out": plain(found.left_out), "moves": plain(found.moves)}
    return record if found.missing is None else {**record, "missing": found.missing.record}


def write_specification(study: Study, number: int, out: Path) -> Specification:
    """Copy the study folder with the study.toml of one specification in the place of its own.

    Reports, and files that were handed back, are not copied. What is asked of the models (families, marginal means)
    is left out, and so is ``[sensitivity]``.

    Raises
    ------
    UsageError
        There is no such specification, it is no declaration, or `out` is there already or lies inside the study.
    """
    cases = specifications(study)
    if not 1 <= number <= len(cases):
        raise UsageError(f"--specification: found {number}, allowed 1 to {len(cases)}.")
    one = cases[number - 1]
    if one.study is None:
        raise UsageError(f"specification {number} is refused: {one.refusal}")
    if out.exists():
        raise UsageError(f"{out} is there already. Name a folder that is not, it is made.")
    if out.resolve().is_relative_to(study.folder.resolve()):
        raise UsageError(f"{out} lies inside the study folder, which would be copied into itself. Name another folder.")

    def fill(fresh: Path) -> None:
        shutil.copytree(study.folder, fresh, ignore=shutil.ignore_patterns(*_NOT_COPIED), dirs_exist_ok=True)
        (fresh / "study.toml").write_text(_toml(study, one), encoding="utf-8", newline="\n")

    replace_folder(out, fill)
    return one


def _toml(study: Study, one: Specification) -> str:
    import tomli_w

    said = "; ".join(f"{name} = {value}" for name, value in one.choices.items())
    declared = one.declaration | ({"ledger": study.ledger} if study.ledger else {})
    return f"# Specification {one.number} of {study.name}: {said}\n{tomli_w.dumps(_without_none(declared))}"


def _without_none(value: Any) -> Any:
    """A declaration without lines that say nothing, for which TOML has no word."""
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list) else value
