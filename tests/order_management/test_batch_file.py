"""Files of orders: what is read, and that whatever is wrong with a line is said with its number."""

import contextlib
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import UsageError
from order_management.batch_file import COLUMNS, LARGEST_FILE, Row, read_rows, refuse_bad

VENUES = ("okx", "binance")
HEADER = "venue,symbol,side,amount,type,price\n"
GOOD = "okx,BTC/USDT,buy,0.01,limit,60000\n"


def rows_of(data: str | bytes, **options: object) -> list[Row]:
    return read_rows(io.BytesIO(data.encode() if isinstance(data, str) else data), VENUES, **options)  # type: ignore[arg-type]


def the_error(data: str | bytes) -> str:
    """Give the one bad line's sentence."""
    (error,) = [row.error for row in rows_of(data) if row.error is not None]
    return error.message


def test_a_csv_line_becomes_a_ticket_with_the_numbers_as_they_were_written() -> None:
    (row,) = rows_of("side,amount,venue,symbol,price,tif,post_only,unit\nBuy, 0.10 ,OKX,BTC/USDT,60000,GTC,yes,quote\n")
    ticket = row.ticket
    assert ticket is not None
    assert (ticket.venue, ticket.side, ticket.tif, ticket.post_only, ticket.unit) == (
        *("okx", "buy", "gtc", True, "quote"),
    )
    assert str(ticket.amount) == "0.10"
    assert (ticket.type, ticket.origin) == ("limit", "batch")


def test_a_json_line_says_the_same_as_a_csv_line_and_gets_the_same_id() -> None:
    (csv,) = rows_of(HEADER + GOOD)
    (numbers,) = rows_of('{"venue":"okx","symbol":"BTC/USDT","side":"buy","amount":0.010,"price":60000}\n')
    (texts,) = rows_of('{"venue":"okx","symbol":"BTC/USDT","side":"buy","amount":"0.01","price":"60000","tif":null}')
    assert csv.ticket is not None
    assert csv.ticket.client_id
    assert {row.ticket.client_id for row in (csv, numbers, texts) if row.ticket} == {csv.ticket.client_id}


def test_a_float_of_json_keeps_every_digit() -> None:
    (row,) = rows_of(
        '{"venue":"okx","symbol":"BTC/USDT","side":"buy","amount":0.1234567890123456789012345,"price":60000}'
    )
    assert row.ticket is not None
    assert row.ticket.amount == Decimal("0.1234567890123456789012345")


def test_equal_lines_are_different_orders_and_the_same_file_always_gives_the_same_ids() -> None:
    ids = [row.ticket.client_id for row in rows_of(HEADER + GOOD * 3, allow_duplicate=True) if row.ticket]
    assert len(set(ids)) == 3
    again = rows_of(HEADER + "\n\n" + GOOD + "\n" + GOOD, allow_duplicate=True)
    moved = [row.ticket.client_id for row in again if row.ticket]
    assert moved == ids[:2], "the place in the file does not matter, only how often a line was there before"


def test_the_same_order_twice_has_to_be_meant() -> None:
    assert the_error(HEADER + GOOD + GOOD.replace("0.01", "0.010")) == "Line 3: it asks for the same order as line 2."


