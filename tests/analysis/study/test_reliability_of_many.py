"""Many studies in one table: the numbers of each by itself, broken ones named, on one core, on two, and resumed."""

import json
import os
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from doublecode.analysis import Workers, read_study, reliability_of_studies
from doublecode.analysis.cli import app as cli
from doublecode.analysis.study import reliability_of_many, reliability_of_one
from doublecode.analysis.study.run import consistency_of, score_study
from doublecode.analysis.study.study_folders import state_of, study_folders
from doublecode.analysis.study.study_scales import reliability_of
from doublecode.schemas.errors import UsageError
from tests.conftest import script

make_site = script("benchmarks/many_sites.py").make_site
ICC = ["level", "name", "design", "n_targets", "n_raters", "form", "k", "estimate", "conf_low", "conf_high", "single"]
LINKS = pytest.mark.skipif(os.name == "nt", reason="links ask for rights there")


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """Two sites that are whole, one inside another folder; one with a wrong rating, one that is no declaration."""
    folder = tmp_path_factory.mktemp("trial")
    for seed, name in enumerate(("first", "abroad/second", "third", "fourth")):
        make_site(folder / name, seed, patients=6)
    wrong = folder / "third" / "ratings.csv"
    lines = wrong.read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ",9"
    wrong.write_text("\n".join(lines) + "\n")
    (folder / "fourth" / "study.toml").write_text("name = \n")
    (folder / "notes").mkdir()
    return folder


@pytest.fixture(scope="module")
def found(sites, tmp_path_factory):
    return reliability_of_studies(sites, workers=Workers(keep=tmp_path_factory.mktemp("kept") / "answers"))


def test_each_study_has_the_numbers_that_it_has_by_itself(sites, found):
    for name in ("first", "abroad/second"):
        intake = read_study(sites / name)
        alone = reliability_of(intake.study, intake.ratings)
        own = found.frame[found.frame["study"] == name].reset_index(drop=True)
        assert own[ICC].values.tolist() == alone.frame[ICC].values.tolist()
        omega = consistency_of(intake.study, score_study(intake)[0]).frame.iloc[0]
        scale = own[own["level"] == "scale"].iloc[0]
        assert scale[["omega", "omega_low", "omega_high", "n_omega"]].tolist() == omega[
            ["omega", "conf_low", "conf_high", "n_rows"]
        ].tolist()  # fmt: skip
        forms = found.forms[(found.forms["study"] == name) & (found.forms["level"] == "scale")]
        assert forms["estimate"].tolist() == alone.results[-1][3].frame["estimate"].tolist()


def test_what_is_broken_is_named_and_stops_no_other(found):
    n_ratings = found.frame.loc[found.frame["level"] == "item", "n_ratings"].sum()
    assert found.design == {"n_studies": 4, "n_read": 2, "n_ratings": n_ratings}
    told = found.failures.set_index("study")
    assert told.index.tolist() == ["fourth", "third"]
    assert told.loc["third", ["step", "place"]].tolist() == ["reading", "ratings.csv › line 4, value"]
    assert "9" in told.loc["third", "what"]
    assert told.loc["third", "next_step"]
    assert told.loc["fourth", "what"].startswith("study.toml: not valid TOML")
    rows = found.frame[found.frame["failure"] != ""]
    assert rows["study"].tolist() == ["fourth", "third"]
    assert rows["estimate"].isna().all()
    assert any("not looked at, since there is no study.toml: notes" in text for text in found.note_texts())


def test_over_studies(found):
    scale = found.frame[found.frame["level"] == "scale"]
    over = found.over_studies.set_index("level").loc["scale"]
    assert (over["n_studies"], over["median"]) == (2, pytest.approx(scale["estimate"].mean()))
    assert [over["low"], over["high"]] == sorted(scale["estimate"])


def test_the_middle_of_three_studies_is_their_median_not_their_mean():
    key = {"instrument": "own", "level": "scale", "name": "total", "phase": "main", "n_targets": 10}
    rows = [
        {**key, "study": name, "estimate": one, "omega": one / 2}
        for name, one in zip("abc", (0.1, 0.7, 0.8), strict=True)
    ]
    over = reliability_of_many._over(pd.DataFrame(rows)).iloc[0]
    assert over[["n_studies", "n_targets", "median", "low", "high", "median_omega"]].tolist() == [
        3, 30, 0.7, 0.1, 0.8, 0.35,
    ]  # fmt: skip


