"""The tones of a state, for chips and table cells."""

from __future__ import annotations

from enum import StrEnum


class Tone(StrEnum):
    """What a chip's colour says; the words on it say it too."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    NEUTRAL = "neutral"
    SOFT = "soft"


# tone -> names of the text and the background colour in tokens.json
CHIP_COLORS = {
    Tone.OK: ("ok", "okbg"),
    Tone.WARN: ("warn", "warnbg"),
    Tone.BAD: ("bad", "badbg"),
    Tone.NEUTRAL: ("muted", "sunk"),
    Tone.SOFT: ("accent", "soft"),
}
