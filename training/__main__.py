"""``python -m training``: from photos to models, and what they are worth. Modules are loaded only on use."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from edge.errors import VigilError

COMMANDS = {
    "import": {
        "mtcnn": ("training.models.port_mtcnn:command", "P-Net and R-Net from the mtcnn wheel, as TFLite."),
        "onet": ("training.models.port_onet:command", "O-Net plus a distilled 6D rotation head: FPNet version 0."),
        "mobilefacenet": ("training.models.port_mobilefacenet:command", "MobileFaceNet, where `train siamese` starts."),
    },
    "prepare": {
        "cascade": ("training.prepare_cascade:command", "Photos to labelled faces, made profiles and negatives."),
    },
    "train": {
        "siamese": ("training.train_siamese:command", "Distil SFace into the Siamese branch and export it as int8."),
        "classic": ("training.train_classic:command", "A tutorial's own network, from its recipe, as int8."),
        "pnet": ("training.train_cascade:pnet", "P-Net, the cascade's first stage, as int8."),
        "rnet": ("training.train_cascade:rnet", "R-Net, its second stage, as int8."),
        "fpnet": ("training.train_cascade:fpnet", "FPNet, its last stage: score, box, landmarks, rotation; as int8."),
        "eyenet": ("training.train_patch:eyenet", "EyeNet, how open an eye is, as int8."),
        "mouthnet": ("training.train_patch:mouthnet", "MouthNet, whether a mouth is wide open, as int8."),
    },
    "search": {
        "fpnet": ("training.search_fpnet:command", "FPNet's width, depth, kernel and input side under a budget."),
    },
    "evaluate": {
        "verification": ("training.evaluate.verification:command", "Accuracy, EER and TAR on labelled pairs."),
        "pose": ("training.evaluate.pose:command", "Head-pose error in degrees."),
        "detection": ("training.evaluate.detection:command", "Recall and false positives."),
        "eyes": ("training.evaluate.eyes:command", "Open from closed eyes: accuracy and AUC."),
        "card": ("training.evaluate.card:command", "All of it, into the model cards, with plots."),
        "landmarks": ("training.evaluate.landmarks:command", "Error of the five points, in % of the eyes' distance."),
        "enrolment": ("training.evaluate.enrolment:command", "Who is turned away, by how many views they enrolled."),
        "robustness": (
            "training.evaluate.robustness:command",
            "Verification of small, blurred, turned and dark faces.",
        ),
        "thresholds": ("training.evaluate.cascade_thresholds:command", "What the cascade's score thresholds buy."),
    },
}
ALONE = {
    "collect": ("training.collect:command", "Your own photos from a camera, and strangers from a folder."),
}
HELP = {
    "import": "Port published weights.",
    "prepare": "Turn folders of photos into what a model learns from.",
    "train": "Train and export a model from its recipe.",
    "search": "Look for a better architecture.",
    "evaluate": "Measure the shipped models; the last line printed is one JSON object.",
}


class LazyGroup(click.Group):
    """A group whose commands are ``{name: ("module:attribute", short help)}`` and are imported on use."""

    def __init__(self, name: str, table: dict[str, tuple[str, str]], help: str) -> None:  # noqa: A002
        super().__init__(name=name, help=help)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.table, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return super().get_command(ctx, cmd_name)
        module, attribute = self.table[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        lines = {name: command.get_short_help_str(limit=100) for name, command in self.commands.items()}
        lines |= {name: text for name, (_, text) in self.table.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(lines.items()))


main = LazyGroup("training", ALONE, "Turn data into the models that Vigil ships.")
for _name, _table in COMMANDS.items():
    main.add_command(LazyGroup(_name, _table, HELP[_name]))


def run() -> None:
    """The command line: an expected failure is one line on stderr and its exit code, never a traceback."""
    try:
        main()
    except VigilError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    run()