def test_a_scale_over_two_tapes_has_a_row_of_its_own_and_items_show_where_there_is_no_scale():
    named = {"instrument": "own", "scale": "total", **dict.fromkeys(reliability_of_many.OMEGA, 0.5)}
    omegas = [{**named, "pairing": "same tape"}, {**named, "pairing": "joined", "omega": 0.8}]
    key = {"instrument": "own", "name": "total", "level": "scale"}
    icc = [{**key, "phase": "main", "estimate": 0.7}, {**key, "phase": "pilot", "estimate": 0.6}]
    icc.append({"instrument": "bare", "name": "praise", "level": "item", "phase": "main", "estimate": 0.4})
    rows = list(reliability_of_many._rows_of("a", {"rows": icc, "omegas": omegas, "failures": []}))
    shown = [(row["name"], row["phase"], row["pairing"], row.get("estimate"), row.get("omega")) for row in rows]
    assert shown == [
        ("total", "main", "same tape", 0.7, 0.5), ("total", "pilot", "same tape", 0.6, None),
        ("praise", "main", "same tape", 0.4, None), ("total", "main", "joined", None, 0.8),
    ]  # fmt: skip
    more = pd.DataFrame([*rows, {"instrument": "own", "name": "warm", "level": "item"}])
    assert reliability_of_many._scales(more)["name"].tolist() == ["total", "total", "praise", "total"]


def test_omega_is_told_of_rated_instruments_alone(sites, monkeypatch):
    intake = read_study(sites / "first")
    own = consistency_of(intake.study, score_study(intake)[0])
    filled_in = own.frame.assign(instrument="phq9")
    both = SimpleNamespace(frame=pd.concat([own.frame, filled_in]), notes=own.notes)
    monkeypatch.setattr("doublecode.analysis.study.run.consistency_of", lambda *given: both)
    assert [row["instrument"] for row in reliability_of_one._omega(intake)["omegas"]] == ["own"] * len(own.frame)


def test_two_cores_give_the_same_table_and_a_repeat_does_what_changed(sites, tmp_path):
    kept = Workers(jobs=2, keep=tmp_path / "kept")
    two = reliability_of_studies([sites / "first", sites / "abroad"], workers=kept)
    one = reliability_of_studies([sites / "first", sites / "abroad"])
    assert two.frame.equals(one.frame)
    assert two.forms.equals(one.forms)
    assert two.frame["study"].unique().tolist() == ["first", "second"]
    (sites / "first" / "patients.csv").write_text((sites / "first" / "patients.csv").read_text() + "\n")
    seen = []
    again = reliability_of_studies(
        [sites / "first", sites / "abroad"], workers=Workers(keep=kept.keep), progress=lambda *now: seen.append(now)
    )
    assert seen == [("Reading studies", 1, 2), ("Reading studies", 2, 2)]
    assert again.frame.equals(one.frame)


def test_what_a_study_stands_on_is_all_but_what_is_made_of_it(tmp_path):
    folder = make_site(tmp_path / "one", 1, patients=2)
    before = state_of(folder)
    (folder / "report").mkdir()
    (folder / "report" / "index.html").write_text("made")
    assert state_of(folder) == before
    (folder / "patients.csv").rename(folder / "people.csv")
    assert state_of(folder) != before  # the same bytes under another name
    toml = folder / "study.toml"
    toml.write_text('ledger = "postgresql://host/study"\n' + toml.read_text())
    assert state_of(folder) != state_of(folder)


@pytest.mark.parametrize("place", ["data", ".data", "report", pytest.param("linked", marks=LINKS)])
def test_an_answer_that_was_kept_follows_a_changed_rating_wherever_it_lies(tmp_path, place):
    folder = make_site(tmp_path / "one", 1, patients=2)
    inside = folder / place
    if place == "linked":
        (tmp_path / "disk").mkdir()
        inside.symlink_to(tmp_path / "disk")
    inside.mkdir(exist_ok=True)
    ratings = (folder / "ratings.csv").rename(inside / "ratings.csv")
    toml = folder / "study.toml"
    toml.write_text(toml.read_text().replace("ratings.csv", f"{place}/ratings.csv"))
    before, as_it_was = state_of(folder, folder / "kept"), ratings.stat()
    (folder / "kept").mkdir()
    (folder / "kept" / "answer.json").touch()
    assert state_of(folder, folder / "kept") == before
    text = ratings.read_text()
    ratings.write_text(text[:-2] + ("7" if text[-2] == "1" else "1") + "\n")
    os.utime(ratings, ns=(as_it_was.st_atime_ns, as_it_was.st_mtime_ns))
    assert state_of(folder, folder / "kept") != before


