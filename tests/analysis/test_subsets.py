"""Many choices of findings in one batch: each as if it were a case of its own."""

import math
from itertools import product
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import buttpain as bp
from buttpain.analysis import subsets as module
from buttpain.analysis.subsets import subsets
from buttpain.inference.plan import plan_for
from buttpain.model.network import NoisyOr, Table, Variable
from checks import assert_same_distribution, assert_same_number
from reference import joint, posterior
from strategies import networks_with_evidence

Drawn = tuple[bp.Network, dict[str, Any]]


def possible(drawn: Drawn) -> bp.Case:
    """Return the case that was drawn, unless it is impossible."""
    net, seen = drawn
    clash = any(isinstance(seen.get(n), str) and seen[n] != s for n, s in net.given.items())
    assume(not clash and joint(net, seen).sum() > 0)
    return bp.observe(net, seen)


def every_choice(count: int) -> Any:
    """Return all choices of so many findings, one a column."""
    return np.array(list(product([False, True], repeat=count)), dtype=bool).reshape(2**count, count).T


@given(drawn=networks_with_evidence(max_nodes=5), data=st.data())
@settings(max_examples=60)
def test_every_choice_is_what_its_own_case_gives(drawn: Drawn, data: st.DataObject) -> None:
    """P(findings kept) and all posteriors asked for agree with enumeration, whatever is kept or asked."""
    case = possible(drawn)
    names = data.draw(st.lists(st.sampled_from(case.net.nodes), unique=True))
    kept = every_choice(len(case.evidence))
    found = subsets(case.net, case.evidence, names, kept)
    for choice, mask in enumerate(kept.T):
        seen = {node: value for (node, value), keep in zip(case.evidence.items(), mask, strict=True) if keep}
        assert_same_number(math.exp(found.log_evidence[choice]), float(joint(case.net, seen).sum()))
        for name in names:
            assert_same_distribution(found.marginals[name][:, choice], posterior(case.net, seen, name))


def test_blocks_change_nothing() -> None:
    """Choices run one at a time give what they give together."""
    net = bp.load_network("five_findings")
    seen = {"sit_bone_tenderness": "present", "hop_test_pain": "absent", "burning_pain_past_knee": "present"}
    kept = every_choice(3)
    whole = subsets(net, seen, net.conditions, kept)
    with patch.object(module, "BLOCK", 1):
        single = subsets(net, seen, net.conditions, kept)
    assert single.log_evidence.tolist() == whole.log_evidence.tolist()
    for name in net.conditions:
        assert single.marginals[name].tolist() == whole.marginals[name].tolist()


def test_tiny_probabilities_do_not_underflow() -> None:
    """Without one of a thousand improbable findings P(findings) is still right on the scale of logarithms."""
    names = [f"f{i}" for i in range(1000)]
    families: dict[str, Table | NoisyOr] = {"c": Table((), np.array([0.9, 0.1]))}
    families |= {name: NoisyOr(("c",), 0.01, ((None, 0.011),)) for name in names}
    net = bp.Network("fan", tuple(map(Variable, families)), families)
    kept = np.ones((1000, 2), dtype=bool)
    kept[0, 1] = False
    found = subsets(net, dict.fromkeys(names, "present"), ["c"], kept)
    present = 0.01 + 0.99 * 0.011
    for choice, count in enumerate((1000, 999)):
        logs = math.log(0.9) + count * math.log(0.01), math.log(0.1) + count * math.log(present)
        assert found.log_evidence[choice] == pytest.approx(np.logaddexp(*logs), rel=1e-14)


def test_the_plan_is_that_of_the_case() -> None:
    """Findings that nothing hangs on stay observed, so that leaving them out compiles nothing new."""
    net = bp.load_network("five_findings")
    case = bp.observe(net, sit_bone_tenderness=True, hop_test_pain=False)
    with patch.object(module, "plan_for", wraps=plan_for) as asked:
        subsets(net, case.evidence, net.conditions, every_choice(2))
    pattern = asked.call_args.args[1]
    position = {node: i for i, node in enumerate(net.nodes)}
    observed = ("buttock_pain", "sit_bone_tenderness", "hop_test_pain")
    assert pattern.hard == sum(1 << position[node] for node in observed)
    assert pattern.soft == 0
    assert pattern.absent == 1 << position["hop_test_pain"]


def test_too_complex_a_case_is_refused() -> None:
    """The bound on memory holds here, too."""
    net = bp.load_network("five_findings")
    with pytest.raises(bp.NetworkTooComplex, match="raise the bound with memory="):
        subsets(net, {"hop_test_pain": "present"}, net.conditions, every_choice(1), memory=10)
