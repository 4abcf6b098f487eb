"""The pages of the site that are made from the code: keys of TOML files, columns, problem codes, commands, doors.

Nothing here is written twice: a key's type, default and meaning come from its pydantic model, a problem's sentence from
the catalogue, a command's options from the command. A key without a meaning is an error of the build.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from numpydoc.docscrape import NumpyDocString

from doublecode.schemas.declared import Declared
from doublecode.schemas.frames import ASSIGNMENTS, GIVEN, PATIENTS, SESSIONS, THERAPISTS
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.problems import CATALOGUE, Problem
from doublecode.schemas.study import Study

ROOMS: Final = ("schemas", "coding", "analysis")
TABLES: Final = {
    "sessions.csv": SESSIONS,
    "patients.csv": PATIENTS,
    "therapists.csv": THERAPISTS,
    "assignments.csv": ASSIGNMENTS,
    "given.csv": GIVEN,
}
_WORDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
    "object": "a table of key = text",
    "null": "",
}


def write_pages(folder: Path) -> None:
    """Write every generated page under `folder`, and the JSON Schemas that editors use."""
    pages = {
        "study_toml": _declaration_page(Study, "study.toml", "the declaration of a study"),
        "instrument_toml": _declaration_page(Instrument, "instrument.toml", "a codebook"),
        "tables": _tables_page(),
        "problems": _problems_page(),
        "commands": _commands_page(),
        **{f"api_{room}": _doors_page(room) for room in ROOMS},
    }
    (folder / "reference").mkdir(exist_ok=True)
    for name, text in pages.items():
        _write(folder / "reference" / f"{name}.md", text)
    (folder / "_schemas").mkdir(exist_ok=True)
    for model, name in ((Study, "study"), (Instrument, "instrument")):
        _write(folder / "_schemas" / f"{name}.schema.json", json.dumps(_described_schema(model), indent=1))


def _write(path: Path, text: str) -> None:
    """Write only what has changed, so that a second build reads nothing anew."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


# ---- keys of a TOML file ----


def _described_schema(model: type[Any]) -> dict[str, Any]:
    """The model's JSON Schema with the meaning of each key, which editors show while one types."""
    schema = model.model_json_schema()
    for one in (model, *_inner_models(model)):
        held = schema if one is model else schema["$defs"][one.__name__]
        for key, meaning in _meanings(one).items():
            held["properties"][key]["description"] = meaning
    return schema


def _meanings(model: type[Any]) -> dict[str, str]:
    """What each key of a model means, from the section *Attributes* of its docstring."""
    meant: dict[str, str] = {}
    for part in reversed([one for one in model.__mro__ if issubclass(one, Declared)]):
        doc = NumpyDocString(inspect.cleandoc(part.__doc__ or ""))
        meant |= {name.strip(): _plain(" ".join(one.desc)) for one in doc["Attributes"] for name in one.name.split(",")}
    lacking = [key for key in model.model_fields if key not in meant]
    if lacking:
        raise KeyError(f"{model.__name__}.{lacking[0]} has no description under Attributes")
    return {key: meant[key] for key in model.model_fields}


def _declaration_page(model: type[Any], file: str, what: str) -> str:
    schema = model.model_json_schema()
    parts = [
        f"# Every key of `{file}`",
        f"A TOML file is {what}. Keys that are not listed here are refused. Editors that know JSON Schema check a file "
        f"while you type: <a href='../{model.__name__.lower()}.schema.json'>{model.__name__.lower()}.schema.json</a>.",
        _model_part(model, schema, schema["$defs"], "At the top of the file"),
    ]
    for one in _inner_models(model):
        where = ", ".join(f"`{place}`" for place in _places(schema, one.__name__))
        parts.append(_model_part(one, schema["$defs"][one.__name__], schema["$defs"], f"In {where}"))
    return "\n\n".join(parts)


def _inner_models(model: type[Any]) -> list[type[Any]]:
    """The models that a declaration is made of, in the order in which they are mentioned."""
    several = list(Declared.__subclasses__())
    for one in several:  # grows while it is read
        several += one.__subclasses__()
    known = {one.__name__: one for one in several}
    schema = model.model_json_schema()
    asked, found = [schema], list[str]()
    for held in asked:  # grows while it is read
        named = re.findall(r'"#/\$defs/(\w+)"', json.dumps(held.get("properties", {})))
        new = [name for name in dict.fromkeys(named) if name not in found]
        found += new
        asked += [schema["$defs"][name] for name in new]
    return [known[name] for name in found]


def _places(schema: Mapping[str, Any], name: str) -> Iterator[str]:
    """Where a model stands in the file: ``[[raters]]``, ``[outliers]``, ``[[scales.bands]]``."""
    holders = {"": schema, **{f"{key}.": inner for key, inner in schema["$defs"].items()}}
    for holder, inner in holders.items():
        for key, field in inner.get("properties", {}).items():
            text = json.dumps(field)
            if f'"#/$defs/{name}"' not in text:
                continue
            outer = "".join(f"{place.strip('[]')}." for place in _places(schema, holder[:-1])) if holder else ""
            yield f"[[{outer}{key}]]" if '"array"' in text else f"[{outer}{key}]"


