"""Every error of BalanceCloud, as one tree.

Each has a stable `code`, an HTTP `status` and a sentence safe to show to the person concerned::

    BalanceCloudError
    ├── ConfigError                    the process refuses to start
    ├── IntegrityError                 stored bytes are not what was stored; `cause` is for the log
    ├── Unavailable                    too few shards answer just now
    ├── LeaseLost, Cancelled, ShuttingDown   another worker, a person, this server ends the work
    ├── Refused                        what a person asked cannot be done
    │   ├── NotSignedIn, BadCredentials, RegistrationClosed, EmailTaken, SignInAgainFirst, Forbidden
    │   ├── NotFound, Invalid (fields) 404, 422
    │   ├── NameTaken, IntoItself, StillHoldsData, StateConflict, LinkRefused, GrantEnded
    │   ├── OverQuota, TooLarge, LengthRequired, BrokenUpload, BadRangeAsked
    │   └── NoSpoolSpace, NotReady     503/507; resumable uploads: library/upload_errors.py
    └── ProviderError                  what a cloud answered
        ├── Temporary (retry_after)    Throttled, Unreachable, DamagedInTransit, BadReply
        ├── NeedsUser                  SignInAgain, AccessRefused (ClientRefused), AccountFull
        └── Permanent                  ObjectMissing, ObjectDiffers, BadRange
"""

from collections.abc import Mapping, Sequence


class BalanceCloudError(Exception):
    """Anything this application raises on purpose."""

    code = "internal_error"
    status = 500
    sentence = "Something went wrong on this server. Your files are not affected."

    def __init__(self, sentence: str | None = None) -> None:
        self.sentence = sentence or type(self).sentence
        super().__init__(self.sentence)


class ConfigError(BalanceCloudError):
    """The settings do not allow a safe start."""

    code = "config_error"
    sentence = "The settings do not allow a safe start."


class IntegrityError(BalanceCloudError):
    """Stored bytes are not what was stored. `cause` goes to the log, never to a caller."""

    code = "integrity_error"
    status = 502
    sentence = (
        "Some stored bytes of this file failed their check and were not handed out. "
        "What else is stored is not affected."
    )

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__()


class Unavailable(BalanceCloudError):
    """Too few shards can be reached just now."""

    code = "unavailable"
    status = 503
    sentence = "Too many accounts of this file do not answer now. It is not lost: try again later."


class LeaseLost(BalanceCloudError):
    """Another worker owns this work now."""

    code = "lease_lost"
    sentence = "Another worker has taken this work over."


class Cancelled(BalanceCloudError):
    """A person cancelled the job this work belongs to."""

    code = "cancelled"
    status = 409
    sentence = "This job was cancelled."


class ShuttingDown(BalanceCloudError):
    """This process is asked to end; its work goes back to be taken up by another."""

    code = "shutting_down"
    status = 503
    sentence = "This server is stopping. The work goes on when it is back."


# --- what a person asked cannot be done -------------------------------------------------------


class Refused(BalanceCloudError):
    """What was asked cannot be done, and the person can be told why."""

    code = "refused"
    status = 400
    sentence = "That can't be done."


class NotSignedIn(Refused):
    """No valid session or token."""

    code = "not_signed_in"
    status = 401
    sentence = "Please sign in."


class BadCredentials(Refused):
    """An unknown address or a wrong password: one answer for both."""

    code = "bad_credentials"
    status = 401
    sentence = "That address and password don't match."


class SignInAgainFirst(Refused):
    """The act needs a sign-in within the last five minutes."""

    code = "sign_in_again_first"
    status = 401
    sentence = "Please enter your password again first."


class Forbidden(Refused):
    """Known person, not allowed."""

    code = "forbidden"
    status = 403
    sentence = "You are not allowed to do that."


class BadCsrf(Refused):
    """The request did not come from one of our own pages."""

    code = "csrf_failed"
    status = 403
    sentence = "This page was open too long or the request came from elsewhere. Reload it."


class RegistrationClosed(Refused):
    """Nobody may register here, or the setup code is missing."""

    code = "registration_closed"
    status = 403
    sentence = "Registration is closed here. Ask the administrator of this server."


class EmailTaken(Refused):
    """That address has an account."""

    code = "email_taken"
    status = 400
    sentence = "There is already an account with that address."


class NotFound(Refused):
    """Not there, or not yours: the two look alike."""

    code = "not_found"
    status = 404
    sentence = "There is nothing here, or it isn't yours."


class Invalid(Refused):
    """Values that do not validate, by field."""

    code = "invalid"
    status = 422
    sentence = "Some values need your attention."

    def __init__(self, fields: Mapping[str, Sequence[str]], sentence: str | None = None) -> None:
        self.fields = {name: list(messages) for name, messages in fields.items()}
        super().__init__(sentence)


class NameTaken(Refused):
    """A sibling has that name."""

    code = "name_taken"
    status = 409
    sentence = "There is already something with that name in this folder."


