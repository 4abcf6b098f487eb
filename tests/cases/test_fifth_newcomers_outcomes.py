"""Questionnaires that are filled in between sessions: linked by a declared rule, each named. All data are synthetic."""

import pytest

from doublecode.analysis.report.folder import ledger_with_linked
from doublecode.coding.new_study.folder import Wishes, plan_study, write_study
from doublecode.coding.reading.outcome_events import read_outcome_events
from doublecode.coding.reading.outcomes import linked_answers, read_outcomes
from doublecode.coding.reading.study_tables import read_study_table
from doublecode.schemas import load_study
from doublecode.schemas.errors import ContractError, StudyError, UsageError

LIST = (
    "patient;session;date\nP1;1;17.01.2025\nP1;2;25.01.2025\nP1;3;14.02.2025\nP2;1;03.02.2025\nP2;2;10.02.2025\n"
)  # fmt: skip
WEEKLY = (
    "patient;date;bsl\nP1;10.01.2025;2,3\nP1;16.01.2025;2,4\nP1;25.01.2025;2,2\nP1;24.01.2025;2,0\nP1;01.02.2025;1,9\n"
    "P2;01.02.2025;1,0\nP2;11.02.2025;1,1\n"
)
EVENTS = "patient;event;ders\nP1;pre;90\nP1;post;80\nP2;pre;70\n"


def wished(folder, files, **more):
    paths = {}
    for name, text in {"l.csv": LIST, **files}.items():
        paths[name] = folder / name
        paths[name].write_text(text, encoding="utf-8")
    outcomes = tuple(paths[name] for name in files)
    return Wishes(paths["l.csv"], ("anna", "ben"), ("ghes",), outcomes, dates="dd.mm.yyyy", **more)


def made(folder, files, **more):
    return write_study(plan_study(folder / "study", wished(folder, files, **more)))


def test_init_says_the_rule_that_may_link_and_no_harmful_way_out(tmp_path):
    said = " ".join(plan_study(tmp_path / "study", wished(tmp_path, {"w.csv": WEEKLY})).said)
    assert "6 rows are of days without a session, the first P1, 2025-01-10" in said
    assert "--next-session-within 7: 2 of them would count" in said
    for words in ("a column event", "the number of the session into each row"):
        assert words in said
    assert "add these sessions" not in said
    assert "remove the rows" not in said


def test_rows_are_linked_by_the_declared_rule_and_each_is_named(tmp_path):
    planned = plan_study(tmp_path / "study", wished(tmp_path, {"w.csv": WEEKLY}, within=7))
    assert any("next_session_within = 7: 2 of them are of the patient's next session" in one for one in planned.said)
    study = load_study(write_study(planned))
    assert study.use("w").next_session_within == 7
    items, problems = read_outcomes(study)
    values = {(p, s): v for p, s, v in items[["patient", "session", "value"]].to_numpy()}
    assert values == {("P1", 1): 2.4, ("P1", 2): 2.2, ("P2", 1): 1.0}
    found = sorted((one.code, one.subject, one.found) for one in problems)
    assert found == [
        ("answer_linked", "P1", "2025-01-16"), ("answer_linked", "P2", "2025-02-01"),
        ("answer_not_linked", "P1", "2025-01-10"), ("answer_not_linked", "P1", "2025-01-24"),
        ("answer_not_linked", "P1", "2025-02-01"), ("answer_not_linked", "P2", "2025-02-11"),
    ]  # fmt: skip
    why = {(one.subject, one.found): one.allowed for one in problems}
    assert "is of session 2" in why["P1", "2025-01-24"]
    assert "is nearer to session 1" in why["P1", "2025-01-10"]
    assert why["P1", "2025-02-01"] == "no session on that day or within 7 days after it"
    assert why["P1", "2025-01-16"] == "session 1 of 2025-01-17 (1 day later)"


def test_the_row_ledger_names_what_is_linked(tmp_path):
    linked = linked_answers(load_study(made(tmp_path, {"w.csv": WEEKLY}, within=7)))
    assert linked[["patient", "session", "days_before"]].to_numpy().tolist() == [["P1", 1, 1], ["P2", 1, 2]]
    blank = linked.iloc[:0][["session_id", "patient", "session"]].assign(stage="", status="", reason="")
    told = ledger_with_linked(blank, linked)
    assert told["stage"].unique().tolist() == ["linked by date: w"]
    assert told["reason"].tolist() == [
        "filled in on 2025-01-16, 1 day before",
        "filled in on 2025-02-01, 2 days before",
    ]
    assert ledger_with_linked(blank, None) is blank


