"""High-water marks, and faults that a seed repeats, over HTTP."""

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from cloudsim.app import Running
from cloudsim.conditions import Conditions
from cloudsim.weather.effects import Answer
from cloudsim.weather.rules import Rule
from cloudsim.weather.sky import Weather
from tests.cloudsim.client import Drive, OneDrive

pytestmark = pytest.mark.sim
ANNA = "anna@example.com"
ABOUT = "drive/v3/about?fields=user"


def test_marks_tell_what_was_asked_at_once(weather: Weather, drive: Drive) -> None:
    weather.forget_marks()
    drive.upload({"name": "a"}, b"hello")
    for _ in range(3):
        drive.send("GET", ABOUT)
    marks = weather.marks("google", ANNA)
    assert (marks.requests, marks.creations, marks.most_in_flight) == (4, 1, 1)
    assert (marks.most_requests_in_a_second, marks.most_creations_in_a_second) == (4, 1)


def test_marks_count_who_came_too_early(weather: Weather, sim: Running, onedrive: OneDrive) -> None:
    weather.add_rule(Rule("busy", Answer(429, retry_after_s=10)))
    onedrive.send("GET", "me/drive")
    onedrive.send("GET", "me/drive")
    assert weather.marks("microsoft", ANNA).too_early == 1
    sim.simulator.services.clock.advance(10)
    onedrive.send("GET", "me/drive")
    assert weather.marks("microsoft", ANNA).too_early == 1


def test_marks_see_eight_in_flight(weather: Weather, drive: Drive) -> None:
    weather.set_conditions("google", ANNA, Conditions(outage="silence"))
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(drive.send, "GET", ABOUT) for _ in range(8)]
        while weather.marks("google", ANNA).most_in_flight < 8:
            assert not any(one.done() for one in asked)
        weather.clear()
        assert all(isinstance(one.exception(5), urllib3.exceptions.ProtocolError) for one in asked)


def test_the_same_seed_brings_the_same_faults_over_http(weather: Weather, drive: Drive) -> None:
    weather.add_rule(Rule("rain", Answer(500), route="about.get", times=None, share=0.4))

    def faults(workers: int) -> int:
        weather.reseed(11)
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(lambda _: drive.send("GET", ABOUT).status, range(60)))
        return found.count(500)

    assert faults(1) == faults(8) == faults(8)
    assert math.isclose(weather.rules()[0].hits, 24, abs_tol=12)
