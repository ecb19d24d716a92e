import json

import pytest

from vcspec.storage.documents import NotStrict, parse_document

LIMITS = {"document_bytes": 1_000, "document_depth": 5, "integer_bound": 2**53}

REFUSED = {
    "a duplicate key": b'{"a": 1, "a": 1}',
    "a duplicate key further in": b'{"a": [{"b": 1, "b": 2}]}',
    "keys that are equal once unescaped": b'{"a": 1, "\\u0061": 2}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": Infinity}',
    "minus infinity": b'{"a": [-Infinity]}',
    "a number that becomes infinite": b'{"a": 1e999}',
    "an integer that a double cannot hold": b'{"a": 9007199254740992}',
    "a negative one": b'{"a": -9007199254740992}',
    "an integer of many digits": b'{"a": 1' + b"0" * 500 + b"}",
    "a lone surrogate": b'{"a": "\\ud800"}',
    "a lone surrogate as a key": b'{"\\udfff": 1}',
    "bytes that are not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "a list": b"[1]",
    "a word": b'"a"',
    "null": b"null",
    "nothing": b"",
    "a comment": b'{"a": 1} // b',
    "a trailing comma": b'{"a": 1,}',
    "a second document": b'{"a": 1}{"b": 2}',
    "more bytes than allowed": b'{"a": "' + b"x" * 1_000 + b'"}',
    "too much nesting": b'{"a":' * 6 + b"1" + b"}" * 6,
    "nesting that would end the interpreter": b"[" * 900,
    "brackets after a string that never ends": b'{"a": "[[[[[[[[',
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_strict_reader_refuses(what: str) -> None:
    with pytest.raises(NotStrict):
        parse_document(REFUSED[what], LIMITS)


def test_what_it_takes_is_what_json_says() -> None:
    data = '{"a": [1, -2.5e3, "ü\\u00fc\\"[[[[[[[[", null, true], "b": {"c": 9007199254740991}}'
    assert parse_document(data.encode(), LIMITS) == json.loads(data)


def test_brackets_in_strings_are_no_nesting() -> None:
    data = json.dumps({"a": "[" * 50 + '"' + "{" * 50}).encode()
    assert parse_document(data, LIMITS)["a"].count("[") == 50


def test_the_deepest_nesting_that_is_allowed_is_read() -> None:
    parse_document(b'{"a":' * 5 + b"1" + b"}" * 5, LIMITS)


def test_the_largest_document_that_is_allowed_is_read() -> None:
    data = b'{"a": "' + b"x" * 991 + b'"}'
    assert len(data) == LIMITS["document_bytes"]
    parse_document(data, LIMITS)
