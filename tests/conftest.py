"""What all tests share: the example studies, each analysed once in a session of tests, whoever asks first."""

from __future__ import annotations

import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

STUDIES = Path(str(files("doublecode.data_examples") / "telephone_cbt")).parent
KEEP_OUT = shutil.ignore_patterns("*.py", "__pycache__", "report", "ledger.sqlite*", "please_fix")
DOT = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")  # a PNG
PATIENCE = 1200  # seconds until a worker gives up waiting for another
DEMO = """
import pickle
import doublecode.analysis.study.run as study_run
from doublecode.analysis.cli.app import main

analyse = study_run.analyse


def analyse_and_keep(*arguments, **options):
    run = analyse(*arguments, **options)
    with open("run.pickle", "wb") as file:
        pickle.dump(run, file)
    return run


study_run.analyse = analyse_and_keep
main()
"""


# these keep one worker longest, so they start first
LONGEST = ("test_random_studies", "test_same_ratings_in_any_file", "test_traced_report", "test_app", "test_notes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first: a worker that begins one of them last keeps the others waiting."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@dataclass(frozen=True)
class Demo:
    """The one whole run of the telephone study: ``doublecode demo``, as a person types it.

    Attributes
    ----------
    folder : Path
        Where it was typed; ``doublecode-demo`` and ``run.pickle`` (the StudyRun) lie there.
    code, printed : int, str
        Exit code, and what it printed.
    """

    folder: Path
    code: int
    printed: str

    @property
    def study(self) -> Path:
        return self.folder / "doublecode-demo"

    @property
    def report(self) -> Path:
        return self.study / "report"


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> Any:
    """Make a thing once for all workers: the first makes it in a folder of its own, the others wait and read it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    kept, given_up = folder / "kept.pickle", folder / "given_up"
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + PATIENCE
        while not kept.exists():
            if given_up.exists() or time.monotonic() > deadline:
                pytest.fail(f"{name}: the worker that was to make it did not.")
            time.sleep(0.2)
        return pickle.loads(kept.read_bytes())
    try:
        made = make(folder)
        (folder / "half.pickle").write_bytes(pickle.dumps(made))
        (folder / "half.pickle").rename(kept)
    except BaseException:
        given_up.touch()
        raise
    return made


def type_demo(folder: Path) -> Demo:
    environment = os.environ | {"COLUMNS": "200", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    answer = subprocess.run([sys.executable, "-c", DEMO, "demo"], cwd=folder, env=environment, capture_output=True)
    return Demo(folder, answer.returncode, (answer.stdout + b"\n" + answer.stderr).decode("utf-8"))


def analysed(name: str) -> Any:
    from doublecode.analysis.study.run import analyse, read_study

    return analyse(read_study(STUDIES / name))


@pytest.fixture(scope="session")
def telephone_demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """What ``doublecode demo`` did and printed; only read it."""
    done: Demo = once(tmp_path_factory, "telephone", type_demo)
    if done.code:
        pytest.fail(f"doublecode demo ended with exit code {done.code}:\n{done.printed}")
    return done


@pytest.fixture(scope="session")
def telephone_run(telephone_demo: Demo) -> Any:
    """The telephone study as the demo analysed it, for all tests that only read."""
    run = pickle.loads((telephone_demo.folder / "run.pickle").read_bytes())
    here = run.study.model_copy()
    here._folder = telephone_demo.study  # it was typed beside that folder, by its name
    return replace(run, intake=replace(run.intake, study=here))


@pytest.fixture(scope="session")
def adolescent_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The adolescent study, analysed once for all tests that only read."""
    return once(tmp_path_factory, "adolescent", lambda folder: analysed("adolescent_cbt"))


def built(run: Any) -> Any:
    from doublecode.analysis.report.folder import build_document

    return build_document(run)


@pytest.fixture(scope="session")
def telephone_document(tmp_path_factory: pytest.TempPathFactory, telephone_run: Any) -> Any:
    """What the report of the telephone study says, built a second time; only read it."""
    return once(tmp_path_factory, "telephone_document", lambda folder: built(telephone_run))


@pytest.fixture(scope="session")
def adolescent_document(tmp_path_factory: pytest.TempPathFactory, adolescent_run: Any) -> Any:
    """What the report of the adolescent study says; only read it."""
    return once(tmp_path_factory, "adolescent_document", lambda folder: built(adolescent_run))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures stand where they stand, empty: for tests of numbers and sentences, which drawing would keep longest."""
    from doublecode.analysis.rendering import figures

    monkeypatch.setattr(figures, "render_svg", lambda figure, name, description: "<svg></svg>")
    monkeypatch.setattr(figures, "render_png", lambda figure: DOT)


@pytest.fixture
def telephone(tmp_path: Path) -> Path:
    """A copy of the telephone study that a test may change."""
    return Path(shutil.copytree(STUDIES / "telephone_cbt", tmp_path / "telephone_cbt", ignore=KEEP_OUT))


def script(name: str) -> Any:
    """A script under ``tests/`` as a module."""
    spec = importlib.util.spec_from_file_location(f"{Path(name).stem}_script", Path(__file__).parent / name)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found  # dataclasses look their module up
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="session")
def half() -> Any:
    """How a study in the middle of its coding is made, and counted by hand."""
    return script("studies/half_finished.py")


@pytest.fixture(scope="session")
def training() -> Any:
    """How a study in training is made: an expert, a good, a lenient and a guessing rater."""
    return script("studies/training_study.py")


@pytest.fixture(scope="session")
def planted_trainees() -> Any:
    """The simulation of the pass mark."""
    return script("simulations/certification.py")


@pytest.fixture(scope="session")
def planted_means() -> Any:
    """The simulation of latent patient means."""
    return script("simulations/latent_means.py")


@pytest.fixture(scope="session")
def planted_screens() -> Any:
    """The simulation of the screens of ratings: honest studies, and what is planted in them."""
    return script("simulations/screens.py")


@pytest.fixture(scope="session")
def planted_statements() -> Any:
    """The simulation of the audit: statements in prose, right and with a planted slip."""
    return script("simulations/audit_generator.py")


@pytest.fixture(scope="session")
def half_finished(half: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study in the middle of its coding; only read it."""
    made: Path = once(tmp_path_factory, "half", lambda folder: half.make_half_finished(folder / "study", 77))
    return made


@pytest.fixture(scope="session")
def recomputed() -> Any:
    """How a traced number is recomputed from its cells."""
    return script("studies/recomputed_numbers.py")
