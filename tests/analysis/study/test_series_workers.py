"""Declared bootstrap limits by several workers: those of one; where none are declared, the flags are refused."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from doublecode.analysis import Workers
from doublecode.analysis.cli.app import app
from doublecode.analysis.study.declared_generalized import fit_declared
from doublecode.schemas.errors import UsageError


@pytest.mark.parametrize("name", ["homework_done", "he_course"])
def test_limits_of_a_declared_series(telephone_run, tmp_path, name):
    """In batches of 50; a linear model's refits of one large batch are the same to the last digits but one or two."""
    declared = next(one for one in telephone_run.study.series if one.name == name)
    declared = declared.model_copy(update={"interval": "bootstrap", "steps": declared.steps[:1]})
    frame, study, told = telephone_run.frame.frame, telephone_run.study, []
    plain = fit_declared(declared, frame, study)
    workers = Workers(keep=tmp_path)
    done = fit_declared(declared, frame, study, workers, lambda *now: told.append(now))
    assert plain.drawn_limits is None
    assert done.drawn_limits is done.limits
    assert done.limits["method"].tolist() == plain.limits["method"].tolist()
    numbers = ["estimate", "conf_low", "conf_high"]
    assert done.limits[numbers].to_numpy() == pytest.approx(plain.limits[numbers].to_numpy(), rel=1e-6)
    assert told[-1] == ("Refitting", 1000, 1000)
    assert len(list(tmp_path.iterdir())) == 20
    assert "limits" in [table.name for table in done.tables()]
    wald = fit_declared(declared.model_copy(update={"interval": "wald"}), frame, study, workers)
    assert wald.drawn_limits is None
    assert replace(done, drawn_limits=None).limits_by(workers).equals(done.limits)


def test_workers_without_anything_to_do_are_refused(telephone_demo, tmp_path):
    answer = CliRunner().invoke(app, ["run", str(telephone_demo.study), "--out", str(tmp_path), "--jobs", "2"])
    assert isinstance(answer.exception, UsageError)
    assert "--jobs has no effect here" in str(answer.exception)
    assert not list(tmp_path.iterdir())
