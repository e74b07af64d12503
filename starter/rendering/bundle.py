"""What the check of a bundle found: the verdict first, then only what an operator must look at."""

from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from starter.bundle.verifying import AnchorState, BundleCheck, CheckedFile, FileVerdict
from starter.rendering.style import plain
from starter.rendering.text import one_line

_SHOWN: Final = 100
"""So many files that are not intact; the others are counted, and --json has all of them."""
_MARK: Final = {
    FileVerdict.OTHER: ("·", "dim"),
    FileVerdict.NEVER_STORED: ("·", "yellow"),
}


def bundle_view(check: BundleCheck) -> RenderableType:
    """Run, place, anchor, every file that is not simply intact, and the verdict."""
    told = [file for file in check.files if file.verdict is not FileVerdict.INTACT]
    intact = len(check.files) - len(told)
    lines = [
        plain(f"Run       {check.run_id}"),
        plain(f"Place     {one_line(check.place)}"),
        plain(f"Manifest  sha256 {check.manifest_sha256}"),
        _anchored(check),
        plain(f"Intact    {intact} of {len(check.files)} files"),
        *(_line(file) for file in told[:_SHOWN]),
    ]
    if len(told) > _SHOWN:
        lines.append(plain(f"and {len(told) - _SHOWN} more: --json has all of them"))
    return Group(*lines, _verdict(check))


def _anchored(check: BundleCheck) -> Text:
    words = one_line(check.anchor.words)
    if check.anchor.state is AnchorState.HOLDS:
        return plain(f"anchored: {words}")
    text = plain(f"anchored: {check.anchor.state} ({words})")
    text.stylize("bold red" if check.anchor.state is AnchorState.BROKEN else "yellow")
    return text


def _line(file: CheckedFile) -> Text:
    mark, style = _MARK.get(file.verdict, ("✗", "red"))
    detail = f": {one_line(file.detail, 300)}" if file.detail else ""
    text = plain(f"{mark} {one_line(file.name, 200)}  {file.verdict}{detail}")
    text.stylize(style, 0, 1)
    return text


def _verdict(check: BundleCheck) -> Text:
    if not check.sound:
        return Text("NOT SOUND: do not rely on what is marked ✗.", style="bold red")
    whole = "every file is there" if check.complete else "not complete: see the files above"
    proof = {
        AnchorState.HOLDS: "and it is the one that the run named",
        AnchorState.NOT_CHECKED: "but nobody outside it vouches for the manifest",
    }[check.anchor.state]
    return Text(f"Sound: the files are those of the manifest, {proof}; {whole}.", style="green")
