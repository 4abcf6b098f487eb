import pytest

from doublecode.analysis.results.rules import RULES, judge, rule_named
from doublecode.schemas.errors import UsageError


def test_every_rule_is_cited_and_whole():
    for name, rule in RULES.items():
        assert rule.name == name
        assert len(rule.words) == len(rule.cuts) + 1
        assert list(rule.cuts) == sorted(rule.cuts)
        assert rule.short.split(", ")[-1].isdigit()


def test_koo_and_cicchetti_cuts():
    assert [rule_named("koo2016").band(x) for x in (0.49, 0.50, 0.75, 0.90)] == [
        "poor",
        "moderate",
        "good",
        "excellent",
    ]
    assert [rule_named("cicchetti1994").band(x) for x in (0.39, 0.40, 0.60, 0.75)] == [
        "poor",
        "fair",
        "good",
        "excellent",
    ]


def test_the_interval_judges():
    assert judge(0.55, 0.70) == "moderate"
    assert judge(0.41, 0.92) == "poor to excellent"
    assert judge(float("nan"), 0.9) == "not judged"
    assert judge(0.3, 0.5, "landis1977") == "fair to moderate"


def test_unknown_rule_names_the_known():
    with pytest.raises(UsageError, match=r"no rule called 'koo'; the rules are .*koo2016"):
        judge(0.1, 0.2, "koo")
