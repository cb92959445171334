"""A store proves itself, or says what is missing and what was altered."""

import json
from pathlib import Path

import pytest

from domain.errors import UsageError
from domain.exit_codes import ExitCode
from domain.snapshots import SECOND_NS
from market_data.snapshots.layout import file_key, manifest_key
from market_data.snapshots.manifest import chain_of
from market_data.snapshots.proof import ALTERED, MISSING, UNREADABLE, WHOLE, DayProof, Proof
from market_data.snapshots.verifying import GRACE_S, Asked, verify
from tests.market_data.snapshots.filled import DAYS, SPOT, SWAP, day_start_ns, fill, rows_of
from utils.persistence.sinks.base import StoreUnavailable
from utils.persistence.sinks.local import LocalSink

FIRST = file_key(SPOT, day_start_ns(DAYS[0]) + 3600 * SECOND_NS)


def day(proof: Proof, number: int) -> DayProof:
    (found,) = [each for each in proof.days if each.place == (SPOT, DAYS[number])]
    return found


def wrong(proof: Proof) -> list[tuple[str, str, str]]:
    return [(each.place.day, found.kind, found.key) for each in proof.days for found in each.findings]


def changed_manifest(sink: LocalSink, number: int, **fields: object) -> None:
    """Rewrite a manifest as somebody would who keeps its own sums right."""
    path = sink.root / manifest_key(SPOT, DAYS[number])
    told = json.loads(path.read_bytes())
    told |= fields
    told["chain"] = chain_of(None, told["content"]) if told["previous"] is None else told["chain"]
    path.write_text(json.dumps(told))


def test_a_store_that_has_everything_is_whole(sink: LocalSink) -> None:
    proof = verify(sink, Asked())
    assert proof.exit_code == ExitCode.OK
    assert [(each.place, each.state) for each in proof.days] == [
        ((SWAP, DAYS[2]), WHOLE), *[((SPOT, each), WHOLE) for each in DAYS],
    ]  # fmt: skip
    assert wrong(proof) == []


def test_gaps_with_a_reason_are_data_and_seconds_without_a_row_are_counted(sink: LocalSink) -> None:
    covered = day(verify(sink, Asked()), 0).covered
    assert covered is not None
    assert (covered.expected, covered.ok, covered.not_recorded) == (150, 134, 10)
    assert covered.by_reason == {("unavailable", "no route"): 5, ("late", "answered 1.2 s after the second"): 1}
    assert [(gap.status, gap.beats) for gap in covered.gaps] == [("late", 1), ("unavailable", 5), ("not_recorded", 10)]


def test_silence_between_two_days_is_said(sink: LocalSink) -> None:
    proof = verify(sink, Asked())
    assert day(proof, 0).silent_s is None
    assert day(proof, 1).silent_s == 86_400 - 150


def test_each_file_is_read_once(sink: LocalSink) -> None:
    asked: list[str] = []

    class Counting(LocalSink):
        def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
            asked.append(key)
            return super().read(key, start, end)

    verify(Counting(sink.root), Asked())
    assert len(asked) == len(set(asked)) == len(list(sink.list()))


def test_a_file_that_is_gone_is_missing(sink: LocalSink) -> None:
    sink.delete(FIRST)
    proof = verify(sink, Asked())
    assert wrong(proof) == [(DAYS[0], MISSING, FIRST)]
    assert proof.exit_code == ExitCode.VERIFICATION_FAILED
    assert verify(sink, Asked(quick=True)).exit_code == ExitCode.VERIFICATION_FAILED


@pytest.mark.parametrize("place", [4, 2000, -1])
def test_any_changed_byte_is_found(sink: LocalSink, place: int) -> None:
    content = bytearray((sink.root / FIRST).read_bytes())
    content[place] ^= 1
    (sink.root / FIRST).write_bytes(content)
    assert wrong(verify(sink, Asked())) == [(DAYS[0], ALTERED, FIRST)]
    assert verify(sink, Asked(quick=True)).exit_code == ExitCode.OK  # which does not look inside


def test_a_file_cut_off_is_altered_even_at_a_quick_look(sink: LocalSink) -> None:
    (sink.root / FIRST).write_bytes((sink.root / FIRST).read_bytes()[:-1])
    for quick in (False, True):
        assert wrong(verify(sink, Asked(quick=quick))) == [(DAYS[0], ALTERED, FIRST)]


def test_a_file_of_another_day_in_its_place_is_altered(sink: LocalSink) -> None:
    (sink.root / FIRST).write_bytes((sink.root / FIRST.replace(DAYS[0], DAYS[1])).read_bytes())
    assert wrong(verify(sink, Asked())) == [(DAYS[0], ALTERED, FIRST)]


