import pytest

from vcspec.model import errors


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("VcspecError", 5),
        ("UsageError", 2),
        ("UnknownName", 2),
        ("Unreadable", 3),
        ("Refused", 4),
        ("Invalid", 1),
        ("Mismatch", 1),
    ],
)
def test_every_error_says_how_the_command_ends(name: str, code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.VcspecError)
    assert kind("why").exit_code == code
    assert name in (errors.__doc__ or "")


def test_an_invalid_artefact_carries_its_report() -> None:
    report = object()
    assert errors.Invalid("why", report).report is report
