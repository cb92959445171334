"""The `demo` command: a tour of everything, on the simulator, with the commands to repeat it."""

import shlex
import sys

import click

TOUR: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Best prices of one symbol across venues, with fees, ages and reasons",
        ("bbo BTC/USDT", "bbo ETH/USDT BTC/USDT:USDT"),
    ),
    ("The price for your size, after your taker fee", ("bbo BTC/USDT --size 5", "bbo BTC/USDT --quote-size 100000")),
    ("One dollar to compare USD, USDT and USDC books in", ("bbo BTC/USD --numeraire USDT",)),
    ("The same asset under different names and multiples", ("bbo PEPE/USDT:USDT", "symbols explain 1000PEPE")),
    (
        "Books: one venue's, and all venues merged",
        ("book BTC/USD:BTC --depth 5", "book BTC/USDT --consolidated --depth 8"),
    ),
    (
        "What a market order would cost, per venue and split across them",
        ("impact BTC/USDT buy --quote 500000", "impact BTC/USDT sell --base 2 --curve"),
    ),
    ("Funding, with intervals made comparable", ("funding BTC/USDT:USDT", "funding BTC/USD:BTC --history 7d")),
    (
        "Every symbol in one language",
        ("symbols map BTCUSDT --venue {first}", "symbols map BTC/USDT:USDT", "symbols list --asset BTC --kind future"),
    ),
    (
        "Pictures",
        (
            "book BTC/USDT --consolidated --depth 200 --plot {pictures}/depth.png",
            "impact BTC/USDT buy --quote 500000 --curve --plot {pictures}/impact.png",
            "funding BTC/USDT:USDT --plot {pictures}/funding.png",
        ),
    ),
    ("Each venue on its own", ("symbols list --asset BTC --kind spot --venue {each}",)),
    ("A venue that ticks instead of keeping a book", ("bbo EUR/USD BTC/USD --venue {ticking}",)),
    (
        "Venues fail; the answer stands",
        (
            "simulator fault {second} down",
            "bbo BTC/USDT --timeout 3",
            "simulator faults --clear",
        ),
    ),
    ("The installation itself", ("venues", "ratelimit", "doctor", "version")),
)


@click.command(epilog="Example: python main.py demo")
@click.option("--list", "only_list", is_flag=True, help="Print the commands of the tour without running them.")
def demo(only_list: bool) -> None:
    """Take the guided tour: every capability, on the simulator, with the commands to repeat it."""
    from main import run

    failed = []
    for number, (title, templates) in enumerate(TOUR, 1):
        click.secho(f"\n{number}. {title}", bold=True)
        for command in _filled(templates):
            arguments = shlex.split(command)
            if arguments[0] not in ("simulator", "version"):
                arguments = ["--env", "sim", *arguments]
            click.secho(f"\n$ python main.py {shlex.join(arguments)}", fg="cyan")
            sys.stdout.flush()
            if not only_list:
                code = run(arguments)
                if code not in (0, 8):
                    failed.append(command)
                if code:
                    click.echo(f"(exit code {code})")
    if failed:
        raise click.ClickException(f"These commands of the tour failed: {'; '.join(failed)}")


def _filled(templates: tuple[str, ...]) -> list[str]:
    """Put the configured venues into the tour, so that it shows whatever is configured."""
    from commands.session import configured
    from connectors.registry import load_class
    from utils.config.paths import cache_dir

    settings = [entry for entry in configured("sim").venues.values() if entry.enabled and not entry.retired]
    names = [entry.name for entry in settings]
    ticking = [e.name for e in settings if not load_class(e.class_path, e.name).capabilities.books]
    pictures = cache_dir() / "demo"
    pictures.mkdir(exist_ok=True)
    places = {
        "first": names[0],
        "second": names[min(1, len(names) - 1)],
        "ticking": ticking[0] if ticking else "",
        "pictures": shlex.quote(str(pictures)),
    }
    found = []
    for template in templates:
        if "{ticking}" in template and not ticking:
            continue
        each = names if "{each}" in template else [""]
        found += [template.format(**places, each=name) for name in each]
    return found
