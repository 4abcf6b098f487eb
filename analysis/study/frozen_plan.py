"""The analysis of a study as it was declared on a day, and where the declaration has departed from it since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.results.versions import version_of
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import compact_json
from doublecode.schemas.whole_files import replace_files

if TYPE_CHECKING:
    from doublecode.schemas.study import Study

PLAN_FILE: Final = "frozen_plan.json"
_WORDS: Final = frozenset({"title", "label", "citation", "description", "language", "due", "papers"})
"""Entries that decide how something is called, handed out or laid out, and no number."""
_NAMES: Final = ("name", "id")


@dataclass(frozen=True)
class PlanVersion:
    """The declared analysis at one moment.

    Attributes
    ----------
    at : str
        When it was frozen, in UTC.
    reason : str
        Why the plan was amended; empty for the first version.
    n_ratings : int
        How many ratings were at hand by then: 0 is a plan made before any number could be seen.
    version : str
        Of doublecode.
    declared : dict
        study.toml without what is at its default and without words that no number hangs on.
    codebooks : dict of str to str
        Instrument → hash of what its codes mean.
    sha256 : str
        Of all of the above; a plan whose hash does not fit was edited.
    """

    at: str
    reason: str
    n_ratings: int
    version: str
    declared: Mapping[str, Any]
    codebooks: Mapping[str, str]
    sha256: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the version's content."""
        content = {name: value for name, value in asdict(self).items() if name != "sha256"}
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Deviation:
    """An entry that is not as it was planned; None is an entry that is not there.

    Attributes
    ----------
    entry : str
        Where in study.toml: ``series.he_on_tbh.steps``; or ``codebook ghes``.
    planned, now : str or None
        Its value, as JSON.
    """

    entry: str
    planned: str | None
    now: str | None


@dataclass(frozen=True)
class PlanState:
    """The plan of a study and what has become of it: all versions, oldest first, and deviations from the latest."""

    versions: tuple[PlanVersion, ...]
    deviations: tuple[Deviation, ...]


def freeze_plan(study: Study, n_ratings: int, *, reason: str = "") -> PlanVersion:
    """Write the declared analysis into ``frozen_plan.json``; with a reason as an amendment of what is there.

    Parameters
    ----------
    study : Study
    n_ratings : int
        Ratings at hand.
    reason : str
        Why the plan is amended.

    Raises
    ------
    UsageError
        A plan is there and no reason is given, or the other way round; nothing has changed since; the file was edited.
    """
    earlier, path = _read(study.folder), study.folder / PLAN_FILE
    if earlier and not reason:
        raise UsageError(f"{path}: the plan was frozen {earlier[-1].at}. To amend it, say why: --amend REASON")
    if reason and not earlier:
        raise UsageError(f"{path}: there is no plan yet that could be amended. Leave out --amend.")
    if earlier and not _departures(earlier[-1], study):
        raise UsageError(f"{path}: study.toml declares what was frozen {earlier[-1].at}; there is nothing to amend.")
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    declared, codebooks = _declared(study), _codebooks(study)
    fresh = PlanVersion(at, reason, n_ratings, version_of("doublecode"), declared, codebooks)
    fresh = PlanVersion(**{**vars(fresh), "sha256": fresh.fingerprint})
    content = {"study": study.name, "versions": [asdict(one) for one in (*earlier, fresh)]}
    replace_files({path: (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()})
    return fresh


def plan_state(study: Study) -> PlanState | None:
    """Compare a study with its frozen plan; None where nothing was frozen.

    Raises
    ------
    UsageError
        The file of the plan cannot be read, or was edited after it was written.
    """
    versions = _read(study.folder)
    return PlanState(versions, tuple(_departures(versions[-1], study))) if versions else None


def _read(folder: Path) -> tuple[PlanVersion, ...]:
    path = folder / PLAN_FILE
    if not path.is_file():
        return ()
    try:
        versions = tuple(PlanVersion(**one) for one in json.loads(path.read_bytes())["versions"])
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path}: this is no plan that doublecode froze. Put the file back as it was.") from None
    for one in versions:
        if one.fingerprint != one.sha256:
            raise UsageError(
                f"{path}: the version of {one.at} was edited after it was frozen (its SHA-256 does not fit). Put the "
                "file back as it was; a plan is changed by study.toml and doublecode freeze --amend REASON."
            )
    return versions


def _departures(plan: PlanVersion, study: Study) -> list[Deviation]:
    before, now = plan.codebooks, _codebooks(study)
    books = (Deviation(f"codebook {name}", before.get(name), now.get(name)) for name in sorted({*before, *now}))
    return [*_differences("", plan.declared, _declared(study)), *(one for one in books if one.planned != one.now)]


def _declared(study: Study) -> dict[str, Any]:
    content = study.model_dump(mode="json", exclude_defaults=True)
    return {name: _by_name(value) for name, value in content.items() if name not in _WORDS}


def _codebooks(study: Study) -> dict[str, str]:
    return {name: coding_hash(book) for name, book in study.codebooks.items()}


def _by_name(value: Any) -> Any:
    """Lists of entries that bear a name by that name, so that their order says nothing; words are left out."""
    if isinstance(value, dict):
        return {key: _by_name(inner) for key, inner in value.items() if key not in _WORDS}
    if not (isinstance(value, list) and value and all(isinstance(one, dict) for one in value)):
        return value
    key = next((name for name in _NAMES if len({one.get(name) for one in value} - {None}) == len(value)), None)
    named = {str(place + 1 if key is None else one[key]): one for place, one in enumerate(value)}
    return {name: _by_name(one) for name, one in named.items()}


def _differences(where: str, planned: Any, now: Any) -> Iterator[Deviation]:
    if isinstance(planned, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*planned, *now)):
            yield from _differences(f"{where}.{key}".lstrip("."), planned.get(key), now.get(key))
    elif planned != now:
        yield Deviation(where, *(None if one is None else compact_json(one) for one in (planned, now)))
