"""Why a passage stands where it stands: every number can be recomputed."""

import pytest
from click.testing import CliRunner

from qa.cli import main
from qa.errors import BadQuote, NoSuchDocument
from qa.explain import Stage, explain

QUESTION = "How high is the lighthouse?"


def document_of(service, path):
    return next(document for document in service.index.documents.values() if document.path == path)


def test_the_numbers_add_up_to_the_score(service):
    """The sum of value times weight is the score, for every candidate."""
    reply = service.ask(QUESTION)
    for hit in reply.candidates:
        explanation = explain(reply.candidates, hit)

        assert all(f.product == pytest.approx(f.value * f.weight) for f in explanation.factors)
        assert sum(f.product for f in explanation.factors) == pytest.approx(hit.score, abs=1e-9)


def test_ranks_are_places(service):
    """Final ranks count from 1 without gaps; so do the places by score."""
    reply = service.ask(QUESTION)
    found = [explain(reply.candidates, hit) for hit in reply.candidates]

    assert [e.rank for e in found] == list(range(1, len(found) + 1))
    assert sorted(e.score_rank for e in found) == list(range(1, len(found) + 1))
    assert all(e.repeats is not None for e in found if e.rank > e.score_rank)


def test_a_shown_passage_is_not_left_out(service):
    """The first passage of the reply is reported as shown."""
    passage = service.ask(QUESTION).passages[0].hit.passage

    found = service.why_not(QUESTION, passage.document_id, passage.start, passage.end)

    assert found.stage is Stage.SHOWN
    assert found.explanation.rank == 1


def test_a_passage_that_others_beat_lost_at_the_ranking(service):
    """The reason names its place and the signal by which it lost most."""
    reply = service.ask(QUESTION)
    by_score = [hit for hit in reply.candidates if explain(reply.candidates, hit).repeats is None]
    passage = by_score[-1].passage

    found = service.why_not(QUESTION, passage.document_id, passage.start, passage.end)

    assert found.stage is Stage.RANKING
    assert f"number {len(by_score)} " in found.reason


def test_a_passage_that_no_first_stage_finds_is_no_candidate(service):
    """With over 50 better ones by words and by meaning, it is not looked at closely."""
    question = "What was written in the year 1766 about the winter?"
    candidates = {hit.row for hit in service.ask(question).candidates}
    row = next(row for row in range(len(service.index.passages)) if row not in candidates)
    passage = service.index.passages[row]

    found = service.why_not(question, passage.document_id, passage.start, passage.end)

    assert found.stage is Stage.FIRST_STAGE
    assert found.meaning_rank > 50
    assert found.explanation is None


def test_a_heading_alone_is_in_no_passage(service):
    """Headings are searched with their passages, not on their own."""
    document = document_of(service, "lighthouse.md")
    start = document.text.index("Keepers")

    assert service.why_not(QUESTION, document.id, start, start + 7).stage is Stage.NO_PASSAGE


def test_a_place_outside_the_document_is_refused(service):
    """Unknown documents too."""
    document = document_of(service, "lighthouse.md")
    with pytest.raises(BadQuote, match="no characters"):
        service.why_not(QUESTION, document.id, 5, 10**6)
    with pytest.raises(NoSuchDocument):
        service.why_not(QUESTION, "none", 0, 1)


def test_the_json_twins_agree(client, service):
    """The address with `explain` and the one that asks why not give the same numbers."""
    reply = client.get("/api/v1/ask", query_string={"q": QUESTION, "explain": "1"}).json
    passage = reply["passages"][0]
    place = f"{passage['document']['id']}:{passage['start']}-{passage['end']}"
    fate = client.get("/api/v1/why-not", query_string={"q": QUESTION, "place": place}).json

    assert fate["stage"] == "shown"
    assert fate["explain"] == passage["explain"]
    assert sum(f["value"] * f["weight"] for f in passage["explain"]["factors"]) == pytest.approx(
        passage["score"], abs=1e-5
    )
    assert client.post("/api/v1/ask", json={"question": QUESTION, "explain": True}).json["passages"][0] == passage
    assert "explain" not in client.get("/api/v1/ask", query_string={"q": QUESTION}).json["passages"][0]


def test_the_command_says_why_not(service, site_settings):
    """It ends with 0 when the passage is shown, with 1 when it was left out."""
    shown = service.ask(QUESTION).passages[0].hit.passage
    left_out = service.ask(QUESTION).candidates[-1].passage

    def why_not(passage):
        place = f"{passage.document_id}:{passage.start}-{passage.end}"
        return CliRunner().invoke(main, ["why-not", QUESTION, place, "--index", str(site_settings.index)])

    assert (why_not(shown).exit_code, why_not(left_out).exit_code) == (0, 1)
    assert why_not(shown).stdout.startswith("shown: it is shown as number 1")
    assert "late_dense" in why_not(left_out).stdout
