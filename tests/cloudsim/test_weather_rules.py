"""Rules by themselves: which calls they take, and how they are read from JSON."""

import threading
from typing import Any

import pytest

from cloudsim.conditions import FAIR, Conditions
from cloudsim.weather.effects import KINDS, Answer, Delay, Drop
from cloudsim.weather.reading import (
    BadWeather,
    conditions_json,
    read_conditions,
    read_rule,
    rule_json,
)
from cloudsim.weather.rules import Rule, Turns, draw

ANNA, BEN = "anna@example.com", "ben@example.com"


def taken(turns: Turns, count: int, account: str = ANNA, route: str = "files.get") -> list[int]:
    return [number for number in range(count) if turns.takes(account, route)]


def test_a_rule_passes_some_then_hits_some() -> None:
    turns = Turns(Rule("one", Drop(), after=2, times=3), 1)
    assert taken(turns, 10) == [2, 3, 4]
    assert (turns.calls, turns.hits) == (10, 3)


def test_each_account_is_counted_for_itself() -> None:
    turns = Turns(Rule("one", Drop(), after=1), 1)
    assert taken(turns, 3) == [1]
    assert taken(turns, 3, BEN) == [1]


def test_a_share_is_drawn_by_the_seed_alone() -> None:
    rule = Rule("rain", Drop(), times=None, share=0.3)
    first, again, other = (taken(Turns(rule, seed), 1000) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert 250 < len(first) < 350


def test_eight_threads_meet_the_same_faults_as_one() -> None:
    rule = Rule("rain", Drop(), times=None, share=0.3)
    alone, crowded = Turns(rule, 7), Turns(rule, 7)
    accounts = [f"{name}@example.com" for name in "abcdefgh"]
    found: dict[str, list[int]] = {}

    def ask(account: str) -> None:
        found[account] = taken(crowded, 200, account)

    threads = [threading.Thread(target=ask, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {account: taken(alone, 200, account) for account in accounts}


def test_eight_threads_of_one_account_meet_as_many_faults_as_one() -> None:
    rule = Rule("rain", Drop(), times=None, share=0.3)
    alone, crowded = Turns(rule, 7), Turns(rule, 7)
    threads = [threading.Thread(target=taken, args=(crowded, 100)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert crowded.hits == len(taken(alone, 800))


def test_draws_are_spread_evenly_and_below_one() -> None:
    drawn = [draw(1, "a", str(number)) for number in range(2000)]
    assert min(drawn) >= 0
    assert max(drawn) < 1
    assert 0.47 < sum(drawn) / len(drawn) < 0.53


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule("r", Drop()), True),
        (Rule("r", Drop(), provider="google", route="upload.*", method="POST"), True),
        (Rule("r", Drop(), account="anna@*"), True),
        (Rule("r", Drop(), provider="microsoft"), False),
        (Rule("r", Drop(), route="files.*"), False),
        (Rule("r", Drop(), account=BEN), False),
        (Rule("r", Drop(), method="GET"), False),
    ],
)
def test_a_rule_fits_by_all_that_it_names(rule: Rule, fits: bool) -> None:
    assert rule.fits("google", ANNA, "upload.multipart", "POST") is fits


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_effect_comes_back_from_its_json(kind: str) -> None:
    needed: dict[str, Any] = {
        "answer": {"status": 503, "headers": {"X-A": "b"}, "retry_after_s": 1.5},
        "delay": {"seconds": 2},
        "cut_upload": {"at": 3},
        "redirect": {"to": "http://elsewhere.example/"},
        "act": {"act": "revoke"},
    }
    effect = {"kind": kind, **needed.get(kind, {})}
    rule = read_rule({"effect": effect, "times": None}, "one")
    assert type(rule.effect) is KINDS[kind]
    assert read_rule(rule_json(rule), "other") == rule


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"effect": {"kind": "sunshine"}},
        {"effect": {"kind": "delay"}},
        {"effect": {"kind": "delay", "seconds": -1}},
        {"effect": {"kind": "delay", "seconds": float("nan")}},
        {"effect": {"kind": "delay", "seconds": True}},
        {"effect": {"kind": "drop", "when": "never"}},
        {"effect": {"kind": "answer", "status": "503"}},
        {"effect": {"kind": "answer", "status": 503, "headers": {"A": 1}}},
        {"effect": {"kind": "drop"}, "colour": "grey"},
        {"effect": {"kind": "drop"}, "times": "all"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(sent: dict[str, object]) -> None:
    with pytest.raises(BadWeather):
        read_rule(sent, "one")


def test_conditions_are_written_without_what_is_fair() -> None:
    conditions = Conditions(latency_s=0.5, outage="silence", in_flight=3)
    written = conditions_json(conditions)
    assert written == {"latency_s": 0.5, "outage": "silence", "in_flight": 3}
    assert read_conditions(written) == conditions
    assert read_conditions({}) == FAIR


@pytest.mark.parametrize("sent", [{"outage": "strike"}, {"latency_s": "1"}, {"mood": 1}])
def test_conditions_that_make_no_sense_are_refused(sent: dict[str, object]) -> None:
    with pytest.raises(BadWeather):
        read_conditions(sent)


def test_an_answer_and_a_delay_keep_their_numbers() -> None:
    rule = read_rule({"effect": {"kind": "answer", "status": 429, "retry_after_s": 2}}, "one")
    assert rule.effect == Answer(429, retry_after_s=2)
    assert read_rule({"effect": {"kind": "delay", "seconds": 1}}, "x").effect == Delay(1)
