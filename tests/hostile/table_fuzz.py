"""Tables as strangers save them, by kinds: does a command give the numbers of the clean frame, or refuse the cell?

Each kind changes one thing of a table whose numbers are known (types, names, encodings, gaps, ids, delimiters, heads,
formats) and says what is right: the same numbers, the numbers without certain rows, or a refusal that names the
cell. ``python tests/hostile/table_fuzz.py 2000`` prints the counts by kind; what it printed stands in
``table_fuzz.txt``. Seeded: file n is the same file every time. All data are random numbers.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import hostile_files
import numpy as np
import openpyxl
import pandas as pd
from typer.testing import CliRunner

from doublecode.analysis import agreement, drift, fit_mixed, icc, moderation
from doublecode.analysis.cli.app import app
from doublecode.analysis.cli.read_files import read_columns, read_ratings
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.coding.console import exit_code_of

COMMANDS = ("fit", "icc", "agreement", "omega", "moderation", "drift")
ODD = ("n/a", ".", "NaN", "-", "#NULL!", "1,000", "<1", "25%", "x", "?", "12 kg", "1.2.3", "TRUE", "inf", "nan", "—")
NAMES = ("hamd.pre", "a b", "größe", "1st", "Intercept", "it's", 'say "x"', "class", "log", "C", "np", "x:y", "a*b",
         "é(1)", "a,b", "TRUE", "he|she", "~", "x^2", "Q1.", ".x", "a\\b", "p-value", "ß", "年齢")  # fmt: skip


@dataclass
class Case:
    """A table on its way to a file, and what is right.

    Attributes
    ----------
    heads, rows
        As texts.
    truth
        The clean frame without the rows that may not be used.
    roles
        Column of each role: ``group``, ``number``, ``outcome``, ``word`` …
    refused
        What the message of a refusal must hold; None where there is an answer.
    """

    command: str
    heads: list[str]
    rows: list[list[str]]
    truth: pd.DataFrame
    roles: dict[str, str]
    options: list[str] = field(default_factory=list)
    refused: tuple[str, ...] | None = None
    said: str = ""
    delimiter: str = ","
    encoding: str = "utf-8"
    newline: str = "\n"
    form: str = "csv"
    before: str = ""
    kind: str = ""


def clean_case(command: str, rng: np.random.Generator) -> Case:
    """A table whose numbers are known."""
    if command in ("fit", "moderation"):
        n, each = 12, 6
        frame = pd.DataFrame({"patient": np.repeat([f"P{i + 1:02d}" for i in range(n)], each)})
        frame["session"] = np.tile(np.arange(1.0, each + 1), n)
        frame["he"] = np.round(rng.normal(2, 1, len(frame)), 2)
        frame["arm"] = np.repeat(rng.permutation(["cbt", "act", "wait"] * (n // 3)), each)
        frame["y"] = np.round(10 - frame.session + 0.8 * frame.he + np.repeat(rng.normal(0, 2, n), each)
                              + rng.normal(0, 1, len(frame)), 2)  # fmt: skip
        roles = {"group": "patient", "number": "he", "word": "arm", "outcome": "y"}
    elif command == "omega":
        frame = pd.DataFrame({f"i{k}": rng.integers(0, 5, 60).astype(float) for k in range(4)})
        shift = rng.integers(0, 4, 60)
        frame = frame.add(shift, axis=0)
        roles = {"number": "i1", "outcome": "i2"}
    else:
        frame = pd.DataFrame([(f"S{i:02d}", f"J{j}") for i in range(1, 11) for j in range(1, 4)], columns=["s", "r"])
        level = np.repeat(rng.integers(0, 4, 10), 3)
        frame["y"] = (level + rng.integers(0, 2, 30)).astype(float)
        roles = {"group": "s", "rater": "r", "outcome": "y"}
    rows = [[show(value) for value in row] for row in frame.to_numpy(dtype=object)]
    return Case(command, list(map(str, frame.columns)), rows, frame, roles)


def show(value: object) -> str:
    """A cell as text."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def place(case: Case, role: str, rng: np.random.Generator) -> tuple[int, int]:
    """A random row, and the column of a role."""
    return int(rng.integers(len(case.rows))), case.heads.index(case.roles[role])


def number_role(case: Case) -> str:
    """The role of a column of numbers that a kind of damage goes to."""
    return "number" if "number" in case.roles else "outcome"


def drop(case: Case, row: int, role: str) -> None:
    """The row has no value there: out of the model, or one rating or item less."""
    if case.command in ("fit", "moderation"):
        case.truth = case.truth.drop(index=row)
    else:
        case.truth.loc[row, case.roles[role]] = np.nan


