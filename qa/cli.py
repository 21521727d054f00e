"""The command line: results on stdout, progress and logs on stderr, exit codes that a script can use.

0 answered or fine, 1 not in the documents or a check failed, 2 wrong usage, 3 no or unusable index, 130 interrupted.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

import click

from qa.errors import BadQuestion, BadQuote, BadSetting, CorpusError, FeedbackRefused, NoSuchDocument, QAError
from qa.settings import Settings, from_environment, unknown_variables

FINE, NEGATIVE, USAGE, NO_INDEX = 0, 1, 2, 3
INTERRUPTED = 130  # as shells have it: 128 + SIGINT
_USAGE_ERRORS = (BadQuestion, BadQuote, BadSetting, CorpusError, FeedbackRefused, NoSuchDocument)


class _Folder(click.Path):
    """A folder; that it is missing or cannot be read is told, with the exit code, by whoever needs it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; the empty one, most likely of a variable that is not set, is not the current folder."""
        if value == "":
            self.fail("the name of the folder is empty; the current one is '.'", param, ctx)
        return super().convert(value, param, ctx)


corpus_option = click.option("--corpus", type=_Folder(), help="Folder of documents.  [QA_CORPUS, ./corpus]")
index_option = click.option("--index", type=_Folder(), help="Folder of the index.  [QA_INDEX, ./index]")


def _settings(**options: Any) -> Settings:
    """Return the settings of the environment with the options that were given on the command line."""
    for name, meant in unknown_variables().items():
        click.echo(f"qa: {name} sets nothing{f'; is {meant} meant?' if meant else ''}", err=True)
    return replace(from_environment(), **{name: value for name, value in options.items() if value is not None})


class _Group(click.Group):
    """Turns an error that a person can mend into one line on stderr and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command that the arguments name."""
        _replace_closed_streams()
        try:
            return super().main(*args, **kwargs)
        except QAError as error:
            click.echo(f"qa: {error}", err=True)
            sys.exit(USAGE if isinstance(error, _USAGE_ERRORS) else NO_INDEX)
        except OSError as error:  # most likely where the output goes: a full disk
            click.echo(f"qa: {error}", err=True)
            sys.exit(USAGE)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; when somebody interrupts it, end at once instead of waiting for threads that load a model."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("qa: interrupted", err=True)
            os._exit(INTERRUPTED)


def _replace_closed_streams() -> None:
    """Open the standard streams that were closed: else the next file that is opened would be taken for one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for good


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _print_json(value: object) -> None:
    # What an encoding has no code for would be escaped as JSON does not know it.
    click.echo(json.dumps(value, ensure_ascii=sys.stdout.encoding.lower() != "utf-8", indent=2))


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], object]]:
    """Give a function that shows on stderr how far something is; nothing is shown when stderr is no terminal."""
    from tqdm import tqdm

    bars: dict[str, tqdm[Any]] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            bars[stage] = tqdm(desc=stage, total=total, disable=None, leave=False, file=sys.stderr)
        bars[stage].update(done - bars[stage].n)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cited-qa", prog_name="qa")
def main() -> None:
    """Answer questions from a folder of documents, with exact citations.

    Each option can also be set by the variable that is named with it.
    """
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # titles hold any character
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("faiss").setLevel(logging.WARNING)  # it tells how it was loaded, which nobody asked


@main.command()
@corpus_option
@index_option
@click.option("--force", is_flag=True, help="Build and embed everything anew, even if nothing changed.")
def rebuild(corpus: Path | None, index: Path | None, force: bool) -> None:
    """Bring the index up to the documents; whoever serves it is never disturbed."""
    from qa.rebuild import rebuild as run

    settings = _settings(corpus=corpus, index=index)
    with _progress() as progress:
        summary = run(settings, force=force, progress=progress)
    for notice in summary.notices:
        click.echo(f"{'skipped' if notice.skipped else 'note'}: {notice.path}: {notice.reason}", err=True)
    skipped = sum(notice.skipped for notice in summary.notices)
    state = f"{_counted(summary.embedded, 'text')} embedded" if summary.changed else "nothing changed"
    click.echo(
        f"{_counted(summary.documents, 'document')}, {_counted(summary.passages, 'passage')}, "
        f"{_counted(skipped, 'file')} skipped, {state}, "
        f"{summary.seconds:.1f} s; generation {summary.generation} in {settings.index}"
    )


