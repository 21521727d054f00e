"""Everything that can go wrong and that a person can mend: raised deep, answered at the edge.

`QAError` is the root. The command line turns each class into an exit code, the web app into an HTTP status;
the message names the value, the limit and the next step. Anything else that is raised is a bug.
"""


class QAError(Exception):
    """Root of the errors whose message is meant for the person at the other end."""


class BadSetting(QAError):
    """A setting (option or `QA_*` variable) has a value that cannot be used."""


class BadQuestion(QAError):
    """A question, or a parameter that came with it, cannot be used."""


class BadQuote(QAError):
    """A link or a range of characters that should point into a document cannot be read."""


class NoSuchDocument(QAError):
    """A document id is not in the index."""


class CorpusError(QAError):
    """The corpus folder cannot be read, or nothing in it can."""


class ModelError(QAError):
    """Model weights are missing, damaged or of the wrong kind."""


class IndexMissing(QAError):
    """There is no index yet."""


class IndexUnusable(QAError):
    """There is an index, but it is damaged or was made for other settings.

    What mends the current generation does not mend another one, so `reason` says what is wrong without it.
    """

    def __init__(self, reason: str, mend: str = "") -> None:
        super().__init__(f"{reason}; {mend}" if mend else reason)
        self.reason = reason


class NotReady(QAError):
    """The index is open, but a question to it fails."""


class IndexBusy(QAError):
    """Another rebuild of the same index is running."""


class TryLater(QAError):
    """The same may work after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooMany(TryLater):
    """One comes more often than is accepted."""


class Busy(TryLater):
    """More is asked than can be answered in time."""


class FeedbackRefused(QAError):
    """A verdict on an answer could not be kept, or the kept ones could not be read."""
