"""Client ids: unique, in order of time, of one shape."""

import base64
import hashlib
import re
import subprocess
import sys
import time

import pytest

from domain.errors import UsageError
from order_management.client_ids import check_client_id, derived_id, new_client_id
from tests.conftest import ROOT

SHAPE = re.compile(r"cb[0-9a-hjkmnp-tv-z]{26}")


def test_a_new_id_is_28_lower_case_letters_and_digits() -> None:
    assert all(SHAPE.fullmatch(new_client_id()) for _ in range(100))


def test_later_ids_sort_after_earlier_ones() -> None:
    earlier = new_client_id()
    begun = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 <= begun + 1:
        pass
    assert earlier < new_client_id()


def test_ids_of_several_processes_at_once_are_all_different() -> None:
    code = "from order_management.client_ids import new_client_id\nfor _ in range(2000): print(new_client_id())"
    running = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    ids = [line for process in running for line in process.communicate()[0].split()]
    assert len(ids) == len(set(ids)) == 6000


def test_the_same_parts_always_derive_the_same_id() -> None:
    assert derived_id("batch.csv", 7) == derived_id("batch.csv", 7) == "cb" + derived_id("batch.csv", "7")[2:]
    assert SHAPE.fullmatch(derived_id())


def test_what_was_derived_yesterday_is_found_again_tomorrow() -> None:
    # Worked out apart: base32(sha256("2:ab1:c")), its letters those of Crockford's alphabet.
    text = base64.b32encode(hashlib.sha256(b"2:ab1:c").digest())[:26].decode()
    theirs, ours = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghjkmnpqrstvwxyz"
    assert derived_id("ab", "c") == "cb" + text.translate(str.maketrans(theirs, ours)) == "cb8c7v3d5c8crpxjm1zas7m69gne"


def test_other_parts_derive_another_id() -> None:
    parts = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("2:ab", "c"), ("c", "ab")]
    assert len({derived_id(*each) for each in parts}) == len(parts)


def test_an_id_that_a_venue_would_refuse_is_refused_here_naming_its_rule() -> None:
    assert check_client_id("abc", r"[a-z]{1,3}", "somewhere") == "abc"
    for bad in ("abcd", "", "ab\n", "AB"):
        with pytest.raises(UsageError, match=r"somewhere does not take .* \[a-z\]\{1,3\}"):
            check_client_id(bad, r"[a-z]{1,3}", "somewhere")
