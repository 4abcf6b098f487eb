"""The page on which a number is clicked: its dialog by mouse and keyboard, and heads of its tables."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256
from html import unescape

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROBE = """
const $ = (part) => document.getElementById("cells" + part);
const at = (x, y) => $("").dispatchEvent(new MouseEvent("click", { bubbles: true, clientX: x, clientY: y }));
const found = {};
const button = [...document.querySelectorAll("button.cells")].find((one) => one.textContent === "963");
button.focus();
button.click();
found.name = document.getElementById($("").getAttribute("aria-labelledby")).textContent;
found.said = document.getElementById($("").getAttribute("aria-describedby")).textContent;
found.inside = $("").contains(document.activeElement);
found.heads = [...$("").querySelectorAll("th")].map((one) => one.textContent);
found.first = $("-list").rows.length;
$("-all").focus();
$("-all").click();
found.every = $("-list").rows.length;
found.still = $("").contains(document.activeElement);
const box = $("").getBoundingClientRect();
found.below = $("-close").getBoundingClientRect().bottom <= innerHeight;
at(box.left + 3, box.top + 3);
found.padding = $("").open;
at(box.left - 3, box.top - 3);
found.beside = $("").open;
found.back = document.activeElement === button;
document.getElementById("probe").textContent = JSON.stringify(found);
"""


@pytest.mark.parametrize("name", ["telephone_run", "adolescent_run"])
def test_every_head_of_the_page_says_what_stands_below_it(name, request, tmp_path):
    from doublecode.analysis.report.folder import write_report

    page = write_report(request.getfixturevalue(name), tmp_path) / "index.html"
    heads = re.findall(r"<th\b[^>]*>(.*?)</th>", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(heads) > 100
    assert all(re.sub(r"<[^>]*>", "", head).strip() for head in heads)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: nothing clicks on the page")
@pytest.mark.parametrize("size", ["390,844", "1280,900"])
def test_the_dialog_is_named_fits_and_closes_beside_itself_only(telephone_demo, tmp_path, size):
    text = (telephone_demo.study / "report" / "index.html").read_text(encoding="utf-8")
    digest = b64encode(sha256(PROBE.encode()).digest()).decode()
    text = text.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    page = tmp_path / "page.html"
    page.write_text(text.replace("</body>", f'<pre id="probe"></pre><script>{PROBE}</script></body>'), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
               f"--window-size={size}", "--virtual-time-budget=10000", "--dump-dom", page.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=300)
    answer = re.search(r'<pre id="probe">(.+?)</pre>', done.stdout.decode("utf-8"), re.DOTALL)
    assert answer is not None
    found = json.loads(unescape(answer[1]))
    assert found["name"] == "Homework log › A1 › Ratings: 963"
    assert found["said"] == "Stands on 963 cells of 1 file."
    assert all(found["heads"])
    assert (found["first"], found["every"]) == (300, 963)
    assert {name: found[name] for name in ("inside", "still", "below", "padding", "beside", "back")} == {
        "inside": True, "still": True, "below": True, "padding": True, "beside": False, "back": True,
    }  # fmt: skip
