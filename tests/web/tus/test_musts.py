"""The table: what tus 1.0.0 demands of a server, in our words, by the test that shows it."""

from collections.abc import Mapping
from types import ModuleType
from typing import Final

import pytest

from tests.web.tus import test_core, test_extensions

CORE: Final[Mapping[str, tuple[str, ...]]] = {
    "test_every_answer_but_that_of_options_says_its_version": (
        "every answer but that of OPTIONS carries Tus-Resumable",
    ),
    "test_another_version_is_refused_and_nothing_is_done": (
        "another version is answered by 412",
        "that 412 carries Tus-Version",
        "and the request is not processed",
    ),
    "test_options_says_what_is_spoken_to_anybody": (
        "OPTIONS is answered by 204 or 200 with Tus-Version",
        "OPTIONS ignores the client's Tus-Resumable",
        "Tus-Version is a list, the preferred first",
        "Tus-Extension is a list of what is offered",
        "Tus-Max-Size is a whole number",
        "creation is announced",
        "creation-with-upload is announced",
        "expiration is announced",
        "checksum is announced, with its algorithms in OPTIONS",
        "termination is announced",
    ),
    "test_an_override_is_the_method_whatever_carries_it": (
        "X-HTTP-Method-Override is the method",
        "and the request's own is ignored",
    ),
    "test_head_says_offset_and_length_from_the_first_byte_to_after_the_last": (
        "HEAD always carries Upload-Offset, at 0 and when all is there too",
        "HEAD carries Upload-Length where it is known",
    ),
    "test_head_is_never_kept_by_a_cache": ("HEAD is answered with Cache-Control: no-store",),
    "test_what_is_not_there_has_no_offset": ("what is not there has no Upload-Offset",),
    "test_an_offset_that_is_no_number_is_refused": (
        "Upload-Offset is a whole number, not negative",
    ),
    "test_a_patch_of_another_type_is_refused": (
        "a PATCH has the type application/offset+octet-stream",
    ),
    "test_another_offset_is_a_conflict_and_changes_nothing": (
        "another offset is a 409 and changes nothing",
    ),
    "test_a_patch_is_answered_by_204_and_the_new_offset": (
        "success is 204",
        "with Upload-Offset, the old one and what was stored",
    ),
}
EXTENSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "test_an_upload_is_created_at_a_place_of_its_own": (
        "an upload is answered by 201",
        "with a Location",
    ),
    "test_an_upload_without_a_length_is_refused": (
        "Upload-Length is a whole number, not negative",
    ),
    "test_an_upload_of_no_bytes_is_a_file_at_once": ("one of no bytes is complete",),
    "test_what_is_too_large_is_refused_with_the_limit": ("a length above Tus-Max-Size is a 413",),
    "test_a_length_to_be_said_afterwards_is_not_offered": (
        "a deferred length is refused where it is not announced",
    ),
    "test_metadata_that_is_not_as_the_protocol_says_is_refused": (
        "keys and values of Upload-Metadata are parted by a space, values Base64",
        "keys are not empty, and without spaces and commas",
        "each key stands there once",
    ),
    "test_metadata_is_said_again_as_it_came": ("HEAD says Upload-Metadata again as it came",),
    "test_a_creation_with_bytes_of_another_type_or_too_many_creates_nothing": (
        "its body has the type of a PATCH",
    ),
    "test_bytes_sent_along_with_the_creation_count": (
        "its answer carries Upload-Offset, after what was stored",
    ),
    "test_it_is_said_until_when_an_upload_can_go_on": (
        "Upload-Expires is in every answer to a PATCH of what can expire",
        "and in the answer to the creation, where it is known then",
        "as a date of HTTP",
    ),
    "test_an_expired_upload_is_gone_and_gives_everything_back": (
        "an expired upload is 404 or 410",
    ),
    "test_a_checksum_that_fits_lets_the_bytes_in": ("sha1 is among them",),
    "test_a_checksum_of_another_kind_is_refused": (
        "Upload-Checksum is a name, a space and Base64",
        "an unknown algorithm is a 400",
    ),
    "test_t_27_bytes_that_do_not_fit_are_not_kept": (
        "what does not fit is a 460, discarded, the offset as before",
    ),
    "test_a_terminated_upload_is_gone_and_gives_everything_back": (
        "a DELETE is answered by 204",
        "what it held is freed",
        "afterwards it is 404 or 410",
    ),
}


@pytest.mark.parametrize(("module", "rows"), [(test_core, CORE), (test_extensions, EXTENSIONS)])
def test_every_demand_has_its_test(module: ModuleType, rows: Mapping[str, tuple[str, ...]]) -> None:
    missing = [demands for name, demands in rows.items() if not callable(vars(module).get(name))]

    assert missing == []