Damage = Callable[[Case, np.random.Generator], None]


def nothing(case: Case, rng: np.random.Generator) -> None:
    """As it is."""


def rewritten(form: Callable[[str], str]) -> Damage:
    def damage(case: Case, rng: np.random.Generator) -> None:
        column = case.heads.index(case.roles[number_role(case)])
        for row in case.rows:
            row[column] = form(row[column])

    return damage


def exponent(case: Case, rng: np.random.Generator) -> None:
    row, column = place(case, number_role(case), rng)
    case.rows[row][column] = f"{float(case.rows[row][column]):.6e}"


def leading_zero(case: Case, rng: np.random.Generator) -> None:
    row, column = place(case, number_role(case), rng)
    text = case.rows[row][column]
    case.rows[row][column] = f"-0{text[1:]}" if text.startswith("-") else f"0{text}"


def odd_cell(case: Case, rng: np.random.Generator) -> None:
    row, column = place(case, number_role(case), rng)
    odd = str(rng.choice(ODD))
    case.rows[row][column] = odd
    case.refused = (f"line {row + 2}", case.heads[column], odd)


def odd_cell_declared(case: Case, rng: np.random.Generator) -> None:
    role = number_role(case)
    row, column = place(case, role, rng)
    odd = str(rng.choice([one for one in ODD if "," not in one]))
    case.rows[row][column] = odd
    case.options += ["--missing", odd]
    case.said = "missing"
    drop(case, row, role)


def code_99(case: Case, rng: np.random.Generator) -> None:
    role = number_role(case)
    row, column = place(case, role, rng)
    case.rows[row][column] = str(rng.choice(["-99", "-99.0", "-9.9e1"]))
    case.options += ["--missing", "-99"]
    case.said = "missing"
    drop(case, row, role)


def gap(text: str, role: str) -> Damage:
    def damage(case: Case, rng: np.random.Generator) -> None:
        own = role if role in case.roles else "outcome"
        row, column = place(case, own, rng)
        case.rows[row][column] = text
        if own in ("group", "rater") and case.command in ("icc", "agreement", "drift"):
            case.refused = (case.heads[column], str(row + 2))
            return
        case.said = "NA × 1" if text == "NA" else ""
        drop(case, row, own)

    return damage


def dates(case: Case, rng: np.random.Generator) -> None:
    form = str(rng.choice(["2021-04-{:02d}", "{:02d}.04.2021", "04/{:02d}/2021", "{:02d}.04.21", "10:{:02d}"]))
    column = case.heads.index(case.roles[number_role(case)])
    for at, row in enumerate(case.rows):
        row[column] = form.format(at % 28 + 1)
    case.refused = (case.heads[column], "line 2")


def mostly_words(case: Case, rng: np.random.Generator) -> None:
    """Words with a number among them are no factor in silence."""
    if "word" not in case.roles:
        return odd_cell(case, rng)
    row, column = place(case, "word", rng)
    case.rows[row][column] = "3"
    case.refused = (case.heads[column],)
    return None


def truth_values(case: Case, rng: np.random.Generator) -> None:
    if "word" in case.roles:
        column = case.heads.index(case.roles["word"])
        for _at, row in enumerate(case.rows):
            row[column] = "TRUE" if row[column] == "cbt" else "FALSE"
        case.truth["arm"] = np.where(case.truth["arm"] == "cbt", "TRUE", "FALSE")


def other_name(role: str) -> Damage:
    def damage(case: Case, rng: np.random.Generator) -> None:
        own = role if role in case.roles else "outcome"
        old, new = case.roles[own], str(rng.choice(NAMES))
        case.heads[case.heads.index(old)] = new
        case.truth = case.truth.rename(columns={old: new})
        case.roles[own] = new

    return damage


def dotted_sibling(case: Case, rng: np.random.Generator) -> None:
    """``he.pre`` beside ``he``, which has gaps."""
    old = case.roles[number_role(case)]
    case.heads[case.heads.index(old)] = f"{old}.pre"
    case.truth = case.truth.rename(columns={old: f"{old}.pre"})
    case.roles[number_role(case)] = f"{old}.pre"
    case.heads.append(old)
    for row in case.rows:
        row.append(str(rng.choice(["", "1", "2"])))


def ids(form: Callable[[int], str]) -> Damage:
    def damage(case: Case, rng: np.random.Generator) -> None:
        if "group" in case.roles:
            column = case.heads.index(case.roles["group"])
            known = {old: form(at) for at, old in enumerate(dict.fromkeys(row[column] for row in case.rows))}
            for row in case.rows:
                row[column] = known[row[column]]
            case.truth[case.roles["group"]] = case.truth[case.roles["group"]].map(known)

    return damage


