"""What a driver's error means, and what is left out of it."""

import pytest

from vcspec.model.address import shown
from vcspec.storage.reasons import meaning, status, told


class ClientError(Exception):
    """As botocore raises it."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(f"An error occurred ({code})")
        self.response = {
            "Error": {"Code": code},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }


def translated(code: str, status: int, kind: type[Exception] = PermissionError) -> Exception:
    """As s3fs hands it on."""
    error = kind("Forbidden")
    error.__cause__ = ClientError(code, status)
    return error


CASES = {
    "InvalidAccessKeyId": "key is not known",
    "SignatureDoesNotMatch": "secret key is wrong",
    "ExpiredToken": "expired",
    "AccessDenied": "may not",
    "NoSuchBucket": "no such bucket",
    "RequestTimeTooSkewed": "clock",
}


@pytest.mark.parametrize("code", CASES)
def test_each_refusal_is_told_apart(code):
    error = translated(code, 403)
    assert CASES[code] in meaning(error)
    assert status(error) == 403


def test_having_no_credentials_is_told():
    class NoCredentialsError(Exception):
        pass

    assert "no credentials" in meaning(NoCredentialsError("Unable to locate credentials"))


@pytest.mark.parametrize(
    ("kind", "told"), [("DefaultCredentialsError", "no credentials"), ("RefreshError", "expired")]
)
def test_what_google_says_of_signing_in_is_told(kind, told):
    exceptions = pytest.importorskip("google.auth.exceptions")
    assert told in meaning(getattr(exceptions, kind)("anything"))


def test_other_errors_have_no_such_meaning():
    assert meaning(ConnectionResetError(104, "reset")) == ""
    assert status(ConnectionResetError(104, "reset")) == 0


def test_secrets_are_left_out():
    error = OSError("GET https://me:hunter2@host/a/b?sig=SECRET&se=1 failed")
    assert told(error) == "OSError: GET https://host/a/b failed"
    assert shown("https://me:hunter2@host/a/b?sig=SECRET#x") == "https://host/a/b"
    assert shown("s3://bucket/a") == "s3://bucket/a"
    assert shown("/a/b") == "/a/b"