@main.command()
@index_option
@click.option("--host", help="Address to listen on.  [QA_HOST, 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [QA_PORT, 8000]")
def serve(index: Path | None, host: str | None, port: int | None) -> None:
    """Serve the question box and the JSON interface; the log is one JSON object a line on stdout."""
    from web.server import serve as run

    run(_settings(index=index, host=host, port=port))


@main.command()
@click.argument("question")
@click.option("-k", type=int, default=5, show_default=True, help="How many passages at most, 1 to 20.")
@click.option("--document", "documents", multiple=True, metavar="ID", help="Search only this document (repeatable).")
@click.option("--exact", is_flag=True, help="Do not correct misspelt words.")
@click.option("--json", "as_json", is_flag=True, help="Print what the JSON interface replies.")
@index_option
def ask(question: str, k: int, documents: tuple[str, ...], exact: bool, as_json: bool, index: Path | None) -> None:
    """Answer QUESTION; exit with 1 when the documents do not."""
    from qa.answer import Status
    from qa.reply import reply_to_json
    from qa.service import Service
    from qa.terminal import reply_to_text

    service = Service(_settings(index=index))
    service.open()
    reply = service.ask(question, k=k, documents=list(documents) or None, exact=exact)
    if as_json:
        _print_json(reply_to_json(reply))
    else:
        click.echo(reply_to_text(reply))
    sys.exit(FINE if reply.status is Status.ANSWERED else NEGATIVE)


@main.command()
@index_option
def verify(index: Path | None) -> None:
    """Check every citation of the index against its document; exit with 1 when one does not fit."""
    from qa.index import open_index
    from qa.verify import faults

    opened = open_index(_settings(index=index).index)
    found = faults(opened)
    for fault in found:
        click.echo(fault)
    sentences = sum(len(passage.sentences) for passage in opened.passages)
    click.echo(
        f"{_counted(len(opened.passages), 'passage')} and {_counted(sentences, 'sentence')} of "
        f"{_counted(len(opened.documents), 'document')} checked, {_counted(len(found), 'fault')}"
    )
    sys.exit(NEGATIVE if found else FINE)


@main.command()
@index_option
def rollback(index: Path | None) -> None:
    """Let the generation before serve again; a second rollback takes it back.

    The next `qa rebuild` goes forward to what the documents are then.
    """
    from qa.rollback import rollback as run

    change = run(_settings(index=index))
    click.echo(f"from generation {change.left} back to {change.current} of {change.built_at}")


@main.command()
@corpus_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@index_option
def doctor(corpus: Path | None, as_json: bool, index: Path | None) -> None:
    """Examine settings, versions, weights, disk, feedback, index, documents and passages; exit with 1 on a fault."""
    from qa.doctor import State, examine, finding_to_text, findings_to_json

    findings = []
    with _progress() as progress:
        for finding in examine(_settings(corpus=corpus, index=index), progress):
            findings.append(finding)
            if not as_json:
                click.echo(finding_to_text(finding))
    if as_json:
        _print_json(findings_to_json(findings))
    sys.exit(NEGATIVE if any(finding.state is State.FAULT for finding in findings) else FINE)


@main.command()
@index_option
def mcp(index: Path | None) -> None:
    """Answer an agent over the Model Context Protocol, on stdin and stdout (docs/mcp.md)."""
    if find_spec("mcp") is None:
        click.echo("qa: the package mcp is missing; run: pip install -e '.[mcp]'", err=True)
        sys.exit(USAGE)
    from qa.mcp_server import serve as run

    run(_settings(index=index))


@main.command()
@index_option
def documents(index: Path | None) -> None:
    """List the documents of the index: id, characters, path, title."""
    from qa.index import open_index

    for document in open_index(_settings(index=index).index).documents.values():
        click.echo(f"{document.id}\t{len(document.text)}\t{document.path}\t{document.title}")


@main.command("why-not")
@click.argument("question")
@click.argument("place", metavar="DOCUMENT:START-END")
@click.option("-k", type=click.IntRange(1, 20), default=5, show_default=True, help="How many passages are shown.")
@click.option("--exact", is_flag=True, help="Do not correct misspelt words.")
@click.option("--json", "as_json", is_flag=True, help="Print what the JSON interface replies.")
@index_option
def why_not(question: str, place: str, k: int, exact: bool, as_json: bool, index: Path | None) -> None:
    """Say at which stage a stretch of a document was left out; exit with 1 when it was.

    DOCUMENT is an id of `qa documents`; START and END count characters of its text.
    """
    from qa.explain import Stage
    from qa.quotes import read_place
    from qa.reply import why_not_to_json
    from qa.service import Service
    from qa.terminal import why_not_to_text

    document, start, end = read_place(place)
    service = Service(_settings(index=index))
    service.open()
    found = service.why_not(question, document, start, end, k=k, exact=exact)
    if as_json:
        _print_json(why_not_to_json(found))
    else:
        click.echo(why_not_to_text(found))
    sys.exit(FINE if found.stage is Stage.SHOWN else NEGATIVE)


