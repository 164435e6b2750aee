"""`biofeed certify`: a scene at its extremes, or any video, measured and judged; or all certificates looked through."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from biofeed import certificates, scene, worlds
from biofeed.certificates import Certificate, Figures, Run
from biofeed.errors import SceneError, UsageError

FILMS = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v")
COLUMNS = ("flashes", "red", "sustained", "stripes", "mean", "peak", "rise/s", "deg/s", "")


def certify(asked: argparse.Namespace) -> int:
    """Measures and judges; 0 when every limit holds and every certificate fits."""
    if asked.check:
        return check(asked.which, asked.json)
    if asked.which is None:
        raise UsageError("say what to certify: a scene, all, or a video file; or --check")
    if asked.which.lower().endswith(FILMS):
        return _film(Path(asked.which), asked.comfort or "full", asked.json)
    names = scene.names() if asked.which == "all" else [asked.which]
    made = [_measure(name, asked.seconds, asked.json) for name in names]
    if asked.json:
        print(json.dumps({"scenes": made}))
    return 0 if all(entry["certified"] for entry in made) else 1


def check(which: str | None, as_json: bool) -> int:
    """Whether each scene, or this one, has a certificate that fits and holds no violation; nothing is drawn."""
    objections: dict[str, str] = {}
    names = scene.names() if which in (None, "all") else [str(which)]
    for name in names:
        try:
            said = certificates.objection(name, scene.load(name))
        except SceneError as error:
            said = str(error)
        if said:
            objections[name] = said
    if as_json:
        print(json.dumps({"certified": [name for name in names if name not in objections], "objections": objections}))
    else:
        for said in objections.values():
            print(said)
        if not objections:
            print(f"{len(names)} of {len(names)} scenes are certified")
    return 1 if objections else 0


def _measure(which: str, seconds: float | None, is_quiet: bool) -> dict[str, Any]:
    from biofeed.certify import extremes  # noqa: PLC0415 - a check needs neither GL nor kernels

    world = worlds.load(which)
    certificate = extremes.certify(world, seconds or extremes.SECONDS, _say)
    path = certificates.path_of(which)
    certificates.write(path, certificate)
    broken = certificates.violations(certificate)
    if not is_quiet:
        _table(certificate)
        for sentence in broken:
            print(sentence)
        print(f"{'not certified' if broken else 'certified'}  {path}")
    runs = [dataclasses.asdict(run) for run in certificate.runs]
    return {"scene": world.name, "certified": not broken, "violations": broken, "file": str(path), "runs": runs}


def _film(path: Path, comfort: str, as_json: bool) -> int:
    from biofeed.certify.analyser import Analyser  # noqa: PLC0415
    from biofeed.certify.films import pictures  # noqa: PLC0415

    analyser: Analyser | None = None
    for time_s, picture in pictures(path):
        if analyser is None:
            analyser = Analyser((picture.shape[1], picture.shape[0]), 60.0)
        analyser.add(picture, time_s)
    if analyser is None:
        raise UsageError(f"{path} holds no picture")
    figures = analyser.figures()
    judged = certificates.verdict(figures, comfort)
    if as_json:
        told = {"file": str(path), "figures": dataclasses.asdict(figures)}
        print(json.dumps({**told, "judgements": [dataclasses.asdict(one) for one in judged]}))
    else:
        for one in judged:
            print(f"{'holds' if one.holds else 'FAILS'}  {one.limit}: {one.sentence}")
    return 0 if all(one.holds for one in judged) else 1


def _table(certificate: Certificate) -> None:
    width = max(len(run.name) for run in certificate.runs)
    rows = [[certificate.scene, *COLUMNS]]
    rows += [[run.name, *_cells(run.figures), "" if _holds(run) else "FAILS"] for run in certificate.runs]
    for name, *cells in rows:
        print(f"{name:{width}}  {'  '.join(f'{cell:>9}' for cell in cells)}".rstrip())


def _cells(figures: Figures) -> list[str]:
    light = (figures.mean, figures.peak, figures.rise_per_s)
    return [
        str(figures.flashes),
        str(figures.red_flashes),
        f"{figures.sustained_s:.1f} s",
        f"{figures.stripes_s:.2f} s",
        *(f"{value:.3f}" for value in light),
        f"{figures.flow_deg_per_s:.2f}",
    ]


def _holds(run: Run) -> bool:
    return all(judged.holds for judged in certificates.verdict(run.figures, run.comfort))


def _say(text: str) -> None:
    print(text, file=sys.stderr)