def test_a_file_replaced_together_with_its_entry_breaks_the_days_checksum(sink: LocalSink, tmp_path: Path) -> None:
    other = LocalSink(tmp_path / "other")
    rows = rows_of(DAYS[0], 3600, 60)
    fill(other, tmp_path / "work", SPOT, [rows[0]._replace(bids=(("1", "1"),)), *rows[1:10], *rows[11:]])
    (sink.root / FIRST).write_bytes((other.root / FIRST).read_bytes())
    mine = json.loads((sink.root / manifest_key(SPOT, DAYS[0])).read_bytes())
    theirs = json.loads((other.root / manifest_key(SPOT, DAYS[0])).read_bytes())
    files = [theirs["files"][0], *mine["files"][1:]]
    changed_manifest(sink, 0, files=files, rows=139, ok=134, by_status={"late": 0, "ok": 134, "unavailable": 5})
    assert wrong(verify(sink, Asked())) == [(DAYS[0], ALTERED, manifest_key(SPOT, DAYS[0]))]


def test_a_day_rewritten_with_all_its_sums_breaks_the_chain_of_the_next(sink: LocalSink, tmp_path: Path) -> None:
    other = LocalSink(tmp_path / "other")
    fill(other, tmp_path / "work", SPOT, rows_of(DAYS[0], 3600, 30))
    for key in [each.key for each in sink.list(f"order_books/{DAYS[0]}/")]:
        sink.delete(key)
    for found in other.list():
        sink.put(found.key, other.read(found.key))
    assert wrong(verify(sink, Asked())) == [(DAYS[1], ALTERED, manifest_key(SPOT, DAYS[1]))]
    # The first day that was asked for is held against the one before it, too.
    assert wrong(verify(sink, Asked(since=DAYS[1]))) == [(DAYS[1], ALTERED, manifest_key(SPOT, DAYS[1]))]


def test_a_whole_day_that_is_gone_is_missed_by_the_next(sink: LocalSink) -> None:
    for key in [each.key for each in sink.list(f"order_books/{DAYS[1]}/")]:
        sink.delete(key)
    assert wrong(verify(sink, Asked())) == [(DAYS[2], MISSING, manifest_key(SPOT, DAYS[1]))]


def test_the_first_day_that_is_gone_is_missed_too(sink: LocalSink) -> None:
    for key in [each.key for each in sink.list(f"order_books/{DAYS[0]}/")]:
        sink.delete(key)
    assert wrong(verify(sink, Asked())) == [(DAYS[1], MISSING, manifest_key(SPOT, DAYS[0]))]


@pytest.mark.parametrize("number", [0, 1, 2], ids=["first", "in the middle", "last"])
def test_a_manifest_that_is_gone_is_missing_wherever_it_was(sink: LocalSink, number: int) -> None:
    key = manifest_key(SPOT, DAYS[number])
    sink.delete(key)
    proof = verify(sink, Asked(), wait=lambda _: None)
    # The files that are left say so, and the next day does, which goes on from it.
    gone = [(DAYS[number], MISSING, key)]
    assert wrong(proof) == gone + [(DAYS[number + 1], MISSING, key) for _ in gone if number < 2]
    assert proof.exit_code == ExitCode.VERIFICATION_FAILED


def test_the_last_day_that_is_gone_is_known_only_to_who_kept_the_chain(sink: LocalSink) -> None:
    kept = day(verify(sink, Asked()), 2).chain
    for key in [each.key for each in sink.list(f"order_books/{DAYS[2]}/") if "okx" in each.key]:
        sink.delete(key)
    proof = verify(sink, Asked())
    assert (proof.exit_code, wrong(proof)) == (ExitCode.OK, [])
    assert kept not in {each.chain for each in proof.days}


def test_files_that_lost_their_manifest_while_the_day_went_on_are_named(sink: LocalSink, tmp_path: Path) -> None:
    sink.delete(manifest_key(SPOT, DAYS[2]))
    fill(sink, tmp_path / "work", SPOT, rows_of(DAYS[2], 7200, 30))
    proof = verify(sink, Asked())
    # Nothing says any more that they were ever named: only the kept chain does.
    assert (wrong(proof), len(day(proof, 2).unnamed)) == ([], 3)


def test_files_without_a_manifest_prove_nothing(sink: LocalSink) -> None:
    sink.delete(manifest_key(SPOT, DAYS[2]))
    waited: list[float] = []
    proof = verify(sink, Asked(), wait=waited.append)
    assert waited == [GRACE_S]
    assert wrong(proof) == [(DAYS[2], MISSING, manifest_key(SPOT, DAYS[2]))]
    assert len(day(proof, 2).unnamed) == 3