def unseen_in_id(case: Case, rng: np.random.Generator) -> None:
    row, column = place(case, "group" if "group" in case.roles else "outcome", rng)
    case.rows[row][column] += str(rng.choice(["\u200b", "\u00ad", "\u200e", "\ufeff"]))
    case.said = "U+"


def unseen_in_head(case: Case, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(case.heads)))
    case.heads[at] = case.heads[at] + str(rng.choice(["\u200b", "\u00ad", "\ufeff"]))
    case.said = "U+"


def blanks(case: Case, rng: np.random.Generator) -> None:
    for row in case.rows:
        at = int(rng.integers(len(row)))
        row[at] = f" {row[at]}\u00a0"


def blank_rows(case: Case, rng: np.random.Generator) -> None:
    for _ in range(3):
        case.rows.append([""] * len(case.heads))


def blank_lines_before(case: Case, rng: np.random.Generator) -> None:
    case.before = "\n\n"


def unnamed_column(case: Case, rng: np.random.Generator) -> None:
    case.heads.insert(0, "")
    for at, row in enumerate(case.rows):
        row.insert(0, str(at + 1))


def other_columns(case: Case, rng: np.random.Generator) -> None:
    case.heads += ["note", "note"]
    for row in case.rows:
        row += ["a, b; c", 'he said "no"']


def shuffled(case: Case, rng: np.random.Generator) -> None:
    order = rng.permutation(len(case.heads))
    case.heads = [case.heads[at] for at in order]
    case.rows = [[row[at] for at in order] for row in case.rows]


def written(**how: str) -> Damage:
    def damage(case: Case, rng: np.random.Generator) -> None:
        for name, value in how.items():
            setattr(case, name, value)
        if how.get("before"):
            case.delimiter = how["before"][4]

    return damage


def comma_decimals(case: Case, rng: np.random.Generator) -> None:
    rewritten(lambda text: text.replace(".", ","))(case, rng)
    case.delimiter = str(rng.choice([";", "\t"]))


def comma_decimals_quoted(case: Case, rng: np.random.Generator) -> None:
    rewritten(lambda text: text.replace(".", ","))(case, rng)