@main.command()
def token() -> None:
    """Make a token for the JSON interface or the metrics.

    The token goes to whoever is to have access and is shown only now, its digest into QA_TOKENS_SHA256 or
    QA_METRICS_TOKEN_SHA256 of the server.
    """
    from web.tokens import digest_of, new_token

    made = new_token()
    click.echo(f"token:  {made}\nsha256: {digest_of(made)}")


@main.group()
def feedback() -> None:
    """Work with what people said of the answers."""


@feedback.command("export")
@click.option("--unhelpful", is_flag=True, help='Also the verdicts "no", as lines for a person to complete.')
def export_feedback(unhelpful: bool) -> None:
    """Print the verdicts as lines of a question set.

    They are kept in the file that QA_FEEDBACK names, ./feedback.sqlite by default.
    """
    from qa.feedback import read, to_question_line

    lines = {to_question_line(given): None for given in read(_settings().feedback) if given.helpful or unhelpful}
    for line in lines:
        click.echo(line)


@main.command("eval")
@click.argument("questions", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--beir", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A retrieval set in the BEIR layout."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help="Ask only the first so many questions; of a BEIR set, so many unanswerable ones besides.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--per-question",
    type=click.File("w", encoding="utf-8", lazy=False),  # what cannot be written is told before the run
    help="Write one line of JSON for each question.",
)
@click.option(
    "--gate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Exit with 1 when a figure is worse than this baseline allows.",
)
@index_option
def evaluate(
    questions: Path | None,
    beir: Path | None,
    limit: int | None,
    as_json: bool,
    per_question: TextIO | None,
    gate: Path | None,
    index: Path | None,
) -> None:
    """Measure the answers to QUESTIONS against the index, or the search on a BEIR set (docs/evaluation.md)."""
    from qa import evaluation
    from qa.vectors import Embedder

    if (questions is None) == (beir is None):
        raise BadSetting("name either a question set or --beir DIR")
    if beir and (gate or per_question):
        raise BadSetting("--gate and --per-question go with a question set")
    baseline = evaluation.read_baseline(gate) if gate else {}  # what cannot be read is told before the run
    settings = _settings(index=index)
    embedder = Embedder(settings.model)
    by_type = {}
    with _progress() as progress:
        if beir:
            figures = evaluation.run_beir(beir, embedder, limit, settings.min_confidence, progress)
        else:
            from qa.index import check_model, open_index

            opened = open_index(settings.index)
            check_model(settings.index, opened, embedder.info)
            asked = evaluation.read_questions(questions or Path())[:limit]
            unknown = evaluation.unknown_documents(opened, asked)
            if unknown:
                click.echo(
                    f"note: the index does not hold {len(unknown)} of the documents with evidence, such as "
                    f"{unknown[0]}; what is only there counts as not found",
                    err=True,
                )
            outcomes = []
            for outcome in evaluation.run_questions(opened, embedder, asked, settings.min_confidence):
                outcomes.append(outcome)
                progress("questions", len(outcomes), len(asked))
            figures, by_type = evaluation.figures_of(outcomes), evaluation.figures_by_type(outcomes)
            if per_question:
                lines = (json.dumps(evaluation.outcome_to_json(o), ensure_ascii=False) + "\n" for o in outcomes)
                per_question.writelines(lines)
                per_question.flush()  # click would close it without a word when the disk is full
    if as_json:
        types = {name: evaluation.figures_to_json(one) for name, one in by_type.items()}
        _print_json({"figures": evaluation.figures_to_json(figures), "by_type": types})
    else:
        click.echo(evaluation.figures_to_text(figures))
        for name, one in by_type.items():
            click.echo(f"\n{name}\n{evaluation.figures_to_text(one)}")
    failures = evaluation.failed_gates(figures, baseline)
    for failure in failures:
        click.echo(f"worse: {failure}", err=True)
    sys.exit(NEGATIVE if failures else FINE)
