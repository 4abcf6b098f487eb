"""What a declaration says of the sample acts, or is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doublecode.analysis.study.sample_of_study import study_sample
from doublecode.schemas.errors import UsageError
from doublecode.schemas.paper_tables import Papers, PaperTable
from doublecode.schemas.reported_parts import SampleRow


def asked(run: Any, **declared: Any) -> Any:
    return study_sample(replace(run.intake, study=run.study.model_copy(update=declared)))


def test_a_label_of_nothing_is_refused(telephone_run: Any) -> None:
    slip = PaperTable.model_validate({"number": 1, "title": "Sample", "kind": "sample", "labels": {"aeg": "Age"}})
    with pytest.raises(UsageError, match=r"papers.tables '1': labels: .* 'aeg'; allowed: .*did you mean 'age'\?"):
        asked(telephone_run, papers=Papers(tables=(slip,)))
    meant = slip.model_copy(update={"labels": {"age": "Age in years", "female": "Women"}})
    assert len(asked(telephone_run, papers=Papers(tables=(meant,))).frame) == len(telephone_run.sample.frame)


def test_words_that_nobody_has_are_named_and_others_are_not(telephone_run: Any) -> None:
    rows = (
        SampleRow(label="Men", columns=("gender",), other_than=("femal",)),
        SampleRow(label="Women", columns=("gender",), any_of=("female",)),
    )
    found = asked(telephone_run, sample_rows=rows)
    named = [note.numbers for note in found.notes if note.kind == "words_nobody_has"]
    assert named == [{"label": "Men", "words": ("femal",)}]
