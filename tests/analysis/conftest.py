import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from doublecode.analysis.study.run import analyse, take_in

STUDIES = Path(str(files("doublecode.data_examples") / "telephone_cbt")).parent
KEEP_OUT = shutil.ignore_patterns("*.py", "__pycache__", "report", "ledger.sqlite*", "please_fix")


@pytest.fixture
def telephone(tmp_path):
    """A copy of the telephone study that a test may change."""
    return Path(shutil.copytree(STUDIES / "telephone_cbt", tmp_path / "telephone_cbt", ignore=KEEP_OUT))


@pytest.fixture(scope="session")
def telephone_run():
    """The telephone study, analysed once for all tests that only read."""
    return analyse(take_in(STUDIES / "telephone_cbt"))


@pytest.fixture(scope="session")
def adolescent_run():
    """The adolescent study, analysed once for all tests that only read."""
    return analyse(take_in(STUDIES / "adolescent_cbt"))
