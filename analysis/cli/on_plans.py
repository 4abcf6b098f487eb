"""The command that plans: who rates what, with its proof and the precision that is to be expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from doublecode.coding.cli import AsJson, Folder, Overwrite, print_record
from doublecode.coding.console import COORDINATOR, progress_bar, say
from doublecode.coding.option_ranges import number
from doublecode.schemas.errors import NotEstimable, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from doublecode.analysis.planning.interval_width import PrecisionResult
    from doublecode.coding.allocation.allocation_result import Allocation
    from doublecode.schemas.allocation import Demands
    from doublecode.schemas.study import Study

_MOST_LINES = 20
_MOST_THERAPISTS = 8
_STUDIES = ((20, 100), (60, 20), (10**9, 5))
"""Up to how many raters how many studies are simulated, so that nobody waits."""


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("allocate", rich_help_panel=COORDINATOR)(allocate)


def allocate(
    study: Folder,
    share: Annotated[
        float | None,
        typer.Option(
            parser=number(0, 1, such_as="40 % is 0.4"),
            metavar="<0 to 1>",
            help="Share of sessions coded twice; else the study's own.",
            show_default=False,
        ),
    ] = None,
    batches: Annotated[
        int | None,
        typer.Option(
            parser=number(1, whole=True),
            metavar="<from 1 on>",
            help="Workbooks per rater and instrument; else the study's own.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=number(whole=True), metavar="<int>", help="Seed; the study's own without it.", show_default=False
        ),
    ] = None,
    replan: Annotated[bool, typer.Option("--replan", help="Plan anew around what stands of the plan.")] = False,
    keep: Annotated[
        Literal["given", "done"] | None,
        typer.Option(
            help="With --replan: what stands, all that is given out or only what is done.", show_default="given"
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Decide who rates what, as study.toml demands under allocation. Writes assignments.csv."""
    from doublecode.coding.allocation.study_plan import all_assignments, changed, planned_study
    from doublecode.coding.intake.standing import standing_assignments
    from doublecode.coding.reading.declared_heads import open_study
    from doublecode.coding.reading.study_tables import has_table, read_study_table
    from doublecode.coding.workbooks.taken_back import taken_back
    from doublecode.schemas.csv_rows import without_formulas
    from doublecode.schemas.whole_files import replace_files

    declared = open_study(study)
    target = _target(declared, overwrite=overwrite or replan)
    if keep is not None and not replan:
        raise UsageError("--keep says what stands when a plan is drawn again: give --replan too, or leave it out.")
    if replan and not target.exists():
        raise UsageError(f"{target}: there is no plan yet. Leave --replan out.")
    before = read_study_table(declared, "assignments") if replan else None
    kept = None if before is None else standing_assignments(declared, before, keep or "given")
    names = [name for name in ("sessions", "patients", "therapists") if has_table(declared, name)]
    tables = {name: read_study_table(declared, name) for name in names}
    demands = _demands(declared, share, batches)
    with progress_bar() as show:
        plans = planned_study(
            declared, tables, demands, seed=declared.seed if seed is None else seed, kept=kept, progress=show
        )
        show("Simulating precision", 0, 1)
        widths = [_precision(plan) for plan in plans]
    rows = all_assignments(plans, kept)
    replace_files({target: without_formulas(rows).to_csv(index=False, lineterminator="\n").encode()})
    _tell(plans, widths, as_json=as_json)
    if as_json:
        return
    if before is not None and kept is not None:
        new, back = changed(before, rows)
        say(f"Replanned: {len(rows) - new} assignments stand, {new} are new, {back} are taken back.")
        for line in taken_back(before, rows, declared.folder / "outgoing"):
            say(line)
    say(f"{len(rows)} assignments written to {target}")


def _target(study: Study, *, overwrite: bool) -> Path:
    target = study.folder / "assignments.csv"
    held = study.table_files.path("assignments")
    if held is not None and held != target:
        raise UsageError(f"{held} says already who rates what. Remove it, and [tables.assignments], to draw anew.")
    if target.exists() and not overwrite:
        raise UsageError(
            f"{target} is there already. --replan keeps what is given out or done and plans the rest anew; --overwrite "
            "draws all again, and workbooks sent out would not fit."
        )
    return target


def _demands(study: Study, share: float | None, batches: int | None) -> Demands:
    given = {"share": share, "batches": batches}
    return study.allocation.model_copy(update={key: value for key, value in given.items() if value is not None})


