"""What is told of an address, and what is a secret of it."""

import pytest

from vcspec.model.address import secret_in, shown, without_secrets

TOLD = {
    "https://me:hunter2@host/a@b?sig=x": "https://host/a@b",
    "s3://AKIA:hun/ter2@bucket/a": "s3://bucket/a",
    "s3://AKIA:hun@ter2@bucket/a": "s3://bucket/a",
    "s3://AKIA:hunter2@bucket/a@1.0.0": "s3://bucket/a@1.0.0",
    "http://me:hun/ter2@host/a": "http://host/a",
    "http://[me:hunter2@::1/x": "http://::1/x",
    "http://localhost:8080/@scope/a": "http://localhost:8080/@scope/a",
    "https://example.org/@author": "https://example.org/@author",
    "s3://bucket/a@b": "s3://bucket/a@b",
    "a/folder?x": "a/folder?x",
}


@pytest.mark.parametrize("url", TOLD)
def test_an_address_is_told_without_user_password_and_query(url):
    assert shown(url) == TOLD[url]
    assert without_secrets(f"is {url} there?") == f"is {TOLD[url]} there?"


@pytest.mark.parametrize(
    "text",
    [
        "https://u:hunter2@h/x",
        "s3://AKIA:hun/ter2@bucket",
        "ftp://me@h/x",
        "see <https://h/x?a=b&X-Amz-Signature=S>.",
        "https://h/x?X-Goog-Credential=S",
        "https://h/x?sv=2020&se=2030&sig=S",
        "https://h/x?Signature=S",
        "https://h/x?awsaccesskeyid=S",
        "https://h/x?token=S",
    ],
)
def test_what_opens_a_place_to_whoever_reads_it_is_a_secret(text):
    assert secret_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://www.ncbi.nlm.nih.gov/geo/download/?acc=GSE92872&format=file&file=a%5Fb.csv.gz",
        "https://h/x?signal=1&tokens=2&design=3",
        "mail me@example.org, or see https://example.org/@me",
        "abfs://container@account.dfs.core.windows.net/x",
    ],
)
def test_what_everybody_may_read_is_none(text):
    assert not secret_in(text)
