"""Data Docs of a validation run: static pages that need no network.

Great Expectations draws a page for each subject, made for a style sheet, scripts and a logo from
eight hosts. Here they lose those, get the style sheet beside this module, and an index.
"""

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.errors import LyceumError
from lyceum.quality.results import CheckResult, named_values

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.data_context.data_context.ephemeral_data_context import (
        EphemeralDataContext,
    )

_STYLE = Path(__file__).with_name("data_docs.css")
_DROPPED = {"script", "style", "footer"}
_DROPPED_VOID = {"link", "img"}
_EXTERNAL = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
_HEADINGS = ("Result", "Severity", "Check", "Meaning", "Expected", "Found", "Examples")


class DataDocsError(LyceumError):
    """Great Expectations did not draw a page; the results themselves are not affected."""


def build_data_docs(
    context: "EphemeralDataContext",
    folder: Path,
    reports: Mapping[str, "ExpectationSuiteValidationResult"],
    results: Sequence[CheckResult],
) -> Path:
    """Write the pages of this run into `folder`; gives its index page.

    The reports are Great Expectations' own, by subject. A run has a folder of its own and the index
    comes last, so its links lead to pages of one run.
    """
    with tempfile.TemporaryDirectory(prefix="lyceum-data-docs-") as building:
        site = Path(building)
        pages = _drawn_pages(context, site, reports, results)
        shutil.rmtree(site / "static", ignore_errors=True)
        name = _name_of_run(results)
        for page in sorted(site.rglob("*.html")):
            _write(folder / name / page.relative_to(site), offline_page(page.read_text("utf-8")))
    links = {subject: f"{name}/{page}" for subject, page in pages.items()}
    _write(folder / "index.html", _index_page(links, results))
    for older in folder.iterdir():
        if older.is_dir() and older.name != name:
            shutil.rmtree(older, ignore_errors=True)
    return folder / "index.html"


def _write(file: Path, text: str) -> None:
    """Write a file whole, in place: on a volume nothing is renamed or appended to."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def offline_page(html: str) -> str:
    """The page without scripts and anything from another host, with our style sheet in it.

    >>> offline_page('<script src="https://x/y.js"></script><p>1 &lt; 2')
    '<p>1 &lt; 2'
    """
    page = _OfflinePage()
    page.feed(html)
    page.close()
    return "".join(page.kept)


class _OfflinePage(HTMLParser):
    """Copies a page and leaves out what would be fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.kept: list[str] = []
        self._dropping: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._dropping = self._dropping or tag
        elif tag not in _DROPPED_VOID:
            self._keep(_start_tag(tag, attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _DROPPED | _DROPPED_VOID:
            self._keep(_start_tag(tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag == "head":
            self._keep(_style())
        self._keep(f"</{tag}>")
        if tag == self._dropping:
            self._dropping = None

    def handle_data(self, data: str) -> None:
        self._keep(data)

    def handle_entityref(self, name: str) -> None:
        self._keep(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._keep(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self._keep(f"<!{decl}>")

    def _keep(self, text: str) -> None:
        if self._dropping is None:
            self.kept.append(text)


def _start_tag(tag: str, attrs: list[tuple[str, str | None]]) -> str:
    """The tag without attributes that name another host; an external link becomes plain text."""
    local = ((name, value) for name, value in attrs if not _EXTERNAL.match(value or ""))
    texts = (name if value is None else f'{name}="{escape(value)}"' for name, value in local)
    return f"<{' '.join([tag, *texts])}>"


def _style() -> str:
    return f"<style>\n{_STYLE.read_text('utf-8')}</style>\n"


def _drawn_pages(
    context: "EphemeralDataContext",
    site: Path,
    reports: Mapping[str, "ExpectationSuiteValidationResult"],
    results: Sequence[CheckResult],
) -> dict[str, str]:
    """Let Great Expectations draw its pages; gives the address of each table's page."""
    from great_expectations.render.renderer.site_builder import SiteBuilder

    for report in reports.values():
        _store(context, report, results)
    SiteBuilder(
        data_context=context,
        store_backend={"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
        site_section_builders={"profiling": "none"},
        show_how_to_buttons=False,
    ).build()
    drawn = sorted((site / "validations").rglob("*.html"))
    if len(drawn) != len(reports):
        message = (
            f"expected a page for each of {', '.join(reports)}, found {len(drawn)} in {site}: "
            "Great Expectations could not draw the others"
        )
        raise DataDocsError(message)
    return {page.relative_to(site).parts[1]: str(page.relative_to(site)) for page in drawn}


def _name_of_run(results: Sequence[CheckResult]) -> str:
    """The run's identifier as a name of a folder."""
    return re.sub(r"[^\w.-]", "_", results[0].run_id)


def _store(
    context: "EphemeralDataContext",
    report: "ExpectationSuiteValidationResult",
    results: Sequence[CheckResult],
) -> None:
    """Put a report where the site builder looks, under the name of its run."""
    from great_expectations import ExpectationSuite
    from great_expectations.core.id_dict import BatchSpec
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    run_id = RunIdentifier(run_name=_name_of_run(results), run_time=results[0].checked_at)
    configurations = [c for c in (r.expectation_config for r in report.results) if c]
    context.suites.add(ExpectationSuite(report.suite_name, expectations=configurations))
    report.meta.update({"run_id": run_id, "validation_time": run_id.run_time})
    report.meta["batch_spec"] = BatchSpec(data_asset_name=report.suite_name)
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(report.suite_name),
        run_id=run_id,
        batch_identifier=report.suite_name,
    )
    context.validation_results_store.store_validation_results(report, key)


def _index_page(pages: Mapping[str, str], results: Sequence[CheckResult]) -> str:
    first = results[0]
    failed = sum(not result.passed for result in results)
    verdict = f"{failed} of {len(results)} checks failed" if failed else "All checks passed"
    title = f"Data quality: {escape(first.suite)}"
    run = f"Run {escape(first.run_id)}, checked at {first.checked_at:%Y-%m-%d %H:%M:%S} UTC"
    links = (
        f'<li><a href="{escape(page)}">{escape(name)}</a></li>' for name, page in pages.items()
    )
    header = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
    rows = "\n".join(_index_row(result) for result in results)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
{_style()}</head><body><main>
<h1>{title}</h1>
<p class="{"text-danger" if failed else "text-success"}"><strong>{verdict}</strong></p>
<p>{run}</p>
<table class="table"><thead><tr>{header}</tr></thead>
<tbody>
{rows}
</tbody></table>
<h2>Details, as Great Expectations shows them</h2>
<ul>{"".join(links)}</ul>
</main></body></html>
"""


def _index_row(result: CheckResult) -> str:
    sample = "; ".join(map(named_values, result.sample[:3]))
    icon = "fa-check-circle text-success" if result.passed else "fa-times text-danger"
    texts = (
        result.severity,
        result.check_id,
        result.description,
        result.expected,
        result.observed,
        sample,
    )
    cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
    return f'<tr><td><i class="fas {icon}"></i></td>{cells}</tr>'
