"""The interview: asks the most telling question, takes an answer, shows where that leaves the case.

It reads lines and writes lines, and so works in a terminal, over a pipe and in a test alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TextIO

from buttpain.analysis.explanation import explain
from buttpain.display.tables import Grid, percent
from buttpain.errors import ButtpainError, UnknownState, close_matches
from buttpain.faces.visit import Question, Visit
from buttpain.faces.words import USE, UsageError, counted, lines, observation, said, say
from buttpain.model.network import Network, Variable

__all__ = ["interview"]

HELP = """\
yes, no             the finding is there, or is not (y, n, present, absent)
a state or number   where there are more than two, as listed
don't know          go on without it (d, ?, skip, unknown)
back                take the last answer of this interview back
why                 why this question, and why the leader leads
all                 the whole ranking
FINDING=STATE       something else that you have seen, such as
                    {example}
stop                end with the summary
quit                leave at once
"""

_SHOWN = 5
"""Conditions shown after an answer."""

_FOLLOWED = 3
"""Conditions of which `why` says what each answer would make of them."""

_COMMANDS = {
    "back": ("back", "b", "undo"),
    "why": ("why", "w"),
    "all": ("all", "a", "ranking"),
    "help": ("help", "h"),
    "stop": ("stop", "s", "end", "done"),
    "quit": ("quit", "q", "exit"),
    "unknown": ("d", "don't know", "dont know", "dunno", "dk", "?", "skip", "unknown", "not known", "unsure"),
}
_YES, _NO = (
    ("yes", "y", "yeah", "yep", "present", "positive", "+"),
    ("no", "n", "nope", "absent", "negative", "-"),
)


class _Left(Exception):
    """Somebody left the interview without its summary."""


@dataclass
class _Talk:
    """One interview; `visit` is where it stands."""

    visit: Visit
    read: Callable[[], str]
    out: TextIO
    echo: bool
    keep: Callable[[Visit], None]

    def say(self, *texts: str) -> None:
        for text in texts:
            say(text, self.out)

    def hear(self, prompt: str) -> str:
        """Return the next line without surrounding blanks; EOFError at the end of input."""
        self.out.write(prompt)
        self.out.flush()
        line = self.read()
        if not line:
            self.out.write("\n")
            raise EOFError
        if self.echo:
            self.say(line.strip())
        return " ".join(line.replace("\u2019", "'").split())

    def take(self, visit: Visit) -> None:
        self.visit = visit
        self.keep(visit)


def interview(
    visit: Visit,
    read: Callable[[], str],
    out: TextIO,
    *,
    echo: bool = False,
    keep: Callable[[Visit], None] = lambda _: None,
) -> Visit | None:
    r"""Ask until the decision is settled, somebody stops, or there is nothing more to read.

    Parameters
    ----------
    visit
        Where to begin.
    read
        Returns the next line, with its line end; nothing at the end of input.
    out
        Where the talk is written.
    echo
        Write what was read, too, so that what was piped in can be followed.
    keep
        Called with the visit after each answer.

    Returns
    -------
    visit
        Where it ended; None if somebody left without a summary.

    Examples
    --------
    >>> import io
    >>> import buttpain as bp
    >>> from buttpain.faces.ask import interview
    >>> from buttpain.faces.visit import Visit
    >>> visit = Visit(bp.load_network("five_findings"), "five_findings")
    >>> interview(visit, io.StringIO("no\nstop\n").readline, io.StringIO()).steps
    (('burning_pain_past_knee', 'absent'),)
    """
    visit = visit.begun()
    _ = visit.question  # refuses what cannot be asked about before anything is said
    talk = _Talk(visit, read, out, echo, keep)
    talk.say(lines(*visit.case.heading[:-1], "Answer yes, no or don't know; why, back, stop, help.", USE), "")
    if visit.steps:
        _show(talk)
    try:
        _ask_on(talk)
    except EOFError:
        pass
    except _Left:
        return None
    talk.say(*_summary(talk.visit))
    return talk.visit


def _ask_on(talk: _Talk) -> None:
    number, going_on = 1, False
    while (question := talk.visit.question) is not None:
        if talk.visit.settled and not going_on:
            talk.say(lines(talk.visit.settled))
            if not _wants_more(talk):
                return
            going_on = True
        talk.say(_asked(number, question, talk.visit))
        done, before = _answered(talk, question), talk.visit.steps
        if done:
            return
        if before:
            _show(talk)
        number += 1
    talk.say(lines(talk.visit.settled))


def _wants_more(talk: _Talk) -> bool:
    while True:
        heard = talk.hear("Ask on all the same? (yes or no) > ").casefold()
        if heard in _YES:
            return True
        if heard in (*_NO, *_COMMANDS["stop"], ""):
            return False
        if heard in _COMMANDS["quit"]:
            raise _Left
        if heard in _COMMANDS["back"]:
            if _taken_back(talk):
                return True
            continue
        talk.say("Please answer yes or no.")


# -- a question --------------------------------------------------------------------------


def _asked(number: int, question: Question, visit: Visit) -> str:
    variable = visit.net.variable(question.finding)
    label = visit.net.label(question.finding)
    text = variable.question or f"{label}?"
    cost = f", cost {question.row['cost']:g}" if question.row["cost_known"] else ""
    head = f"{number}. {text} [{label}{cost}]"
    if _is_yes_or_no(variable):
        return lines(head)
    return "\n".join([lines(head), *(f"   {i}  {state}" for i, state in enumerate(variable.states, 1))])


def _is_yes_or_no(variable: Variable) -> bool:
    return len(variable.states) == 2 and bool(variable.positive and variable.negative)


def _answered(talk: _Talk, question: Question) -> bool:
    """Hear until the question is answered or dropped; return whether somebody stopped."""
    while True:
        heard = talk.hear("> ")
        command = _command(heard, talk.visit.net.variable(question.finding))
        if command == "stop":
            return True
        if command == "quit":
            raise _Left
        if command == "back":
            if _taken_back(talk):
                return False
            continue
        told = {"why": _why, "all": _all, "help": _help}.get(command)
        if told:
            talk.say(told(talk.visit, question))
            continue
        try:
            talk.take(talk.visit.answer(*_meant(heard, command, talk.visit, question)))
        except (ButtpainError, UsageError) as error:
            talk.say(lines(str(error)))
            continue
        return False


def _taken_back(talk: _Talk) -> bool:
    """Take back the last answer of the interview; say so if there is none, and return False."""
    visit = talk.visit
    if visit.before is None:
        given = [node for node, seen in visit.steps if seen is not None]
        talk.say("There is no answer to take back.")
        if given:
            named = ", ".join(map(visit.net.label, given))
            talk.say(
                lines(
                    f"What was given at the start stays ({named}); to take one back, say that you do not "
                    f"know it: {given[-1]}=?"
                )
            )
        return False
    undone = visit.steps[-1][0]
    talk.take(visit.back())
    talk.say(f"Taken back: {visit.net.label(undone)}.")
    return True


def _command(heard: str, variable: Variable) -> str:
    """Return which command was meant; a state of that name is an answer."""
    folded = heard.casefold().rstrip(".!")
    if heard in variable.states:
        return ""
    return next((name for name, words in _COMMANDS.items() if folded in words), "")


def _meant(heard: str, command: str, visit: Visit, question: Question) -> tuple[str, Any]:
    """Return finding and observation; `None` says that nobody knows."""
    variable = visit.net.variable(question.finding)
    if command == "unknown":
        return question.finding, None
    if "=" in heard:
        return _volunteered(visit.net, heard)
    if not heard:
        raise UsageError(f"Please answer {_choices(variable)}, or don't know; help tells more.")
    return question.finding, _state(heard.rstrip(".!"), variable)


def _volunteered(net: Network, heard: str) -> tuple[str, Any]:
    """Return what somebody says without being asked, as ``finding=state``."""
    node, _, stated = (part.strip() for part in heard.partition("="))
    variable = net.variable(node)
    if _command(stated, variable) == "unknown":
        return node, None
    return (node, _state(stated, variable)) if stated and ":" not in stated else observation(net, heard)


def _state(heard: str, variable: Variable) -> Any:
    """Return the state that was meant: by name, by number, by its beginning, or as yes or no."""
    states = {state.casefold(): state for state in variable.states}
    folded = heard.casefold().replace(" ", "_")
    if heard in variable.states:
        return heard
    if folded in states:
        return states[folded]
    if _is_yes_or_no(variable) and heard.casefold() in (*_YES, *_NO):
        return heard.casefold() in _YES
    if not _is_yes_or_no(variable) and re.fullmatch(r"\d+", heard) and 0 < int(heard) <= len(states):
        return variable.states[int(heard) - 1]
    begun = [state for name, state in states.items() if name.startswith(folded)]
    if len(begun) == 1:
        return begun[0]
    word = said(variable, heard)
    if word != heard:
        return word
    advice = f"Please answer {_choices(variable)}, or don't know; help tells more."
    close = close_matches(heard, variable.states)
    raise UnknownState(variable.name, heard, variable.states, advice + (f" {close[0]}?" if close else ""))


def _choices(variable: Variable) -> str:
    if _is_yes_or_no(variable):
        return "yes, no"
    numbered = ", ".join(f"{i} ({state})" for i, state in enumerate(variable.states, 1))
    return f"by name or number: {numbered}"


# -- what is shown -----------------------------------------------------------------------


def _show(talk: _Talk) -> None:
    """Show red flags first, then how the ranking stands."""
    talk.say("", _ranking(talk.visit, _standing(talk.visit)), "")


def _ranking(visit: Visit, grid: Grid) -> str:
    title = "" if grid.alerts or not visit.net.red_flags else "No red flag fires on what is known."
    return replace(grid, title=title, lead=()).text()


def _standing(visit: Visit) -> Grid:
    """Return how the likeliest stand, or how the target stands and which condition leads."""
    grid, leader = visit.posterior.grid(_SHOWN), visit.leader
    if visit.target is None or leader is None or not visit.net.conditions:
        return grid
    return replace(grid, notes=[*grid.notes, f"Leads now: {leader.label}, {percent(leader.posterior)}"])


def _all(visit: Visit, _: Question) -> str:
    return _ranking(visit, visit.case.posterior().grid())


def _help(visit: Visit, question: Question) -> str:
    other = next(
        (row["finding"] for row in visit.rows if row["finding"] != question.finding), question.finding
    )
    return HELP.format(example=f"{other}={visit.net.states(other)[-1]}").rstrip()


def _why(visit: Visit, question: Question) -> str:
    return "\n".join(_reasons(visit, question))


def _reasons(visit: Visit, question: Question) -> Iterator[str]:
    row, label = question.row, visit.net.label
    bits = f"{row['information']:.2f} bits" if row["information"] >= 0.005 else "less than 0.01 bits"
    about = f", most of it about {label(row['about'])}" if row["about"] else ""
    purpose = {
        "leader": f"The answer is expected to tell {bits}{about}: the most for its cost.",
        "urgency": "No single answer would change who leads any more; this one may change how soon it "
        "wants attention.",
        "neither": f"The answer is expected to tell {bits}{about}; "
        "it changes neither the leader nor the urgency.",
    }
    yield lines(purpose[question.for_whom])
    yield _effects(visit, row).text()
    if told := _explained(visit):
        yield lines(told)


def _effects(visit: Visit, row: Mapping[str, Any]) -> Grid:
    """Return what each answer would make of the target and of the likeliest."""
    answers = [answer for answer in row["answers"] if answer["probability"] > 0]
    new = {item["leader"] for item in answers if item["changes_leader"]}
    rows = [
        (label, percent(today), *(percent(answer["posterior"][name]) for answer in answers))
        for i, (name, label, today) in enumerate(visit.outlook.followed)
        if i < _FOLLOWED or name in new
    ]
    rows.insert(0, ("how probable the answer is", "", *(percent(item["probability"]) for item in answers)))
    notes = [
        f"{item['answer']}: urgency becomes {item['urgency'].replace('_', ' ')}"
        f"{_because(visit, item['red_flags'])}."
        for item in answers
        if item["changes_urgency"]
    ]
    headers = ("if the answer is", ">now", *(f">{item['answer']}" for item in answers))
    return Grid("", headers, rows, notes=notes)


def _because(visit: Visit, names: Sequence[str]) -> str:
    """Return the red flags of these names in brackets; nothing if there are none, as where one goes out."""
    labels = {flag.name: flag.label for flag in visit.net.red_flags}
    return f" ({', '.join(labels[name] for name in names)})" if names else ""


def _summary(visit: Visit) -> Iterator[str]:
    """Yield what stands at the end: red flags first, the ranking, what was and was not told, the use."""
    grid = _standing(visit)
    notes = [*grid.notes]
    if visit.net.red_flags and not grid.alerts:
        notes.append("No red flag fires; a finding that was not observed fires none.")
    if visit.unknown:
        notes.append(f"Not known: {'; '.join(map(visit.net.label, visit.unknown))}")
    told = _explained(visit)
    notes += [told] if told else []
    yield ""
    yield f"Summary after {counted(len(visit.steps), 'answer')}"
    yield replace(grid, notes=[*notes, USE]).text()


def _explained(visit: Visit) -> str:
    """Return why the target, or else the leader, is as probable as it is; nothing if nobody may lead."""
    case, leader = visit.case, visit.leader
    if not case.evidence or visit.known or leader is None:
        return ""
    if visit.target is None:
        return explain(case, leader.node, state=leader.state).summary
    variable = visit.net.variable(visit.target)
    likeliest = variable.states[int(case.marginals([variable.name])[0].argmax())]
    return explain(case, variable.name, state=variable.positive or likeliest).summary
