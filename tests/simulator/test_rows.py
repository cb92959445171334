"""Price levels written without an encoder are the JSON that an encoder writes."""

import json

import pytest

from simulator.rows import RowWriter, encode, text_rows
from simulator.venue import json_reply

LEVELS = [("64000.10", "0.5"), ("64000.00", "12")]


def as_numbers() -> RowWriter:
    return RowWriter(lambda price, size: f"[{float(price)!r},{float(size)!r}]")


def test_rows_of_text_and_of_numbers_are_put_where_they_belong() -> None:
    payload = {"b": text_rows(LEVELS), "data": [{"a": as_numbers().rows(LEVELS)}], "more": "é"}
    assert json.loads(encode(payload)) == {
        "b": [["64000.10", "0.5"], ["64000.00", "12"]],
        "data": [{"a": [[64000.1, 0.5], [64000, 12]]}],
        "more": "é",
    }


def test_no_rows_are_an_empty_list() -> None:
    assert encode([text_rows([]), as_numbers().rows([])]) == b"[[],[]]"


def test_a_reply_takes_rows_and_stays_compact() -> None:
    assert json_reply({"b": text_rows(LEVELS[:1])}).body == b'{"b":[["64000.10","0.5"]]}'


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="set cannot be written"):
        encode({"a": {1}})


def test_a_level_is_written_once_and_forgotten_when_there_are_too_many() -> None:
    written = []

    def write(price: str, size: str) -> str:
        written.append(price)
        return f'["{price}"]'

    writer = RowWriter(write, most=2)
    for _ in range(3):
        assert encode(writer.rows(LEVELS)) == b'[["64000.10"],["64000.00"]]'
    assert written == ["64000.10", "64000.00"]
    writer.rows([("1", "1")])
    assert writer.keys() == {("1", "1")}
