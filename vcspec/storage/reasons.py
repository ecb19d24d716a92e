"""What a storage driver's error means to the person who asked."""

from collections.abc import Iterator

from vcspec.model.address import without_secrets

# Error code of a server, or name of what its driver raises → what it says, in words. Sources: the
# error references of S3, of Azure Blob and of Google Cloud Storage.
MEANINGS = {
    "InvalidAccessKeyId": "the access key is not known there",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "AuthenticationFailed": "the credentials are wrong",
    "ExpiredToken": "the credentials have expired",
    "TokenRefreshRequired": "the credentials have expired",
    "InvalidToken": "the session token is wrong",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "AccessDenied": "these credentials may not do this",
    "Forbidden": "these credentials may not do this",
    "AuthorizationFailure": "these credentials may not do this",
    "AuthorizationPermissionMismatch": "these credentials may not do this",
    "401": "the credentials are wrong",
    "403": "these credentials may not do this",
    "NoSuchBucket": "there is no such bucket",
    "ContainerNotFound": "there is no such container",
    "NoCredentialsError": "no credentials were found; configure the driver, or sign in",
    "PartialCredentialsError": "the credentials are not complete",
    "AzureSigningError": "the account key is wrong",
    "ClientAuthenticationError": "the credentials are wrong",
    "DefaultCredentialsError": "no credentials were found; configure the driver, or sign in",
    "RefreshError": "the credentials have expired, or were withdrawn",
}
# The same of errors that have no code: what the driver says.
SAID = {
    # adlfs
    "Must provide either a connection_string or account_name": (
        "no credentials were found; set AZURE_STORAGE_ACCOUNT_NAME, or "
        "AZURE_STORAGE_CONNECTION_STRING"
    ),
    # azure.storage.blob
    "Connection string is either blank or malformed": (
        "AZURE_STORAGE_CONNECTION_STRING is no connection string"
    ),
    "Connection string missing required connection details": (
        "AZURE_STORAGE_CONNECTION_STRING is not complete"
    ),
}


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was raised from."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def code(error: BaseException) -> str:
    """Code of the server's answer, or the driver's name for having none; empty where unknown."""
    for one in chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
        found = getattr(one, "error_code", None)
        if found:
            return str(getattr(found, "value", found))
        if type(one).__name__ in MEANINGS:
            return type(one).__name__
        if type(one).__name__ == "HttpError":  # of gcsfs
            return str(getattr(one, "code", ""))
        if isinstance(one, OSError) and str(one).startswith("Forbidden: "):  # of gcsfs as well
            return "403"
    return ""


def status(error: BaseException) -> int:
    """HTTP status of the server's answer; 0 where there was none."""
    for one in chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        for name in ("status_code", "status", "code"):
            found = getattr(one, name, None)
            if isinstance(found, int) and 100 <= found < 600:
                return found
    return 0


def meaning(error: BaseException) -> str:
    """What credentials or the place lack; empty where the error is about something else."""
    words = str(error)
    said = (what for begin, what in SAID.items() if begin in words)
    return MEANINGS.get(code(error), "") or next(said, "")


def told(error: BaseException) -> str:
    """The error in a line that is fit for a log: without secrets, and of bounded length."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {without_secrets(words)[:160]}"
