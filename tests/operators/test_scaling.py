"""Scaling laws against what their papers report."""

import math
import random

import pytest

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.scaling import LAWS, Law, OverTrained, Run, fit_over_trained, planned

# Runs of Gadre et al. on RedPajama, of which their law is fitted: parameters, tokens, loss on C4.
GADRE = [
    Run(parameters=10_569_312, tokens=211_386_240, loss=5.38702091510821),
    Run(parameters=10_569_312, tokens=3_382_179_840, loss=4.572292613487238),
    Run(parameters=78_914_048, tokens=1_578_280_960, loss=3.899942990231468),
    Run(parameters=153_677_376, tokens=3_073_547_520, loss=3.531147408490181),
    Run(parameters=411_616_256, tokens=8_232_325_120, loss=3.149769456671634),
]


@pytest.mark.parametrize(
    ("parameters", "tokens", "loss", "error"),
    [
        (1_439_795_200, 921_468_928_000, 2.502053562117363, 0.0071),
        (6_889_410_560, 137_788_211_200, 2.424993099368689, 0.0073),
    ],
)
def test_the_fitted_law_foretells_the_large_runs_as_well_as_the_paper_says(
    parameters: float, tokens: float, loss: float, error: float
) -> None:
    """(N09) 0.71 % and 0.73 % for 1.4 B parameters on 900 B tokens and for 6.9 B on 138 B."""
    said = fit_over_trained(GADRE).loss(parameters, tokens)
    assert round(abs(said - loss) / loss, 4) == error


def test_a_law_is_found_again_from_runs_that_follow_it() -> None:
    law = OverTrained(floor=1.8, a=150.0, c=300.0, b=0.26)
    sizes = [(n, n * m) for n in (1e7, 1e8, 1e9) for m in (5, 20, 300)]
    found = fit_over_trained([Run(parameters=n, tokens=d, loss=law.loss(n, d)) for n, d in sizes])
    for name in ("floor", "a", "c", "b"):
        assert math.isclose(getattr(found, name), getattr(law, name), rel_tol=1e-3)


def test_runs_that_leave_open_how_far_a_loss_falls_are_refused() -> None:
    """Their law would foretell losses below 0, and models of 10^27 parameters on no token."""
    runs = [(1e8, 2e9, 3.2), (2e8, 4e9, 3.0), (4e8, 8e9, 2.8), (1e8, 2e10, 3.0)]
    with pytest.raises(DataError, match=r"how far a loss can fall.*give more runs"):
        fit_over_trained([Run(parameters=n, tokens=d, loss=loss) for n, d, loss in runs])


def test_of_25_billion_tokens_the_smaller_model_is_trained_longer() -> None:
    """(N09) Muennighoff et al.: for 9.3e21 FLOPs 8.67 B parameters on 178 B tokens, or of 25 B different ones 6.34 B on 242 B."""
    free = planned(LAWS["repeated"], flops=9.3e21)
    assert math.isclose(free.parameters, 8.67e9, rel_tol=0.03)
    assert math.isclose(free.tokens, 178e9, rel_tol=0.03)
    held = planned(LAWS["repeated"], flops=9.3e21, unique=25e9)
    assert math.isclose(held.parameters, 6.34e9, rel_tol=0.08)
    assert math.isclose(held.epochs, 9.7, rel_tol=0.08)
    assert held.loss > free.loss


def test_four_epochs_are_nearly_worth_new_tokens_and_forty_are_not() -> None:
    law = LAWS["repeated"]
    lost = [law.loss(1e8, 1e10 * k, unique=1e10) - law.loss(1e8, 1e10 * k) for k in (1, 2, 4, 40)]
    assert lost[0] == 0
    assert lost == sorted(lost)
    assert lost[2] < 0.01
    assert lost[3] > 0.04


def test_the_replication_has_about_twenty_tokens_a_parameter_at_chinchillas_budget() -> None:
    found = planned(LAWS["replication"], flops=5.76e23)
    assert 15 < found.tokens / found.parameters < 25
    assert math.isclose(found.parameters, 70e9, rel_tol=0.1)
    assert math.isclose(found.tokens, 1.4e12, rel_tol=0.1)


@pytest.mark.parametrize("law", [*LAWS.values(), fit_over_trained(GADRE)], ids=lambda one: one.name)
def test_what_is_advised_is_lowest_and_all_ways_to_ask_agree(law: Law | OverTrained) -> None:
    best = planned(law, flops=1e21)
    for factor in (0.5, 0.9, 1.1, 2):
        assert planned(law, flops=1e21, parameters=best.parameters * factor).loss > best.loss
    for again in (
        planned(law, parameters=best.parameters),
        planned(law, tokens=best.tokens),
        planned(law, flops=1e21, tokens=best.tokens),
        planned(law, flops=1e21, parameters=best.parameters),
    ):
        assert math.isclose(again.flops, 1e21, rel_tol=1e-6)
        assert math.isclose(again.parameters, best.parameters, rel_tol=1e-6)
        assert math.isclose(again.tokens, best.tokens, rel_tol=1e-6)


def test_with_tokens_to_spare_repetition_changes_nothing() -> None:
    rng = random.Random(0)
    for _ in range(20):
        flops = 10 ** rng.uniform(18, 25)
        free = planned(LAWS["repeated"], flops=flops)
        spare = planned(LAWS["repeated"], flops=flops, unique=free.tokens * 2)
        assert math.isclose(spare.parameters, free.parameters, rel_tol=1e-3)
        assert spare.epochs == 1


def test_what_cannot_be_planned_is_refused() -> None:
    law = LAWS["repeated"]
    for wrong, said in (
        ({}, "say the budget"),
        ({"flops": 1e20, "parameters": 1e9, "tokens": 1e9}, "leave one out"),
        ({"flops": -1.0}, "a budget must be above 0"),
        ({"flops": float("nan")}, "a budget must be above 0"),
        ({"parameters": 1e9, "unique": 0.0}, "different tokens must be above 0"),
    ):
        with pytest.raises(RecipeError, match=said):
            planned(law, **wrong)
    with pytest.raises(DataError, match="at least four runs"):
        fit_over_trained(GADRE[:3])
    with pytest.raises(DataError, match="all as many tokens a parameter"):
        fit_over_trained([Run(parameters=n, tokens=20 * n, loss=2 + n**-0.2) for n in (1e7, 1e8, 1e9, 1e10)])
    with pytest.raises(DataError, match="does not hold for them"):
        fit_over_trained(
            [Run(parameters=n, tokens=d, loss=n**0.1 + d**0.1) for n in (1e7, 1e9) for d in (1e9, 1e11)]
        )
