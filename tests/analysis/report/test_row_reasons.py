"""Reasons of lost rows in the table of the row ledger: the same reason of two sessions is one line with its count."""

from types import SimpleNamespace

import pandas as pd

from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.report.row_reasons import main_reasons
from doublecode.schemas.results import Note
from doublecode.schemas.study_parts import Variable


def test_an_outcome_that_was_not_filled_in_is_counted_over_all_sessions():
    stage = Stage(StageKind.SCORED, "phq9")
    why = [
        Note("value_not_read", numbers={"instrument": "phq9", "name": "total", "session": number}) for number in (1, 2)
    ]
    before = Note("value_not_read", numbers={"instrument": "phq9", "name": "total", "session": 2})  # of a lagged one
    facts = pd.DataFrame({"stage": [stage] * 4, "patient": "P1", "session": [1, 2, 3, 4], "why": [*why, before, None]})
    run = SimpleNamespace(
        study=SimpleNamespace(variables=[Variable(name="phq9", instrument="phq9", scale="total", label="Symptoms")]),
        items=pd.DataFrame(columns=["instrument", "patient", "session", "item", "value", "reason"]),
        labels={"phq9": "Symptoms"},
        frame=SimpleNamespace(row_ledger=SimpleNamespace(facts=facts), stages=(stage,)),
    )
    (said,) = main_reasons(run)
    assert said == "2 × no Symptoms of the session was read; 1 × no phq9.total of session 2 was read"
