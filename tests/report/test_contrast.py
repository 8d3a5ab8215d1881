"""Text and graphics stand out from what is behind them (WCAG 2.1: 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from importlib import resources

import pytest

TEXT, GRAPHICS = 4.5, 3.0
STYLE = resources.files("medzip.report").joinpath("templates", "style.html").read_text()
RULES = [
    (selector.strip(), dict(re.findall(r"([a-z-]+):\s*([^;]+);?", body)))
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", STYLE)
]


def colours() -> list[dict[str, str]]:
    """Colours by name, of the light page and of the dark one."""
    return [
        dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]{3,6})", block))
        for block in re.findall(r":root\s*\{([^}]*)\}", STYLE)
    ]


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb."""
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    shares = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def name(value: str | None) -> str:
    """The colour that a value names, or nothing."""
    found = re.fullmatch(r"var\(--([a-z0-9-]+)\)", (value or "").strip())
    return found[1] if found else ""


def texts() -> list[tuple[str, str]]:
    """Colour of every text in use, and what is behind it: its own background, card and page."""
    found = []
    for _, rule in RULES:
        ink = name(rule.get("color"))
        behind = name(rule.get("background"))
        if ink:
            found += [(ink, behind)] if behind else [(ink, "card"), (ink, "page")]
    for selector, rule in RULES:
        if re.search(r"svg (text|\.tick|\.value)", selector):
            found.append((name(rule["fill"]), "card"))
    return found


def graphics() -> list[tuple[str, str]]:
    """Colour of every bar, line and key in use; all lie on cards."""
    found = []
    for selector, rule in RULES:
        drawn = name(rule.get("fill")) or name(rule.get("stroke"))
        if re.search(r"svg \.", selector) and drawn and ".grid" not in selector:
            found.append((drawn, "card"))
        if re.search(r"\.key|\.p[0-9]", selector) and name(rule.get("background")):
            found.append((name(rule["background"]), "card"))
        if "focus-visible" in selector:
            found += [(name(rule["outline"].split()[-1]), behind) for behind in ("card", "page")]
    return found


def test_the_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_texts_and_graphics_stand_out(scheme: int) -> None:
    named = colours()[scheme]
    assert {"good", "bad", "warn", "soft", "ink"} <= {ink for ink, _ in texts()}
    assert {"own", "jxl", "jls", "other", "prove"} <= {drawn for drawn, _ in graphics()}
    for pairs, least in ((texts(), TEXT), (graphics(), GRAPHICS)):
        for one, behind in pairs:
            assert contrast(named[one], named[behind]) >= least, (one, behind)
