"""What a seventh newcomer met: answers that spoke of what was not there, and inputs that were taken in silence."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized, reliable_change
from doublecode.schemas.errors import UsageError

PEOPLE = pd.DataFrame({"patient": range(12), "pre": np.arange(12) + 10.0, "post": np.arange(12) + 4.0})
KNOWN = {"patient": "patient", "reliability": 0.8, "sd": 6.0, "source": "a manual"}


def test_a_change_without_a_cut_off_does_not_speak_of_its_source():
    assert "reliability 0.8 and SD 6 by a manual" in str(reliable_change(PEOPLE, "pre", "post", **KNOWN))
    assert "reliability 0.8, SD 6 and cut-off by a manual" in " ".join(
        str(reliable_change(PEOPLE, "pre", "post", **KNOWN, cutoff=10)).split()
    )


@pytest.mark.parametrize(("more", "columns", "message"), [
    ({"source": None}, ("pre", "post"), "source is None; say where"),
    ({"clinical": (5, 4), "norm": (25, 6)}, ("pre", "post"), "patients lie on the other side of the healthy"),
    ({}, ("pre", "pre"), "pre and post are both 'pre'"),
])  # fmt: skip
def test_what_was_taken_in_silence_is_refused(more, columns, message):
    with pytest.raises(UsageError, match=message):
        reliable_change(PEOPLE, *columns, **{**KNOWN, **more})


def test_a_generalised_fit_names_its_offset():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"g": np.repeat(range(12), 6), "x": rng.normal(size=72), "lm": np.log(rng.integers(5, 9, 72))})
    data["n"] = rng.poisson(np.exp(data["lm"] - 1 + 0.2 * data["x"]))
    found = fit_generalized("n ~ x + (1 | g)", data, family="poisson", offset="lm")
    assert "; offset lm" in found.counted()
    assert "offset" not in fit_generalized("n ~ x + (1 | g)", data, family="poisson").counted()
