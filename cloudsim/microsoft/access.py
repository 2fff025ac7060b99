"""Who may call Graph, and for what."""

from cloudsim.microsoft.refusals import Problem, graph_refusal, refuse
from cloudsim.routing import Call, Caller
from cloudsim.settings import Services
from cloudsim.store.grants import BadToken
from cloudsim.wire.messages import Params, Request

_ALL_FILES = frozenset({"Files.Read", "Files.Read.All", "Files.ReadWrite", "Files.ReadWrite.All"})
_WRITE_ALL = frozenset({"Files.ReadWrite", "Files.ReadWrite.All"})
_APP_FOLDER = "Files.ReadWrite.AppFolder"


def bearer(services: Services, request: Request, query: Params) -> Caller | None:
    """Find whom the access token stands for: the guard of Graph."""
    del query
    kind, _, token = request.header("authorization").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        message = "Access token is empty."
        raise graph_refusal(services, request, Problem(401, "InvalidAuthenticationToken", message))
    try:
        granted = services.grants.by_token(token.strip(), refresh=False)
    except BadToken as error:
        message = "Access token has expired or is not yet valid."
        raise graph_refusal(
            services, request, Problem(401, "InvalidAuthenticationToken", message)
        ) from error
    account = services.accounts.by_id(granted.account)
    if account is None or account.provider != "microsoft":
        message = "CompactToken validation failed with reason code: 80049228."
        raise graph_refusal(services, request, Problem(401, "InvalidAuthenticationToken", message))
    return Caller(account, granted.client, granted.scopes)


def may_read(call: Call) -> None:
    """Refuse a caller without any scope over files."""
    if not call.known_caller.scopes & (_ALL_FILES | {_APP_FOLDER}):
        raise denied(call)


def may_write(call: Call) -> None:
    """Refuse a caller whose scopes only read."""
    if not call.known_caller.scopes & (_WRITE_ALL | {_APP_FOLDER}):
        raise denied(call)


def only_app_folder(call: Call) -> bool:
    """Whether nothing outside the application's own folder is within its reach."""
    return not call.known_caller.scopes & _ALL_FILES


def may_see_user(call: Call) -> None:
    if "User.Read" not in call.known_caller.scopes:
        raise denied(call)


def denied(call: Call) -> Exception:
    return refuse(call, 403, "accessDenied", "Access denied", "accessRestricted")
