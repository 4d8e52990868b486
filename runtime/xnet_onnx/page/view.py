"""What a tab of the page shows, and what happens when something is dropped or changed."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache, partial, wraps
from importlib.resources import files
from typing import Any, Concatenate, ParamSpec, cast

import panel as pn
from bokeh.core.validation import silence
from bokeh.core.validation.warnings import EMPTY_LAYOUT
from bokeh.models.widgets.tables import NumberFormatter

from ..bundle.load import Bundle
from ..errors import ColumnError, XnetError
from ..prediction import DEFAULT_LEVEL, Prediction
from ..readers import Choice, tables_of
from ..readers.table import Table
from .figures import DARK, LIGHT, make_figures, make_series, show_prediction, show_series, show_spectrum
from .results import as_csv, as_figure, as_json_text
from .uploads import Desk, Reading
from .words import NUMBERS, row_of, tell, understood

__all__ = ["EXAMPLE", "View", "warm"]

EXAMPLE = "scorodite_simulated.xdi"
silence(EMPTY_LAYOUT, True)

LEVELS = {f"{100 * level:g} %": level for level in (0.5, 0.68, 0.8, 0.9, 0.95, 0.99)}
ONE, OVER, LOG = "one column", "fluorescence: signal / i0", "transmission: ln(i0 / it)"
HEAD = (
    "<h1>Distances around the absorbing atom</h1><p>Drop XANES spectra on this page, or choose them: XDI, "
    'columns of energy and absorption, Athena projects, HDF5.</p><p class="private"><strong>Nothing leaves '
    "this computer.</strong> The files are read by the program that was started on it, kept in its memory "
    "until this page is closed, and sent nowhere.</p>"
)
#: Figures side by side where there is room.
GRID = """:host { display: flex !important; flex-flow: row wrap !important; gap: 12px; }
:host > div { flex: 1 1 420px !important; width: auto !important; min-width: 0 !important; }
:host > .scroll-button { display: none !important; }"""

P = ParamSpec("P")


def held(action: Callable[Concatenate[View, P], None]) -> Callable[Concatenate[View, P], None]:
    """Send all that an action changes to the browser at once."""

    @wraps(action)
    def done(view: View, *args: P.args, **kwargs: P.kwargs) -> None:
        with pn.io.hold():
            action(view, *args, **kwargs)

    return cast("Callable[Concatenate[View, P], None]", done)


@cache
def _style(name: str) -> str:
    return files(__package__).joinpath("styles", f"{name}.css").read_text(encoding="utf-8")


def warm(bundle: Bundle) -> None:
    """Do once, while the browser starts, what the first answer would wait for."""
    Desk(bundle).take([(EXAMPLE, _example())])


def _example() -> bytes:
    return files(__package__).joinpath(EXAMPLE).read_bytes()


class View:
    """One tab: its files, its answers and its controls.

    Parameters
    ----------
    bundles : sequence of Bundle
        To choose from; the first is used.
    given : sequence of (str, Spectrum or XnetError)
        Shown beside what is dropped.
    """

    def __init__(self, bundles: Sequence[Bundle], given: Sequence[Reading] = ()) -> None:
        self.bundles = {bundle.title: bundle for bundle in bundles}
        self.desk = Desk(bundles[0])
        self.palette = LIGHT
        self.shown = 0
        self.busy = False
        self._build()
        if given:
            self.desk.give("", list(given))
        self.drawn = make_figures(self.palette)
        self.refresh()
        self.show(0)
        self._place()

    def _build(self) -> None:
        style: dict[str, Any] = {"stylesheets": [_style("controls")]}
        wide: dict[str, Any] = {"sizing_mode": "stretch_width"}
        html = partial(pn.pane.HTML, disable_math=True, stylesheets=[_style("words")], **wide)
        button, select = partial(pn.widgets.Button, **style), partial(pn.widgets.Select, **style)
        self.style, self.wide = style, wide
        self.place = pn.Column(self._dropper(), **wide)
        self.clear = button(label="Start again", on_click=self._on_clear, visible=False)
        self.level = select(label="Interval holds", options=LEVELS, value=DEFAULT_LEVEL, width=130)
        self.normalized = pn.widgets.Checkbox(label="Already normalised", margin=(28, 10, 0, 10), **style)
        self.model = select(
            label="Model", options=list(self.bundles), disabled=len(self.bundles) == 1, width=170
        )
        for control in (self.level, self.normalized, self.model):
            control.param.watch(self._on_settings, "value")
        self.summary = html("")
        self.table = pn.Column(**wide)
        self.picker = pn.widgets.Select(label="Shown below", options={}, **style, **wide)
        self.picker.param.watch(lambda event: self._on_pick(event.new), "value")
        self.tell = html("")
        self.panes = [pn.pane.Bokeh(None, **wide) for _ in range(4)]
        self.distribution, self.used, self.measured, self.series = self.panes
        self.figures = pn.Column(self.used, self.measured, stylesheets=[GRID], **wide)
        self.facts = html("")
        self.choose = button(label="Choose the columns", on_click=lambda _: self._open_columns())
        self.columns = pn.Column(**wide)
        self.downloads = pn.FlexBox(
            self._download("CSV", "xnet-onnx.csv", lambda: as_csv(self.desk).encode()),
            self._download("JSON", "xnet-onnx.json", lambda: as_json_text(self.desk.answers).encode()),
            self._download("Figure (PNG)", "xnet-onnx.png", lambda: self._figure("png")),
            self._download("Figure (SVG)", "xnet-onnx.svg", lambda: self._figure("svg")),
            **wide,
        )
        self.overview = pn.Column(self.summary, self.table, self.series, self.picker, visible=False, **wide)
        self.detail = pn.Column(
            self.tell,
            self.distribution,
            self.figures,
            self.downloads,
            self.facts,
            self.choose,
            self.columns,
            visible=False,
            **wide,
        )
        self.layout = pn.Column(
            html(HEAD),
            self.place,
            pn.FlexBox(
                button(label="Try the example", on_click=lambda _: self._take({EXAMPLE: _example()})),
                self.clear,
                **wide,
            ),
            pn.FlexBox(self.level, self.normalized, self.model, **wide),
            self.overview,
            self.detail,
            name="page",
            stylesheets=[_style("tokens")],
            **wide,
        )

    def _dropper(self) -> Any:
        dropper = pn.widgets.FileInput(
            multiple=True, stylesheets=[_style("drop")], margin=(8, 5), **self.wide
        )
        dropper.param.watch(lambda *_: self._on_drop(dropper.filename, dropper.value), ["filename", "value"])
        return dropper

    def _download(self, name: str, filename: str, content: Callable[[], bytes]) -> Any:
        return pn.widgets.FileDownload(
            label=name, filename=filename, callback=lambda: io.BytesIO(content()), width=130, **self.style
        )

    def _figure(self, form: str) -> bytes:
        result = self.desk.answers[self.shown].result
        if isinstance(result, XnetError):
            raise result
        return as_figure(result, form)

    def _on_drop(self, names: list[str] | None, contents: list[bytes] | None) -> None:
        files: dict[str, bytes] = {}
        for name, content in zip(names or (), contents or (), strict=True):
            while name in files:  # of another folder
                name += "'"
            files[name] = content
        if files:
            self._take(files)

    @held
    def _take(self, files: dict[str, bytes]) -> None:
        """Answer for files, and show the first."""
        self.desk.take(files.items())
        self.refresh()
        uploads = [answer.upload for answer in self.desk.answers]
        self.show(next(uploads.index(name) for name in files))

    @held
    def _on_clear(self, _: Any) -> None:
        for name in list(self.desk.read):
            self.desk.forget(name)
        self.place[:] = [self._dropper()]
        self.refresh()
        self.show(0)

    @held
    def _on_settings(self, _: Any) -> None:
        self.desk.level, self.desk.normalized = self.level.value, self.normalized.value
        self.desk.bundle = self.bundles[self.model.value]
        self.desk.predict()
        self.refresh()
        self.show(self.shown)

    @held
    def _on_pick(self, place: int | None) -> None:
        if place is not None and not self.busy:
            self.show(place)

    def darken(self, dark: bool) -> None:
        """Draw in the colours of the person's system."""
        palette = DARK if dark else LIGHT
        if palette is not self.palette:
            self.palette = palette
            self.drawn = make_figures(palette)
            self.series.object = None
            self.refresh()
            self.show(self.shown)
            self._place()

    def _place(self) -> None:
        """Put the figures where they belong, when they are filled."""
        self.distribution.object = self.drawn.distribution
        self.used.object, self.measured.object = self.drawn.used, self.drawn.measured

    def _redraw(self) -> None:
        """In a notebook, where figures do not follow by themselves, send them again."""
        document = pn.state.curdoc
        if document is None or document.session_context is None:
            for pane in self.panes:
                pane.param.trigger("object")

    def refresh(self) -> None:
        """Show the table and the series of all answers."""
        answers = self.desk.answers
        self.clear.visible = bool(answers)
        self.overview.visible = len(answers) > 1
        if len(answers) < 2:
            return
        failed = sum(isinstance(answer.result, XnetError) for answer in answers)
        why = f", {failed} not: the table says why" if failed else ""
        self.summary.object = (
            f'<p role="status">{len(answers) - failed} of {len(answers)} spectra answered{why}</p>'
        )
        self.busy = True
        self.picker.options = {f"{i + 1}. {answer.file}": i for i, answer in enumerate(answers)}
        self.busy = False
        self._tabulate([row_of(answer) for answer in answers])
        if self.series.object is None:
            self.series.object = make_series(self.palette)
        self.series.visible = show_series(self.series.object, answers)

    def _tabulate(self, rows: list[dict[str, Any]]) -> None:
        import pandas as pd

        frame = pd.DataFrame(rows)
        if self.table:
            self.table[0].value = frame
            return
        table = pn.widgets.Tabulator(
            frame,
            show_index=False,
            disabled=True,
            selectable=1,
            layout="fit_data_stretch",
            max_height=360,
            formatters={"note": {"type": "textarea"}}
            | dict.fromkeys(NUMBERS, NumberFormatter(format="0.00")),
            widths={"note": 420},
            theme="simple",
            stylesheets=[_style("table")],
            **self.wide,
        )
        table.on_click(lambda event: self._on_pick(event.row))
        self.table[:] = [table]

    def _mark(self) -> None:
        """Mark the answer that is shown in the list and in the table."""
        if len(self.desk.answers) < 2:
            return
        self.busy = True
        self.picker.value = self.shown
        self.table[0].selection = [self.shown]
        self.busy = False

    def show(self, place: int) -> None:
        """Show one answer with its figures."""
        answers = self.desk.answers
        self.detail.visible = bool(answers)
        if not answers:
            return
        self.shown = place = place if 0 <= place < len(answers) else 0
        answer = answers[place]
        self._mark()
        self.tell.object = f'<div role="status">{tell(answer)}</div>'
        self.facts.object = understood(answer)
        result, spectrum = answer.result, answer.spectrum
        answered = isinstance(result, Prediction)
        if isinstance(result, Prediction):
            show_prediction(self.drawn, result)
        if spectrum is not None:
            show_spectrum(self.drawn, spectrum, self.desk.normalized)
        self.distribution.visible = isinstance(result, Prediction) and bool(result.peaks)
        self.used.visible, self.measured.visible = answered, spectrum is not None
        self._redraw()
        for download in self.downloads[2:]:
            download.disabled = not answered
        self.columns[:] = []
        self.choose.visible = answer.upload in self.desk.files
        if isinstance(answer.result, ColumnError) and self.choose.visible:
            self._open_columns()

    def _open_columns(self) -> None:
        """Offer the columns of the file that is shown."""
        name = self.desk.answers[self.shown].upload
        try:
            tables = [t for t in tables_of(self.desk.files[name], name=name) if isinstance(t, Table)]
        except XnetError:
            tables = []
        if not tables:
            return
        table = tables[0]
        columns = {f"{i + 1} {label}".strip(): str(i + 1) for i, label in enumerate(table.labels)}
        select = partial(pn.widgets.Select, width=190, **self.style)
        energy = select(label="Energy", options={"as understood": None} | columns)
        kind = select(label="Absorption is", options=[ONE, OVER, LOG])
        first = select(label="Column", options={"as understood": None} | columns)
        second = select(label="and", options=columns, visible=False)

        def name_them(event: Any) -> None:
            first.label = {ONE: "Column", OVER: "Signal", LOG: "i0"}[event.new]
            second.label = {ONE: "and", OVER: "i0", LOG: "it"}[event.new]
            second.visible = event.new != ONE

        def read_again(_: Any) -> None:
            mu = first.value
            if kind.value != ONE and mu is not None:
                mu = f"ln({mu}/{second.value})" if kind.value == LOG else f"{mu}/{second.value}"
            self.desk.choose(name, Choice(energy_column=energy.value, mu_column=mu))
            self.refresh()
            self.show([answer.upload for answer in self.desk.answers].index(name))

        kind.param.watch(name_them, "value")
        again = pn.widgets.Button(
            label="Read again", on_click=read_again, margin=(22, 10, 0, 10), **self.style
        )
        self.columns[:] = [pn.FlexBox(energy, kind, first, second, again, **self.wide)]
