"""The drawn error tree is the coded one."""

import re

import domain.errors as errors
from domain.exit_codes import ExitCode


def test_the_drawing_shows_exactly_the_classes() -> None:
    assert errors.__doc__ is not None
    parents: dict[str, str | None] = {}
    stack: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^([│├└─ ]*)([A-Z]\w+)$", line)
        if match:
            depth = len(match[1]) // 4
            del stack[depth:]
            parents[match[2]] = stack[-1][1] if stack else None
            stack.append((depth, match[2]))
    coded = {
        name: value.__mro__[1].__name__ if name != "CrossbookError" else None
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.CrossbookError)
    }
    assert parents == coded


def test_every_error_has_a_category_of_its_own_and_an_exit_code() -> None:
    classes = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, errors.CrossbookError)]
    assert len({c.category for c in classes}) == len(classes)
    assert all(isinstance(c.exit_code, ExitCode) for c in classes)
