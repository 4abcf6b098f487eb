"""Numbers of a report recomputed from nothing but the cells that ``doublecode trace --json`` lists.

Nothing of doublecode is imported. Workbooks are opened by openpyxl here, text tables read line by line; items, ranges
and scales come from the TOML files. Formulas are closed ones, or a likelihood written down once more and climbed by
scipy. A number that has no short independent formula (degrees of freedom by Kenward and Roger, profile limits,
jackknife) is not recomputed: :func:`recompute` returns None for it.
"""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import math
import random
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
from scipy import optimize, stats

INSTRUMENTS = Path(str(files("doublecode.schemas") / "instruments"))  # the codebooks are data: TOML files, read here
Unit = tuple[str, int]


def number_of(value: Any) -> float:
    """What a cell says as a number: typed, typed as a text, or a time of minutes and seconds."""
    if isinstance(value, dt.time):
        return value.hour * 3600.0 + value.minute * 60.0 + value.second
    if isinstance(value, str) and ":" in value:
        minutes, seconds = value.split(":")[:2]
        return float(minutes) * 60 + float(seconds)
    return float(str(value).strip().replace(",", "."))


@cache
def values_of(path: Path, changed: int) -> dict[tuple[str, str], Any]:
    """Every cell of a workbook as it was saved at that time, by its sheet and place."""
    book = openpyxl.load_workbook(path, data_only=True)
    return {(sheet.title, cell.coordinate): cell.value for sheet in book for row in sheet.iter_rows() for cell in row}


@cache
def codebook(name: str) -> dict[str, Any]:
    """An instrument that is shipped, as its file says it."""
    return tomllib.loads((INSTRUMENTS / f"{name}.toml").read_text(encoding="utf-8"))


