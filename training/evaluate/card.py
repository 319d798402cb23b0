"""``python -m training evaluate card``: measure the models and write the figures and plots into their cards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR, Manifest
from edge.verify.siamese import BRANCH
from training.evaluate.card_parts import Part, float32_store
from training.evaluate.cascade_card import fpnet_part, stage_part, write_failures
from training.evaluate.cascade_pass import run_pass
from training.evaluate.landmarks import landmark_figures
from training.evaluate.siamese_card import siamese_part
from training.evaluate.verification import say
from training.export.card import put_section

CASCADE = ("pnet", "rnet", "fpnet")
NETS = (*CASCADE, BRANCH)
FAILURES = Path("runs/cards")


@click.command(name="card")
@click.argument("nets", nargs=-1, type=click.Choice(NETS), metavar="[NET]...")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Laid out as VIGIL_DATA.")
@click.option("--models", type=click.Path(path_type=Path), default=MODELS_DIR, show_default=True)
@click.option(
    "--failures",
    type=click.Path(path_type=Path),
    default=FAILURES,
    show_default=True,
    help="Folder for sheets of the worst failures. They show faces: keep it out of the repository.",
)
def command(nets: Sequence[str], data: Path, models: Path, failures: Path) -> None:
    """Write the section `Measured` of the cards of NETs (default: all), with plots. The last line is JSON."""
    store = ModelStore(models)
    chosen = [net for net in NETS if net in (nets or NETS)]
    parts = cascade_parts(chosen, store, data, failures) if set(chosen) & set(CASCADE) else {}
    if BRANCH in chosen:
        parts[BRANCH] = siamese_part(store, data, failures, say)
    for net, part in parts.items():
        write_measured(net, part, store)
    click.echo(json.dumps({net: part.figures for net, part in parts.items()}))


def cascade_parts(nets: Sequence[str], store: ModelStore, data: Path, failures: Path) -> dict[str, Part]:
    """What was measured of those of the cascade's nets. Writes the plots beside the cards."""
    done = run_pass(store, data, say)
    parts = {net: stage_part(done, net) for net in nets if net in ("pnet", "rnet")}
    if "fpnet" in nets:
        twins = float32_store(store)
        exact = run_pass(twins, data, say) if twins else None
        cards = (store.directory / store.manifest.spec("fpnet").card).parent
        parts["fpnet"] = fpnet_part(done, landmark_figures(data, store.directory), cards, exact)
        for sheet in write_failures(done, failures):
            say(f"wrote {sheet}")
    return parts


def write_measured(net: str, part: Part, store: ModelStore) -> None:
    """Put the part into the card as its section ``Measured``. Raises InputError where the card is of another file."""
    spec = store.manifest.spec(net)
    with_what = f"`python -m training evaluate card {net} --data DIR`, with {_files(store.manifest)}."
    card = store.directory / spec.card
    put_section(card, spec, "Measured", "\n\n".join([with_what, *part.paragraphs]))
    if (page := card.with_name(f"{net}-search.md")).is_file():
        put_section(card, spec, "Search", f"What other geometries were tried: [{page.name}]({page.name}).")
    say(f"wrote {card}")


def _files(manifest: Manifest) -> str:
    """The whole pipeline was measured: each of its models' file and the head of its hash."""
    specs = [manifest.models[net] for net in NETS if net in manifest.models]
    return ", ".join(f"`{spec.file}` {spec.sha256[:12]}" for spec in specs)
