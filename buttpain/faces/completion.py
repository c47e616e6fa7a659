"""Completion of words in bash, zsh and fish: a script to print, and the words that it asks for.

The scripts ask the command itself, which so completes findings, states and networks, also
those of a file named on the line.  Nothing is read until somebody presses Tab, and no
command starts later for it.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from buttpain.errors import ButtpainError
from buttpain.faces.words import DEFAULT_NETWORK, say
from buttpain.model.files import available_networks, load_network
from buttpain.model.network import Network

__all__ = ["candidates", "command"]

BASH = """\
_buttpain() {
    local line word
    line="${COMP_LINE:0:COMP_POINT}"
    word="${line##*[[:space:]]}"
    local -a words
    read -r -a words <<< "$line"
    [[ -n "$word" ]] || words+=("")
    local IFS=$'\\n'
    COMPREPLY=($(buttpain _complete "${words[@]:1}" 2>/dev/null))
    # Bash takes = and : for ends of words; what stands before them is on the line already.
    local last="${word%"${word##*[=:]}"}" i
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]="${COMPREPLY[i]#"$last"}"
    done
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _buttpain buttpain
"""

ZSH = """\
#compdef buttpain
_buttpain() {
    local -a found whole open
    found=("${(@f)$(buttpain _complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    open=(${(M)found:#*=})
    whole=(${found:#*=})
    (( ${#open} )) && compadd -S '' -- $open
    (( ${#whole} )) && compadd -- $whole
    (( ${#open} + ${#whole} )) || _files
}
compdef _buttpain buttpain
"""

FISH = """\
function __buttpain_asked
    set -l words (commandline -opc) (commandline -ct)
    set -g __buttpain_words (buttpain _complete $words[2..-1] 2>/dev/null)
    test (count $__buttpain_words) -gt 0
end
# Files are offered only where the command offers nothing.
complete -c buttpain -n __buttpain_asked -f -a '$__buttpain_words'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

_OF_CASE = ("query", "ask", "next", "explain", "sensitivity", "uncertainty", "triage")
_NODE_OPTIONS = ("--target", "--targets", "--against")
_NAMED = ("describe", "literature", "export", "diff")


def command(args: Namespace) -> int:
    """Print the script of a shell."""
    say(SCRIPTS[args.shell].rstrip("\n"))
    return 0


def candidates(words: Sequence[str], options: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what the last word may become.

    Parameters
    ----------
    words
        What stands on the line after the name of the program, the last being the unfinished one.
    options
        By command.

    Examples
    --------
    >>> from buttpain.faces.completion import candidates
    >>> candidates(["query", "hop"], {"query": ["--json"]})
    ['hop_test_pain=']
    >>> candidates(["query", "hop_test_pain="], {"query": ["--json"]})
    ['hop_test_pain=absent', 'hop_test_pain=present']
    """
    *before, last = words or [""]
    return sorted({item for item in _allowed(before, last, options) if item.startswith(last)})


def _allowed(before: Sequence[str], last: str, options: Mapping[str, Sequence[str]]) -> Iterable[str]:
    if not before:
        return [*options, "--help", "--version"]
    verb, previous = before[0], before[-1]
    place = len(before) if verb in _NAMED and not last.startswith("-") else 0
    if previous == "--network" or place == 1 or (verb, place) == ("diff", 2):
        return available_networks()
    if last.startswith("-"):
        return options.get(verb, ())
    return SCRIPTS if verb == "completion" else _of_network(verb, before, last)


def _of_network(verb: str, before: Sequence[str], last: str) -> Iterable[str]:
    net, previous = _network(verb, before), before[-1]
    if net is None:
        return ()
    if previous in _NODE_OPTIONS or (verb == "describe" and len(before) == 2):
        return net.nodes
    return _findings(net, before, last) if verb in _OF_CASE else ()


def _network(verb: str, before: Sequence[str]) -> Network | None:
    named = before[1] if verb == "describe" and len(before) > 1 else DEFAULT_NETWORK
    for option, value in pairwise(before):
        named = value if option == "--network" else named
    try:
        return load_network(named)
    except ButtpainError:
        return None


def _findings(net: Network, before: Sequence[str], last: str) -> Iterator[str]:
    node, equals, _ = last.partition("=")
    if equals:
        if node in net.nodes:
            yield from (f"{node}={state}" for state in net.states(node))
        return
    told = {word.partition("=")[0] for word in before}
    yield from (f"{name}=" for name in net.nodes if name not in told and name not in net.given)
