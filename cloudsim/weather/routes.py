"""What the routes' names mean for the weather."""

from cloudsim.routing import Call, Route

CREATIONS = frozenset(
    {
        ("google", "files.create"),
        ("google", "upload.start"),
        ("google", "upload.multipart"),
        ("google", "upload.media"),
        ("microsoft", "item.put"),
        ("microsoft", "item.createUploadSession"),
        ("microsoft", "item.createFolder"),
    }
)
_CONTENT = frozenset(
    {
        ("google", "upload.start"),
        ("google", "upload.multipart"),
        ("google", "upload.media"),
        ("google", "upload.update"),
        ("google", "upload.session"),
        ("microsoft", "item.put"),
        ("microsoft", "item.createUploadSession"),
        ("microsoft", "upload.fragment"),
    }
)
_MAKING = (CREATIONS | _CONTENT) - {
    ("google", "upload.start"),
    ("microsoft", "item.createUploadSession"),
}
_CONTENT_HOST = frozenset(
    {"content.download", "upload.fragment", "upload.state", "upload.cancel"}
)  # Microsoft's


def creates(route: Route) -> bool:
    """Whether it counts among the creations that providers limit."""
    return (route.provider, route.name) in CREATIONS


def brings_content(route: Route, call: Call) -> bool:
    """Whether bytes that need room come with it; a question about a session brings none."""
    is_question = route.name == "upload.session" and call.request.body.length == 0
    return (route.provider, route.name) in _CONTENT and not is_question


def makes(route: Route, status: int) -> bool:
    """Whether a call with this answer made, or filled, an object."""
    return (route.provider, route.name) in _MAKING and status in {200, 201}


def tells_quota(route: Route) -> bool:
    return route.name in {"about.get", "drive.get", "drives.list"}


def is_sign_in(route: Route) -> bool:
    return route.name.startswith("oauth.")


def is_content_host(route: Route) -> bool:
    """Whether Microsoft answers it at a host of its own, in that host's form."""
    return route.provider == "microsoft" and route.name in _CONTENT_HOST


def upload_id(route: Route, call: Call) -> str:
    """Name the session that a part of an upload belongs to."""
    if route.provider == "google":
        return call.query.get("upload_id")
    return call.path.get("upload", "")
