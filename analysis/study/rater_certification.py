"""The raters of a study against its expert key and its pass mark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from doublecode.schemas.errors import ContractError, NotEstimable, StudyError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from doublecode.analysis.training.certification_result import CertificationResult
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.problems import Problem
    from doublecode.schemas.study import Study

KEY: Final = "key"
"""What the key is called where it is no rater."""
_COLUMNS: Final = ["session_id", "rater", "instrument", "scale", "value"]


def certify_raters(
    study: Study, *, top: int = 10, conf_level: float = 0.95
) -> tuple[CertificationResult, list[Problem]]:
    """Hold every rater of the training tapes to the declared key and pass mark.

    Parameters
    ----------
    study : Study
        Its ``[certification]`` names the key and the mark; training tapes are the sessions that the key holds.
    top : int
        Ratings to list for hearing again, per trainee and instrument.
    conf_level : float

    Returns
    -------
    found : CertificationResult
        Sets are the scales (items where an instrument has none, or where ``level = "items"``) in points of the
        codebook, verdicts are per instrument, departures are of items.
    problems : list of Problem
        Errors of ``incoming/`` and of the key; a cell with an error yields no rating.

    Raises
    ------
    StudyError
        Nothing is declared under ``[certification]``, or the key is wrong.
    ContractError
        The key was rated with several versions of a codebook.
    NotEstimable
        No rater has rated a session of the key.

    Notes
    -----
    Ratings that were made with another version of the codebook than the key are compared with nothing: they are left
    out, and the rater has no verdict until she has rated the tapes with the key's version. Recodes are left out.
    """
    from doublecode.analysis.training.certification import certify
    from doublecode.coding.intake.ratings_at_hand import ratings_at_hand
    from doublecode.schemas.frames import OCCASION

    declared = study.certification
    if declared is None:
        raise StudyError(
            f"{study.name}: study.toml declares no training. Write the key and the pass mark into it before anybody "
            'rates: [certification], key = "training/key.csv" (or the id of the expert), bias = 0.5, within_one = 0.8.'
        )
    ratings, problems = ratings_at_hand(study)
    ratings = ratings[ratings[OCCASION] == 1]
    errors = sum(one.severity == "error" for one in problems)
    key, wrong, name = _key_of(study, ratings, errors)
    trainees = ratings[(ratings["rater"] != name) & ratings["session_id"].isin(key["session_id"])]
    trainees, notes = _of_the_keys_version(trainees, key)
    if trainees.empty:
        raise NotEstimable(
            f"{study.name}: no rater has rated a session of the key with its version of the codebook; the key holds "
            f"{key['session_id'].nunique()} sessions of {', '.join(sorted(key['instrument'].unique()))}."
        )
    books = [book for book in study.codebooks.values() if book.name in set(key["instrument"])]
    how: dict[str, Any] = {
        "targets": "session", "raters": "rater", "ratings": "value", "by": ["instrument", "scale"],
        "verdict_by": "instrument", "judge": declared.judge, "top": top, "conf_level": conf_level, **declared.marks,
    }  # fmt: skip
    judged = [_parts(rows, books, declared.level) for rows in (trainees, key)]
    found = certify(*judged, **how)
    items = certify(*(_parts(rows, books, "items") for rows in (trainees, key)), **how)
    notes += [Note("errors_in_incoming", numbers={"n": errors})] if errors else []
    notes += [*_older_keys(key, books), *_not_judged(ratings, key, books, declared.level)]
    beyond = {"n": items.design["n_beyond"], "of": items.design["n_pairs"]}
    notes += [Note("items_beyond", numbers=beyond)] if beyond["n"] and declared.level == "scales" else []
    spec = {**found.spec, "study": study.name, "key": declared.key, "level": declared.level}
    departures = items.departures.rename(columns={"scale": "item"})
    verdicts = _with_other_versions(found.verdicts, notes)
    return replace(
        found, spec=spec, verdicts=verdicts, departures=departures, notes=(*notes, *found.notes)
    ), [*wrong, *problems]  # fmt: skip


def _with_other_versions(verdicts: pd.DataFrame, notes: Sequence[Note]) -> pd.DataFrame:
    """Who rated with another version of the codebook alone has no verdict, and is listed all the same."""
    import pandas as pd

    known = set(zip(verdicts["rater"], verdicts["instrument"], strict=True))
    others = [note.numbers for note in notes if note.kind == "other_codebook_version"]
    rows = [
        (one["rater"], one["instrument"], 0, "undecided", "", f"version {one['version']} of the codebook")
        for one in others
        if (one["rater"], one["instrument"]) not in known
    ]
    added = pd.DataFrame(rows, columns=verdicts.columns)
    return pd.concat([verdicts, added], ignore_index=True) if rows else verdicts


def _key_of(study: Study, ratings: pd.DataFrame, n_errors: int) -> tuple[pd.DataFrame, list[Problem], str]:
    """The ratings of the key, what is wrong with its table, and what its rater is called."""
    from doublecode.coding.reading.expert_key import rated_by
    from doublecode.coding.reading.incoming import read_expert_workbook
    from doublecode.coding.reading.ratings_table import read_ratings_table
    from doublecode.schemas.table_source import TableSource

    declared = study.certification
    path = None if declared is None else declared.key_file(study.folder, [rater.id for rater in study.raters])
    if declared is None or path is None:
        name = KEY if declared is None else declared.key
        own = ratings[ratings["rater"] == name]
        if own.empty:
            why = f"; {n_errors} problem(s) keep ratings out, doublecode check names them" if n_errors else ""
            raise StudyError(f"certification: key: the rater {name!r} has rated nothing yet{why}.")
        _one_version(own)
        return own, [], name
    as_one = rated_by(study, KEY)
    versions = {name: book.version for name, book in study.codebooks.items()}
    workbook = read_expert_workbook(path, study)
    if workbook is not None:
        key, found, version = workbook
        if declared.versions:
            raise StudyError(
                f"certification: versions has no effect where the key is a workbook: {declared.key} says itself that "
                f"it is of version {version}. Leave versions out."
            )
        versions = dict.fromkeys(versions, version)
    else:
        table = TableSource(map=declared.map, missing=declared.missing)
        key, found = read_ratings_table(path, table, as_one, expert=KEY)
        versions |= declared.versions
    errors = [one for one in found if one.severity == "error"]
    if errors:
        listed = "\n".join(f"  {one}" for one in errors[:5])
        raise StudyError(f"certification: key: {len(errors)} problem(s) in {Path(declared.key).name}:\n{listed}")
    return key.assign(version=key["instrument"].map(versions)), found, KEY


def _one_version(key: pd.DataFrame) -> None:
    """Refuse a key that was made with several versions of a codebook."""
    for name, own in key.groupby("instrument"):
        versions = sorted(own["version"].unique())
        if len(versions) > 1:
            raise ContractError(
                f"certification: the key of {name} was rated with the versions {' and '.join(versions)} of the "
                "codebook. Rate the older tapes again with the newer one."
            )


def _older_keys(key: pd.DataFrame, books: Sequence[Instrument]) -> list[Note]:
    """Keys that were made with another version of the codebook than the study's of now."""
    made = dict(zip(key["instrument"], key["version"], strict=True))
    return [
        Note("key_of_other_version", book.name, {"key": str(made[book.name]), "now": book.version})
        for book in books
        if made[book.name] != book.version
    ]


