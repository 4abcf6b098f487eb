"""More inputs of known kinds, made (synthetic) where they are tried: what went wrong and the right value."""

from __future__ import annotations

import pandas as pd
import pytest

from doublecode.analysis import agreement
from doublecode.schemas.dates import read_dates
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.whole_files import replace_folder


@pytest.mark.parametrize(
    ("text", "form"),
    [("4.11.16", "dd.mm.yy"), ("11/04/2016", "dd/mm/yyyy"), ("2016/11/04", "yyyy/mm/dd"), ("4-11-2016", "dd-mm-yyyy")],
)
def test_the_form_that_is_advised_reads_the_date(text, form):
    texts = pd.Series([text])
    with pytest.raises(ContractError, match=f"--dates {form}\\."):
        read_dates(texts, None, ["line 2"], "date")
    assert read_dates(texts, form, ["line 2"], "date").notna().all()


def test_a_share_is_not_below_nought():
    rows = [("a", "J", 1), ("a", "K", 1), ("b", "J", 1), ("b", "K", 3), ("c", "J", 3), ("c", "K", 2)]
    found = agreement(pd.DataFrame(rows, columns=["s", "r", "y"]), targets="s", raters="r", ratings="y").frame
    shares = found[found["coefficient"].isin(["exact agreement", "within 1 point"])]
    assert shares["estimate"].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert (shares["conf_low"] == 0).all()  # Student's limits reach below


def test_a_file_where_a_folder_is_to_be_is_left_alone(tmp_path):
    (tmp_path / "report").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file where a folder is to be"):
        replace_folder(tmp_path / "report", lambda fresh: None)
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert (tmp_path / "report").read_text(encoding="utf-8") == "mine"
