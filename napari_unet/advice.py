"""What the user could do now, and why a control cannot work: pure functions of the session."""

from __future__ import annotations

from .models import PRETRAINED
from .session import Session
from .wording import count

FEW = 10  # cells; with fewer it is better to paint more than to fine-tune
_GOES_ON = {"predicting": "Predicting…", "stopping": "Stopping…"}
CORRECT = "Correct what is wrong in your labels, then press “Fine-tune”."


def advise(session: Session, first: str = "") -> None:
    """Say `first`, and what to do next."""
    session.say(f"{first} {next_step(session)}".strip(), "done" if first else "idle")
    session.advised = not first


def renew(session: Session) -> None:
    """Say what to do next where what was said is out of date; a running job has its own words.

    Where something else was said meanwhile, such as which cell to paint, they come back.
    """
    if not session.job and (session.advised or session.said_in != session.state):
        advise(session)
    elif session.job and session.mood != "busy" and session.said_in != session.state:
        session.say(_GOES_ON.get(session.job, "The training goes on."), "busy")


def next_step(session: Session) -> str:
    """One sentence: what the user would do now."""
    if not session.image:
        return "Open an image: drag a file here, or File > Open Sample > U-Net."
    if session.predicted and not session.accepted:
        return "Accept what is right into your labels, correct the rest, and fine-tune."
    if session.predicted:
        return CORRECT
    if not session.labels and session.model:
        return (
            f"Press “Predict” to see what {the_model(session, session.model)} finds, "
            "or “New cell” and paint a cell."
        )
    if not session.labels:
        return "Press “New cell” and paint a cell with the brush."
    if not session.annotated.anything:
        return "Paint a cell with the brush; press N before each next cell."
    if session.learnt:
        return "Press “Predict” to see the cells it finds."
    if session.annotated.cells < FEW:
        return "Paint more cells (N = next cell), or press “Fine-tune”."
    return "Press “Fine-tune” to train on what you painted, or paint more cells (N = next cell)."


def the_model(session: Session, path: str) -> str:
    """What a model is called in a sentence, such as "the pretrained model" or "“nuclei”"."""
    title = dict(session.models).get(path, path)
    return f"the {PRETRAINED}" if title == PRETRAINED else f"“{title}”"


def pass_over(session: Session, problems: tuple[str, ...]) -> None:
    """Say once which files in the folders of models and runs cannot be used."""
    if problems == session.passed_over:
        return
    session.passed_over = problems
    if problems and not session.job:
        more = f" (and {count(len(problems) - 1, 'other')})" if len(problems) > 1 else ""
        advise(session, f"Passed over: {problems[0]}{more}.")


def why_not_label(session: Session) -> str:
    """Why nothing can be painted now; "" = it can."""
    return "" if session.image else "Open an image first."


def why_not_weigh(session: Session) -> str:
    """Why the weight map cannot be shown now."""
    if session.weighing:
        return "The weight map is being computed."
    return why_not_label(session) or _why_no_labels(session)


def why_not_train(session: Session) -> str:
    """Why Fine-tune cannot be pressed now."""
    if session.job in ("starting", "training", "stopping"):
        return "A training is running; stop it first."
    if session.job == "predicting":
        return "A prediction is running; it is soon done."
    return why_not_label(session) or _why_no_labels(session)


def why_not_stop(session: Session) -> str:
    """Why Stop cannot be pressed now."""
    if session.job == "stopping":
        return "It is stopping."
    return "" if session.job else "Nothing is running."


def why_not_predict(session: Session) -> str:
    """Why Predict cannot be pressed now."""
    if session.job == "predicting":
        return "A prediction is running."
    if session.job:
        return "A training is running; it ends with a prediction."
    if not session.image:
        return "Open an image first."
    return "" if session.model else "There is no model yet: fine-tune one, or load one."


def why_not_accept(session: Session) -> str:
    """Why the prediction cannot be accepted now."""
    if session.job == "predicting":
        return "The prediction is not complete yet."
    if not session.predicted:
        return "There is no finished prediction of this image: press “Predict”."
    return ""


def why_not_filter(session: Session) -> str:
    """Why threshold and size cannot be changed now."""
    if session.job == "predicting" or not session.filterable:
        return "There is no finished prediction of cells to filter yet."
    return ""


def why_no_model(session: Session) -> str:
    """Why no model can be saved now."""
    return "" if session.model else "There is no model yet."


def why_not_export(session: Session) -> str:
    """Why labels cannot be exported now."""
    if session.labels or why_not_label(session):
        return why_not_label(session)
    first = ": accept the found cells first" if session.predicted else ""
    return f"There are no labels yet{first}."


def why_not_resume(session: Session) -> str:
    """Why no training can be resumed now."""
    if session.job:
        return "Something is running."
    return "" if session.resumable else "No training was broken off."


def _why_no_labels(session: Session) -> str:
    return "" if session.annotated.anything else "Paint some cells first."
