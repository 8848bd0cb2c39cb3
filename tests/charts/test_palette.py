"""The colours: seen on their ground, told apart by everybody, in the same order in light and dark."""

from __future__ import annotations

import colorsys
import itertools
import math

import pytest

from nl2sql import dress_spec
from nl2sql.charts.chart_rules import MAX_SERIES
from nl2sql.charts.palette import DARK, GROUNDS, LIGHT, make_config

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISIONS = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
# In Oklab, of which 2 is about what the eye can just tell.
NEIGHBOURS, ANY_TWO = 9.0, 6.5


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(first: str, second: str) -> float:
    lights = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(first), linear(second)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def oklab(rgb: list[float]) -> tuple[float, float, float]:
    r, g, b = (min(1.0, max(0.0, part)) for part in rgb)
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.793617785 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.428592205 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.808675766 * short,
    )


def distance(first: str, second: str, vision: str) -> float:
    seen = [
        oklab([sum(a * b for a, b in zip(row, linear(one), strict=True)) for row in VISIONS[vision]])
        for one in (first, second)
    ]
    return 100 * math.dist(*seen)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_colours_are_told_apart(colours: tuple[str, ...], vision: str) -> None:
    assert all(distance(a, b, vision) >= NEIGHBOURS for a, b in itertools.pairwise(colours))
    assert all(distance(a, b, vision) >= ANY_TWO for a, b in itertools.combinations(colours, 2))


# The dark page of Streamlit has a ground of its own, a little lighter.
@pytest.mark.parametrize(("colours", "ground"), [(LIGHT, GROUNDS["light"]), (DARK, GROUNDS["dark"]), (DARK, "#22211e")])
def test_colours_stand_out_from_their_ground(colours: tuple[str, ...], ground: str) -> None:
    assert all(contrast(colour, ground) >= 3 for colour in colours)


def test_a_series_keeps_its_hue_in_the_dark() -> None:
    assert LIGHT[0] == "#1f5fbf" and len(LIGHT) == len(DARK) == MAX_SERIES
    for light, dark in zip(LIGHT, DARK, strict=True):
        hues = [colorsys.rgb_to_hls(*[int(one[at : at + 2], 16) / 255 for at in (1, 3, 5)])[0] for one in (light, dark)]
        apart = abs(hues[0] - hues[1])
        assert min(apart, 1 - apart) < 0.1, (light, dark)


def test_ink_is_read_on_its_ground() -> None:
    for theme, ground in GROUNDS.items():
        config = make_config(theme)
        inks = [config["axis"]["labelColor"], config["legend"]["labelColor"], config["title"]["color"]]
        assert all(contrast(ink, ground) >= 4.5 for ink in inks)


def test_a_picture_has_the_question_and_the_source() -> None:
    spec = {"$schema": "s", "title": {"text": ["first 5 rows"]}, "data": {"values": []}, "mark": {}, "height": 10}
    made = dress_spec(spec, "dark", title="revenue " * 20, footer="shop · 2026-11-27", width=500, locale="de_DE")
    assert len(made["title"]["text"]) > 1 and made["title"]["subtitle"] == ["first 5 rows"]
    assert made["vconcat"][0]["width"] == 500 and made["vconcat"][-1]["mark"]["text"] == "shop · 2026-11-27"
    assert made["config"]["locale"]["number"]["decimal"] == "," and made["background"] == GROUNDS["dark"]
