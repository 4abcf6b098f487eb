"""Tables as printed in LaTeX: a float with booktabs, wide ones turned, every special letter escaped."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.printed_parts import (
    Cell,
    Head,
    NoteRun,
    Row,
    Spanned,
    TableParts,
    heading_lines,
    kept,
)
from doublecode.schemas.marks import bare, inline

PACKAGES: Final = ("booktabs", "array", "rotating")
_LETTERS_ACROSS: Final = 110  # of footnotesize on a page of 16.5 cm
_LETTERS_TURNED: Final = 150
_GAP: Final = 1.3  # letters that the space between two columns takes
_STUB: Final = (14, 38)
_ESCAPED: Final = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "−": "$-$", "×": r"$\times$", "≤": r"$\leq$", "≥": r"$\geq$", "≠": r"$\neq$",
    "±": r"$\pm$", "∞": r"$\infty$", "→": r"$\rightarrow$", "–": "--", "—": "---", "…": r"\ldots{}", "“": "``",
    "”": "''", "„": ",,", "’": "'", "‘": "`", "²": "$^2$", "³": "$^3$", "₀": "$_0$", "₁": "$_1$", "₂": "$_2$",
    "·": r"$\cdot$", "√": r"$\surd$", "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$",
    "Δ": r"$\Delta$", "η": r"$\eta$", "κ": r"$\kappa$", "λ": r"$\lambda$", "μ": r"$\mu$", "ρ": r"$\rho$",
    "σ": r"$\sigma$", "τ": r"$\tau$", "φ": r"$\phi$", "χ": r"$\chi$", "ω": r"$\omega$", "\t": " ", "\n": " ",
    "\u00a0": "~", "\u2009": r"\,", "\u202f": r"\,", "[": "{[}", "]": "{]}", "*": r"\textasteriskcentered{}",
}  # fmt: skip
_FORM: Final = {"": "{}", "code": r"\texttt{{{}}}", "italic": r"\textit{{{}}}"}


def table_latex(table: TableParts) -> str:
    r"""Render as a float for ``\input``; a comment at its top names the packages that it needs.

    A table that does not fit across the page is turned.
    """
    widths = _widths(table)
    needed = sum(widths) + _GAP * len(widths)
    float_name = "sidewaystable" if needed > _LETTERS_ACROSS else "table"
    size = r"\scriptsize" if needed > _LETTERS_TURNED else r"\footnotesize"
    columns = "".join("l" if one.is_text else "r" for one in table.columns)
    lines = [
        f"% {_comment(table)}",
        rf"% \usepackage{{{','.join(PACKAGES)}}} and, with pdflatex, \usepackage[T1]{{fontenc}}",
        rf"\begin{{{float_name}}}{'[htbp]' if float_name == 'table' else ''}", r"\raggedright",
        *([rf"\textbf{{{escaped(table.caption)}}}\par"] if table.caption else []),
        rf"\textit{{{_upright(table.title)}}}\par\smallskip", size, r"\setlength{\tabcolsep}{3pt}",
        rf"\begin{{tabular}}{{@{{}}>{{\raggedright\arraybackslash}}p{{{_stub_width(widths[0])}}}{columns}@{{}}}}",
        r"\toprule", *_heads(table, widths), r"\midrule", *(_row(row, len(table.columns)) for row in table.rows),
        r"\bottomrule", r"\end{tabular}",
        *(rf"\par\smallskip {_note(runs)}" for runs in table.notes), rf"\end{{{float_name}}}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    r"""Escape what LaTeX would obey, and set symbols in its own names.

    Examples
    --------
    >>> print(escaped("50 % of β_1 < −.2"))
    50 \% of $\beta$\_1 \textless{} $-$.2
    """
    return "".join(_ESCAPED.get(letter, letter) for letter in text)


def rich(text: str) -> str:
    """Marks of italics and code as commands, everything else escaped."""
    return "".join(_FORM[mark].format(escaped(run)) for mark, run in inline(text))


def _upright(text: str) -> str:
    """A title in italics, in which marked symbols stand upright."""
    return "".join(rf"\textup{{{escaped(run)}}}" if mark else escaped(run) for mark, run in inline(text))


def _comment(table: TableParts) -> str:
    return f"{table.caption or 'Table'}: {bare(table.title)}".replace("\n", " ")


def _widths(table: TableParts) -> list[int]:
    """Letters that each column takes: the stub within bounds, others their longest cell."""
    rows = [row for row in table.rows if not row.is_section]
    longest = max([len(bare(table.stub)), *(len(row.label) + 2 * row.indent for row in rows)], default=_STUB[0])
    stub = min(max(longest, _STUB[0]), _STUB[1])
    cells = [
        max(
            [
                *map(len, bare(one.heading).split()),
                *(len(row.cells[at].text) for row in rows if row.cells[at].span == 1),
            ]
        )
        for at, one in enumerate(table.columns)
    ]
    return [stub, *cells]


def _stub_width(letters: int) -> str:
    return f"{0.52 * letters:.1f}em"


def _heads(table: TableParts, widths: list[int]) -> list[str]:
    lines = []
    if table.spanners:
        above = [_above(run, widths[run.start + 1 : run.start + 1 + run.width]) for run in table.spanners]
        rules = [rf"\cmidrule(lr){{{run.start + 2}-{run.start + 1 + run.width}}}" for run in table.spanners if run.text]
        lines += [" & ".join(["", *above]) + r" \\", " ".join(rules)]
    heads = (_head(one, width) for one, width in zip(table.columns, widths[1:], strict=True))
    return [*lines, " & ".join([rich(table.stub), *heads]) + r" \\"]


def _above(run: Spanned, widths: list[int]) -> str:
    """A spanner; one that is wider than its columns wraps, for it would stretch the last of them."""
    room = sum(widths) + _GAP * (run.width - 1)
    fits = len(bare(run.text)) <= room
    column = "c" if fits else rf">{{\centering\arraybackslash}}p{{{_stub_width(round(room))}}}"
    return rf"\multicolumn{{{run.width}}}{{{column}}}{{{rich(run.text)}}}"


def _head(one: Head, width: int) -> str:
    lines = heading_lines(one.heading, width)
    side = "l" if one.is_text else "r"
    broken = r" \\ ".join(map(rich, lines))
    text = broken if len(lines) == 1 else rf"\shortstack[{side}]{{{broken}}}"
    return rf"\multicolumn{{1}}{{{side}}}{{{text}}}"


def _row(row: Row, width: int) -> str:
    rule = "\\midrule\n" if row.rule else ""
    label = rich(row.label) + _raised(row.marks)
    if row.is_section:
        return rf"{rule}\multicolumn{{{width + 1}}}{{@{{}}l@{{}}}}{{\textit{{{label}}}}} \\"
    indent = rf"\hspace*{{{row.indent}em}}" if row.indent else ""
    return rule + " & ".join([f"{indent}{label}", *(_cell(cell) for _, cell in kept(row.cells))]) + r" \\"


def _cell(cell: Cell) -> str:
    text = escaped(cell.text) + _raised(cell.marks)
    return rf"\multicolumn{{{cell.span}}}{{c}}{{{text}}}" if cell.span > 1 else text


def _raised(marks: tuple[str, ...]) -> str:
    return rf"\textsuperscript{{{escaped(','.join(marks))}}}" if marks else ""


def _note(runs: tuple[NoteRun, ...]) -> str:
    return "".join(rf"\textsuperscript{{{escaped(run.text)}}}" if run.is_raised else rich(run.text) for run in runs)
