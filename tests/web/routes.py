"""Who may call each route, with what proof, how often, and whose things its path names.

A route that is not here fails the suite.
"""

from dataclasses import dataclass
from typing import Literal

Who = Literal["anyone", "signed_in"]
# form: the session's CSRF token. bearer: a token of its own, or session and CSRF token.
# none: takes no session, sets no cookie.
Proof = Literal["form", "bearer", "none"]
Thing = Literal["node", "trashed", "folder", "job", "account", "attempt", "session", "upload"]


@dataclass(frozen=True)
class Route:
    """What is true of one endpoint. `names` are the variables of its path."""

    who: Who
    proof: Proof = "form"
    limit: str | None = None
    names: tuple[tuple[str, Thing], ...] = ()

    @property
    def things(self) -> dict[str, Thing]:
        """What each variable of the path names."""
        return dict(self.names)


def _of(name: str, thing: Thing) -> tuple[tuple[str, Thing], ...]:
    return ((name, thing),)


PAGES = {
    "static": Route("anyone"),
    "auth.home": Route("anyone"),
    "auth.register": Route("anyone", limit="register"),
    "auth.sign_in": Route("anyone", limit="sign-in"),
    "auth.sign_out": Route("signed_in"),
    "auth.confirm_password": Route("signed_in", limit="password"),
    "settings.profile": Route("signed_in"),
    "settings.look": Route("signed_in"),
    "settings.show_keys": Route("signed_in"),
    "settings.set_keys": Route("signed_in"),
    "guide.keys": Route("signed_in"),
    "settings.show_protection": Route("signed_in"),
    "settings.set_protection": Route("signed_in"),
    "settings.password": Route("signed_in", limit="password"),
    "settings.list_sessions": Route("signed_in"),
    "settings.end_session": Route("signed_in", names=_of("session_id", "session")),
    "settings.end_other_sessions": Route("signed_in"),
    "uploads.to_root": Route("signed_in", limit="upload"),
    "uploads.to_folder": Route("signed_in", limit="upload", names=_of("folder_id", "folder")),
    "downloads.download": Route("signed_in", names=_of("node_id", "node")),
    "previews.show": Route("signed_in", names=_of("node_id", "node")),
    "previews.picture": Route("signed_in", names=_of("node_id", "node")),
    "previews.lines": Route("signed_in", names=_of("node_id", "node")),
    "previews.content": Route("signed_in", names=_of("node_id", "node")),
    "clouds.index": Route("signed_in"),
    "clouds.link": Route("signed_in"),
    "clouds.begin": Route("signed_in"),
    "clouds.callback": Route("anyone"),  # judges the state itself; never by way of a sign-in page
    "clouds.confirm": Route("signed_in", names=_of("attempt_id", "attempt")),
    "clouds.confirmed": Route("signed_in", names=_of("attempt_id", "attempt")),
    "clouds.sign_in": Route("signed_in", names=_of("account_id", "account")),
    "clouds.begin_sign_in": Route("signed_in", names=_of("account_id", "account")),
    "clouds.refresh": Route("signed_in", names=_of("account_id", "account")),
    "clouds.unlink": Route("signed_in", names=_of("account_id", "account")),
    "clouds.unlinked": Route("signed_in", names=_of("account_id", "account")),
    "jobs.index": Route("signed_in"),
    "jobs.show": Route("signed_in", names=_of("job_id", "job")),
    "jobs.body": Route("signed_in", names=_of("job_id", "job")),
    "jobs.state": Route("signed_in", names=_of("job_id", "job")),
    "jobs.events": Route("signed_in", names=_of("job_id", "job")),
    "jobs.log": Route("signed_in", names=_of("job_id", "job")),
    "jobs.clear": Route("signed_in"),
    "jobs.cancel": Route("signed_in", names=_of("job_id", "job")),
    "jobs.pause": Route("signed_in", names=_of("job_id", "job")),
    "jobs.resume": Route("signed_in", names=_of("job_id", "job")),
    "jobs.retry": Route("signed_in", names=_of("job_id", "job")),
    "jobs.cancel_file": Route("signed_in", names=_of("job_id", "job")),
    "jobs.retry_file": Route("signed_in", names=_of("job_id", "job")),
    "files.root": Route("signed_in"),
    "files.folder": Route("signed_in", names=_of("folder_id", "folder")),
    "search.index": Route("signed_in"),
    "files.new_folder": Route("signed_in"),
    "files.details": Route("signed_in", names=_of("node_id", "node")),
    "files.rename": Route("signed_in", names=_of("node_id", "node")),
    "files.choose_place": Route("signed_in", names=_of("node_id", "node")),
    "files.move": Route("signed_in", names=_of("node_id", "node")),
    "files.delete": Route("signed_in", names=_of("node_id", "node")),
    "copying.choose_place": Route("signed_in", names=_of("node_id", "node")),
    "copying.copy": Route("signed_in", names=_of("node_id", "node")),
    "selection.delete": Route("signed_in"),
    "selection.choose": Route("signed_in"),
    "selection.choose_place": Route("signed_in"),
    "selection.move": Route("signed_in"),
    "selection.copy": Route("signed_in"),
    "zips.folder": Route("signed_in", names=_of("folder_id", "folder")),
    "zips.selected": Route("signed_in"),
    "files.upload_to_root": Route("signed_in"),
    "files.upload_to_folder": Route("signed_in", names=_of("folder_id", "folder")),
    "versions.restore": Route("signed_in", names=_of("node_id", "node")),
    "versions.ask_to_delete": Route("signed_in", names=_of("node_id", "node")),
    "versions.delete": Route("signed_in", names=_of("node_id", "node")),
    "trash.index": Route("signed_in"),
    "trash.restore": Route("signed_in", names=_of("node_id", "trashed")),
    "trash.restore_all": Route("signed_in", names=_of("node_id", "trashed")),
    "trash.ask_to_delete": Route("signed_in", names=_of("node_id", "trashed")),
    "trash.delete": Route("signed_in", names=_of("node_id", "trashed")),
    "trash.ask_to_empty": Route("signed_in"),
    "trash.empty": Route("signed_in"),
    "storage.index": Route("signed_in"),
    "storage.less_protected": Route("signed_in"),
    "storage.map_root": Route("signed_in"),
    "storage.map_folder": Route("signed_in", names=_of("folder_id", "folder")),
    "storage.ask_what_if": Route("signed_in"),
    "storage.where": Route("signed_in", names=_of("node_id", "node")),
}
API = {
    "api_health.examine": Route("anyone", "none", "api"),
    "api_health.live": Route("anyone", "none", "api"),
    "api_openapi.show": Route("anyone", "none", "api"),
    "api_auth.register": Route("anyone", "none", "register"),
    "api_auth.login": Route("anyone", "none", "sign-in"),
    "api_auth.refresh": Route("signed_in", "bearer", "api"),
    "api_auth.logout": Route("signed_in", "bearer", "api"),
    "api_auth.me": Route("signed_in", "bearer", "api"),
    "api_cloud_accounts.index": Route("signed_in", "bearer", "api"),
    "api_cloud_accounts.connect": Route("signed_in", "bearer", "api"),
    "api_cloud_accounts.callback": Route("signed_in", "bearer", "api"),
    "api_cloud_accounts.status": Route("signed_in", "bearer", "api", _of("account_id", "account")),
    "api_cloud_accounts.refresh": Route("signed_in", "bearer", "api", _of("account_id", "account")),
    "api_cloud_accounts.unlink": Route("signed_in", "bearer", "api", _of("account_id", "account")),
    "api_jobs.index": Route("signed_in", "bearer", "api"),
    "api_jobs.show": Route("signed_in", "bearer", "api", _of("job_id", "job")),
    "api_jobs.events": Route("signed_in", "bearer", "api", _of("job_id", "job")),
    "api_jobs.cancel": Route("signed_in", "bearer", "api", _of("job_id", "job")),
    "api_jobs.pause": Route("signed_in", "bearer", "api", _of("job_id", "job")),
    "api_jobs.resume": Route("signed_in", "bearer", "api", _of("job_id", "job")),
    "api_jobs.retry": Route("signed_in", "bearer", "api", _of("job_id", "job")),
    "api_files.index": Route("signed_in", "bearer", "api"),
    "api_files.show": Route("signed_in", "bearer", "api", _of("node_id", "node")),
    "api_files.change": Route("signed_in", "bearer", "api", _of("node_id", "node")),
    "api_files.delete": Route("signed_in", "bearer", "api", _of("node_id", "node")),
    "api_files.download": Route("signed_in", "bearer", "api", _of("node_id", "node")),
    "api_files.placement": Route("signed_in", "bearer", "api", _of("node_id", "node")),
    "api_files.make_folder": Route("signed_in", "bearer", "api"),
    "api_files.storage_usage": Route("signed_in", "bearer", "api"),
    "api_files.list_versions": Route("signed_in", "bearer", "api", _of("node_id", "node")),
    "api_files.restore_version": Route("signed_in", "bearer", "api", _of("node_id", "node")),
    "api_files.delete_version": Route("signed_in", "bearer", "api", _of("node_id", "node")),
    "api_copying.copy": Route("signed_in", "bearer", "api", _of("node_id", "node")),
    "api_copying.download": Route("signed_in", "bearer", "api", _of("node_id", "node")),
    "api_trash.index": Route("signed_in", "bearer", "api"),
    "api_trash.restore": Route("signed_in", "bearer", "api", _of("node_id", "trashed")),
    "api_trash.empty": Route("signed_in", "bearer", "api"),
    "api_files.upload": Route("signed_in", "bearer", "upload"),
    "api_uploads.options": Route("anyone", "none", "api"),
    "api_uploads.options_of_one": Route("anyone", "none", "api", _of("upload_id", "upload")),
    "api_uploads.index": Route("signed_in", "bearer", "api"),
    "api_uploads.create": Route("signed_in", "bearer", "upload"),
    "api_uploads.one": Route("signed_in", "bearer", "upload", _of("upload_id", "upload")),
}
ROUTES = {**PAGES, **API}