def _not_judged(ratings: pd.DataFrame, key: pd.DataFrame, books: Sequence[Instrument], level: str) -> list[Note]:
    """What was rated of the tapes of the key and is in no mark: other instruments, and items outside of scales."""
    tapes = ratings[ratings["session_id"].isin(key["session_id"])]
    others = sorted(set(tapes["instrument"].astype(str)) - {book.name for book in books})
    notes = [Note("key_without_instrument", numbers={"named": ", ".join(others), "n": len(others)})] if others else []
    for book in books if level == "scales" else ():
        judged = {name for scale in book.scales if not scale.lagged for name in scale.items}
        left = [item.name for item in _numeric(book) if judged and item.name not in judged and not item.given]
        if left:
            notes.append(Note("items_not_judged", book.name, {"named": ", ".join(left), "n": len(left)}))
    for book in books:
        rated = set(tapes.loc[tapes["instrument"] == book.name, "item"])
        codes = [
            item.name
            for item in book.columns
            if item.type == "nominal" and not item.is_numeric and not item.given and item.name in rated
        ]
        if codes:
            notes.append(Note("codes_not_judged", book.name, {"named": ", ".join(codes), "n": len(codes)}))
    return notes


def _of_the_keys_version(trainees: pd.DataFrame, key: pd.DataFrame) -> tuple[pd.DataFrame, list[Note]]:
    """The ratings that were made with the codebook of the key; what was made with another is said."""
    of_key = {str(name): str(version) for name, version in zip(key["instrument"], key["version"], strict=True)}
    asked = trainees["instrument"].map(of_key)
    other = asked.notna() & (trainees["version"] != asked)
    notes = []
    for (rater, book, version), own in trainees[other].groupby(["rater", "instrument", "version"], sort=True):
        n = own["session_id"].nunique()
        numbers = {"rater": rater, "instrument": book, "version": version, "key": of_key[str(book)], "n": n}
        notes.append(Note("other_codebook_version", f"{rater}, {book}", numbers))
    return trainees[asked.notna() & ~other], notes


def _parts(rows: pd.DataFrame, books: Sequence[Instrument], level: str) -> pd.DataFrame:
    """Scores of every rater, or her items."""
    import pandas as pd

    from doublecode.coding.scoring import score_raters

    rows = rows.drop(columns=["occasion", "version"], errors="ignore")
    by_scale = [book for book in books if level == "scales" and any(not scale.lagged for scale in book.scales)]
    names = {book.name for book in by_scale}
    items = [(book.name, item.name) for book in books if book.name not in names for item in _numeric(book)]
    single = rows[pd.MultiIndex.from_frame(rows[["instrument", "item"]]).isin(items)].rename(columns={"item": "scale"})
    scored = rows[rows["instrument"].isin(names)]
    parts = [score_raters(scored, by_scale)[_COLUMNS]] if len(scored) else []
    return pd.concat([*parts, single[_COLUMNS]], ignore_index=True).rename(columns={"session_id": "session"})


def _numeric(book: Instrument) -> Iterable[Any]:
    return (item for item in book.columns if item.is_numeric)