def test_numbers_follow_a_rating_that_is_changed_between_two_runs_with_one_folder(tmp_path):
    folder, kept = make_site(tmp_path / "one", 1, patients=4), Workers(keep=tmp_path / "kept")
    before = reliability_of_studies(folder, workers=kept)
    ratings = folder / "ratings.csv"
    lines = ratings.read_text().splitlines()
    lines[1] = lines[1][:-1] + ("7" if lines[1].endswith("1") else "1")
    ratings.write_text("\n".join(lines) + "\n")
    after, fresh = reliability_of_studies(folder, workers=kept), reliability_of_studies(folder)
    assert after.frame.equals(fresh.frame)
    assert not after.frame.equals(before.frame)


@pytest.fixture
def closed(monkeypatch):
    """Folders that cannot be looked into, also by who may look into all."""
    listed = os.listdir

    def refusing(place="."):
        if "closed" in os.fspath(place):
            raise PermissionError(13, "Permission denied", str(place))
        return listed(place)

    monkeypatch.setattr(os, "listdir", refusing)


def test_a_folder_that_cannot_be_looked_into_is_a_row_and_stops_no_other(tmp_path, closed):
    make_site(tmp_path / "one", 1, patients=4)
    (tmp_path / "closed").mkdir()
    found = reliability_of_studies(tmp_path, workers=Workers(keep=tmp_path / "kept"))
    assert (found.design["n_studies"], found.design["n_read"]) == (2, 1)
    assert found.failures[["study", "step"]].values.tolist() == [["closed", "reading"]]
    assert found.frame.loc[found.frame["study"] == "one", "estimate"].notna().all()


def test_what_nobody_rated_twice_has_a_row_with_the_reason_and_a_note(tmp_path, run):
    folder = make_site(tmp_path / "one", 1, patients=4)
    declared, book = folder / "study.toml", (folder / "own.toml").read_text()
    declared.write_text(declared.read_text().replace(
        "[tables", '[[instruments]]\nname = "alone.toml"\nraters = ["R1"]\n\n[tables'
    ))  # fmt: skip
    for name in ("warm", "clear", "cold", "near", "own", "total"):
        book = book.replace(f'"{name}"', f'"{name}_alone"')
    (folder / "alone.toml").write_text(book.replace('"own_alone"', '"alone"'))
    ratings = pd.read_csv(folder / "ratings.csv")
    first = ratings.drop_duplicates(["session_id", "item"])
    more = first.assign(rater="R1", item=first["item"] + "_alone")
    pd.concat([ratings, more]).to_csv(folder / "ratings.csv", index=False)
    intake = read_study(folder)
    for frame in (reliability_of(intake.study, intake.ratings).frame, reliability_of_studies(folder).frame):
        lost = frame[frame["instrument"] == "alone"]
        assert lost["name"].tolist() == [f"{one}_alone" for one in ("warm", "clear", "cold", "near", "total")]
        assert lost["estimate"].isna().all()
        assert lost[["n_targets", "n_raters", "n_ratings", "n_multiply_coded"]].values.tolist() == [[16, 1, 16, 0]] * 5
        assert lost["method"].str.startswith("one rater only ('R1'): 16 ratings of 16 sessions").all()
        assert frame.loc[frame["instrument"] == "own", "estimate"].notna().all()
    for words in ([folder], [tmp_path, "-o", tmp_path / "all.xlsx"]):
        code, out, _ = run(*words)
        assert code == 0
        assert "total_alone" in out
        assert "alone, items, main: one rater only ('R1')" in out
        assert "let a second rater code some of them" in " ".join(out.split())
        assert "alone, scales, main: one rater only" in out
    cells = pd.read_excel(tmp_path / "all.xlsx", sheet_name=None, header=None)
    assert any((sheet == "total_alone").any(axis=None) for sheet in cells.values())
    assert any("total_alone" in str(row) for row in json.loads(run(folder, "--json")[1])["frame"])