def test_a_manifest_that_comes_a_moment_after_its_file_is_waited_for(sink: LocalSink) -> None:
    key = manifest_key(SPOT, DAYS[2])
    content = sink.read(key)
    sink.delete(key)
    proof = verify(sink, Asked(), wait=lambda _: (sink.root / key).write_bytes(content))
    assert (proof.exit_code, day(proof, 2).state) == (ExitCode.OK, WHOLE)


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"{", ALTERED, ExitCode.VERIFICATION_FAILED),
        (b"", ALTERED, ExitCode.VERIFICATION_FAILED),
        (b'{"schema": 99}', UNREADABLE, ExitCode.CONFIGURATION),
    ],
)
def test_a_manifest_that_cannot_be_read_is_said_once(
    sink: LocalSink, content: bytes, kind: str, code: ExitCode
) -> None:
    (sink.root / manifest_key(SPOT, DAYS[1])).write_bytes(content)
    proof = verify(sink, Asked())
    assert wrong(proof) == [(DAYS[1], kind, manifest_key(SPOT, DAYS[1]))]
    assert proof.exit_code == code


def test_a_manifest_of_another_day_in_its_place_is_altered(sink: LocalSink) -> None:
    other = (sink.root / manifest_key(SPOT, DAYS[2])).read_bytes()
    (sink.root / manifest_key(SPOT, DAYS[1])).write_bytes(other)
    assert wrong(verify(sink, Asked()))[0] == (DAYS[1], ALTERED, manifest_key(SPOT, DAYS[1]))


def test_a_manifest_that_counts_other_rows_is_altered(sink: LocalSink) -> None:
    changed_manifest(sink, 0, by_status={"late": 2, "ok": 133, "unavailable": 5}, ok=133)
    assert wrong(verify(sink, Asked())) == [(DAYS[0], ALTERED, manifest_key(SPOT, DAYS[0]))]


def test_what_no_manifest_names_is_named_and_is_no_failure(sink: LocalSink) -> None:
    extra = file_key(SPOT, day_start_ns(DAYS[0]) + 7200 * SECOND_NS)
    sink.put(extra, b"something")
    sink.put("order_books/notes.txt", b"mine")
    sink.put("backups/2026.tar", b"theirs")
    proof = verify(sink, Asked())
    assert day(proof, 0).unnamed == [extra]
    assert (proof.foreign, proof.foreign_count) == (["backups/2026.tar", "order_books/notes.txt"], 2)
    assert proof.exit_code == ExitCode.OK


def test_a_store_that_does_not_give_a_file_proves_nothing_and_is_no_loss(sink: LocalSink) -> None:
    class Silent(LocalSink):
        def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
            if key == FIRST:
                raise StoreUnavailable("No answer.")
            return super().read(key, start, end)

    proof = verify(Silent(sink.root), Asked())
    assert wrong(proof) == [(DAYS[0], UNREADABLE, FIRST)]
    assert proof.exit_code == ExitCode.UNAVAILABLE
    assert day(proof, 0).covered is None


def test_a_store_that_is_written_to_meanwhile_is_looked_at_again(sink: LocalSink, tmp_path: Path) -> None:
    class Growing(LocalSink):
        grown = False

        def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
            if key == manifest_key(SPOT, DAYS[2]) and not self.grown:
                # Between the listing and the manifest, a file comes that the listing does not have.
                self.grown = True
                fill(sink, tmp_path / "work", SPOT, rows_of(DAYS[2], 7200, 30))
            return super().read(key, start, end)

    proof = verify(Growing(sink.root), Asked())
    assert (proof.exit_code, day(proof, 2).rows) == (ExitCode.OK, 170)


def test_facts_that_change_within_a_day_are_said(sink: LocalSink, tmp_path: Path) -> None:
    fill(sink, tmp_path / "work", SPOT, rows_of(DAYS[2], 7200, 30), depth=50)
    proof = verify(sink, Asked())
    assert day(proof, 2).notes == [
        f"{file_key(SPOT, day_start_ns(DAYS[2]) + 7200 * SECOND_NS)}: depth 50 (was 20) from here on."
    ]
    assert proof.exit_code == ExitCode.OK


def test_only_what_was_asked_for_is_looked_at(sink: LocalSink) -> None:
    assert {each.place.series for each in verify(sink, Asked(wanted={SWAP})).days} == {SWAP}
    assert [each.place for each in verify(sink, Asked({SPOT}, DAYS[1])).days] == [(SPOT, DAYS[1]), (SPOT, DAYS[2])]
    with pytest.raises(UsageError, match="nothing of okx ETH/USDT"):
        verify(sink, Asked(wanted={SPOT._replace(symbol="ETH/USDT")}))


def test_an_empty_store_is_whole(tmp_path: Path) -> None:
    proof = verify(LocalSink(tmp_path / "nothing"), Asked())
    assert (proof.days, proof.exit_code) == ([], ExitCode.OK)