class Cells:
    """The cells of a trace, read from their files."""

    def __init__(self, folder: Path, rows: list[dict[str, Any]]) -> None:
        self.folder, self.rows = folder, rows
        books: dict[str, Any] = {}
        tables: dict[str, list[list[str]]] = {}
        for row in self.rows:
            name = row["file"]
            if name.endswith(".xlsx"):
                if name not in books:
                    path = self.folder / "incoming" / name
                    books[name] = values_of(path, path.stat().st_mtime_ns)
                row["read"] = books[name][row["sheet"], row["cell"]]
            else:
                if name not in tables:
                    with (self.folder / name).open(encoding="utf-8-sig", newline="") as file:
                        tables[name] = list(csv.reader(file))
                line, column = row["cell"].removeprefix("line ").split(", ", 1)
                body = tables[name]
                row["read"] = body[int(line) - 1][body[0].index(column)]
                row["of_row"] = dict(zip(body[0], body[int(line) - 1], strict=True))
            row["how"] = set(row["how"].split())

    def check(self) -> None:
        """Hold what the trace says of each cell to what the file says."""
        for row in self.rows:
            said, read = row["value"], row["read"]
            if said is None:
                continue  # a text of a rater, which the trace does not repeat
            if isinstance(said, (int, float)):
                found = number_of(read)
                assert math.isclose(found, said) or math.isclose(found, said * 60), (row, read)
            else:
                assert str(read).strip() == said or said in str(read), (row, read)

    @cached_property
    def sessions(self) -> dict[str, tuple[str, int, str]]:
        with (self.folder / "sessions.csv").open(encoding="utf-8-sig", newline="") as file:
            return {
                one["session_id"]: (one["patient"], int(one["session"]), one["therapist"])
                for one in csv.DictReader(file)
            }

    @cached_property
    def study(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "study.toml").read_text(encoding="utf-8"))

    def book(self, name: str) -> dict[str, Any]:
        return codebook(name)

    def unit(self, row: dict[str, Any]) -> Unit:
        """Patient and the session whose score the cell makes."""
        if row["rater"] == "" and "of_row" in row and "session" in row["of_row"]:
            return row["of_row"]["patient"], int(row["of_row"]["session"])
        patient, number, _ = self.sessions[row["session_id"]]
        return patient, number + ("lagged" in row["how"])

    def value(self, row: dict[str, Any]) -> float:
        """A cell's number, as the trace says it where the file writes a time; reversed where it says so."""
        value = float(row["value"])
        if "reversed" in row["how"]:
            item = next(one for one in self.book(row["instrument"])["items"] if one["name"] == row["item"])
            value = item["minimum"] + item["maximum"] - value
        return value

    def by_item(self, of: str | None = None) -> dict[Unit, dict[str, float]]:
        """Per session the items, raters averaged."""
        found: dict[Unit, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row in self.rows:
            if row["item"] and (of is None or row["of"] == of) and "missing" not in row["how"]:
                found[self.unit(row)][row["item"]].append(self.value(row))
        return {unit: {name: float(np.mean(v)) for name, v in items.items()} for unit, items in found.items()}

    def scores(self, instrument: str, scale: str, of: str | None = None) -> dict[Unit, float]:
        rule = next(one for one in self.book(instrument)["scales"] if one["name"] == scale)
        put: Callable[..., Any] = np.mean if rule["score"] == "mean" else lambda v: np.mean(v) * len(rule["items"])
        return {unit: float(put(list(items.values()))) for unit, items in self.by_item(of).items()}

    def fenced(self, of: str) -> set[Unit]:
        """Units that only the fences of a variable stand on."""
        own = [row for row in self.rows if row["of"] == of]
        return {self.unit(row) for row in own if "fence" in row["how"]}

    def variable(self, name: str) -> dict[Any, float]:
        """A variable of the frame by its unit (a session, or a patient), drawn to its fences where it was."""
        own = next(one for one in self.study["variables"] if one["name"] == name)
        by_patient = self.study["unit"] == "patient"
        rows = [row for row in self.rows if row["of"] == name]
        if "column" in own:
            return {row["of_row"]["patient"]: _coded(row["read"]) for row in rows}
        if "scale" in own:
            values = self.scores(own["instrument"], own["scale"], name)
        else:
            values = {unit: items[own["item"]] for unit, items in self.by_item(name).items()}
        fences, found = self.fenced(name), dict(values)
        if any("winsorised" in row["how"] for row in rows):
            q1, q3 = np.quantile(list(values.values()), [0.25, 0.75])
            step = self.study["outliers"]["multiplier"] * (q3 - q1)
            found = {unit: float(np.clip(value, q1 - step, q3 + step)) for unit, value in values.items()}
        kept = {unit: value for unit, value in found.items() if unit not in fences}
        return {unit[0]: value for unit, value in kept.items()} if by_patient else kept


def _coded(text: str) -> float:
    return {"yes": 1.0, "no": 0.0}.get(text, math.nan) if not text.replace(".", "").isdigit() else float(text)


def moments(values: list[float]) -> dict[str, float]:
    x = np.array(values, dtype=float)
    out = {"n": float(len(x)), "mean": float(x.mean()), "min": float(x.min()), "max": float(x.max())}
    out["sd"] = float(x.std(ddof=1)) if len(x) > 1 else math.nan
    if len(x) > 3 and x.std() > 0:
        out["skew"], out["kurtosis"] = float(stats.skew(x, bias=False)), float(stats.kurtosis(x, bias=False))
    return out


def recompute(folder: Path, trace: dict[str, Any]) -> float | None:
    """The number of a trace from its cells; None where there is no short independent way."""
    cells = Cells(folder, [dict(row) for row in trace["frame"]])
    cells.check()
    spec = trace["spec"]
    row: dict[str, Any] = {}
    if spec["line"] is not None:
        with (folder / "report" / "tables" / f"{spec['table']}.csv").open(encoding="utf-8", newline="") as file:
            row = list(csv.DictReader(file))[spec["line"] - 2]
    name, column = spec["table"], spec["column"]
    for known, make in _TABLES.items():
        if name == known or (known.startswith("_") and name.endswith(known)):
            return make(cells, row, column, spec)
    return None


def described(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    if column == "n_missing":
        return float(len({cells.unit(one) for one in cells.rows})) if row.get("item") else None
    if row.get("item"):
        values = [items[row["item"]] for items in cells.by_item().values()]
    else:
        values = list(cells.scores(row["instrument"], row["scale"]).values())
    if spec["table"] == "score_bands":
        bands = next(s for s in cells.book(row["instrument"])["scales"] if s["name"] == row["scale"])["bands"]
        band = next(one for one in bands if one["label"] == row["band"])
        n = sum(band["low"] <= value <= band["high"] for value in values)
        return {"n": float(n), "n_base": float(len(values)), "percent": 100 * n / len(values)}.get(column)
    return moments(values).get(column)


def reliability(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in cells.rows:
        found[one["session_id"], one["rater"]].append(cells.value(one))
    rated = {key: float(np.mean(v)) for key, v in found.items()}
    if row["level"] == "scale":
        rule = next(s for s in cells.book(row["instrument"])["scales"] if s["name"] == row["name"])
        rated = {key: value * (len(rule["items"]) if rule["score"] == "sum" else 1) for key, value in rated.items()}
    sessions, raters = (sorted({key[at] for key in rated}) for at in (0, 1))
    times = [sum(key[0] == one for key in rated) for one in sessions]
    k = len(times) / sum(1 / n for n in times)
    counts = {
        "n_targets": len(sessions), "n_raters": len(raters), "n_ratings": len(rated), "k": k,
        "n_multiply_coded": sum(n > 1 for n in times),
    }  # fmt: skip
    one_way = row["shrout_fleiss"].startswith("ICC(1")
    if column in counts:
        if column in ("n_raters", "k") and one_way and column == "n_raters":
            return None
        return float(counts[column])
    if column not in ("estimate", "single"):
        return None
    y = np.array([rated[key] for key in sorted(rated)])
    target = np.array([sessions.index(key[0]) for key in sorted(rated)])
    rater = np.array([raters.index(key[1]) for key in sorted(rated)])
    if len(rated) == len(sessions) * len(raters) and not one_way:  # balanced: mean squares
        table = y.reshape(len(sessions), len(raters))
        n, m = table.shape
        ms_t = m * table.mean(axis=1).var(ddof=1)
        ms_r = n * table.mean(axis=0).var(ddof=1)
        rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
        ms_e = (rest**2).sum() / ((n - 1) * (m - 1))
        if column == "single":
            return float((ms_t - ms_e) / (ms_t + (m - 1) * ms_e + m * (ms_r - ms_e) / n))
        return float((ms_t - ms_e) / (ms_t + (ms_r - ms_e) / n))
    if one_way and len(set(times)) == 1 and times[0] > 1:  # complete pairs: mean squares between and within sessions
        m = times[0]
        sets = np.array([y[target == at] for at in range(len(sessions))])
        between, within = m * sets.mean(axis=1).var(ddof=1), sets.var(axis=1, ddof=1).mean()
        return float((between - within) / (between + (m - 1) * within if column == "single" else between))
    groups = [target] if one_way else [target, rater]
    parts = variance_components(y, groups)
    error = parts[-1] + (0 if one_way else parts[1])
    return float(parts[0] / (parts[0] + error / (1 if column == "single" else k)))


def variance_components(y: np.ndarray, groups: list[np.ndarray]) -> list[float]:
    """REML of crossed random intercepts: one variance per grouping, and the residual's."""
    shared = [(group[:, None] == group[None, :]).astype(float) for group in groups]
    one = np.ones(len(y))

    def deviance(logs: np.ndarray) -> float:
        v = np.eye(len(y)) + sum(math.exp(at) * m for at, m in zip(logs, shared, strict=True))
        factor = np.linalg.cholesky(v)
        a, b = np.linalg.solve(factor, one), np.linalg.solve(factor, y)
        mean = (a @ b) / (a @ a)
        s2 = ((b - mean * a) ** 2).sum() / (len(y) - 1)
        return float(2 * np.log(np.diag(factor)).sum() + math.log(a @ a) + (len(y) - 1) * math.log(s2))

    best = min(
        (optimize.minimize(deviance, [start] * len(groups), method="L-BFGS-B", bounds=[(-25, 25)] * len(groups))
         for start in (-3.0, -0.5)),
        key=lambda found: found.fun,
    )  # fmt: skip
    v = np.eye(len(y)) + sum(math.exp(at) * m for at, m in zip(best.x, shared, strict=True))
    inverse = np.linalg.inv(v)
    mean = (one @ inverse @ y) / (one @ inverse @ one)
    s2 = (y - mean) @ inverse @ (y - mean) / (len(y) - 1)
    return [*(s2 * math.exp(at) for at in best.x), s2]


def consistency(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    units = cells.by_item()
    if spec["table"] == "omega_items" and column in ("n", "mean", "sd"):
        return moments([items[row["item"]] for items in units.values()])[column]
    names = next(s for s in cells.book(row["instrument"])["scales"] if s["name"] == row["scale"])["items"]
    counts = {"n_items": len(names), "n_rows": len(units), "n_patients": len({unit[0] for unit in units})}
    if column in counts:
        return float(counts[column])
    if any(len(items) < len(names) for items in units.values()):
        return None  # full information over missing items
    x = np.array([[items[name] for name in names] for items in units.values()])
    covariance = np.cov(x, rowvar=False)
    k, total = len(names), covariance.sum()
    rest = [np.corrcoef(x[:, at], x.sum(axis=1) - x[:, at])[0, 1] for at in range(k)]
    square = np.corrcoef(x, rowvar=False)
    closed = {
        "alpha": k / (k - 1) * (1 - np.trace(covariance) / total), "r_drop_min": min(rest), "r_drop_max": max(rest),
        "mean_r": (square.sum() - k) / (k * (k - 1)),
    }  # fmt: skip
    if column in closed:
        return float(closed[column])
    if spec["table"] == "omega_items" and column == "r_drop":
        return float(rest[names.index(row["item"])])
    if column == "omega" or (spec["table"] == "omega_by_session" and column == "estimate" and k > 2):
        return one_factor_omega(covariance)
    return None


def one_factor_omega(covariance: np.ndarray) -> float | None:
    """Omega total of the one-factor model, maximum likelihood."""
    k = len(covariance)

    def discrepancy(at: np.ndarray) -> float:
        implied = np.outer(at[:k], at[:k]) + np.diag(np.exp(at[k:]))
        _, size = np.linalg.slogdet(implied)
        return float(size + np.trace(np.linalg.solve(implied, covariance)))

    start = np.concatenate([np.sqrt(np.diag(covariance) / 2), np.log(np.diag(covariance) / 2)])
    found = optimize.minimize(discrepancy, start, method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    common, unique = found.x[:k].sum() ** 2, np.exp(found.x[k:]).sum()
    if (np.exp(found.x[k:]) < 1e-3 * np.diag(covariance)).any():
        return None  # a Heywood case: where its bound lies is a convention
    return float(common / (common + unique))


def homework(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    counted = [one for one in cells.rows if "counted" in one["how"]]
    if spec["table"] == "homework_by_type":
        done = sum(str(one["read"]).strip() == "Y" for one in counted)
        return {"n": float(len(counted)), "n_completed": float(done), "percent": 100 * done / len(counted)}.get(column)
    said = [(cells.unit(one), code) for one in counted for code in str(one["read"]).replace(";", ",").split(",")]
    said = [(unit, code.strip()) for unit, code in said]
    if row["base"] == "sessions with homework":
        base = len({cells.unit(one) for one in cells.rows if "base" in one["how"]})
        n = len({unit for unit, code in said if row["code"] in (code, "any")})
    else:
        said = said if row["table"] == "difficulties" else [(unit, code) for unit, code in said]
        base, n = len(said), sum(code == row["code"] for _, code in said)
    return {"n": float(n), "n_base": float(base), "percent": 100 * n / base}.get(column)


def sample(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    rule = next((one for one in cells.study.get("sample_rows", []) if one["label"] == row["variable"]), None)
    if rule is not None:
        return derived(cells, rule, column)
    texts = [str(one["read"]) for one in cells.rows]
    filled = [text for text in texts if text]
    if column == "n_missing":
        return float(len(texts) - len(filled))
    if not row["level"]:
        return moments([float(text) for text in filled]).get(column)
    n = sum(row["level"] in [part.strip() for part in text.split(";")] for text in filled)
    if row["level"] == "1" and not n:
        return None
    return {"n": float(n), "percent": 100 * n / len(filled)}.get(column)


def derived(cells: Cells, rule: dict[str, Any], column: str) -> float | None:
    """A row of the sample that is counted from columns."""
    said: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in cells.rows:
        who = said[one["of_row"]["patient"]]
        who += [(one["cell"].split(", ", 1)[1], part.strip()) for part in str(one["read"]).split(";") if part.strip()]
    known = {who: answers for who, answers in said.items() if answers}

    def meets(answers: list[tuple[str, str]]) -> bool:
        texts = {text for _, text in answers}
        if "any_of" in rule:
            return bool(texts & set(rule["any_of"]))
        if "other_than" in rule:
            return bool(texts - set(rule["other_than"]))
        if "answers" in rule:
            return len({one for one in answers if one[1] not in rule.get("not_counted", ())}) >= rule["answers"]
        (number,) = (float(text) for text in texts)
        return rule.get("at_least", -math.inf) <= number <= rule.get("at_most", math.inf)

    n = sum(meets(answers) for answers in known.values())
    return {"n": float(n), "percent": 100 * n / len(known), "n_missing": float(len(said) - len(known))}.get(column)


def loads(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    """Sessions coded with an instrument: what is listed is what is counted."""
    raters: dict[str, set[str]] = defaultdict(set)
    for one in cells.rows:
        raters[one["rater"]].add(one["session_id"])
    every = set.union(*raters.values())
    if column in ("n_sessions", "n_double"):
        return float(len(every))
    sizes = [len(own) for own in raters.values()]
    pairs = [len(a & b) for a, b in itertools.combinations(raters.values(), 2) if a & b]
    twice = sum(sum(one in own for own in raters.values()) > 1 for one in every)
    return {
        "percent_double": 100 * twice / len(every), "n_raters": float(len(raters)), "load_min": float(min(sizes)),
        "load_max": float(max(sizes)), "n_pairs": float(len(pairs)), "pair_min": float(min(pairs, default=math.nan)),
        "pair_max": float(max(pairs, default=math.nan)),
    }.get(column)  # fmt: skip


def variables(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    values = list(cells.variable(row["variable"]).values())
    return moments(values).get(column.removesuffix("_before"))


def distances(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    model = next(one for one in cells.study["moderations"] if one["name"] == row["name"])
    y, x, names, _, _ = design(cells, {**model, "moderator": None, "covariates": [
        *filter(None, [model.get("moderator")]), *model.get("covariates", []),
    ]})  # fmt: skip
    table = np.column_stack([y, x[:, 1:]])
    centred = table - table.mean(axis=0)
    d2 = np.einsum("ij,jk,ik->i", centred, np.linalg.inv(np.cov(table.T)), centred)
    limit = float(stats.chi2.isf(0.001, len(names)))
    return {
        "n_rows": float(len(y)), "df": float(len(names)), "cutoff": limit, "largest": float(d2.max()),
        "n_flagged": float((d2 > limit).sum()),
    }.get(column)  # fmt: skip


def dyads(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    """Mean, median and range of ICC(A,2) over pairs of raters, from mean squares."""
    rated: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for one in cells.rows:
        stacked = one["item"] if row["level"] == "items stacked" else ""
        rated[one["session_id"], stacked, one["rater"]].append(cells.value(one))
    raters = sorted({key[2] for key in rated})
    found, sizes = [], []
    for two in itertools.combinations(raters, 2):
        both = sorted(key[:2] for key in rated if key[2] == two[0] and (*key[:2], two[1]) in rated)
        if len(both) > 1:
            table = np.array([[np.mean(rated[*key, rater]) for rater in two] for key in both])
            found.append(two_way(table))
            sizes.append(len(both))
    twos = 2 * np.array(found) / (1 + np.array(found))
    statistic = {"mean": np.mean, "median": np.median, "minimum": np.min, "maximum": np.max}[row["statistic"]]
    return {
        "estimate": float(statistic(twos)), "n_dyads": float(len(twos)), "n_min": float(min(sizes)),
        "n_max": float(max(sizes)),
    }.get(column)  # fmt: skip


def two_way(table: np.ndarray) -> float:
    """ICC(A,1) of targets × raters without gaps."""
    n, m = table.shape
    ms_t, ms_r = m * table.mean(axis=1).var(ddof=1), n * table.mean(axis=0).var(ddof=1)
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
    ms_e = (rest**2).sum() / ((n - 1) * (m - 1))
    return float((ms_t - ms_e) / (ms_t + (m - 1) * ms_e + m * (ms_r - ms_e) / n))


def icc_summary(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    """Mean, median and range over items of the ICC of one rater, or of the mean of two."""
    items: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in cells.rows:
        items[one["item"]].append(one)
    if column == "n_items":
        return float(len(items))
    function = {"mean": np.mean, "median": np.median, "min": np.min, "max": np.max}.get(column)
    if function is None:
        return None
    form = {"level": "item", "shrout_fleiss": "ICC(1,1)" if row["form"].startswith("ICC(1") else "ICC(2,1)"}
    every, singles = cells.rows, []
    for own in items.values():
        cells.rows = own
        singles.append(reliability(cells, form, "single", spec))
    cells.rows = every
    k = float(row["k"])
    values = k * np.array(singles, dtype=float) / (1 + (k - 1) * np.array(singles, dtype=float))
    return float(function(values))


def dropped(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    if column != "estimate":
        return None
    form = {"level": "item", "shrout_fleiss": "ICC(1,1)" if row["form"].startswith("ICC(1") else "ICC(2,1)"}
    return reliability(cells, form, "single", spec)


def counted(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    n_cells = len({(one["file"], one["sheet"], one["cell"]) for one in cells.rows})
    return {"n": float(n_cells), "kept": float(n_cells), "lost": float(n_cells), "n_rows": float(n_cells),
            "n_files": float(len({one["file"] for one in cells.rows}))}.get(column)  # fmt: skip


def within_moments(values: dict[Any, float]) -> dict[str, float]:
    """Rows, and the SD of the deviations from the patients' means with rows − patients below."""
    people: dict[Any, list[float]] = defaultdict(list)
    for unit, value in values.items():
        people[unit[0]].append(value)
    squares = sum((value - sum(own) / len(own)) ** 2 for own in people.values() for value in own)
    return {"n": float(len(values)), "sd": math.sqrt(squares / (len(values) - len(people)))}


def correlations(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    variables = list(dict.fromkeys(one["of"] for one in cells.rows if one["of"] not in ("patient", "session")))
    level = row["level"] if row else spec["row"][0].lower()
    if column in ("mean", "sd", "n") and len(variables) == 1:
        values = cells.variable(variables[0])
        if level.startswith("between"):
            own: dict[Any, list[float]] = defaultdict(list)
            for unit, value in values.items():
                own[unit[0] if isinstance(unit, tuple) else unit].append(value)
            return moments([sum(one) / len(one) for one in own.values()])[column]
        if level.startswith("within"):
            return within_moments(values).get(column)
        return moments(list(values.values()))[column]
    if len(variables) != 2:
        return None
    x, y = (cells.variable(name) for name in variables)
    both = sorted(set(x) & set(y))
    a, b = (np.array([one[unit] for unit in both]) for one in (x, y))
    n = float(len(both))
    people = [unit[0] if isinstance(unit, tuple) else unit for unit in both]
    df = n - 2
    if level.startswith(("within", "between")):
        of = np.array([sorted(set(people)).index(one) for one in people])
        means = [np.array([v[of == at].mean() for at in range(of.max() + 1)]) for v in (a, b)]
        if level.startswith("within"):
            a, b, df = a - means[0][of], b - means[1][of], n - (of.max() + 1) - 1
        else:
            a, b = means
            n = float(len(a))
            df = n - 2
    elif (
        level not in ("pooled", "") and not (not row and level.startswith("pooled")) and level != spec["row"][0].lower()
    ):
        return None
    if level.startswith("mean"):
        return None
    r = float((a - a.mean()) @ (b - b.mean()) / math.sqrt(((a - a.mean()) ** 2).sum() * ((b - b.mean()) ** 2).sum()))
    if column == "r" or column.isdigit():
        return r
    z, half = math.atanh(r), stats.norm.ppf(0.975) / math.sqrt((df - 1) if level.startswith("within") else (n - 3))
    t = r * math.sqrt(df / (1 - r * r))
    return {
        "n": n, "n_patients": float(len(set(people))), "df": float(df), "p_value": float(2 * stats.t.sf(abs(t), df)),
        "conf_low": math.tanh(z - half), "conf_high": math.tanh(z + half),
    }.get(column)  # fmt: skip


def outliers(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    name = cells.rows[0]["of"]
    values = np.array(list(cells.variable(name).values()))
    q1, q3 = np.quantile(values, [0.25, 0.75])
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    if spec["table"] == "outlier_changes":
        return float(values[0]) if column == "found" else float(low if row["fence"] == "low" else high)
    return {
        "n": float(len(values)), "q1": q1, "q3": q3, "iqr": q3 - q1, "low_fence": low, "high_fence": high,
        "n_low": float((values < low).sum()), "n_high": float((values > high).sum()),
    }.get(column)  # fmt: skip


def design(cells: Cells, model: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, list[str], float, float]:
    """Outcome, columns and names of a declared regression; means of predictor and moderator."""
    names = [
        model["outcome"],
        model["predictor"],
        *filter(None, [model.get("moderator")]),
        *model.get("covariates", []),
    ]
    held = {name: cells.variable(name) for name in names}
    units = sorted(set.intersection(*(set(one) for one in held.values())))
    at = {name: np.array([held[name][unit] for unit in units]) for name in names}
    x, m = at[model["predictor"]], at.get(model.get("moderator", ""))
    centred = x - x.mean()
    columns = {"Intercept": np.ones(len(units)), model["predictor"]: centred}
    if m is not None:
        columns[model["moderator"]] = m - m.mean()
        columns[f"{model['predictor']}:{model['moderator']}"] = centred * (m - m.mean())
    columns |= {name: at[name] for name in model.get("covariates", [])}
    if m is None:  # without a product nothing is centred
        columns[model["predictor"]] = x
    return (at[model["outcome"]], np.column_stack(list(columns.values())), list(columns), float(x.mean()),
            math.nan if m is None else float(m.mean()))  # fmt: skip


def regression(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    models = cells.study["moderations"]
    head = row.get("name") or row.get("model")
    model = next((one for one in models if head in (one["name"], one["title"])), None)
    if model is None:
        return None
    y, x, names, _, middle = design(cells, model)
    inverse = np.linalg.inv(x.T @ x)
    b = inverse @ x.T @ y
    residual = y - x @ b
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
    meat = (x * (residual / (1 - leverage))[:, None] ** 2).T @ x
    covariance = inverse @ meat @ inverse  # HC3, as the study declares
    df = len(y) - x.shape[1]
    if spec["table"] == "simple_slopes":
        weight = np.zeros(len(b))
        weight[1], weight[3] = 1, float(row["moderator"]) - middle
    else:
        term = row.get("term")
        if spec["table"] in ("moderations_both", "influence"):
            term = names[3] if len(names) > 3 and ":" in names[3] else names[1]
        if term not in names:
            return None
        weight = np.array([float(one == term) for one in names])
    estimate, error = float(weight @ b), math.sqrt(weight @ covariance @ weight)
    half = float(stats.t.ppf(0.975, df)) * error
    p = float(2 * stats.t.sf(abs(estimate / error), df))
    return {
        "estimate": estimate, "estimate_untouched": estimate, "std_error": error, "df": float(df),
        "statistic": estimate / error, "p_value": p, "p_untouched": p, "conf_low": estimate - half,
        "conf_high": estimate + half,
    }.get(column)  # fmt: skip


def groups(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    outcome = next(one["of"] for one in cells.rows if one["of"] != "therapist")
    values = cells.variable(outcome)
    therapist = {one["of_row"]["patient"]: one["read"] for one in cells.rows if one["of"] == "therapist"}
    names = sorted(set(therapist.values()))
    sets = [np.array([value for who, value in values.items() if therapist[who] == name]) for name in names]
    sets = [one for one in sets if len(one)]
    every = np.concatenate(sets)
    within = sum(((one - one.mean()) ** 2).sum() for one in sets)
    between = ((every - every.mean()) ** 2).sum() - within
    df1, df2 = len(sets) - 1, len(every) - len(sets)
    if row["term"] != "therapist":
        return {"sum_sq": within, "df": float(df2), "mean_sq": within / df2}.get(column)
    f = (between / df1) / (within / df2)
    return {
        "sum_sq": between, "df": float(df1), "mean_sq": between / df1, "statistic": f,
        "p_value": float(stats.f.sf(f, df1, df2)), "eta_squared": between / (between + within),
        "omega_squared": (between - df1 * within / df2) / (between + within + within / df2),
    }.get(column)  # fmt: skip


def mixed(cells: Cells, row: dict[str, Any], column: str, spec: dict[str, Any]) -> float | None:
    """A model of a series by REML: random intercepts of patients, or intercepts and slopes of the session number."""
    label = row.get("label") if "_comparison" in spec["table"] or "_variances" in spec["table"] else row["model"]
    series = next(one for one in cells.study["series"] if spec["table"].startswith(f"{one['name']}_"))
    step = int(str(label).split(" ")[0])
    formula, is_split = series["steps"][step - 1], "within/between" in str(label)
    outcome, right = (part.strip() for part in formula.split("~"))
    if series.get("family"):  # odds have no short formula: tests/analysis/study/test_generalized_series.py
        return float(len(cells.variable(outcome))) if column == "nobs" else None
    fixed = [part.strip() for part in right.split("(")[0].split("+") if part.strip() not in ("", "1")]
    held = {name: cells.variable(name) for name in [outcome, *(one for one in fixed if one != "session")]}
    units = sorted({cells.unit(one) for one in cells.rows if one["of"] == "patient"})
    assert units
    assert all(set(units) <= set(one) for one in held.values())
    people = sorted({unit[0] for unit in units})
    who = np.array([people.index(unit[0]) for unit in units])
    time = np.array([unit[1] - 1.0 for unit in units])
    columns = {"Intercept": np.ones(len(units))}
    for name in fixed:
        x = time if name == "session" else np.array([held[name][unit] for unit in units])
        if is_split and name in series.get("split", []):
            means = np.array([x[who == at].mean() for at in range(len(people))])
            columns[f"{name}_within"], columns[f"{name}_between"] = x - means[who], means[who] - means.mean()
        else:
            columns["session_from_1" if name == "session" else name] = x
    y, x = np.array([held[outcome][unit] for unit in units]), np.column_stack(list(columns.values()))
    z = np.column_stack([np.ones(len(units)), time]) if "(session" in right else np.ones((len(units), 1))
    n_random = 3 if z.shape[1] == 2 else 1
    if column == "nobs":
        return float(len(y))
    if column == "k":
        return float(x.shape[1] + n_random + 1)
    if row.get("singular") == "True":
        return None
    fit = fit_mixed(y, x, z, who)
    if column in ("loglik", "aic", "bic"):
        k = x.shape[1] + n_random + 1
        at = -fit["deviance"] / 2
        return {"loglik": at, "aic": 2 * k - 2 * at, "bic": k * math.log(len(y)) - 2 * at}[column]
    if column == "estimate":
        return float(fit["fixed"][list(columns).index(row["term"])]) if row["term"] in columns else None
    if column in ("variance", "sd") and "_variances" in spec["table"]:
        if row["group"] == "Residual" or row["group"].lower().startswith("resid"):
            value = fit["residual"]
        elif row["term"] == "Intercept":
            value = fit["random"][0, 0]
        elif row["term"].startswith("session"):
            value = fit["random"][1, 1]
        else:
            return None
        return float(value if column == "variance" else math.sqrt(value))
    return None


def fit_mixed(y: np.ndarray, x: np.ndarray, z: np.ndarray, who: np.ndarray) -> dict[str, Any]:
    blocks = [(y[who == at], x[who == at], z[who == at]) for at in range(who.max() + 1)]
    n, p, q = len(y), x.shape[1], z.shape[1]

    def factor(at: np.ndarray) -> np.ndarray:
        return np.array([[at[0]]]) if q == 1 else np.array([[at[0], 0.0], [at[1], at[2]]])

    def sums(at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, float]:
        size, xx, xy, yy = 0.0, np.zeros((p, p)), np.zeros(p), 0.0
        for b, c, d in blocks:
            half = d @ factor(at)
            v = np.eye(len(b)) + half @ half.T
            inverse = np.linalg.inv(v)
            size += np.linalg.slogdet(v)[1]
            xx += c.T @ inverse @ c
            xy += c.T @ inverse @ b
            yy += b @ inverse @ b
        return size, xx, xy, yy

    def deviance(at: np.ndarray) -> float:
        size, xx, xy, yy = sums(at)
        left = yy - xy @ np.linalg.solve(xx, xy)
        return float(size + np.linalg.slogdet(xx)[1] + (n - p) * (1 + math.log(2 * math.pi * left / (n - p))))

    starts = [[1.0], [0.3]] if q == 1 else [[1.0, 0.0, 0.1], [0.5, 0.05, 0.05]]
    tries = [optimize.minimize(deviance, start, method="BFGS", options={"gtol": 1e-6}) for start in starts]
    found = min(tries, key=lambda one: one.fun)
    _, xx, xy, yy = sums(found.x)
    fixed = np.linalg.solve(xx, xy)
    s2 = (yy - xy @ fixed) / (n - p)
    return {
        "fixed": fixed,
        "residual": s2,
        "deviance": deviance(found.x),
        "random": s2 * factor(found.x) @ factor(found.x).T,
    }


_TABLES: dict[str, Callable[[Cells, dict[str, Any], str, dict[str, Any]], float | None]] = {
    "described_items": described, "described_scores": described, "scores_by_session": described,
    "score_bands": described, "reliability": reliability, "reliability_pilot": reliability, "omega": consistency,
    "omega_by_session": consistency, "omega_items": consistency, "homework": homework, "homework_by_type": homework,
    "sample": sample, "files": counted, "flow": counted, "correlations": correlations, "outliers": outliers,
    "outlier_changes": outliers, "moderations": regression, "moderations_both": regression, "influence": regression,
    "interaction_family": regression, "simple_slopes": regression, "group_comparisons": groups, "_models": mixed,
    "_split": mixed, "_comparison": mixed, "_variances": mixed,
    "coding": loads, "variables": variables, "distances": distances,
    "dyads": dyads, "icc_summary": icc_summary, "items_dropped": dropped, "double_coded": reliability,
    "flow_patients": counted, "flow_sessions": counted,
}  # fmt: skip


def draw(folder: Path, seed: str, wanted: int = 20) -> int:
    """Draw numbers of a report, have ``doublecode trace`` name their cells, recompute them; how many differ."""
    rng, tried, wrong = random.Random(seed), 0, 0
    tables = json.loads((folder / "report" / "trace.json").read_text(encoding="utf-8"))["tables"]
    command = [sys.executable, "-c", "from doublecode.analysis.cli.app import main; main()", "trace", str(folder)]
    while tried < wanted:
        table = rng.choice(sorted(tables))
        row = rng.choice([row for row in tables[table]["rows"] if row["sets"]])
        column = rng.choice(sorted(row["sets"]))
        names = [part for name in row["names"] for part in ("--row", name)]
        done = subprocess.run([*command, "--table", table, *names, "--column", column, "--json"], capture_output=True)
        if done.returncode:
            continue  # an equal name in another row
        trace = json.loads(done.stdout)
        found = recompute(folder, trace)
        if found is None:
            continue  # no short independent formula
        tried += 1
        said = trace["spec"]["value"]
        alike = math.isclose(found, said, rel_tol=2e-4, abs_tol=1e-6)
        wrong += not alike
        print(
            f"{'equal ' if alike else 'OTHER '} {table} · {' · '.join(row['names'])} · {column}: {said!r} and {found!r}"
        )
    print(f"{folder.name}, seed {seed}: {tried - wrong} of {tried} equal")
    return wrong


if __name__ == "__main__":
    sys.exit(draw(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else dt.date.today().isoformat()))