def _model_part(model: type[Any], schema: Mapping[str, Any], inner: Mapping[str, Any], title: str) -> str:
    doc = NumpyDocString(inspect.cleandoc(model.__doc__ or ""))
    meant = _meanings(model)
    required = set(schema.get("required", ()))
    rows = []
    for key, field in schema["properties"].items():
        default = "required" if key in required else _default(field.get("default"))
        rows.append((f"`{key}`", _in_words(field, inner), default, meant[key]))
    about = _plain(" ".join([*doc["Summary"], *doc["Extended Summary"]]))
    return f"## {title}\n\n{about}\n\n{_table(('Key', 'What may stand there', 'Without it', 'Meaning'), rows)}"


def _in_words(field: Mapping[str, Any], inner: Mapping[str, Any]) -> str:
    """A type of JSON Schema as a person would say it."""
    if "anyOf" in field:
        return " or ".join(filter(None, (_in_words(one, inner) for one in field["anyOf"])))
    if "enum" in field or "const" in field:
        return " or ".join(f"`{word!s}`" for word in field.get("enum", [field.get("const")]))
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return "a table, see below" if name in inner else name
    if field.get("type") == "array":
        return f"a list: {_in_words(field.get('items', {}), inner)}"
    words = _WORDS.get(field.get("type", ""), "anything")
    if field.get("additionalProperties") == {"type": "number"}:
        words = "a table of key = number"
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum")
    bounds = [f"from {low}" if "minimum" in field else f"above {low}"] if low is not None else []
    return " ".join([words, *bounds, *([f"to {high}"] if high is not None else [])])


def _default(value: Any) -> str:
    if value in (None, "", [], {}):
        return "–"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


# ---- columns, codes, commands, doors ----


def _tables_page() -> str:
    parts = [
        "# The tables of a study folder",
        "Plain CSV files beside `study.toml`, or files of other kinds and with other heads that `[tables.NAME]` of "
        "`study.toml` explains. Columns that are not listed here are kept and may be variables of "
        "`study.toml`. A date is written YYYY-MM-DD.",
    ]
    for name, contract in TABLES.items():
        rows = []
        for column, kind in contract.columns.items():
            words = " or ".join(f"`{word}`" for word in contract.words.get(column, ())) or kind
            empty = "may be empty" if column in contract.may_be_empty else "required"
            if column in contract.usual:
                usual = contract.usual[column]
                empty = "may be left out" + (f": `{usual}` then" if usual else "")
            rows.append((f"`{column}`", words, empty))
        rows += [
            (f"`{column}`", kind, "may be left out" + ("; 1 then" if kind != "text" else ""))
            for column, kind in contract.optional.items()
        ]
        key = ", ".join(f"`{column}`" for column in contract.key)
        head = _table(("Column", "What stands there", ""), rows)
        parts.append(f"## {name}\n\n{head}\n\nNo two rows have the same {key}.")
    return "\n\n".join(parts)


def _problems_page() -> str:
    parts = [
        "# Every problem code",
        "An *error* stops the report until it is mended or its file is set aside; a *warning* is printed in the "
        "report; an *info* lists what was read in spite of its shape.",
    ]
    for code, kind in CATALOGUE.items():
        shown = Problem(code, "R3_ghes_batch02.xlsx", "Rate", "F12", "S-7KQ2, extent", "…", "…")
        parts.append(f"(code-{code.replace('_', '-')})=\n## {code}\n\n*{kind.severity}*\n\n```text\n{shown}\n```")
    return "\n\n".join(parts)


def _commands_page() -> str:
    from typer.main import get_command

    from doublecode.analysis.cli.app import app

    parts = ["# Every command", "`--help` after a command says the same in the terminal."]
    parts += _command_parts(get_command(app), "doublecode")
    return "\n\n".join(parts)


def _command_parts(command: Any, path: str) -> Iterator[str]:
    for name, one in sorted(getattr(command, "commands", {}).items()):
        if getattr(one, "commands", None):
            yield from _command_parts(one, f"{path} {name}")
            continue
        rows = [
            (", ".join(f"`{opt}`" for opt in option.opts), _plain(_option_help(option)), _option_default(option))
            for option in one.params
            if option.name != "help"
        ]
        arguments = " ".join(str(option.name).upper() for option in one.params if option.param_type_name == "argument")
        yield f"## {path} {name}\n\n```text\n{path} {name} {arguments}\n```\n\n{_plain(one.help or '')}\n\n" + _table(
            ("Option", "What it does", "Without it"), rows
        )


def _option_help(option: Any) -> str:
    return str(getattr(option, "help", None) or "")


def _option_default(option: Any) -> str:
    if option.required:
        return "required"
    value = option.default
    return "–" if value in (None, False, "", ()) or callable(value) else f"`{value}`"


def _doors_page(room: str) -> str:
    module = import_module(f"doublecode.{room}")
    contents = re.sub(r"(?m)^    (\w+) {2,}(.*)$", r"- [\1](#\1): \2", inspect.cleandoc(module.__doc__ or ""))
    parts = [f"# doublecode.{room}", re.sub(r"(?m)^(?=[^\s-].*\n- )", "\n", contents.replace("``", "`"))]
    for name in module.__all__:
        door = getattr(module, name)
        kind = "autoclass" if inspect.isclass(door) else "autofunction"
        more = "\n   :members:" if kind == "autoclass" and room == "coding" else ""
        parts.append(f"## {name}\n\n```{{eval-rst}}\n.. {kind}:: doublecode.{room}.{name}{more}\n```")
    return "\n\n".join(parts)


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [tuple(heads)]
    lines += [tuple("-" for _ in lines[0])]
    lines += [tuple(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """A docstring's words as Markdown: reStructuredText's literals and roles become code."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return " ".join(text.replace("``", "`").split())
