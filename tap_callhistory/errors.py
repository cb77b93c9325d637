"""What can go wrong, in the user's words.

Every error says what failed, what is safe and what to do. None carries a secret, a URL's query, a
body of an answer or a whole phone number.
"""

# The names are a user's words for what happened; a verdict or a refusal is not an "Error".
# ruff: noqa: N818

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


TOO_MANY_CALLS: Final = "too many calls"
"""Code of a refusal that says the window holds more calls than the vendor gives at once."""

#: Answers that say no to a window until shown otherwise; some vendors say no in a 200.
_SPAN_REFUSALS = frozenset({200, 400, 406, 413, 416, 422})
#: Answers that say no to the account or the address, unless others were accepted before.
_ACCOUNT_REFUSALS = frozenset({403, 404})
_FORBIDDEN = 403
_NOT_FOUND = 404


KEEP_INCOMPLETE: Final = (
    "on_incomplete_window: continue loads what came of such a window, says so, and goes on"
)
"""What can be done about a window that alone cannot be read whole."""


class CallHistoryError(Exception):
    """Something that the user should read: one line, ready to be shown as it is.

    Attributes:
        advice: What the user can do, if the text does not say it.
        window: The window that was being read, if the text does not say it.
    """

    advice: str | None = None
    window: object = None


class SettingsError(CallHistoryError):
    """Settings that cannot be worked with; names them, never their values."""

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults: list[str] = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("; ".join(self.faults))


class StateError(CallHistoryError):
    """A state that cannot be trusted: of another version, or edited into nonsense."""


class VendorRefusal(CallHistoryError):
    """The vendor's verdict on our request or our credentials; asking again would not help.

    Attributes:
        status: The HTTP status of the answer, or the one that its body names.
        code: The vendor's own code.
        may_mean_nothing: Whether the vendor may only say that there are no calls: a 404 with a body
            of its own, or words to that effect. Another window, or a wider one, tells.
        speaks_of_the_end: Whether its words say that the window ends too late.
        speaks_of_the_beginning: Whether its words say that the window begins too early.
        of_the_login: Whether it was the login that was refused: no window is to blame.
        after_a_failure: Whether the vendor failed in the try before, so that this is no word on it.
    """

    of_the_login = False
    after_a_failure = False

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        code: str | None = None,
        advice: str | None = None,
        may_mean_nothing: bool = False,
        speaks_of_the_end: bool = False,
        speaks_of_the_beginning: bool = False,
    ) -> None:
        super().__init__(text)
        self.may_mean_nothing = may_mean_nothing
        self.speaks_of_the_end = speaks_of_the_end
        self.speaks_of_the_beginning = speaks_of_the_beginning
        self.status = status
        self.code = code
        self.advice = advice

    @property
    def may_mean_the_window(self) -> bool:
        """Whether another window, or another page, might not have been refused."""
        return self.status in _SPAN_REFUSALS and not self.of_the_login

    @property
    def may_mean_a_window_once_others_came(self) -> bool:
        """The same, if the vendor has given another window before."""
        return self.status in _ACCOUNT_REFUSALS and not self.of_the_login

    @property
    def may_mean_the_plan(self) -> bool:
        """Whether the account may not read so much: another window would tell."""
        return self.status == _FORBIDDEN and not self.of_the_login

    @property
    def may_be_a_blink(self) -> bool:
        """Whether the vendor may have lost its way for a moment, and answers when asked again."""
        return self.status == _NOT_FOUND and not self.of_the_login

    @property
    def speaks_of_too_many_calls(self) -> bool:
        """Whether the vendor's own code says that the window holds too much."""
        return self.code == TOO_MANY_CALLS


class VendorUnavailable(CallHistoryError):
    """No good answer within the retries, or a longer pause asked for than we make.

    Attributes:
        status: The HTTP status of the last answer; None where none came.
        may_carry_less: Whether a smaller question may be answered: the vendor failed (5xx), was
            silent, too slow, or broke off. Not where it asks for a pause or cannot be trusted.
        timed_out: Whether nothing came of the last try in all the time that it was given.
        too_often: Whether the vendor wanted to be asked less often, however long it was waited for:
            some say so of a window that is too long, or holds too much.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        may_carry_less: bool = False,
        timed_out: bool = False,
        too_often: bool = False,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.may_carry_less = may_carry_less
        self.timed_out = timed_out
        self.too_often = too_often


class UnreadableAnswer(CallHistoryError):
    """An answer that is not JSON, not of the documented shape, or over a size bound."""


class IncompleteWindow(CallHistoryError):
    """A window that cannot be proved to have been read whole."""


class BadRecord(CallHistoryError):
    """A record without its key or without a usable replication key.

    Attributes:
        declared: What of it could be conformed; empty where nothing could.
    """

    advice = "on_bad_record: skip leaves such records out"

    def __init__(self, text: str, declared: Mapping[str, Any] | None = None) -> None:
        super().__init__(text)
        self.declared = declared or {}


class StoppedError(CallHistoryError):
    """The run is being stopped; nobody's fault, and nothing to tell the user."""


class StreamsFailed(CallHistoryError):
    """Some streams did not come to their end; the others did.

    Attributes:
        lines: One line per failed stream: what happened, to where it is loaded, what to do.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class Terminated(CallHistoryError):
    """The run was ended by a signal.

    Attributes:
        signum: The signal's number.
    """

    def __init__(self, signum: int) -> None:
        super().__init__("the run was ended by a signal")
        self.signum = signum
