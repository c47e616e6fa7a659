"""Cases drawn from a network: their frequencies are its probabilities, and the seed says which they are."""

from collections.abc import Mapping
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from scipy import stats

import buttpain as bp
from buttpain.analysis import sampling as module
from buttpain.analysis.sampling import sample
from buttpain.inference import structure
from buttpain.model.network import NoisyOr, Table, Variable
from reference import Evidence, joint
from strategies import networks_with_evidence

Array = NDArray[np.float64]

SURPRISING = 1e-5
"""Chance of so bad a fit, if the frequencies are right, below which a test fails."""


def p_of_frequencies(net: bp.Network, frame: pd.DataFrame, evidence: Evidence) -> float:
    """Return how probable frequencies as odd as these are; 0.0 if an impossible joint state is there."""
    expected = joint(net, evidence)
    expected *= len(frame) / expected.sum()
    counts = np.zeros(expected.shape)
    np.add.at(counts, tuple(frame[node].cat.codes.to_numpy() for node in net.nodes), 1)
    if counts[expected == 0].any():
        return 0.0
    # Rare states are taken together, as the chi-square distribution needs some of each.
    rare = (expected < 5) & (expected > 0)
    seen = np.append(counts[expected >= 5], counts[rare].sum())
    wanted = np.append(expected[expected >= 5], expected[rare].sum())
    kept = wanted > 0
    statistic = ((seen[kept] - wanted[kept]) ** 2 / np.maximum(wanted[kept], 0.5)).sum()
    return float(stats.chi2.sf(statistic, max(kept.sum() - 1, 1)))


def network(base: float = 0.3, leak: float = 0.2) -> bp.Network:
    """Return a cause, a sign of it, and people selected for having either."""
    return bp.Network(
        "made",
        (Variable("cause"), Variable("sign"), Variable("pain")),
        {
            "cause": Table((), np.array([1 - base, base])),
            "sign": NoisyOr(("cause",), 0.1, ((None, 0.7),)),
            "pain": NoisyOr(("cause", "sign"), leak, ((None, 0.6), (None, 0.3))),
        },
        {"pain": "present"},
    )


# -- frequencies -------------------------------------------------------------------------------


@pytest.mark.parametrize("parents", [3, 0])
@given(drawn=networks_with_evidence())
@settings(max_examples=60)
def test_joint_states_are_as_frequent_as_they_are_probable(
    parents: int, drawn: tuple[bp.Network, Mapping[str, str | dict[str, float]]]
) -> None:
    """Under the selection and any evidence, zeros and likelihoods among it; noisy-ORs whole or in parts."""
    net, evidence = drawn
    with patch.object(structure, "MOST_PARENTS", parents):
        if not joint(net, evidence).any():
            with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together"):
                sample(net, 10, evidence=evidence)
            return
        frame = sample(net, 3000, seed=4, evidence=evidence, latent=True)
    assert p_of_frequencies(net, frame, evidence) > SURPRISING


def test_a_wrong_number_is_seen_in_the_frequencies() -> None:
    """The test of frequencies fails for a network that is a little off, or not selected."""
    frame = sample(network(0.3), 20_000)
    assert p_of_frequencies(network(0.3), frame, {}) > SURPRISING
    assert p_of_frequencies(network(0.32), frame, {}) < SURPRISING
    everybody = bp.Network("made", network().variables, network().families)
    assert p_of_frequencies(everybody, frame, {}) < SURPRISING


def test_the_shipped_network_gives_back_its_posteriors() -> None:
    """Shares of each condition and finding among 200,000 cases with one finding lie about the posteriors."""
    net = bp.load_network("five_findings")
    frame = sample(net, 200_000, seed=2, evidence={"hop_test_pain": True, "sit_bone_tenderness": False})
    case = bp.observe(net, hop_test_pain=True, sit_bone_tenderness=False)
    assert (frame["hop_test_pain"] == "present").all()
    assert (frame["sit_bone_tenderness"] == "absent").all()
    for node in (*net.conditions, "pain_running_uphill", "burning_pain_past_knee"):
        p = case.probability(node)
        error = (p * (1 - p) / len(frame)) ** 0.5
        assert abs((frame[node] == "present").mean() - p) < 4.5 * error


def test_a_rare_selection_costs_no_rejected_cases() -> None:
    """One in a million is selected, and a thousand of them are drawn as they are."""
    net = network(base=1e-6, leak=1e-9)
    frame = sample(net, 1000)
    assert (frame["pain"] == "present").all()
    p = bp.observe(net).probability("cause")
    assert abs((frame["cause"] == "present").mean() - p) < 4.5 * (p * (1 - p) / 1000) ** 0.5


# -- what the seed fixes -----------------------------------------------------------------------


def test_the_first_cases_of_a_longer_run_are_those_of_a_shorter_one() -> None:
    """So are their gaps, and however many are drawn at a time."""
    net = bp.load_network("five_findings")
    long = sample(net, 500, seed=7, missing=0.3)
    pd.testing.assert_frame_equal(sample(net, 40, seed=7, missing=0.3), long.iloc[:40])
    with patch.object(module, "BLOCK", 7):
        pd.testing.assert_frame_equal(sample(net, 500, seed=7, missing=0.3), long)


def test_gaps_change_nothing_that_is_left() -> None:
    """The cases with gaps are those without, less the gaps."""
    net = bp.load_network("five_findings")
    whole, holed = sample(net, 300, seed=3), sample(net, 300, seed=3, missing=0.5)
    assert (holed.isna() | (holed.astype(object) == whole.astype(object))).all(axis=None)