def test_two_of_one_day_are_refused_and_zero_days_are_the_same_day(tmp_path):
    study = made(tmp_path, {"w.csv": WEEKLY + "P1;16.01.2025;2,5\n"}, within=7)
    _, problems = read_outcomes(load_study(study))
    assert [(one.code, one.subject) for one in problems if one.severity == "error"] == [
        ("answered_twice", "P1, 2025-01-16")
    ]
    toml = study / "study.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("within = 7", "within = 0", 1), encoding="utf-8")
    items, problems = read_outcomes(load_study(study))
    assert items["value"].tolist() == [2.2]
    assert all(one.code == "answer_not_linked" for one in problems)


def test_a_table_with_own_heads_and_german_dates(tmp_path):
    study = made(tmp_path, {"w.csv": WEEKLY}, within=7)
    (study / "outcomes" / "w.csv").unlink()
    (study / "Woche.csv").write_text("Pat;Tag;BSL\nP1;16.01.2025;2,4\n", encoding="utf-8")
    toml = study / "study.toml"
    table = (
        '\n[tables.w]\nfile = "Woche.csv"\ndates = "dd.mm.yyyy"\nmap = { Pat = "patient", Tag = "date", BSL = "bsl" }\n'
    )
    toml.write_text(toml.read_text(encoding="utf-8") + table, encoding="utf-8")
    items, _ = read_outcomes(load_study(study))
    assert items[["session", "value"]].to_numpy().tolist() == [[1, 2.4]]
    text = toml.read_text(encoding="utf-8").replace('dates = "dd.mm.yyyy"\n', "")
    toml.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError, match="2025-01-16"):
        read_outcomes(load_study(study))
    toml.write_text(text.replace("next_session_within = 7", "# next_session_within = 7", 1), encoding="utf-8")
    with pytest.raises(StudyError, match="date"):
        load_study(study)


def test_a_rule_without_effect_is_refused(tmp_path):
    with pytest.raises(UsageError, match="nothing to link"):
        plan_study(tmp_path / "study", wished(tmp_path, {"e.csv": EVENTS}, within=7))
    study = made(tmp_path, {"e.csv": EVENTS})
    toml = study / "study.toml"
    text = toml.read_text(encoding="utf-8")
    toml.write_text(text.replace('name = "ghes"', 'name = "ghes"\nnext_session_within = 7', 1), encoding="utf-8")
    with pytest.raises(StudyError, match="no effect on what raters fill in"):
        load_study(study)


def test_two_questionnaires_of_a_session_are_said_by_init_and_called_so_by_a_run(tmp_path):
    twice = "patient;session;phq\nP1;1;5\nP1;1;6\nP2;9;7\n"
    planned = plan_study(tmp_path / "study", wished(tmp_path, {"q.csv": twice}))
    assert any("P1, session 1 (line 2 and line 3)" in one and "two questionnaires" in one for one in planned.said)
    assert any("P2, session 9" in one and "correct the number" in one for one in planned.said)
    _, problems = read_outcomes(load_study(write_study(planned)))
    assert [one.code for one in problems] == ["answered_twice", "answer_without_session"]
    assert "has two questionnaires: line 2 and line 3" in str(problems[0])
    for words in ("next_session_within", "column event"):
        assert words in str(problems[1])


def test_an_outcome_of_events_alone_has_variables_of_events(tmp_path):
    study = load_study(made(tmp_path, {"w.csv": WEEKLY, "e.csv": EVENTS}, within=7))
    named = {one.name: one.event for one in study.variables if one.instrument in ("e", "w")}
    assert named == {"w": None, "e_pre": "pre", "e_post": "post"}
    text = (study.folder / "study.toml").read_text(encoding="utf-8")
    assert "w_pre" not in text
    assert "patients.csv, once you have added it there" in text
    answers, problems = read_outcome_events(study, read_study_table(study, "patients"))
    assert (len(answers), problems) == (3, [])
    (tmp_path / "b").mkdir()
    both = made(tmp_path / "b", {"m.csv": "patient;session;event;phq\nP1;1;;5\nP1;;pre;6\n"})
    text = (both / "study.toml").read_text(encoding="utf-8")
    assert '# name = "m_pre"' in text
    assert '\nname = "m"\n' in text