def test_folders_are_found_once_and_none_in_silence(sites, tmp_path):
    twice = study_folders([sites, sites / "first", sites / "first" / "study.toml"])
    assert list(twice.folders) == ["abroad/second", "first", "fourth", "third"]
    assert twice.without == ("notes",)
    with pytest.raises(UsageError, match=r"there is no study\.toml in it or in its folders.*doublecode icc FILE"):
        study_folders([tmp_path])
    with pytest.raises(UsageError, match="is no folder"):
        study_folders([tmp_path / "nowhere"])


def test_studies_of_one_name_in_two_places_keep_apart(tmp_path):
    for place in ("north", "south"):
        (tmp_path / place / "one").mkdir(parents=True)
        (tmp_path / place / "one" / "study.toml").touch()
    found = study_folders([tmp_path / "north", tmp_path / "south"]).folders
    south = tmp_path / "south" / "one"
    assert found == {"one": tmp_path / "north" / "one", south.as_posix(): south}


def test_of_many_problems_of_a_study_five_are_named_and_all_counted(tmp_path):
    folder = make_site(tmp_path / "one", 1, patients=2)
    table = folder / "ratings.csv"
    head, *lines = table.read_text().splitlines()
    wrong = [line.rsplit(",", 1)[0] + ",9" for line in lines[:7]]
    table.write_text("\n".join([head, *wrong, *lines[7:]]) + "\n")
    failures = reliability_of_one.reliability_of_one(str(folder))["failures"]
    assert [(one["step"], one["of"]) for one in failures] == [("reading", 7)] * 5
    assert failures[4]["place"] == "ratings.csv › line 6, value"


@LINKS
def test_links_lead_to_no_study_twice_and_in_no_circle(tmp_path):
    for name in ("one", "deep/two", "later/three"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "study.toml").touch()
    links = (("alias", "one"), ("circle", "."), ("deep/again", "deep"), ("deep/up", "."), ("deep/on", "later"),
             ("first/one", "one"))  # fmt: skip
    (tmp_path / "first").mkdir()
    for link, where in links:
        (tmp_path / link).symlink_to(tmp_path / where)
    found = study_folders([tmp_path])
    assert found.folders == {name: tmp_path / name for name in ("deep/two", "later/three", "one")}
    assert found.without == ()


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["doublecode", "reliability", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, *capsys.readouterr()

    return call


def test_the_command_writes_the_table_and_ends_with_1_where_a_study_is_broken(run, sites, found, tmp_path, monkeypatch):
    monkeypatch.setattr(reliability_of_many, "reliability_of_studies", lambda *given, **more: found)
    code, out, err = run(sites, "-o", tmp_path / "all.csv", "--json")
    answer = json.loads(out)
    assert (code, err) == (1, f"Table: {tmp_path / 'all.csv'}\n")
    assert {"frame", "forms", "over_studies", "failures"} <= set(answer)
    written = pd.read_csv(tmp_path / "all.csv")
    assert written["estimate"].tolist()[:4] == pytest.approx(found.frame["estimate"].tolist()[:4], rel=1e-15)
    code, out, _ = run(sites, "-o", tmp_path / "all.xlsx")
    assert code == 1
    assert "What was not estimated" in out
    cells = pd.read_excel(tmp_path / "all.xlsx", sheet_name=None, header=None)
    heads = {str(sheet.iloc[0, 0]) for sheet in cells.values()}
    assert heads >= {"Reliability by study", "Over studies", "What was not estimated", "Items by study", "Every form"}
    code, _, err = run(sites, "-o", tmp_path / "all.csv")
    assert code == 2
    assert "Add --overwrite" in err


@pytest.mark.parametrize(("words", "said"), [
    (["--set-aside", "a.xlsx"], "--set-aside belongs to one study; name one study folder"),
    (["--d-study"], "--d-study belongs to one study"),
    (["-o", "table.sav"], "allowed: a name that ends in .csv or .xlsx"),
    (["-o", "nowhere/table.csv"], "there is no folder nowhere"),
    (["--jobs", "0"], "jobs is 0; allowed"),
])  # fmt: skip
def test_what_does_not_go_with_many(run, sites, words, said):
    code, _, err = run(sites, *words)
    assert code == 2
    assert said in err


def test_what_does_not_go_with_one(run, sites):
    code, _, err = run(sites / "first", "--jobs", "2")
    assert code == 2
    assert "--jobs belongs to many studies; leave it out, or name a folder of study folders" in err
