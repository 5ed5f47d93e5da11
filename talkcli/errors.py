"""The one exception a user is meant to see."""


class TalkError(Exception):
    """Something the user can mend: one sentence that names the thing, says what is wrong and what to do."""
