"""The complete catalogue of problems: code, severity, sentence, next step."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from doublecode.schemas.outcome_problems import OF_OUTCOMES
from doublecode.schemas.problem_kind import Kind

_BEYOND_RANGE: Final = (
    "Correct it in this table; if the true range is wider, write it in {codebook}: minimum and maximum of the item; if "
    "it stands for a missing value, declare it in study.toml, under [tables.{instrument}]: missing = [...]."
)
_KINDS: dict[str, Kind] = {
    # a value that is no code of the item
    "out_of_range": Kind("error", "found {found}, allowed {allowed}", "Type an allowed value.", _BEYOND_RANGE),
    "half_point": Kind(
        "error",
        "found {found}, allowed {allowed}",
        "Type a whole number, without decimals.",
        'Correct it in this table; if the answers have decimals, write type = "decimal" in {codebook}.',
    ),
    "too_many_decimals": Kind(
        "error", "found {found}, allowed {allowed}", "Type the number with no more decimals than the codebook has."
    ),
    "not_a_number": Kind(
        "error",
        "found {found}, allowed {allowed}",
        "Type an allowed value.",
        "Correct it in this table; if it stands for a missing value, declare it in study.toml, under "
        "[tables.{instrument}]: missing = [...].",
    ),
    "boolean_cell": Kind("error", "found {found}, allowed {allowed}", "Type the code, not TRUE or FALSE."),
    "excel_date": Kind(
        "error",
        "the spreadsheet turned what was typed into the date {found}, allowed {allowed}",
        "Set the format of the cell to General first (right click › Format Cells › Number), as otherwise it makes a "
        "date of every number; then type the code again.",
    ),
    "clock_duration": Kind(
        "error",
        "the spreadsheet turned what was typed into the clock time {found}, allowed {allowed}",
        "Set the format of the cell to General first (right click › Format Cells › Number), as otherwise it makes a "
        "time of every number; then type the code again. Where seconds are asked for, 1 min 30 s is typed as 90.",
    ),
    "error_cell": Kind("error", "the cell shows the error {found}, allowed {allowed}", "Type the code in its place."),
    "formula_cell": Kind(
        "error", "the formula {found} has no saved result, allowed {allowed}", "Replace the formula by its value."
    ),
    "formula_value": Kind("info", "a formula; its saved result {found} was read", "Nothing, if it is right."),
    "text_number": Kind("info", "the text {found} was read as {allowed}", "Nothing, if it is right."),
    # missing values
    "missing_rating": Kind("error", "is empty, allowed {allowed}", "Rate it, or type the reason code."),
    "row_empty": Kind(
        "error",
        "nothing is rated in this row",
        "Rate the session, or choose under status why it cannot be coded.",
    ),
    "not_applicable_here": Kind(
        "error",
        "found {found} where the instrument does not permit it, allowed {allowed}",
        "Rate the item, or ask the coordinator if the session is the right one.",
    ),
    "status_contradicts": Kind(
        "error",
        "the session is marked {found}, and yet rated: {allowed}",
        "Clear the status, or clear the ratings.",
    ),
    "reason_missing": Kind(
        "error", "the session is marked {found}, and the notes do not say why", "Write the reason in the notes."
    ),
    "log_missing": Kind("error", "the log entry is empty", "Write {allowed}."),
    "given_changed": Kind(
        "error",
        "found {found} where the study gave {allowed}",
        "Put the given text back and say under notes what differs; a wrong entry is mended in the study's given.csv.",
    ),
    # row identity
    "unknown_session": Kind(
        "error",
        "found the session {found}, which the study does not know{allowed}",
        "Put the id back; empty the row if it is no session.",
    ),
    "unknown_patient": Kind(
        "error", "found the patient {found}, whom patients.csv does not list", "Correct the id, or add the patient."
    ),
    "unknown_event": Kind(
        "error",
        "found {found}, no event of the study; {allowed}",
        "Correct the column event, or declare the event in study.toml.",
    ),
    "event_and_session": Kind(
        "error",
        "the row is of a session and of an event: {found}",
        "Keep one of the two: empty the column event, or the column session.",
    ),
    "not_assigned": Kind(
        "error", "{found} was not assigned to this rater", "Ask the coordinator; do not rate other sessions."
    ),
    "duplicate_rating": Kind("error", "is rated twice: {found}", "Keep one of the two; nothing is averaged."),
    "heads_again": Kind(
        "error",
        "the heads of the sheet stand here a second time: {found}",
        "Empty this row. Of a session that stands above and below it, keep one row.",
    ),
    "entry_differs": Kind(
        "error",
        "typed as {found} the first time, and as {allowed} the second",
        "Look at the sheet of paper, and correct the file in which it was mistyped.",
    ),
    "entry_alone": Kind(
        "error",
        "typed as {found}; the sheet that was typed twice has nothing here in {allowed}",
        "Look at the sheet of paper, and complete the file in which it is missing.",
    ),
    "decided_twice": Kind("error", "stands in two rows of what was agreed on", "Keep one of the two."),
    "unknown_decider": Kind("error", "found {found}, allowed {allowed}", "Type one of these, or leave it empty."),
    "decisions_not_used": Kind(
        "info",
        "{found} codes were agreed on and are in no score",
        "Nothing, if scores are to stand on the first codes; else write consensus = true under the instrument.",
    ),
    "no_decision": Kind(
        "warning",
        "consensus = true, and nothing was agreed on yet: scores stand on what raters coded",
        "Have the workbook written: doublecode reconcile FOLDER; or take the line out of study.toml.",
    ),
    "decision_outdated": Kind(
        "warning",
        "was decided on {found}; the codes are {allowed} now",
        "Decide anew, and have the workbook written again: doublecode reconcile FOLDER.",
    ),
    "recording_changed": Kind(
        "error",
        "the row names the recording {found}, the study {allowed}",
        "Were rows sorted or pasted in part? Put each session back beside its own recording and check its codes.",
    ),
    "unknown_rater": Kind(
        "error",
        "found the rater {found}, allowed {allowed}",
        "Correct the id, map it in study.toml, or declare the rater.",
    ),
    "unknown_item": Kind(
        "error", "found the item {found}, which no instrument has; allowed {allowed}", "Correct it, or map its head."
    ),
    "item_of_several": Kind(
        "error",
        "the item {found} is one of several instruments ({allowed})",
        "Add a column instrument, or say the instrument of the table.",
    ),
    "rating_absent": Kind(
        "error",
        "there is no rating, allowed {allowed}",
        'Enter it or the reason code; or declare empty cells as missing: missing = [""].',
    ),
    "layout_read": Kind("info", "read as {found}", "Nothing, if it is right; else say the layout or the pattern."),
    "heads_guessed": Kind(
        "info", "heads were taken for columns: {found}", 'Nothing, if it is right; else say it: --map "HEAD=column".'
    ),
    "undeclared_code": Kind(
        "error",
        "found {found}, which none of these items allows",
        "Is it a code for a missing value? Then say so: {allowed}; else correct the cells.",
    ),
    "no_codebook": Kind(
        "info", "the items are of no shipped codebook; values were taken as they stand", "Give a study to check them."
    ),
    "row_missing": Kind("error", "the assigned session {found} has no row", "Put the row back and rate it."),
    "row_left_out": Kind(
        "info",
        "sessions of patients who are in no number ({allowed} in patients.csv): {found}; what their rows lack stops "
        "nothing",
        "Nothing: such rows may stay as they are, stay empty, or be deleted.",
    ),
    # the sheet was reshaped
    "hidden_rows": Kind("warning", "hidden: {found}; they were read all the same", "Unhide them and look."),
    "merged_cells": Kind("error", "the cells {found} are merged", "Unmerge them and fill each one."),
    "merged_read": Kind(
        "warning",
        "the cells {found} are merged; what stands there was read for the first cell of them alone",
        "Unmerge them and fill each one.",
    ),
    "header_renamed": Kind("error", "expected the column {allowed}, found {found}", "Put the header back."),
    "columns_moved": Kind("info", "columns stand in another order; they were read by their names: {found}", "Nothing."),
    "extra_column": Kind(
        "info",
        "the column {found} is none of the instrument's; it was not read",
        "Look whether it says who a patient is, and take it out if it does; else nothing.",
    ),
    "sheet_missing": Kind(
        "error",
        "has no sheet {allowed}; found {found}",
        "Give the sheet its name back, or send the workbook you were sent.",
    ),
    "stray_cell": Kind(
        "info",
        "stands under no head: {found}; it was not read",
        "Look whether it says who a patient is, and take it out if it does; nothing, if it is no code.",
    ),
    "extra_sheet": Kind(
        "warning",
        "the sheet is none of the workbook's; it was not read",
        "Look whether codes stand there: they belong on the sheet on which sessions are rated.",
    ),
    "rows_moved": Kind(
        "warning",
        "rows stand in another order than they were sent ({found}); each was read by its id",
        "Nothing, if whole rows were moved, or the seed or lines of assignments.csv were changed since; if only some "
        "columns were sorted, put the rows back as they were sent.",
    ),
    "note_found": Kind("info", "a note was left: {found}", "Read it; it does not change the code."),
    "comment_found": Kind("info", "a comment was left: {found}", "Read it; it does not change the code."),
    # the file is not what the study expects
    "wrong_instrument": Kind("error", "the file is for {found}, expected {allowed}", "Send the right workbook."),
    "wrong_version": Kind(
        "error",
        "made for version {found}, the study uses {allowed}",
        "Ask the coordinator for the current workbook.",
    ),
    "training_version": Kind(
        "info",
        "rated in training, with version {found}; the study uses {allowed} now, so a run leaves it out",
        "Nothing: doublecode certify reads it, for a key of that version.",
    ),
    "codebook_changed": Kind(
        "error",
        "its ratings were held to version {found}, the study uses {allowed}",
        "Import the table again, so that it is held to the codebooks of now.",
    ),
    "no_stamp": Kind("error", "the hidden stamp is gone ({found})", "Copy the codes into the workbook you were sent."),
    "stamp_differs": Kind(
        "warning",
        "the hidden stamp says {found}, the file says {allowed}",
        "Find out whose codes these are before they are used.",
    ),
    "mended_copy": Kind(
        "info",
        "was not read: its marked copy {found} is here, and counts in its place",
        "Nothing, if the copy is mended and saved.",
    ),
    "copy_and_original_differ": Kind(
        "error",
        "has no errors, and other codes than its marked copy {found}; which of them counts?",
        "Move the file that does not count out of incoming/, or take it out of the numbers: doublecode ledger withdraw "
        "FILE --reason WHY.",
    ),
    "older_file": Kind("warning", "an older state of a file already taken in: {found}", "Send the newest file."),
    "file_absent": Kind(
        "warning",
        "is in the ledger and no longer in incoming/; its ratings count as they were taken in",
        "Put the file back; or take it out of the numbers: doublecode ledger withdraw FILE --reason WHY.",
    ),
    "withdrawn_file": Kind(
        "warning",
        "was withdrawn ({found}) and is in no number",
        "Take it out of incoming/; or count it again: doublecode ledger restore FILE --reason WHY.",
    ),
    "erased_patient": Kind(
        "warning",
        "still holds {found}, which were erased; they were not read",
        "Destroy the file, or save it without these rows.",
    ),
    "blinding_breach": Kind("error", "found {found}, which raters must not have", "Remove it; tell the coordinator."),
    # the file itself
    "unreadable_file": Kind("error", "cannot be read: {found}", "Save it again as .xlsx and send it again."),
    "password_protected": Kind("error", "is protected by a password", "Remove the password and send it again."),
    "not_a_workbook": Kind("error", "is no workbook: it is {found}", "{allowed}"),
    "too_large": Kind("error", "is too large to be a rater's workbook: {found}", "Send the workbook you were sent."),
    "not_read": Kind(
        "error",
        "is a folder inside incoming/ with {found}, which were not read",
        "Move its files into incoming/ itself, or the folder out of it.",
    ),
    "no_file": Kind(
        "error",
        "is in incoming/ and no file but {found}, of which nothing was read",
        "Put the workbook itself into incoming/, or take this out.",
    ),
    "active_content": Kind(
        "warning", "holds {found}, which was ignored and never executed", "Save it as a plain .xlsx."
    ),
    # the study
    "kept_out": Kind("info", "{found} are in no number ({allowed})", "Nothing, if it is right."),
    "declared_unused": Kind(
        "warning",
        "declared and without effect: {found}",
        "Take it out of study.toml, or name it where it belongs: {allowed}.",
    ),
    # planning
    "allocation_impossible": Kind("error", "{found}", "{allowed}"),
    "graph_not_connected": Kind(
        "error",
        "raters and sessions fall into groups that share nothing: {found}",
        "Double-code one session across the groups.",
    ),
    # any table
    "labels_alike": Kind(
        "warning",
        "labels that differ only in case, blanks, zeros or letters that look alike: {found}",
        "Write one and the same label where one is meant.",
    ),
    "date_form": Kind(
        "warning",
        "found {found}, which is not written year-month-day ({allowed})",
        'Write dates so, or say how they are written: dates = "dd.mm.yyyy" under [tables.sessions] in study.toml.',
    ),
    "dates_out_of_order": Kind(
        "warning",
        "the later session has the earlier date: {found}",
        "Correct the date, or the number of the session; time and lags follow them.",
    ),
    "far_value": Kind(
        "warning",
        "{found} lies far outside the others ({allowed})",
        "Is it a code for a missing value? Then name it as one (--missing, or missing under [tables.…] of study.toml).",
    ),
    "far_date": Kind(
        "warning",
        "{found} lies more than a year away from the other dates ({allowed})",
        "Is the year right? Then nothing; otherwise correct the list.",
    ),
    "short_rows": Kind(
        "warning",
        "rows have fewer cells than the heads ({allowed}): {found}; their last columns were read as empty",
        "Look whether a cell before the last one was left out in them.",
    ),
    "decimals_on_trust": Kind(
        "warning",
        "every number has three decimals, the first is {found}; they were read as decimals",
        "If the point parts thousands, write the numbers without it.",
    ),
    "recording_missing": Kind(
        "warning",
        "no recording is named for {found} ({allowed} sessions have one)",
        "No tape? Then write not_rated and a reason in sessions.csv before you allocate; raters would be asked for it.",
    ),
    "label_like_missing": Kind(
        "warning",
        "{found} stands among the labels and was read as one of them",
        "Does it stand for a missing value? Then name it as one (--missing), or empty the cells.",
    ),
    "equal_rows": Kind(
        "warning",
        "{found} are the same in every cell, and all other rows differ in {allowed}",
        "Were rows pasted twice? Then delete one of each pair; the numbers change.",
    ),
    "label_like_summary": Kind(
        "warning",
        "{found} stands among the labels as if it were a row of totals or means, and was read as one of them",
        "Is it one? Then delete these rows; the numbers change.",
    ),
    "read_as_missing": Kind("info", "taken as missing: {found}", "Nothing, if it is right."),
    "rows_left_out": Kind("info", "rows of something else were left out: {found}", "Nothing, if it is right."),
    "unseen_letters": Kind("info", "invisible letters ({found}) were taken out", "Nothing, if it is right."),
    # reliability
    "too_few_pairs": Kind("warning", "only {found}", "Read the interval before the estimate."),
    "no_spread": Kind("warning", "{found}", "A low ICC here says little spread, not poor raters: read agreement."),
    "dyad_average": Kind(
        "warning",
        "the mean ICC of rater pairs is no estimate of reliability ({found})",
        "Report the pooled ICC.",
    ),
    # screens of the ratings: reasons to look and to ask, never to exclude
    "identical_rows": Kind(
        "warning",
        "{found}",
        "Look at these rows in both workbooks and ask both raters how they rated; this alone excludes nothing.",
    ),
    "straight_line": Kind(
        "warning",
        "{found}",
        "Hear a few of these sessions and ask the rater; was a cell filled down? This alone excludes nothing.",
    ),
    "column_shifted": Kind(
        "warning",
        "{found}",
        "Hold the column against the rater's own notes; if it slipped, she sends the workbook corrected.",
    ),
    "reversed_rater": Kind(
        "warning",
        "{found}",
        "Ask which end of the scale the rater takes for the high one; if it was the other, she sends it corrected.",
    ),
    # models
    "unequal_rows": Kind("warning", "{found}", "Compare models on one common set of rows."),
    "singular_fit": Kind("warning", "the fit is singular: {found}", "Report the simpler model beside it."),
    "not_converged": Kind("warning", "the fit {found}", "Read the log of the fit."),
    "few_therapists": Kind(
        "warning",
        "only {found}",
        "Fixed effects or leave-one-out, no third level; but a variable of the therapists needs (1 | therapist).",
    ),
    "therapist_variable": Kind("warning", "{found}", "{allowed}"),
    "citation_missing": Kind(
        "warning", "the codebook names no citation", "Write it into {found}: the methods print it."
    ),
    "dependent_rows": Kind(
        "warning",
        "{found}",
        "Declare a series with (1 | patient), or one row per patient; take intervals and p values here as too narrow.",
    ),
    "conflated_slope": Kind(
        "warning",
        "{found} mixes the slope within patients with the slope between them",
        "{allowed}",
    ),
}

CATALOGUE: Mapping[str, Kind] = MappingProxyType({**_KINDS, **OF_OUTCOMES})