def _precision(plan: Allocation) -> PrecisionResult | None:
    """The expected width of the ICC's limits, where raters can be compared at all."""
    from doublecode.analysis.planning.interval_width import precision

    rows = plan.assignments[plan.assignments["instrument"] == plan.spec["instruments"][0]]
    rows = rows[rows["role"] != "pilot"]
    studies = next(n for most, n in _STUDIES if len(plan.spec["raters"]) <= most)
    try:
        return precision(rows, studies=studies, seed=int(plan.spec["seed"]))
    except NotEstimable:
        return None


def _tell(plans: Sequence[Allocation], widths: Sequence[PrecisionResult | None], *, as_json: bool) -> None:
    import pandas as pd

    notes = list(dict.fromkeys(text for plan in plans for text in plan.note_texts()))
    if as_json:
        frame = pd.concat([plan.frame.assign(instruments=", ".join(plan.spec["instruments"])) for plan in plans])
        proof = json.loads(frame.to_json(orient="records", double_precision=15))
        design: list[dict[str, Any]] = [
            {**plan.design, "precision": None if width is None else json.loads(width.frame.to_json(orient="records"))}
            for plan, width in zip(plans, widths, strict=True)
        ]
        print_record({"command": "allocate", "plans": [plan.spec for plan in plans]}, proof, {"plans": design}, notes)
        return
    for plan, width in zip(plans, widths, strict=True):
        _tell_one(plan, width)
    for note in notes:
        say(f"Note: {note}")


def _tell_one(plan: Allocation, width: PrecisionResult | None) -> None:
    proof = {
        name: plan.frame[plan.frame["table"] == name]
        for name in ("load", "pair", "stratum", "cell", "therapist", "occasion")
    }
    loads = proof["load"]
    say(f"{', '.join(plan.spec['instruments'])}: {plan.counted()}")
    each = ", ".join(f"{name} {n}" for name, n in zip(loads["name"], loads["sessions"], strict=True))
    say(f"  ratings per rater: {each if len(loads) <= _MOST_LINES else _range(loads, 'sessions')}")
    if plan.design["double_coded"]:
        say(f"  sessions that a pair shares: {_range(proof['pair'], 'sessions')}, {len(proof['pair'])} pairs")
        for name in plan.spec["strata"]:
            own = proof["stratum"][proof["stratum"]["name"].str.startswith(f"{name} ")]
            say(f"  coded twice by {name}: {_shares(own)}")
        if len(proof["cell"]):
            off = (proof["cell"]["double"] - proof["cell"]["expected"]).abs().max()
            say(f"  coded twice in {len(proof['cell'])} cells of these: at most {off:.2f} sessions off the share")
        say(f"  raters hang together: {'no' if plan.design['groups'] > 1 else 'yes'}")
    if len(proof["therapist"]):
        say(f"  sessions of a rater by therapist: {_met(plan, proof['therapist'])}")
    for row in proof["occasion"].itertuples():
        say(f"  {row.name}: {row.sessions} sessions")
    if width is not None:
        columns = (width.frame[name].tolist() for name in ("form", "true", "conf_low", "conf_high"))
        parts = ", ".join(
            f"{form} of {true:.2f} with limits {low:.2f} to {high:.2f}"
            for form, true, low, high in zip(*columns, strict=True)
        )
        say(f"  expected of the reliability: {parts}; {width.counted().partition('; ')[2]}")


def _met(plan: Allocation, rows: pd.DataFrame) -> str:
    """Fewest to most sessions of each therapist that a rater has, those aside who may not have any."""
    barred = {
        (value, one["rater"]) for one in plan.spec["restrictions"] if one["column"] == "therapist"
        for value in one["never"]
    }  # fmt: skip
    names = rows["name"].str.split(" · ", n=1, expand=True)
    free = rows[[pair not in barred for pair in zip(names[0], names[1], strict=True)]]
    each = {name: _range(own, "sessions") for name, own in free.groupby(names[0], sort=False)}
    if len(each) <= _MOST_THERAPISTS:
        return ", ".join(f"{name} {said}" for name, said in each.items())
    return f"{_range(free, 'sessions')} of each of {len(each)}"


def _range(rows: pd.DataFrame, column: str) -> str:
    low, high = rows[column].min(), rows[column].max()
    return f"{low}" if low == high else f"{low} to {high}"


def _shares(rows: pd.DataFrame) -> str:
    if len(rows) <= 4:
        named = zip(rows["name"], rows["share"], strict=True)
        return ", ".join(f"{name.partition(' ')[2]} {100 * share:.0f} %" for name, share in named)
    return f"{100 * rows['share'].min():.0f} to {100 * rows['share'].max():.0f} % in {len(rows)} of them"
