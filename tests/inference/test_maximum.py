"""The bounded search for the most probable explanation."""

import contextlib
from unittest.mock import patch

import numpy as np
import pytest

import buttpain as bp
from buttpain.inference import maximum
from buttpain.model.network import NoisyOr, Table, Variable


def crowd(causes: int) -> bp.Network:
    """Return many rare causes of one effect, the third the likeliest to have brought it about."""
    families: dict[str, Table | NoisyOr] = {
        f"c{i}": Table((), np.array([0.98 - 0.001 * i, 0.02 + 0.001 * i])) for i in range(causes)
    }
    links = tuple((None, 0.95 if i == 3 else 0.3) for i in range(causes))
    families["effect"] = NoisyOr(tuple(families), 1e-4, links)
    return bp.Network("crowd", tuple(map(Variable, families)), families)


@pytest.mark.parametrize("present", [True, False])
def test_an_effect_of_thirty_causes_is_explained(present: bool) -> None:
    """A noisy-OR that no memory could hold as a table is explained by its likeliest cause, or by none."""
    found, log_probability = bp.observe(crowd(30), effect=present).most_probable_explanation()
    causes = [node for node, state in found.items() if state == "present" and node != "effect"]
    assert causes == (["c3"] if present else [])
    assert -20 < log_probability < 0


def test_the_search_finds_what_the_table_finds() -> None:
    """On twelve causes bounded search and the whole table agree."""
    net = crowd(12)
    for observed in (
        {"effect": True},
        {"effect": True, "c3": False},
        {"effect": {"present": 1, "absent": 0.01}},
    ):
        case = bp.observe(net, observed)
        with patch.object(maximum, "MOST_ENTRIES", 2**20):
            by_table = case.most_probable_explanation()
        with patch.object(maximum, "MOST_ENTRIES", 8):
            by_search = case.most_probable_explanation()
        assert by_search[0] == by_table[0]
        assert by_search[1] == pytest.approx(by_table[1], rel=1e-12)


def test_no_other_state_of_any_node_betters_the_explanation_of_a_large_network() -> None:
    """Its probability is that of all states together, and no change of one of them raises it."""
    net = bp.load_network("runner")
    case = bp.observe(net, sit_bone_tenderness=True, fever=False)
    states, value = case.most_probable_explanation()
    assert states["sit_bone_tenderness"] == "present"
    whole = bp.observe(net, states).log_evidence
    assert whole - case.log_evidence == pytest.approx(value)
    for node in set(net.nodes) - {*case.evidence, *net.given}:
        for other in set(net.states(node)) - {states[node]}:
            with contextlib.suppress(bp.ImpossibleEvidence):
                assert bp.observe(net, {**states, node: other}).log_evidence <= whole
