"""The four charts of a report: rates, pair ratios over time, memory, speed against quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from backends.domain.metric import Interval
from backends.reporting import words
from backends.reporting.account import Account, PairRatio, label_of
from backends.reporting.colors import colors_of, palette
from backends.reporting.figures import compared, rates_of
from backends.reporting.plot import WIDTH, Chart, Scale, finished, horizontal_grid, is_drawable, vertical_grid
from backends.reporting.svg import Drawing, shortened, text_width
from backends.reporting.trade import speed_gate, trade_chart
from backends.reporting.waterfall import waterfall_chart

_ROW = 30.0
_LEFT = 200.0  # labels of configurations
_RIGHT = 190.0  # figures in words
_AXIS = 26.0


def charts(account: Account) -> tuple[Chart, ...]:
    """Those that the run has figures for."""
    found: list[Chart | None] = [waterfall_chart(account)]
    found += [rate_chart(account, metric) for metric in rates_of(account.record.results)]
    found += [pair_chart(account), memory_chart(account), trade_chart(account)]
    return tuple(chart for chart in found if chart is not None)


def rate_chart(account: Account, metric: str) -> Chart | None:
    known = [(label_of(one), one.rates.get(metric)) for one in account.record.results]
    rows = [(label, value) for label, value in known if value is not None and is_drawable(value)]
    if not rows:
        return None
    title, unit = words.RATES[metric]
    drawing = Drawing(WIDTH, _ROW * len(rows) + _AXIS, f"{title}, {unit}")
    across = Scale(0, max(value.high for _, value in rows) * 1.02, _LEFT, WIDTH - _RIGHT)
    bottom = _ROW * len(rows)
    vertical_grid(drawing, across, 0, bottom)
    colors = colors_of(account.record.results)
    for number, (label, value) in enumerate(rows):
        y = _ROW * (number + 0.5)
        _row_label(drawing, label, y)
        _whisker(drawing, across, value, y, colors[label])
        _row_figure(drawing, y, words.rate(value, unit))
    note = "Point: median of all readings. Bar: its 95 % interval."
    return finished(f"rate-{metric}", f"{title}, {unit}", drawing, note)


def pair_chart(account: Account) -> Chart | None:
    """Each candidate was paired with the original in a stretch of time of its own."""
    pairs = [pair for pair in account.pairs if isfinite(pair.ratio)]
    if not pairs:
        return None
    height, top, bottom = 250.0, 20.0, 208.0
    drawing = Drawing(WIDTH, height, "Speed against the original, pair by pair")
    time = Scale(min(p.t_s for p in pairs), max(p.t_s for p in pairs), 52, WIDTH - 24)
    bands = _bands(account)
    ends = [p.ratio for p in pairs] + [end for band in bands.values() for end in (band.low, band.high)]
    up = Scale(0, max([*ends, 1.0]) * 1.08, bottom, top)
    horizontal_grid(drawing, up, 52, WIDTH - 24, "×")
    _gate_line(drawing, speed_gate(account), up)
    colors = colors_of(account.record.results)
    unknown = palette()["muted"]  # of a candidate that was cut off before it had a result
    for label, own in _by_label(pairs).items():
        _stretch(drawing, label, own, bands.get(label), colors.get(label, unknown), time, up)
    for pair in pairs:
        hint = "; ".join(pair.flags) or f"{pair.label}: {words.number(pair.ratio)}×"
        at = time.at(pair.t_s), up.at(pair.ratio)
        drawing.circle(*at, 3.2, colors.get(pair.label, unknown), hollow=bool(pair.flags), hint=hint)
    drawing.text(time.start, height - 12, words.minutes(time.low), palette()["muted"], size=11)
    drawing.text(time.end, height - 12, words.minutes(time.high), palette()["muted"], "end", size=11)
    drawing.text(
        (time.start + time.end) / 2, height - 12, "since the start", palette()["muted"], "middle", 11
    )
    note = "One point a pair; hollow: something disturbed it, and it was measured again. Band: the interval."
    return finished("pairs", "Speed against the original, pair by pair", drawing, note)


def memory_chart(account: Account) -> Chart | None:
    rows = [(label_of(one), one.memory) for one in account.record.results if one.memory]
    if not rows:
        return None
    drawing = Drawing(WIDTH, _ROW * len(rows) + _AXIS, "Peak memory, MiB")
    across = Scale(0, max(m.total_peak_bytes for _, m in rows) / 2**20, _LEFT, WIDTH - _RIGHT)
    vertical_grid(drawing, across, 0, _ROW * len(rows))
    colors = colors_of(account.record.results)
    for number, (label, found) in enumerate(rows):
        y = _ROW * (number + 0.5)
        _row_label(drawing, label, y)
        start, total = 0.0, float(found.total_peak_bytes)
        parts = ((found.weights_bytes, 1.0), (found.kv_cache_bytes or 0, 0.65), (found.baseline_bytes, 0.4))
        for size, opacity in (*parts, (total, 0.18)):  # what is left is working memory
            end = min(total, start + size)
            place = across.at(start / 2**20), across.at(end / 2**20)
            drawing.rect(place[0], y - 8, place[1] - place[0], 16, colors[label], opacity)
            start = end
        drawing.text(WIDTH - _RIGHT + 14, y + 4, words.mebibytes(total), palette()["text"], bold=True)
    note = (
        "Length: the kernel's high-water mark. From dark to pale: weights (size of the file), KV cache (of "
        "the whole context, by its formula), the runtime alone (measured without a model), and the rest, "
        "which is working memory."
    )
    return finished("memory", "Peak memory, MiB", drawing, note)


def _row_label(drawing: Drawing, label: str, y: float) -> None:
    drawing.text(_LEFT - 14, y + 4, shortened(label, _LEFT - 14), palette()["text"], "end")


def _row_figure(drawing: Drawing, y: float, figure: words.Figure) -> None:
    """Figure and interval on one line, or one below the other where both are long."""
    x = WIDTH - _RIGHT + 14
    beside = x + 8 + text_width(figure.main)
    fits = beside + text_width(figure.note, 11) <= WIDTH
    drawing.text(x, y + 4 if fits else y - 2, figure.main, palette()["text"], bold=True)
    place = (beside, y + 4) if fits else (x, y + 11)
    drawing.text(*place, figure.note, palette()["muted"], size=11)


def _whisker(drawing: Drawing, scale: Scale, value: Interval, y: float, color: str) -> None:
    low, high = scale.at(value.low), scale.at(value.high)
    drawing.line(scale.start, y, low, y, color, 1, "1 3")
    drawing.rect(low, y - 5, max(1.0, high - low), 10, color, 0.35, 2)
    drawing.circle(scale.at(value.estimate), y, 4.5, color, hint=words.span(value))


def _bands(account: Account) -> Mapping[str, Interval]:
    metrics = rates_of(account.record.results)
    found = {label_of(one): compared(one, metrics[0]) for one in account.candidates} if metrics else {}
    return {
        label: comparison.ratio
        for label, comparison in found.items()
        if comparison and is_drawable(comparison.ratio)
    }


def _by_label(pairs: Sequence[PairRatio]) -> dict[str, list[PairRatio]]:
    found: dict[str, list[PairRatio]] = {}
    for pair in pairs:
        found.setdefault(pair.label, []).append(pair)
    return found


def _gate_line(drawing: Drawing, threshold: float | None, up: Scale) -> None:
    if threshold is not None and threshold < up.high:
        y = up.at(threshold)
        drawing.line(52, y, WIDTH - 24, y, palette()["ok"], 1, "6 4")
        drawing.text(WIDTH - 24, y - 5, f"gate {threshold:g}×", palette()["ok"], "end", size=11)


def _stretch(
    drawing: Drawing,
    label: str,
    own: Sequence[PairRatio],
    band: Interval | None,
    color: str,
    time: Scale,
    up: Scale,
) -> None:
    """The time in which one candidate was measured: its band, its flags and its name."""
    left, right = time.at(own[0].t_s) - 4, time.at(own[-1].t_s) + 4
    if band is not None:
        drawing.rect(left, up.at(band.high), right - left, up.at(band.low) - up.at(band.high), color, 0.25)
        drawing.line(left, up.at(band.estimate), right, up.at(band.estimate), color, 1.5)
    for pair in own:
        if pair.flags:
            x = time.at(pair.t_s)
            drawing.line(x, up.end, x, up.start, palette()["warn"], 1, "2 3")
    shown = shortened(label, right - left + 8, 11)
    drawing.text((left + right) / 2, up.start + 16, shown, palette()["text"], "middle", size=11)
