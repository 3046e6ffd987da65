"""The one kind of error a user sees: what is wrong, where, and how to mend it."""

import shlex


class UserError(Exception):
    """Something the user can fix. The command line prints it on one screen, without a traceback.

    what:  one sentence, what is wrong.
    where: the file, column, cell or setting it is wrong in.
    fix:   what to do about it.
    """

    def __init__(self, what: str, where: object = None, fix: str | None = None):
        self.what = what
        self.where = None if where is None else str(where)
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"where: {self.where}")
        if self.fix:
            lines.append(f"fix: {self.fix}")
        return "\n".join(lines)

    def __reduce__(self):
        return (UserError, (self.what, self.where, self.fix))


def typed(*words: object) -> str:
    """A brightctc command as a person can paste it into a shell: words with spaces are quoted."""
    return " ".join(["brightctc", *(_quoted(str(word)) for word in words)])


def _quoted(word: str) -> str:
    """For a shell; in double quotes where there are single ones in it and nothing that these would not quote."""
    if "'" in word and not any(sign in word for sign in '"$`\\!'):
        return f'"{word}"'
    return shlex.quote(word)


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 cell`, `1,204 cells`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
