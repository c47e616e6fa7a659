"""The commands about one case or one network: each says what the library says."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

import buttpain as bp
from buttpain.analysis.explanation import explain
from buttpain.analysis.information import next_findings
from buttpain.analysis.literature import check_literature
from buttpain.faces import schema, service
from buttpain.faces.cli import main
from buttpain.faces.words import SECTIONS, USE

CASE = bp.observe(bp.load_network("five_findings"), hop_test_pain=True, sit_bone_tenderness=False)
WORDS = ("hop_test_pain=yes", "sit_bone_tenderness=no")

SECTION = {"explain": "explanation"}
"""What a command's result is called in JSON, where it is not called as the command."""

RESULTS: dict[str, Callable[[], Any]] = {
    "next": lambda: next_findings(CASE),
    "next --top 2 --cost 1": lambda: next_findings(CASE, 2, cost=1),
    "next --steps 2 --cost pain_running_uphill=9": lambda: next_findings(
        CASE, 5, cost={"pain_running_uphill": 9.0}, steps=2
    ),
    "explain": lambda: explain(CASE),
    "explain --target sacral_stress_fracture --against deep_gluteal_syndrome": lambda: explain(
        CASE, "sacral_stress_fracture", against="deep_gluteal_syndrome"
    ),
    "sensitivity": lambda: bp.sensitivity(CASE, CASE.posterior().ranked().index[0]),
    "uncertainty --samples 50 --seed 3": lambda: bp.uncertainty(CASE, samples=50, seed=3),
}


