"""`book` as users run it, on the simulator."""

from decimal import Decimal

from tests.commands.clirun import crossbook

PNG = b"\x89PNG\r\n\x1a\n"


def test_one_venues_book_has_the_asked_depth_in_order(sim):
    done = crossbook("book", "BTC/USDT", "--venue", "okx", "--depth", "30", "--env", "sim", "--json")
    assert done.code == 0
    answer = done.json
    assert (answer["venue"], len(answer["bids"]), len(answer["asks"])) == ("okx", 30, 30)
    bids, asks = ([Decimal(level["price"]) for level in answer[side]] for side in ("bids", "asks"))
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert bids[0] < asks[0]


def test_the_consolidated_book_names_each_levels_venues(sim):
    done = crossbook("book", "BTC/USDT", "--consolidated", "--depth", "400", "--env", "sim", "--json")
    assert done.code == 0
    for level in done.json["bids"] + done.json["asks"]:
        assert Decimal(level["size"]) == sum(map(Decimal, level["venues"].values()))
    assert len({venue for level in done.json["asks"] for venue in level["venues"]}) > 1


def test_a_dead_venue_is_left_out_of_the_consolidated_book_and_said(sim):
    crossbook("book", "BTC/USDT", "--env", "sim")
    sim.set_fault("okx", "down")
    done = crossbook("book", "BTC/USDT", "--consolidated", "--env", "sim", "--timeout", "3")
    assert done.code == 8
    assert "Not in the book" in done.out
    assert "okx" in done.out


def test_the_depth_chart_is_a_picture(sim, tmp_path):
    target = tmp_path / "depth.png"
    done = crossbook("book", "BTC/USDT", "--consolidated", "--plot", str(target), "--env", "sim")
    assert (done.code, str(target) in done.err) == (0, True)
    assert target.read_bytes().startswith(PNG)


def test_a_picture_that_cannot_be_written_is_one_sentence(sim, tmp_path):
    done = crossbook("book", "BTC/USDT", "--plot", str(tmp_path / "no" / "depth.png"), "--env", "sim")
    assert done.code == 2
    assert "cannot be written" in done.err
    done = crossbook("book", "BTC/USDT", "--plot", str(tmp_path / "depth.pdf"), "--env", "sim")
    assert (done.code, "PNG" in done.err) == (2, True)


def test_a_venue_without_books_says_so(sim):
    done = crossbook("book", "BTC/USD", "--venue", "deriv", "--env", "sim", "--json")
    assert done.code == 4
    assert done.json["venues"][0]["status"] == "unsupported"


def test_a_senseless_depth_is_refused(sim):
    assert crossbook("book", "BTC/USDT", "--depth", "0", "--env", "sim").code == 2