class IntoItself(Refused):
    """A folder cannot be moved into itself."""

    code = "into_itself"
    status = 409
    sentence = "A folder can't be moved into itself."


class StateConflict(Refused):
    """The thing is not in a state that allows this."""

    code = "state_conflict"
    status = 409
    sentence = "That is not possible in the present state."


class StillHoldsData(Refused):
    """The account holds shards whose loss would lose data."""

    code = "still_holds_data"
    status = 409
    sentence = "This account still holds parts of your files."


class LinkRefused(Refused):
    """A link attempt that is wrong, used, expired, or another person's."""

    code = "link_refused"
    status = 400
    sentence = "This link attempt is no longer valid. Start linking the account again."


class GrantEnded(Refused):
    """The provider no longer accepts our grant."""

    code = "grant_ended"
    status = 400
    sentence = "The provider no longer accepts our access. Link this account again."


class OverQuota(Refused):
    """The person's quota does not hold this."""

    code = "over_quota"
    status = 413
    sentence = "There is not enough room left in your drive. Delete something and try again."


class TooLarge(Refused):
    """Beyond a fixed limit."""

    code = "too_large"
    status = 413
    sentence = "This is larger than this server accepts."


class LengthRequired(Refused):
    """A body without Content-Length."""

    code = "length_required"
    status = 411
    sentence = "The request must say how long it is."


class BrokenUpload(Refused):
    """A body that was cut, malformed, or out of order."""

    code = "broken_upload"
    status = 400
    sentence = "The upload did not arrive whole, so nothing of it was kept. Please send it again."


class BadRangeAsked(Refused):
    """A Range that the file cannot satisfy."""

    code = "bad_range"
    status = 416
    sentence = "That range lies outside the file."


class TooMany(Refused):
    """A rate limit or a cap."""

    code = "too_many"
    status = 429
    sentence = "Too many tries. Wait a moment."

    def __init__(self, retry_after: int, sentence: str | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(sentence)


class NoSpoolSpace(Refused):
    """The gateway's own disk is nearly full."""

    code = "no_spool_space"
    status = 507
    sentence = "This server has no room to receive files now. What is stored is safe; try later."


class NotReady(Refused):
    """A part of this server is down."""

    code = "not_ready"
    status = 503
    sentence = "A part of this server is not available just now. Try again in a moment."


# --- what a cloud answered ---------------------------------------------------------------------


class ProviderError(BalanceCloudError):
    """A provider did not do what was asked. The full reply is never part of it."""

    code = "provider_error"
    status = 502
    sentence = "A cloud account did not do what was asked."


class Temporary(ProviderError):
    """Ask again, not before `retry_after` seconds where known; `is_own`: we held the call back."""

    code = "temporary"

    def __init__(
        self, sentence: str | None = None, retry_after: float | None = None, *, is_own: bool = False
    ) -> None:
        self.retry_after, self.is_own = retry_after, is_own
        super().__init__(sentence)


class Throttled(Temporary):
    """The provider asked us to slow down."""

    code = "throttled"
    sentence = "The cloud account asked us to slow down."


class Unreachable(Temporary):
    """No connection, no answer in time, or a server error."""

    code = "unreachable"
    sentence = "The cloud account does not answer."


class DamagedInTransit(Temporary):
    """What arrived at the provider has another checksum; it was removed again."""

    code = "damaged_in_transit"
    sentence = "Bytes were damaged on their way to the cloud account. They are sent again."


class BadReply(Temporary):
    """A reply that is malformed, empty or too large."""

    code = "bad_reply"
    sentence = "The cloud account gave an answer that makes no sense."


class NeedsUser(ProviderError):
    """Nothing helps but the person."""

    code = "needs_user"


class SignInAgain(NeedsUser):
    """The grant is dead."""

    code = "sign_in_again"
    sentence = "The cloud account must be linked again."


class AccessRefused(NeedsUser):
    """The grant lives but does not allow this."""

    code = "access_refused"
    sentence = "The cloud account refuses access. Link it again and allow what is asked."


class ClientRefused(AccessRefused):
    """The provider refuses this server's own client; no consent can mend that."""

    code = "client_refused"
    sentence = "The provider refuses this server's own client. Its administrator must mend that."


class AccountFull(NeedsUser):
    """No room left at the provider."""

    code = "account_full"
    sentence = "The cloud account is full."


class Permanent(ProviderError):
    """Asking again is useless: go another way."""

    code = "permanent"


class ObjectMissing(Permanent):
    """There is no such object."""

    code = "object_missing"
    sentence = "A shard is missing at a cloud account."


class ObjectDiffers(Permanent):
    """Other bytes lie under that name or id."""

    code = "object_differs"
    sentence = "Other bytes lie where a shard should be."


class BadRange(Permanent):
    """The range lies outside the object."""

    code = "object_range"
    sentence = "A range outside a stored object was asked for."