KINDS: dict[str, Damage] = {
    "as it is": nothing,
    "types: an exponent among numbers": exponent,
    "types: a leading zero among numbers": leading_zero,
    "types: plus signs": rewritten(lambda text: text if text.startswith("-") else f"+{text}"),
    "types: exponents everywhere": rewritten(lambda text: f"{float(text):.6E}"),
    "types: decimal commas": comma_decimals,
    "types: decimal commas in quotes": comma_decimals_quoted,
    "types: trailing zeros": rewritten(lambda text: f"{float(text):.4f}"),
    "types: an odd cell among numbers": odd_cell,
    "types: an odd cell declared missing": odd_cell_declared,
    "types: dates for numbers": dates,
    "types: a number among words": mostly_words,
    "types: truth values for words": truth_values,
    "gaps: -99 declared missing": code_99,
    "gaps: empty outcome": gap("", "outcome"),
    "gaps: NA outcome": gap("NA", "outcome"),
    "gaps: empty predictor": gap("", "number"),
    "gaps: NA predictor": gap("NA", "number"),
    "gaps: empty word": gap("", "word"),
    "gaps: NA word": gap("NA", "word"),
    "gaps: empty group": gap("", "group"),
    "gaps: NA group": gap("NA", "group"),
    "gaps: NA rater": gap("NA", "rater"),
    "gaps: blank rows at the end": blank_rows,
    "gaps: blank lines before": blank_lines_before,
    "names: of a number": other_name("number"),
    "names: of the outcome": other_name("outcome"),
    "names: of the group": other_name("group"),
    "names: of the word": other_name("word"),
    "names: a dotted one beside its first half": dotted_sibling,
    "ids: whole numbers": ids(lambda at: str(at + 1)),
    "ids: leading zeros": ids(lambda at: f"{at + 1:03d}"),
    "ids: 03 and 3": ids(lambda at: str(at // 2 + 1) if at % 2 else f"0{at // 2 + 1}"),
    "ids: exponents": ids(lambda at: f"1E{at}"),
    "ids: dates": ids(lambda at: f"2021-04-{at + 1:02d}"),
    "ids: decimals": ids(lambda at: f"{at}.10"),
    "ids: umlauts": ids(lambda at: f"Ä{at} ß"),
    "ids: a letter that nobody sees": unseen_in_id,
    "ids: blanks around": blanks,
    "heads: a letter that nobody sees": unseen_in_head,
    "heads: one without a name": unnamed_column,
    "heads: others twice": other_columns,
    "heads: another order": shuffled,
    "delimiters: semicolons": written(delimiter=";"),
    "delimiters: tabs": written(delimiter="\t"),
    "delimiters: sep=;": written(before="sep=;\n"),
    "delimiters: sep=|": written(before="sep=|\n"),
    "delimiters: CRLF": written(newline="\r\n"),
    "encodings: UTF-8 with mark": written(encoding="utf-8-sig"),
    "encodings: UTF-16": written(encoding="utf-16"),
    "encodings: cp1252": written(encoding="cp1252"),
    "formats: tsv": written(form="tsv", delimiter="\t"),
    "formats: txt": written(form="txt", delimiter=";"),
    "formats: xlsx": written(form="xlsx"),
    "formats: xlsx, numbers as text": written(form="xlsx text"),
    "formats: ods": written(form="ods"),
}


def make(number: int) -> Case:
    """File `number`: kinds and commands in turn, all else by the seed."""
    names = list(KINDS)
    kind = names[number % len(names)]
    command = COMMANDS[(number // len(names)) % len(COMMANDS)]
    rng = np.random.default_rng([11, number])
    case = clean_case(command, rng)
    KINDS[kind](case, rng)
    if case.encoding == "cp1252":
        case.heads = [head.encode("cp1252", "replace").decode("cp1252") for head in case.heads]
    case.kind = kind
    return case


def save(case: Case, folder: Path) -> Path:
    """Write the file."""
    if case.form.startswith("xlsx") or case.form == "ods":
        return _save_sheet(case, folder)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=case.delimiter, lineterminator="\n")
    writer.writerows([case.heads, *case.rows])
    path = folder / f"table.{case.form}"
    path.write_bytes((case.before + text.getvalue()).replace("\n", case.newline).encode(case.encoding))
    return path


def _save_sheet(case: Case, folder: Path) -> Path:
    typed = [[_typed(cell, case.form) for cell in row] for row in case.rows]
    if case.form == "ods":
        path = folder / "table.ods"
        path.write_bytes(hostile_files.ods("".join(map(_ods_row, [case.heads, *typed]))))
        return path
    workbook = openpyxl.Workbook()
    for row in [case.heads, *typed]:
        workbook.active.append(row)
    path = folder / "table.xlsx"
    workbook.save(path)
    return path


def _ods_row(cells: list[object]) -> str:
    def one(cell: object) -> str:
        if isinstance(cell, float):
            return f'<table:table-cell office:value-type="float" office:value="{cell!r}"/>'
        text = escape(str(cell or ""))
        return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'

    return f"<table:table-row>{''.join(map(one, cells))}</table:table-row>"


def _typed(cell: str, form: str) -> object:
    if form == "xlsx text":
        return cell
    try:
        return float(cell)
    except ValueError:
        return cell or None


def tick(name: str) -> str:
    """A name as a formula or a list takes it."""
    return f"`{name}`"


def ask(case: Case, path: Path) -> tuple[int, str, dict[str, object]]:
    """Exit code, all that was said, and the record."""
    roles = {role: tick(name) for role, name in case.roles.items()}
    if case.command in IN_PYTHON:
        return IN_PYTHON[case.command](case, path)
    if case.command == "fit":
        formula = f"{roles['outcome']} ~ session + {roles['number']} + {roles['word']} + (1 | {roles['group']})"
        told = ["fit", formula, str(path), "--ddf", "z"]
    elif case.command == "omega":
        items = ["i0", roles["number"], roles["outcome"], "i3"]
        told = ["omega", str(path), "--items", ",".join(items), "--kind", "total"]
    else:
        told = [case.command, str(path), "--targets", roles["group"], "--raters", roles["rater"]]
        told += ["--ratings", roles["outcome"]]
    result = CliRunner().invoke(app, [*told, *case.options, "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return exit_code_of(result.exception), f"{result.output}\n{result.exception}", {}
    if result.exit_code:
        return result.exit_code, result.output, {}
    return 0, result.output, json.loads(result.stdout)


def moderation_formula(case: Case) -> str:
    """The regression that is asked of a table."""
    names = {role: tick(name) for role, name in case.roles.items()}
    return f"{names['outcome']} ~ session * {names['number']} + {names['word']}"


def _ask_moderation(case: Case, path: Path) -> tuple[int, str, dict[str, object]]:
    formula = parse_formula(moderation_formula(case))
    try:
        missing = case.options[1::2]
        group = case.roles["group"]
        data, remarks = read_columns(path, (*formula.names, group), None, formula.roles, missing, quiet=True)
        data = data[data[group].notna()]
        found = moderation(formula.text, data, keys=())
    except Exception as wrong:  # sorted by the exit code below
        return exit_code_of(wrong), str(wrong), {}
    said = [*map(str, remarks), *found.note_texts()]
    record = {"frame": found.frame.to_dict("records"), "design": found.design, "notes": said}
    return 0, "\n".join(said), record


def _ask_drift(case: Case, path: Path) -> tuple[int, str, dict[str, object]]:
    """The command stands on a study; here the table of a file goes to the same function."""
    group, rater, outcome = (case.roles[role] for role in ("group", "rater", "outcome"))
    try:
        given = read_ratings(path, group, tick(rater), outcome, (), None, case.options[1::2])
        found = drift(given.data, targets=group, raters=given.raters, ratings=given.ratings)
    except Exception as wrong:  # sorted by the exit code below
        return exit_code_of(wrong), str(wrong), {}
    said = [*map(str, given.remarks), *found.note_texts()]
    return 0, "\n".join(said), {"frame": found.frame.to_dict("records"), "design": found.design, "notes": said}


IN_PYTHON = {"moderation": _ask_moderation, "drift": _ask_drift}
"""What has no command for any file: the reader of the commands, then the function."""


def right(case: Case) -> list[dict[str, object]]:
    """The frame of the answer from the clean data."""
    roles, truth = case.roles, case.truth
    if case.command == "moderation":
        return moderation(moderation_formula(case), truth, keys=()).frame.to_dict("records")
    if case.command == "fit":
        text = f"{tick(roles['outcome'])} ~ session + {tick(roles['number'])} + {tick(roles['word'])} + "
        return fit_mixed(text + f"(1 | {tick(roles['group'])})", truth, ddf="z").frame.to_dict("records")
    if case.command == "omega":
        from doublecode.analysis.study.scale_consistency import omega_table

        return omega_table(truth, items=["i0", roles["number"], roles["outcome"], "i3"]).frame.to_dict("records")
    ask_for = {"icc": icc, "agreement": agreement, "drift": drift}[case.command]
    found = ask_for(truth, targets=roles["group"], raters=roles["rater"], ratings=roles["outcome"])
    return found.frame.to_dict("records")


def judge(case: Case, path: Path) -> str:
    """What is wrong with the answer; empty where it is right."""
    code, said, record = ask(case, path)
    if code == 3:
        return f"internal fault: {said[-300:]}"
    if "\x1b[" in said or "formulaic" in said or "Traceback" in said:
        return f"foreign words: {said[-300:]}"
    if case.refused is not None:
        if code == 0:
            return "answered instead of refusing"
        lacking = [one for one in case.refused if one not in said]
        return f"the refusal does not name {lacking}: {said[-300:]}" if lacking else ""
    if code:
        return f"refused: {said[-400:]}"
    if case.said and case.said not in "\n".join(record["notes"]):
        return f"the notes do not say {case.said!r}: {record['notes']}"
    return _differs(record["frame"], right(case))


def _differs(found: list[dict[str, object]], wanted: list[dict[str, object]]) -> str:
    if len(found) != len(wanted):
        return f"{len(found)} rows for {len(wanted)}"
    for one, other in zip(found, wanted, strict=True):
        for name in one.keys() & other.keys():
            a, b = one[name], other[name]
            if isinstance(b, (float, int)) and not isinstance(b, bool):
                a, b = float("nan") if a is None else float(a), float(b)
                if not (
                    np.isclose(a, b, rtol=1e-7, atol=1e-9) or (np.isnan(a) and not np.isfinite(b))
                ):  # JSON has no infinity
                    return f"{name}: {a} for {b}"
            elif name == "term" and a != b:
                return f"term {a} for {b}"
    return ""


def run(numbers: range, folder: Path) -> list[tuple[Case, str]]:
    """Judge files by their numbers."""
    out = []
    for number in numbers:
        case = make(number)
        out.append((case, judge(case, save(case, folder))))
    return out


def main() -> None:
    """Print the counts by kind."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as folder:
        judged = run(range(count), Path(folder))
    print(f"{count} files, {sum(not wrong for _, wrong in judged)} right\n")
    for kind in KINDS:
        own = [(case, wrong) for case, wrong in judged if case.kind == kind]
        print(f"{kind:45} {sum(not wrong for _, wrong in own):4} of {len(own):4}")
    for number, (case, wrong) in enumerate(judged):
        if wrong:
            print(f"\n{number} {case.command} {case.kind}: {wrong}")


if __name__ == "__main__":
    main()
