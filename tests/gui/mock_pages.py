"""The four drawn pages, made of the product's widgets and made-up figures. Only tests use them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QSlider, QVBoxLayout

from gui.charts.bar_chart import Bar, BarChart
from gui.charts.line_chart import LineChart
from gui.charts.scatter_chart import GateRegion, ScatterChart, ScatterPoint
from gui.models.cells import BarCell, ChipCell, LinkCell, TextCell, figure
from gui.models.table import Column, TableModel
from gui.theme.hues import ORIGINAL, Hue
from gui.theme.tone import Tone
from gui.widgets.card import Card, StatusCard
from gui.widgets.chip import Chip, Legend
from gui.widgets.facts import FactGrid, FactRow
from gui.widgets.figure import Figure
from gui.widgets.flow import CardGrid
from gui.widgets.table import Table
from gui.widgets.text import Role, label
from gui.wizard.page import Page
from gui.wizard.shell import Shell

TITLES = {
    "hardware": "Hardware",
    "model": "Model",
    "recommendation": "Recommendation",
    "optimize": "Optimize",
    "benchmark": "Benchmark",
    "result": "Result",
}
LLAMA, ORT, VINO = Hue("llama.cpp"), Hue("ONNX Runtime"), Hue("OpenVINO")


class OpenFlow:
    """Everything before ``current`` is done, everything is open."""

    def __init__(self, done: tuple[str, ...] = (), closed: tuple[str, ...] = ()) -> None:
        self.done, self.closed = set(done), set(closed)

    def missing(self, key: str) -> str:
        return "Something is missing." if key in self.closed else ""

    def is_done(self, key: str) -> bool:
        return key in self.done


def machine_card(title: str, value: str, unit: str, chip: str, tone: Tone, rows: list[FactRow]) -> StatusCard:
    card = StatusCard(title)
    card.chip.set_state(chip, tone)
    card.add(Figure(value, unit, tip="from somewhere")).add(FactGrid(rows)).end()
    return card


@dataclass(frozen=True)
class FrameworkRow:
    title: str
    devices: str
    state: str
    tone: Tone
    note: str
    link: str = ""


class HardwarePage(Page):
    def __init__(self) -> None:
        super().__init__(
            "This machine",
            "What is here, how it was found, and what it can run. Nothing leaves this computer.",
        )
        ok, soft = Tone.OK, Tone.NEUTRAL
        grid = CardGrid(min_width=280)
        for card in (
            (
                "Processor",
                "8",
                "cores, 16 threads",
                "ready",
                ok,
                [
                    FactRow("Model", "(as reported)", "from /proc/cpuinfo"),
                    FactRow("Instructions", "AVX2 · AVX-512 · VNNI"),
                    FactRow("Last-level cache", "36 MB"),
                ],
            ),
            (
                "Memory bandwidth",
                "61.4",
                "GB/s measured",
                "measured",
                soft,
                [
                    FactRow("Read, 8 threads", "61.4 GB/s"),
                    FactRow("Arithmetic", "612 GFLOP/s fp32"),
                    FactRow("Took", "1.9 s", action="again", key="again"),
                ],
            ),
            (
                "Memory",
                "21.8",
                "GB free of 32",
                "ready",
                ok,
                [
                    FactRow("Largest model at 4 bit", "about 33 B"),
                    FactRow("Storage free", "118 GB"),
                    FactRow("Swap", "none"),
                ],
            ),
            (
                "Graphics",
                "Integrated",
                "",
                "ready",
                ok,
                [
                    FactRow("Usable by", "OpenVINO · llama.cpp (Vulkan)"),
                    FactRow("Shared memory", "up to 16 GB"),
                    FactRow("Driver", "(version)"),
                ],
            ),
            (
                "Neural processor",
                "Present",
                "",
                "ready",
                ok,
                [
                    FactRow("Usable by", "OpenVINO · ONNX Runtime"),
                    FactRow("Driver", "found"),
                    FactRow("Note", "first load compiles"),
                ],
            ),
            (
                "Power",
                "Mains",
                "balanced",
                "balanced mode",
                Tone.WARN,
                [
                    FactRow("Energy counter", "readable, package"),
                    FactRow("Temperature", "54 °C"),
                    FactRow("Throttling", "no"),
                ],
            ),
        ):
            grid.addWidget(machine_card(*card))
        self.add(grid)
        self.table = Table(TableModel(framework_columns(), FRAMEWORK_ROWS))
        self.add(Card().add(self.table).tight())
        self.end()
        again = self.make_action("Detect again", lambda: None)
        self.set_state(status="Detected in 2.3 s", primary="Next: model", can_continue=True, actions=(again,))


FRAMEWORK_ROWS = (
    FrameworkRow("llama.cpp", "CPU · GPU (Vulkan)", "ready", Tone.OK, ""),
    FrameworkRow("ONNX Runtime", "CPU", "ready", Tone.OK, ""),
    FrameworkRow("OpenVINO", "CPU · GPU · NPU", "ready", Tone.OK, "primary for this processor"),
    FrameworkRow("Olive", "CPU", "not installed", Tone.NEUTRAL, "1.2 GB", "Install"),
    FrameworkRow(
        "MLX", "–", "not for this system", Tone.BAD, "needs Apple silicon for speed; CPU build available"
    ),
    FrameworkRow(
        "QNN", "emulator", "check only", Tone.WARN, "compiles for Snapdragon; speed not measurable here"
    ),
)


def framework_columns() -> list[Column[FrameworkRow]]:
    def note(row: FrameworkRow) -> TextCell | LinkCell:
        return LinkCell(row.link, row.title, row.note + " ·") if row.link else TextCell(row.note, muted=True)

    return [
        Column("Framework", lambda row: TextCell(row.title, hue=Hue(row.title))),
        Column("Devices here", lambda row: row.devices),
        Column("State", lambda row: ChipCell(row.state, row.tone)),
        Column("", note, stretch=True),
    ]


@dataclass(frozen=True)
class CandidateRow:
    name: str
    precision: str
    why: str
    fit: float
    rate: str
    spread: str
    quality: str
    chosen: bool
    recommended: bool = False


CANDIDATES = (
    CandidateRow(
        "OpenVINO",
        "INT8 weights · CPU",
        "Intel processor: primary by platform. Best predicted decode at full accuracy.",
        0.38,
        "31",
        "27–35 tok/s",
        "≥ 99 %",
        True,
        True,
    ),
    CandidateRow(
        "llama.cpp",
        "Q4_K_M · CPU",
        "Smallest that should keep 95 %. Prefill may be slower than F16.",
        0.27,
        "42",
        "34–49 tok/s",
        "96–98 %",
        True,
    ),
    CandidateRow(
        "OpenVINO",
        "INT4, group 64 · GPU",
        "GPU shares memory bandwidth; wide interval, not yet calibrated.",
        0.24,
        "47",
        "30–60 tok/s",
        "95–98 %",
        True,
    ),
    CandidateRow(
        "ONNX Runtime",
        "int4, block 32 · CPU",
        "Easiest to ship on Windows and Android.",
        0.29,
        "28",
        "24–33 tok/s",
        "95–97 %",
        False,
    ),
)


def candidate_columns() -> list[Column[CandidateRow]]:
    return [
        Column("", checked=lambda row: row.chosen),
        Column(
            "Framework and precision",
            lambda row: TextCell(row.name, row.precision, row.why, Hue(row.name), bold=True),
            stretch=True,
        ),
        Column("Fit", lambda row: BarCell(row.fit, f"{row.fit:.0%} of free")),
        Column("Decode", lambda row: figure(row.rate, row.spread), right=True),
        Column("Quality", lambda row: figure(row.quality, "expected", bold=False), right=True),
        Column("", lambda row: ChipCell("Recommended", Tone.OK) if row.recommended else ""),
    ]


class RecommendationPage(Page):
    def __init__(self) -> None:
        super().__init__(
            "Recommendation",
            "Ranked for this model on this machine. Every figure says what it rests on; choose freely.",
        )
        self.table = Table(TableModel(candidate_columns(), CANDIDATES))
        out = (
            Card("Ruled out here")
            .add(
                FactGrid(
                    [
                        FactRow("MLX 4-bit", "no Apple silicon", note="· would lead on a Mac"),
                        FactRow("QNN INT8", "no Snapdragon", note="· can be compiled and checked"),
                        FactRow("F16 original", "fits, but 2.1× slower than the first choice"),
                    ]
                )
            )
            .end()
        )
        left, right = QVBoxLayout(), QVBoxLayout()
        left.setSpacing(16)
        right.setSpacing(16)
        left.addWidget(Card().add(self.table).tight())
        left.addWidget(out, 1)
        for card in (
            self._wishes(),
            self._target(),
            Card("Basis")
            .add(
                label(
                    "Platform rule, then prediction from kernels measured here. "
                    "Dotted intervals narrow with every run.",
                    Role.NOTE,
                    wrap=True,
                )
            )
            .end(),
        ):
            right.addWidget(card, int(card.accessibleName() == "Basis"))
        grid = CardGrid(min_width=400, weights=(736, 250))
        grid.addItem(left)
        grid.addItem(right)
        self.add(grid)
        self.end()
        self.set_state(
            status="3 configurations · about 2 min to make · 1.9 GB on disk",
            primary="Optimize 3",
            can_continue=True,
        )

    def _wishes(self) -> Card:
        card = Card("What matters")
        for name, value in (("Speed", 70), ("Quality", 85), ("Memory", 40), ("Energy", 20)):
            slider = QSlider(Qt.Orientation.Horizontal)
            slider.setValue(value)
            slider.setAccessibleName(name)
            card.add(label(name)).add(slider)
        return card.end()

    def _target(self) -> Card:
        box = QComboBox()
        box.addItems(["This machine", "Android", "iOS"])
        return (
            Card("Target")
            .add(box)
            .add(
                label(
                    "Android · iOS · Intel server · NVIDIA server · embedded ARM · Snapdragon",
                    Role.NOTE,
                    wrap=True,
                )
            )
            .end()
        )


@dataclass(frozen=True)
class RatioRow:
    name: str
    hue: Hue
    rate: str
    half: str
    ratio: str
    spread: str
    verdict: str
    tone: Tone


RATIOS = (
    RatioRow("Q4_K_M", LLAMA, "41.2", "± 0.6", "2.42×", "2.31–2.52", "≥ 2× holds", Tone.OK),
    RatioRow("INT8", VINO, "33.0", "± 0.4", "1.94×", "1.86–2.03", "inconclusive", Tone.WARN),
    RatioRow("int4", ORT, "27.1", "± 0.5", "1.60×", "1.52–1.67", "below 2×", Tone.BAD),
)
SERIES = {
    "llama.cpp Q4_K_M": LLAMA,
    "OpenVINO INT8": VINO,
    "ONNX Runtime int4": ORT,
    "original F16": ORIGINAL,
}


class BenchmarkPage(Page):
    def __init__(self) -> None:
        super().__init__(
            "Benchmark",
            "The same token ids through every engine, in alternating pairs, one at a time."
            " Stops by itself when the answer is clear.",
        )
        legend = Legend()
        legend.set_entries(SERIES)
        self.add(legend)
        self.decode, self.gaps = LineChart("Decode, tokens per second", "tok/s"), LineChart("Gaps", "ms")
        fill(self.decode, (41, 33.5, 26.8, 17), 1.2)
        fill(self.gaps, (25, 30, 37, 59), 1.0)
        self.decode.add_flag(22.4, "another program used 31 % of a core")
        for name, level in zip(SERIES, (41, 33.5, 26.8, 17), strict=True):
            xs = [float(x) for x in range(61)]
            half = [2.0 / (1 + x / 8) ** 0.5 for x in xs]
            self.decode.set_band(name, xs, [level - h for h in half], [level + h for h in half])
        self.table = Table(
            TableModel(
                [
                    Column("", lambda row: TextCell(row.name, hue=row.hue), stretch=True),
                    Column("tok/s", lambda row: figure(row.rate, row.half), right=True),
                    Column("ratio", lambda row: figure(row.ratio, row.spread, bold=False), right=True),
                    Column("gate", lambda row: ChipCell(row.verdict, row.tone)),
                ],
                RATIOS,
            )
        )
        self.bars = BarChart("Peak memory, MB", "MB", parts=("weights", "KV cache and working memory"))
        self.bars.set_bars(
            [
                Bar("Q4_K_M", (370, 80), LLAMA),
                Bar("INT8", (530, 115), VINO),
                Bar("int4", (470, 100), ORT),
                Bar("F16", (820, 80), ORIGINAL),
            ]
        )
        grid = CardGrid(min_width=400, weights=(622, 364), grow=0.5)
        grid.addWidget(Card("Decode, tokens per second").add(self.decode, 1))
        grid.addWidget(
            Card("Against the original, so far")
            .add(self.table)
            .add(
                label(
                    "Pair 9 of at least 12. One pair was repeated: "
                    "another program used 31 % of a core (dashed mark).",
                    Role.NOTE,
                    wrap=True,
                )
            )
            .end()
        )
        grid.addWidget(Card("Time to first token and gaps between tokens, ms").add(self.gaps, 1))
        grid.addWidget(
            Card("Peak memory, MB")
            .add(self.bars)
            .add(label("solid: weights · pale: KV cache and working memory", Role.NOTE, wrap=True))
            .end()
        )
        self.add(grid, 1)
        pause = self.make_action("Pause", lambda: None)
        stop = self.make_action("Stop", lambda: None, danger=True)
        self.set_state(
            status="OpenVINO INT8, pair 9 · about 2 min left",
            progress=True,
            fraction=0.62,
            back=False,
            primary="Result",
            can_continue=True,
            actions=(pause, stop),
        )


def fill(chart: LineChart, levels: tuple[float, ...], noise: float) -> None:
    random.seed(4)
    chart.set_series(SERIES)
    for x in range(61):
        for name, level in zip(SERIES, levels, strict=True):
            chart.append(name, float(x), random.gauss(level, noise))


@dataclass(frozen=True)
class GateRow:
    name: str
    value: str
    second: str
    needs: str
    verdict: str
    tone: Tone


GATES = (
    GateRow("Accuracy kept", "96.8 %", "95.4–98.1", "≥ 95 %", "pass", Tone.OK),
    GateRow("Decode", "2.42×", "2.31–2.52", "≥ 2×", "pass", Tone.OK),
    GateRow("Prefill", "0.91×", "0.86–0.95", "≥ 2×", "fail", Tone.BAD),
    GateRow("Memory", "31 %", "measured", "≤ 50 %", "pass", Tone.OK),
    GateRow("Stability", "4.1 %", "", "≤ 20 %", "pass", Tone.OK),
    GateRow("Stress, 50 loads", "no growth", "", "", "pass", Tone.OK),
)


class ResultPage(Page):
    def __init__(self) -> None:
        super().__init__(
            "Result",
            "One source model, six configurations, one machine. Points are told apart only"
            " where the intervals say so.",
        )
        self.scatter = ScatterChart(
            "Speed against quality; size is memory",
            "decode against original",
            "accuracy kept",
            x_text=lambda x: f"{x:g}×",
            y_text=lambda y: f"{y:g} %",
        )
        pale = Hue("llama.cpp", variant=1)
        self.scatter.set_points(
            [
                ScatterPoint("F16", 1.0, 100, 900, ORIGINAL, best=True, note="900 MB"),
                ScatterPoint("Q8_0", 1.45, 98.7, 480, pale),
                ScatterPoint("int4", 1.6, 96.1, 280, ORT),
                ScatterPoint("INT8", 1.94, 99.4, 480, VINO, best=True),
                ScatterPoint("Q4_K_M", 2.42, 96.8, 300, LLAMA, best=True, chosen=True),
                ScatterPoint("Q3_K_M", 2.7, 91.5, 200, Hue("llama.cpp", variant=2), best=True),
            ],
            GateRegion(2.0, 95.0, "gates met"),
        )
        self.table = Table(
            TableModel(
                [
                    Column("Gate", lambda row: row.name, stretch=True),
                    Column("Value", lambda row: figure(row.value, row.second), right=True),
                    Column("Needs", lambda row: TextCell(row.needs, muted=True), right=True),
                    Column("", lambda row: ChipCell(row.verdict, row.tone)),
                ],
                GATES,
            )
        )
        grid = CardGrid(min_width=400, weights=(566, 420))
        grid.addWidget(Card("Speed against quality; size is memory").add(self.scatter, 1))
        grid.addWidget(
            Card("Recommended point", Chip("5 of 6 gates", Tone.WARN))
            .add(Figure("llama.cpp Q4_K_M"))
            .add(self.table)
            .end()
        )
        self.add(grid)
        below = CardGrid(min_width=280)
        below.addWidget(
            Card("Why prefill is slower")
            .add(
                label(
                    "The processor unpacks 4-bit weights faster than it can use them in large batches: "
                    "arithmetic-bound at 512"
                    " tokens. Try Q8_0 or OpenVINO INT8 where long prompts matter.",
                    wrap=True,
                )
            )
            .end()
        )
        below.addWidget(
            Card("What really ran")
            .add(
                FactGrid(
                    [
                        FactRow("Tensors", "Q4_K 169 · Q6_K 25 · F32 49"),
                        FactRow("Bits per weight", "4.87"),
                        FactRow("Threads", "8 of 16, swept"),
                    ]
                )
            )
            .end()
        )
        below.addWidget(
            Card("Proof")
            .add(
                FactGrid(
                    [
                        FactRow("Raw samples", "24 pairs"),
                        FactRow("Reference", "4,096 tokens"),
                        FactRow("Certificate", "signed", action="verify", key="verify"),
                    ]
                )
            )
            .add(QCheckBox("Show all"))
            .end()
        )
        self.add(below)
        self.end()
        self.set_state(
            status="Stored in History",
            primary="Certify",
            can_continue=True,
            back=False,
            actions=(self.make_action("Export data", lambda: None), self.make_action("Report", lambda: None)),
        )


PAGES = {
    "hardware": HardwarePage,
    "recommendation": RecommendationPage,
    "benchmark": BenchmarkPage,
    "result": ResultPage,
}


def blank_page() -> Page:
    return Page("Nothing yet", "A page without content.")


def mock_shell(flow: OpenFlow | None = None) -> Shell:
    shell = Shell(flow or OpenFlow())
    for key, title in TITLES.items():
        shell.add_step(key, title, PAGES.get(key, blank_page))
    shell.add_place("history", "History", blank_page)
    shell.add_place("frameworks", "Frameworks", blank_page)
    shell.add_place("settings", "Settings", blank_page, foot=True)
    return shell