def test_another_name_makes_other_orders_of_the_same_file() -> None:
    plain, named = rows_of(HEADER + GOOD)[0].ticket, rows_of(HEADER + GOOD, name="b")[0].ticket
    assert plain is not None
    assert named is not None
    assert plain.client_id != named.client_id


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + (HEADER + GOOD).encode(),
        (HEADER + GOOD).replace("\n", "\r\n").encode(),
        ("\n  \n" + HEADER + "\n\n" + GOOD + "\n").encode(),
        (HEADER + GOOD).strip().encode(),
        b'"venue","symbol","side","amount","type","price"\n"okx","BTC/USDT","buy","0.01","limit","60000"',
    ],
    ids=["BOM", "CRLF", "empty lines", "no newline at the end", "quoted"],
)
def test_the_ways_in_which_programs_save_a_table_are_all_read(data: bytes) -> None:
    (row,) = rows_of(data)
    assert row.ticket is not None
    assert row.ticket.price == 60000


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    assert the_error(HEADER + "\n" + GOOD + "okx,BTC/USDT,buy,nan,limit,60000\n").startswith("Line 4: amount")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"okx,BTC/USDT,buy,NaN,limit,60000", "amount"),
        (b"okx,BTC/USDT,buy,1e400,limit,60000", "amount"),
        (b"okx,BTC/USDT,buy,Infinity,limit,60000", "amount"),
        (b"okx,BTC/USDT,buy,0,limit,60000", "above zero"),
        (b"okx,BTC/USDT,buy,-1,limit,60000", "above zero"),
        (b"okx,BTC/USDT,buy," + b"9" * 500 + b",limit,60000", "amount"),
        (b"okx,BTC/USDT,buy,1,limit,sixty", "price"),
        (b"okx,BTC/USDT,buy,1,limit", "5 values where the header has 6"),
        (b"okx,BTC/USDT,buy,1,limit,60,000", "7 values"),
        (b"okx,BTC/USDT,buy,,limit,60000", "lacks amount"),
        (b"okx,BTC/USDT,bid,1,limit,60000", "buy or sell"),
        (b"okx,BTC/USDT,buy,1,limited,60000", "no order type"),
        (b"okx,BTC/USDT,buy,1,limit,", "needs a price"),
        (b"okx,BTC/USDT,buy,1,market,60000", "has no price"),
        (b"okex,BTC/USDT,buy,1,limit,60000", "no venue 'okex'"),
        (b'okx,"BTC/USDT,buy,1,limit,60000', "not CSV"),
        (b"okx,BTC/\xff\xfe,buy,1,limit,60000", "not UTF-8 (byte 9)"),
        (b"okx," + b"x" * 20_000, "longer than"),
        (b"okx,BTC/USDT,b\x00uy,1,limit,60000", ""),
    ],
)
def test_a_line_that_makes_no_sense_is_named_with_its_number_and_why(line: bytes, says: str) -> None:
    sentence = the_error(HEADER.encode() + GOOD.encode() + line + b"\n" + GOOD.encode().replace(b"6", b"7"))
    assert sentence.startswith("Line 3: ")
    assert says in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"venue":"okx","symbol":"BTC/USDT","side":"buy","amount":NaN}', "NaN"),
        ('{"venue":"okx","symbol":"BTC/USDT","side":"buy","amount":1e400,"price":1}', "amount"),
        ('{"venue":"okx","symbol":"BTC/USDT","side":"buy","amount":true,"price":1}', "amount"),
        ('{"venue":"okx","symbol":"BTC/USDT","side":"buy","amount":[1],"price":1}', "amount"),
        ('{"venue":["okx"],"symbol":"BTC/USDT","side":"buy","amount":1,"price":1}', "venue has to be text"),
        ('{"venue":"okx","symbol":"BTC/USDT","side":"buy","amount":1,"amount":2,"price":1}', "twice"),
        ('{"venue":"okx","symbol":"BTC/USDT","side":"buy","amuont":1,"price":1}', "no column 'amuont'"),
        ('{"venue":"okx","symbol":"BTC/USDT","side":"buy","price":1}', "lacks amount"),
        (
            '{"venue":"okx","post_only":"perhaps","symbol":"BTC/USDT","side":"buy","amount":1,"price":1}',
            "true or false",
        ),
        ('{"venue":', "not JSON"),
        ("[1,2]", "no JSON object"),
        ("[" * 5_000, "not JSON"),
        ('{"venue":' * 900, "not JSON"),
    ],
)
def test_a_json_line_that_makes_no_sense_is_named_too(text: str, says: str) -> None:
    good = '{"venue":"okx","symbol":"BTC/USDT","side":"buy","amount":"0.01","price":"60000"}'
    sentence = the_error(f"{good}\n{text}\n")
    assert sentence.startswith("Line 2: ")
    assert says in sentence


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no orders"),
        (b"\n \n", "no orders"),
        (HEADER.encode(), "a header and no orders"),
        (b"venue,symbol,side,amuont\n" + GOOD.encode(), "amuont"),
        (b"venue,symbol,side\nokx,BTC/USDT,buy\n", "lacks amount"),
        (b"venue,symbol,side,amount,side\n", "twice"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"x" * (LARGEST_FILE + 1), "larger than"),
        (HEADER.encode() + b"a\n" * 100_001, "more than 100000 lines"),
    ],
)
def test_a_file_that_is_none_is_refused_whole(data: bytes, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        rows_of(data)
    assert says in caught.value.message


def test_a_wrong_column_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        rows_of("venue,symbol,side,amuont\n")
    assert caught.value.hint == "Did you mean 'amount'?"


def test_an_id_is_for_one_line_only() -> None:
    data = "venue,symbol,side,amount,price,id\nokx,BTC/USDT,buy,1,60000,a1\nokx,BTC/USDT,buy,2,60000,a1\n"
    assert the_error(data) == "Line 3: the id 'a1' is that of line 2."


def test_bad_lines_are_told_together_and_not_without_end() -> None:
    rows = rows_of(HEADER + GOOD + "okx,BTC/USDT,buy,nan,limit,1\n" * 30)
    with pytest.raises(UsageError) as caught:
        refuse_bad(rows, skip=False)
    assert caught.value.message.count("Line ") == 5
    assert "30 lines of 31 cannot be sent, so nothing was sent." in caught.value.message
    refuse_bad(rows, skip=True)
    with pytest.raises(UsageError):
        refuse_bad(rows[1:], skip=True)


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_one_sentence(data: bytes) -> None:
    for prefix in (b"", HEADER.encode(), b"{"):
        with contextlib.suppress(UsageError):
            assert all((row.ticket is None) != (row.error is None) for row in rows_of(prefix + data))


@given(
    st.dictionaries(
        st.sampled_from(COLUMNS), st.one_of(st.none(), st.booleans(), st.text(), st.floats(), st.integers())
    )
)
def test_any_json_object_gives_a_row(values: dict[str, object]) -> None:
    (row,) = rows_of(json.dumps(values))
    assert (row.ticket is None) != (row.error is None)