def test_seeds_give_different_cases() -> None:
    """Another seed draws other cases, and the default is 0."""
    net = bp.load_network("five_findings")
    assert not sample(net, 100, seed=1).equals(sample(net, 100, seed=2))
    pd.testing.assert_frame_equal(sample(net, 100), sample(net, 100, seed=0))


# -- the frame ---------------------------------------------------------------------------------


def test_columns_are_the_nodes_with_their_states_by_name() -> None:
    """Categorical columns in the order of the network, rows numbered from 0; mechanisms on request."""
    roles = {"cause": "condition", "middle": "mechanism", "level": "finding"}
    states = {"level": ("low", "middle", "high")}
    net = bp.Network(
        "made",
        tuple(Variable(name, states.get(name, ("no", "yes")), role=role) for name, role in roles.items()),
        {
            "cause": Table((), np.array([0.5, 0.5])),
            "middle": NoisyOr(("cause",), 0.1, ((None, 0.5),)),
            "level": Table(("middle",), np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])),
        },
    )
    frame = sample(net, 50)
    assert frame.columns.tolist() == ["cause", "level"]
    assert frame.index.equals(pd.RangeIndex(50))
    assert frame["level"].cat.categories.tolist() == ["low", "middle", "high"]
    assert sample(net, 50, latent=True).columns.tolist() == ["cause", "middle", "level"]
    assert sample(net, 0).shape == (0, 2)


def test_posteriors_and_files_read_the_frame() -> None:
    """A frame goes through `posteriors`, and through CSV, without a change of meaning."""
    net = bp.load_network("five_findings")
    frame = sample(net, 30, missing={"hop_test_pain": 0.5, "sit_bone_tenderness": 0.5})
    frame = frame.drop(columns=list(net.conditions))
    text = frame.astype(object).where(frame.notna(), "")
    pd.testing.assert_frame_equal(bp.posteriors(net, frame), bp.posteriors(net, text))


def test_shares_are_left_out_as_asked() -> None:
    """One share for every column but the selection, or one for each that is named."""
    net = bp.load_network("five_findings")
    gone = sample(net, 20_000, missing=0.25).isna().mean()
    assert gone["buttock_pain"] == 0
    assert gone.drop("buttock_pain").between(0.235, 0.265).all()
    some = sample(net, 20_000, missing={"hop_test_pain": 0.5, "deep_gluteal_syndrome": 1.0}).isna().mean()
    assert abs(some["hop_test_pain"] - 0.5) < 0.015
    assert some["deep_gluteal_syndrome"] == 1
    assert some.drop(["hop_test_pain", "deep_gluteal_syndrome"]).max() == 0


def test_gaps_do_not_depend_on_what_they_hide() -> None:
    """Completely at random: present and absent are left out alike, and columns apart from each other."""
    net = bp.load_network("five_findings")
    whole, gone = sample(net, 20_000, seed=5), sample(net, 20_000, seed=5, missing=0.4).isna()
    table = pd.crosstab(whole["hop_test_pain"], gone["hop_test_pain"])
    assert stats.chi2_contingency(table).pvalue > SURPRISING
    both = pd.crosstab(gone["sit_bone_tenderness"], gone["hop_test_pain"])
    assert stats.chi2_contingency(both).pvalue > SURPRISING


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n": -1}, ValueError, "n must be at least 0; it is -1"),
        ({"seed": -3}, ValueError, "seed must be at least 0; it is -3"),
        ({"n": 1.5}, TypeError, "n must be a whole number, 0 or more; it is 1.5"),
        ({"seed": "a"}, TypeError, "seed must be a whole number, 0 or more; it is 'a'"),
        ({"net": "runner"}, TypeError, r"net must be a Network, not str; bp\.load_network\(\.\.\.\) reads"),
        ({"missing": [0.3]}, ValueError, r"missing is a share from 0 to 1, or a mapping .*; it is \[0.3\]"),
        ({"missing": {"hop_test_pain": "x"}}, ValueError, "for 'hop_test_pain' it is 'x'"),
        ({"evidence": {"hop_tst_pain": True}}, bp.UnknownNode, r"Did you mean 'hop_test_pain'\?"),
        ({"evidence": {"hop_test_pain": "maybe"}}, bp.UnknownState, "'maybe' is no state"),
        ({"evidence": {"buttock_pain": "absent"}}, bp.ImpossibleEvidence, "cannot hold together"),
        ({"missing": 1.5}, ValueError, "is a share from 0 to 1"),
        ({"missing": {"hop_test_pain": float("nan")}}, ValueError, "for 'hop_test_pain' it is nan"),
        ({"missing": {"knee_pain": 0.1}}, bp.UnknownNode, "'knee_pain' is no node"),
        ({"missing": {"buttock_pain": 0.1}}, ValueError, "selection and known in every case"),
    ],
    ids=range(14),
)
def test_what_cannot_be_drawn_is_refused(
    options: dict[str, object], error: type[Exception], words: str
) -> None:
    """Each mistake is named, and what is allowed."""
    with pytest.raises(error, match=words):
        sample(**{"net": bp.load_network("five_findings"), "n": 5, **options})  # type: ignore[arg-type]


def test_a_latent_column_has_no_gaps_unless_it_is_shown() -> None:
    """Leaving out a mechanism that is not shown is refused."""
    net = bp.Network(
        "made",
        (Variable("middle", role="mechanism"), Variable("sign", role="finding")),
        {"middle": Table((), np.array([0.5, 0.5])), "sign": NoisyOr(("middle",), 0.1, ((None, 0.5),))},
    )
    with pytest.raises(ValueError, match="latent=True shows it"):
        sample(net, 5, missing={"middle": 0.5})
    assert sample(net, 5, missing={"middle": 1.0}, latent=True)["middle"].isna().all()
