"""What holds for every page in every state."""

import gzip

import pytest
from flask.testing import FlaskClient

from balancecloud.web import static_files
from tests.web.pages import preview
from tests.web.pages.reading import Read, read

WHOLE = [name for name in preview.PAGES if name != "job-body"]
STATIC = preview.HERE / "static"
KB = 1000
ENDING = " \N{EN DASH} BalanceCloud"


@pytest.fixture(scope="session", params=WHOLE)
def page(request: pytest.FixtureRequest, gallery: FlaskClient) -> Read:
    return read(gallery.get(f"/{request.param}").get_data(as_text=True))


def zipped(*parts: bytes) -> int:
    return sum(len(gzip.compress(part)) for part in parts)


def test_t_15_nothing_is_inline(page: Read) -> None:
    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
    assert "".join(page.texts.get("script", [])).strip() == ""
    assert "style" not in page.texts


def test_there_is_one_heading_and_a_title(page: Read) -> None:
    assert len(page.texts["h1"]) == 1
    assert page.texts["h1"][0].strip()
    title = page.texts["title"][0]
    assert title.endswith(ENDING)
    assert len(title) > len(ENDING)
    assert page.all("html")[0]["lang"] == "en"


def test_ids_are_unique_and_labels_name_something(page: Read) -> None:
    ids = page.ids()
    assert [name for name, count in ids.items() if count > 1] == []
    pointed = [label["for"] for label in page.all("label") if "for" in label]
    named = ("aria-describedby", "aria-labelledby")
    for _, attributes in page.elements:
        for key in named:
            pointed += (attributes.get(key) or "").split()
    assert [name for name in pointed if name not in ids] == []


def test_every_form_that_changes_something_carries_a_token(page: Read) -> None:
    forms = [form for form in page.all("form") if form.get("method") == "post"]
    tokens = [field for field in page.all("input") if field.get("name") == "csrf_token"]
    assert len(tokens) == len(forms)
    assert all(field["value"] == "stub" for field in tokens)


def test_only_pages_that_failed_say_error_in_their_title(gallery: FlaskClient) -> None:
    says = {
        name
        for name in WHOLE
        if read(gallery.get(f"/{name}").text).texts["title"][0].startswith("Error: ")
    }
    failed = {name for name in WHOLE if name.endswith(("-wrong", "-refused", "-failed"))}
    assert says == (failed - {"job-failed"}) | {
        "register-first",
        "error-404",
        "error-500",
        "error-429",
    }


@pytest.mark.parametrize("name", WHOLE)
def test_a_page_keeps_the_budget(gallery: FlaskClient, name: str) -> None:
    html = gallery.get(f"/{name}").data
    assert zipped(html) <= 20 * KB
    assert len(read(html.decode()).elements) <= 2500


# What a page asks for at most: files with what is fetched when the first one is chosen, and a job.
TOGETHER = (
    {"app.js", "selection.js", "upload.js", "upload/queue.js", "upload/view.js"},
    {"app.js", "job.js"},
)


def test_style_and_scripts_keep_the_budget() -> None:
    assert zipped(static_files.as_sent("app.css").encode()) <= 10 * KB
    own = {str(path.relative_to(STATIC)) for path in STATIC.rglob("*.js")}
    assert {path for path in own if static_files.is_ours(path)} == set.union(*TOGETHER)
    for scripts in TOGETHER:
        assert zipped(*(static_files.as_sent(path).encode() for path in scripts)) <= 14 * KB


def test_a_first_visit_weighs_little_and_a_later_page_hardly_anything(
    gallery: FlaskClient,
) -> None:
    font = STATIC / "vendor" / "inter" / "5.3.0" / "inter-latin-wght-normal.woff2"
    icons = STATIC / "vendor" / "lucide" / "1.62.0" / "icons.svg"
    kept = [STATIC / "app.css", icons, STATIC / "logo.svg", *STATIC.glob("*.js")]
    page = zipped(gallery.get("/files").data)
    assert page <= 8 * KB
    assert page + font.stat().st_size + zipped(*(one.read_bytes() for one in kept)) <= 110 * KB


def test_every_icon_and_file_that_pages_name_exists(gallery: FlaskClient) -> None:
    for name in preview.PAGES:
        found = read(gallery.get(f"/{name}").text)
        addresses = [a.get("href") or "" for a in found.all("link") + found.all("use")]
        addresses += [a.get("src") or "" for a in found.all("script")]
        for address in addresses:
            named, _, symbol = address.removeprefix("/static/").partition("#")
            path = named.partition("?")[0]
            text = (STATIC / path).read_bytes()
            assert not symbol or f'id="{symbol}"'.encode() in text, f"{name}: {address}"


def test_t_15_names_are_text_never_markup(gallery: FlaskClient) -> None:
    assert "<b>" not in gallery.get("/search").text.split("</h1>")[0].split("<h1>")[1]
    assert "tr &amp; &lt;b&gt;" in gallery.get("/search").text


def test_simulated_accounts_are_labelled_wherever_they_are_shown(gallery: FlaskClient) -> None:
    for name in (
        "clouds",
        "job",
        "storage",
        "link",
        "continue",
        "confirm",
        "unlink",
        "account-sign-in",
        "account-other-wrong",
    ):
        assert ">Simulated<" in gallery.get(f"/{name}").text, name


def test_a_page_refreshes_itself_only_when_asked(gallery: FlaskClient) -> None:
    asked = {name for name in WHOLE if 'http-equiv="refresh"' in gallery.get(f"/{name}").text}
    assert asked == {"job-auto"}


def test_only_a_finished_job_says_100_percent_stored(gallery: FlaskClient) -> None:
    for name in ("job", "job-waiting", "job-partly", "job-failed", "job-retrying"):
        assert 'aria-valuetext="100 percent stored' not in gallery.get(f"/{name}").text, name
    assert 'aria-valuetext="100 percent stored' in gallery.get("/job-done").text
