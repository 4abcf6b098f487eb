"""The folder of a sensitivity analysis, and a study folder that declares one of its specifications."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.report.manifest import manifest_of
from doublecode.analysis.report.sections_sensitivity import sensitivity_document
from doublecode.analysis.report.sensitivity_state import FOLDER, PAGE
from doublecode.analysis.report.target_folder import checked_target, is_part, write_parts
from doublecode.analysis.report.trace_file import TRACE, TraceFile
from doublecode.analysis.report.traced_sensitivity import TracedSensitivity
from doublecode.analysis.study.sensitivity_of_study import one_finding_each
from doublecode.analysis.study.sensitivity_specifications import Specification, specifications
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import compact_json, plain, result_record, to_json
from doublecode.schemas.whole_files import replace_folder

if TYPE_CHECKING:
    from doublecode.analysis.study.sensitivity_answer import SensitivityResult
    from doublecode.analysis.study.sensitivity_of_study import StudySensitivity
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.study import Study

_FILES: Final = (PAGE, "results.json", "manifest.json", TRACE)
_PACKAGES: Final = ("numpy", "pandas", "scipy")
_NOT_COPIED: Final = ("report", FOLDER, "please_fix", "*.py", "__pycache__")


@dataclass(frozen=True)
class _TakenIn:
    intake: Intake
    study: Study


def is_of_sensitivity(path: str) -> bool:
    """Whether a sensitivity analysis writes a file of this path within the study folder."""
    first, _, rest = path.partition("/")
    return first == FOLDER and (rest in _FILES or is_part(rest))


def check_sensitivity_target(folder: Path, *, overwrite: bool) -> Path:
    """Refuse, before any work, to write over an earlier analysis or over what is none; return the folder."""
    return checked_target(folder, FOLDER, "sensitivity analysis", is_of_sensitivity, overwrite=overwrite)


def write_sensitivity(found: StudySensitivity, study: Study, folder: Path, *, overwrite: bool = False) -> Path:
    """Write ``sensitivity/`` into `folder`: page, tables, figures, results with full precision.

    Raises
    ------
    UsageError
        It is there already and `overwrite` is False, or holds other files.
    """
    from doublecode.analysis.rendering.page import render_page

    target = check_sensitivity_target(folder, overwrite=overwrite)
    document = sensitivity_document(found, study)
    intake = found.intake
    traced = TraceFile(_TakenIn(intake, study), document, TracedSensitivity(found))

    def fill(fresh: Path) -> None:
        (fresh / PAGE).write_text(render_page(document, traced.of_page()), encoding="utf-8", newline="\n")
        write_parts(document, fresh)
        texts = {
            "results.json": to_json(sensitivity_record(found)), TRACE: compact_json(traced.record),
            "manifest.json": to_json(manifest_of(intake, _PACKAGES)),
        }  # fmt: skip
        for name, text in texts.items():
            (fresh / name).write_text(f"{text}\n", encoding="utf-8", newline="\n")

    replace_folder(target, fill)
    return target


def sensitivity_record(found: StudySensitivity) -> dict[str, Any]:
    """The findings beside one another, and each with its specifications and all that stands beside them."""
    return {**result_record(found), "findings": [_finding_record(one) for one in found.findings]}


def _finding_record(one: SensitivityResult) -> dict[str, Any]:
    beside = {name: plain(getattr(one, name)) for name in ("robust", "left_out", "moves")}
    record = {**result_record(one), **beside}
    return record if one.missing is None else {**record, "missing": one.missing.record}


def write_specification(study: Study, number: int, out: Path, finding: int = 1) -> Specification:
    """Copy the study folder with the study.toml of one specification in the place of its own.

    Reports, and files that were handed back, are not copied. What is asked of the models (families, marginal means)
    is left out, and so is ``[sensitivity]``.

    Raises
    ------
    UsageError
        There is no such finding or specification, it is no declaration, or `out` is there already or lies inside the
        study.
    """
    asked = one_finding_each(study)
    if not 1 <= finding <= len(asked):
        raise UsageError(f"--finding: found {finding}, allowed 1 to {len(asked)}.")
    study = asked[finding - 1]
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
