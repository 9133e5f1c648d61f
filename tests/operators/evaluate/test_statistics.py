"""Probabilities are those of scipy, statistics those of their definitions, and known effects are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.evaluate.premium import ParallelText, explained, premium_rows, token_overlap
from pairloom.operators.evaluate.statistics import (
    correlations,
    f_survival,
    jaccard,
    nested_models,
    pearson,
    variance_ratio,
)

stats = pytest.importorskip("scipy.stats")


@given(st.floats(1e-3, 1e3), st.integers(1, 2000), st.integers(1, 2000))
def test_probabilities_of_f_are_those_of_scipy(f: float, first: int, second: int) -> None:
    assert f_survival(f, first, second) == pytest.approx(
        float(stats.f.sf(f, first, second)), rel=1e-6, abs=1e-12
    )


def test_a_ratio_of_variances_is_told_from_chance() -> None:
    rng = np.random.default_rng(5)
    wide, narrow = rng.normal(0, 3, 388), rng.normal(0, 1, 81)
    found = variance_ratio(narrow.tolist(), wide.tolist())
    assert (found.first, found.second) == (80, 387)
    assert found.f == pytest.approx(np.var(narrow, ddof=1) / np.var(wide, ddof=1))
    assert found.p < 1e-6
    other = variance_ratio(wide.tolist(), narrow.tolist())
    assert other.f == pytest.approx(1 / found.f)
    assert other.p == pytest.approx(found.p)
    # The ratio that the paper reports of 81 and 388 languages, F(80, 387) = 0.150, is that significant.
    assert 2 * (1 - f_survival(0.150, 80, 387)) < 0.001
    alike = [variance_ratio(*np.split(rng.normal(size=60), [20])).p for _ in range(400)]
    assert np.mean(np.array(alike) < 0.05) == pytest.approx(0.05, abs=0.033)  # three standard errors
    with pytest.raises(ValueError, match="ratio of variances"):
        variance_ratio([1.0, 2.0], [3.0, 3.0])


def test_nested_models_are_compared_as_by_their_residuals() -> None:
    rng = np.random.default_rng(7)
    x, z, noise = rng.normal(size=(3, 60))
    y = 2 + 3 * x + 0.1 * z + noise
    found = nested_models(y.tolist(), [x.tolist()], [z.tolist()])

    def rss(*columns: np.ndarray) -> float:
        design = np.column_stack([np.ones(60), *columns])
        return float(((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2).sum())

    f = (rss(x) - rss(x, z)) / (rss(x, z) / 57)
    assert (found.first, found.second) == (1, 57)
    assert found.f == pytest.approx(f)
    assert found.p == pytest.approx(float(stats.f.sf(f, 1, 57)))
    # A predictor alone is as likely as its correlation.
    line = stats.linregress(x, y)
    alone = nested_models(y.tolist(), [], [x.tolist()])
    assert alone.p == pytest.approx(line.pvalue, rel=1e-6)
    assert nested_models([1, 2, 3, 4.0], [], [[1, 2, 3, 4.0]]).p == 0
    for fewer, more in (([x], [2 * x]), ([], []), ([], [np.ones(60)])):
        with pytest.raises(ValueError, match="explain anything"):
            nested_models(y.tolist(), [c.tolist() for c in fewer], [c.tolist() for c in more])


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=4, max_size=30))
def test_correlations_are_those_of_scipy(rows: list[tuple[int, int]]) -> None:
    one, other = ([float(row[i]) for row in rows] for i in (0, 1))
    if len(set(one)) < 2 or len(set(other)) < 2:
        assert pearson(one, other) == (0, 1)
        return
    (found,) = correlations({"tr": one}, other)
    known, ranks = stats.pearsonr(one, other), stats.spearmanr(one, other)
    assert found["pearson"] == pytest.approx(known.statistic, abs=1e-9)
    assert found["p"] == pytest.approx(known.pvalue, abs=1e-6)
    assert found["spearman"] == pytest.approx(ranks.statistic, abs=1e-9)
    if abs(ranks.statistic) < 1 - 1e-9:
        assert found["p_spearman"] == pytest.approx(ranks.pvalue, abs=1e-6)


def test_the_strongest_correlation_comes_first() -> None:
    scores = [0.1, 0.2, 0.4, 0.3, 0.5]
    found = correlations({"time": [5, 1, 4, 2, 3], "pure": [1, 2, 4, 3, 5], "tr": [5, 4, 2, 3.5, 1]}, scores)
    assert [row["measure"] for row in found] == ["pure", "tr", "time"]
    assert found[0]["spearman"] == pytest.approx(1)
    assert float(found[1]["pearson"]) < 0
    with pytest.raises(ValueError, match="three rows"):
        correlations({"tr": [1, 2]}, [1, 2])


def test_sets_and_vocabularies_overlap() -> None:
    assert jaccard("abc", "bcd") == 0.5
    assert jaccard([], []) == 1
    assert token_overlap(np.array([1, 0, 2]), np.array([0, 0, 9])) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="not of one vocabulary"):
        token_overlap(np.zeros(2, np.int64), np.zeros(3, np.int64))


def test_what_explains_the_tokens_of_languages_is_told_from_what_does_not() -> None:
    rng = np.random.default_rng(3)
    texts = {}
    for i in range(40):
        spaces = int(rng.integers(50, 300))
        characters = int(rng.integers(900, 1100))
        texts[f"l{i}"] = ParallelText(
            documents=9,
            tokens=2000 - 5 * spaces + int(rng.normal(0, 40)),
            bytes=characters + int(rng.integers(0, 900)),
            characters=1000,
            whitespace=spaces,
        )
    made = premium_rows(texts, "l0")
    for row in made:
        row["similarity"] = float(rng.random())
    rows = {row["predictor"]: row for row in explained(made)}
    assert set(rows) == {"similarity", "whitespace", "combined"}, "nothing that the tokens follow from"
    assert float(rows["whitespace"]["r_squared"]) > 0.95
    assert float(rows["whitespace"]["p"]) < 1e-12
    assert float(rows["similarity"]["r_squared"]) < 0.25
    assert float(rows["combined"]["r_squared"]) >= float(rows["whitespace"]["r_squared"])
    few = {name: texts[name] for name in ("l0", "l1")}
    assert explained(premium_rows(few, "l0")) == []