@pytest.mark.parametrize("command", RESULTS)
def test_a_command_says_what_the_library_says(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Text is the result's own, with red flags above and the use below; JSON is its plain data."""
    result = RESULTS[command]()
    assert main([*command.split(), *WORDS]) == 0
    text = capsys.readouterr().out
    assert text.startswith("! PROMPT: Sacral stress fracture")
    assert text.count("! PROMPT") == 1
    assert text.endswith(f"{USE}\n")
    assert repr(result).replace(".to_frame()", "--json") in text
    assert max(map(len, text.splitlines())) <= 80
    assert main([*command.split(), *WORDS, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    head = {
        "schema": "1",
        "network": "five_findings",
        "version": "1",
        "library": bp.__version__,
        "given": dict(CASE.net.given),
        "evidence": dict(CASE.evidence),
        "triage": {**bp.triage(CASE).to_dict(), "rules": len(CASE.net.red_flags)},
        "log_evidence": CASE.log_evidence,
        "use": USE,
    }
    verb = command.split(maxsplit=1)[0]
    told = {key: value for key, value in result.to_dict().items() if key not in ("network", "evidence")}
    assert {key: value for key, value in answer.items() if value is not None} == json.loads(
        json.dumps({**head, SECTION.get(verb, verb): told})
    )
    assert list(answer)[:6] == list(head)[:6]


SERVED: dict[str, dict[str, Any]] = {
    "query": {},
    "next --top 2": {"next": {"n": 2}},
    "explain --against deep_gluteal_syndrome": {"explanation": {"against": "deep_gluteal_syndrome"}},
    "sensitivity": {"sensitivity": {"top": 10_000}},
    "uncertainty --samples 50": {"uncertainty": {"samples": 50, "top": 10_000}},
    "triage": {},
}


@pytest.mark.parametrize("command", SERVED)
def test_json_is_what_the_service_answers(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One schema for both: the command prints the very answer of the HTTP service, and it fits the schema."""
    assert main([*command.split(), *WORDS, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    stated = {"network": "five_findings", "evidence": dict(CASE.evidence), **SERVED[command]}
    request = schema.read(schema.CaseRequest, stated)
    sections: list[Any] = ["posterior"] if command == "query" else []
    served = service.answer(service.Networks(), request, sections)
    assert {key: told.pop(key) for key in list(told) if told[key] is None}.keys() <= set(SECTIONS)
    assert told == served.model_dump(mode="json", exclude_unset=True)
    published = json.loads((schema.PUBLISHED / "answer.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(published).validate(told)
    assert told["schema"] == schema.SCHEMA


def test_a_network_without_red_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody stated red flags, none is said to be silent, and no urgency is made up."""
    path = tmp_path / "bare.uai"
    bp.save_network(CASE.net, path)
    for command in ("query", "triage"):
        assert main([command, "--network", str(path)]) == 0
        told = capsys.readouterr().out
        assert "This network states no red flags, so none can fire." in told
        assert "No red flag fires" not in told
        assert "routine" not in told
        assert main([command, "--network", str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["triage"]["rules"] == 0


def test_triage(capsys: pytest.CaptureFixture[str]) -> None:
    """Triage shows its table, and in JSON nothing but the frame."""
    assert main(["triage", *WORDS]) == 0
    assert repr(bp.triage(CASE)) in capsys.readouterr().out
    assert main(["triage", *WORDS, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["triage"]
    assert told.pop("rules") == len(CASE.net.red_flags)
    assert told == bp.triage(CASE).to_dict()


def test_networks_describe_and_literature(capsys: pytest.CaptureFixture[str]) -> None:
    """What is said of networks comes in JSON, too."""
    assert main(["networks", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["networks"]
    assert [item["network"] for item in listed] == bp.available_networks()
    net = CASE.net
    assert main(["describe", "five_findings", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in told["nodes"]] == list(net.nodes)
    assert told["red_flags"][0]["name"] == net.red_flags[0].name
    assert main(["describe", "five_findings", "hop_test_pain", "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)["numbers"]
    assert {item["parameter"]: item["value"] for item in numbers} == dict(
        net.parameters["value"][net.parameters["node"] == "hop_test_pain"]
    )
    assert main(["literature"]) == 0
    assert capsys.readouterr().out == f"{check_literature(net)!r}\n"
    assert main(["literature", "five_findings", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == check_literature(net).to_dict()["rows"]


COMPLAINTS = {
    "next --cost much": "--cost much: 'much' is no number; write --cost finding=3",
    "next --cost 1 --cost 2": "is one cost for all, and goes with no other",
    "next --cost nose=1": "'nose' is no node",
    "next --target hop_test_pain hop_test_pain=yes": "was observed",
    "explain --target hop_test_pain --against hop_test_pain": "compared with itself",
    "sensitivity --target nose": "'nose' is no node",
    "uncertainty --samples 1": "samples must be at least 2",
    "uncertainty --samples 99999999999": "argument --samples: expected at most 1,000,000, found",
    "diff five_findings runner --samples 1000001": "expected at most 1,000,000, found '1000001'",
    f"uncertainty --samples {'9' * 5000}": "expected at most 1,000,000",
    f"batch a.csv b.csv --chunk {2**70}": "argument --chunk: expected at most 10,000,000",
    "uncertainty --targets ,": "expected names with commas between them",
    "uncertainty --seed -1": "argument --seed: expected",
    "ask --load nowhere.json": "error: nowhere.json cannot be read: No such file",
    "ask --save nowhere/v.json": "error: nowhere/v.json cannot be written: No such file",
    "ask --target nose": "'nose' is no node",
    "ask --target hop_test_pain hop_test_pain=yes": "--target hop_test_pain was observed; nothing is left",
    "export five_findings net.docx": "unknown format",
    "serve --port 70000": "expected a port",
    "completion tcsh": "invalid choice: 'tcsh'",
}


@pytest.mark.parametrize("command", COMPLAINTS)
def test_complaints(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the library refuses is told like any other complaint."""
    assert main(command.split()) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("buttpain: error: ")
    assert COMPLAINTS[command] in told.err


# -- export --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["toml", "uai", "bif"])
def test_export(tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    """The file is the network, and what the format loses is told; a file that is there is left alone."""
    path = tmp_path / f"net.{suffix}"
    assert main(["export", "five_findings", str(path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    again = bp.load_network(str(path))
    lost = {
        "roles": not any(item.role for item in again.variables),
        "sources and certainty of the 30 numbers": not any(item.source for item in again.provenance),
        "the selection buttock_pain=present": not again.given,
        "the noisy-OR of buttock_pain, written as chains": len(again.nodes) > len(CASE.net.nodes),
        "names: nodes are var_0": "hop_test_pain" not in again.nodes,
        "red flag": not again.red_flags,
    }
    assert {words: words in said for words in lost} == lost
    assert main(["export", "five_findings", str(path)]) == 2
    assert "is there already; write over it with --force" in capsys.readouterr().err
    assert main(["export", "five_findings", str(path), "--force", "--json"]) == 0
    assert bool(json.loads(capsys.readouterr().out)["lost"]) == (suffix != "toml")


# -- services ------------------------------------------------------------------------------------


def test_serve_and_mcp_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """The services get what the command line says."""
    called: list[tuple[object, ...]] = []
    server = SimpleNamespace(serve=lambda *args, **options: called.append((args, options)))
    guard = SimpleNamespace(Settings=lambda networks: networks)
    for name, module in {"server": server, "guard": guard, "mcp": server}.items():
        monkeypatch.setitem(sys.modules, f"buttpain.faces.{name}", module)
    assert main(["serve", "--port", "8123", "--workers", "2", "--network", "a.toml"]) == 0
    assert main(["mcp", "--network", "b.toml"]) == 0
    assert called == [(("127.0.0.1", 8123), {"workers": 2, "settings": ("a.toml",)}), ((["b.toml"],), {})]


@pytest.mark.parametrize(("command", "extra"), [("serve", "server"), ("mcp", "mcp")])
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, extra: str
) -> None:
    """Without its packages a service says what to install; a mistake of ours is not taken for that."""

    def missing(_: str) -> object:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr("buttpain.faces.start.import_module", missing)
    package = "uvicorn"
    assert main([command]) == 2
    assert f'pip install ".[{extra}]"' in capsys.readouterr().err
    package = "buttpain.faces.gossip"
    with pytest.raises(ModuleNotFoundError, match="gossip"):
        main([command])
