"""One file of a job, on the job's page and without scripts: cancelled while the others go on."""

import re
import uuid

import pytest

from tests.web.browser import Browser
from tests.web.program import Program
from tests.web.tus.sender import Sender

pytestmark = pytest.mark.real

CANCEL = re.compile(r'<button form="file-acts" formaction="([^"]+)" aria-label="Cancel ([^"]+)">')


def test_a_person_cancels_one_file_of_a_job(program: Program, browser: Browser) -> None:
    program.register()
    browser.sign_in()
    sender, batch = Sender(program), str(uuid.uuid4())
    for name in ("a.txt", "b.txt"):
        sender.begin(10, name, batch=batch)
    [job] = sender.jobs()
    address = f"/jobs/{job['id']}"
    page = browser.get(address).text
    offered = {name: action for action, name in CANCEL.findall(page)}
    assert set(offered) == {"a.txt", "b.txt"}
    assert 'id="file-acts"' in page

    answer = browser.submit(address, {}, action=offered["a.txt"])

    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    page = browser.get(address).text
    assert "A file was cancelled at your request." in page
    assert CANCEL.findall(page) == []  # of the last one the whole job is cancelled
    assert [one["name"] for one in sender.listed()] == ["b.txt"]
    assert sender.reserved() == 10
    again = browser.submit(address, {}, action=offered["a.txt"])
    assert again.status_code == 409
    assert (
        browser.submit(address, {}, action=f"{address}/files/{uuid.uuid4()}/retry").status_code
        == 404
    )
