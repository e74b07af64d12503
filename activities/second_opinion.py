"""Where the rules know no cause: the optional question to a language model, and what may come of it.

Off without ``MM_ORCHESTRATOR_LLM_URL``. It never overrides a cause that the rules know, and its use is on
record: in the finding, in ``analyze.log`` and among the run's warnings.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from activities.adapters.llm import LlmAnswer, LlmClient, LlmFailed
from activities.adapters.llm_budget import LlmBudget
from activities.adapters.redaction import Redactor
from activities.diagnosis.answers import Decision, Diagnosis
from activities.diagnosis.evidence import Evidence
from activities.diagnosis.llm.prompt import Prompt, build_prompt
from activities.diagnosis.llm.proposal import Refused, answer_schema, permitted_kinds, read_proposal
from activities.diagnosis.project import Project
from workflows.models.finding import Finding

_UNEXPLAINED = frozenset({"decline.no_evidence", "decline.other_error", "ruby.native"})
"""Rules that say that something failed, and not why."""


@dataclass(frozen=True)
class Opinion:
    """What the model was worth: a finding or none, and the record of asking."""

    finding: Finding | None = None
    note: str = ""
    """Who was asked, at which cost, and what came of it; masked."""


def unexplained(diagnosis: Diagnosis) -> bool:
    """Whether the rules have no cause to name; a cause that they decline stays declined."""
    rules = {finding.rule for finding in diagnosis.findings}
    return diagnosis.decision is Decision.DECLINE and rules <= _UNEXPLAINED


@dataclass(frozen=True)
class SecondOpinion:
    """Asks within the budget, and checks the answer."""

    client: LlmClient
    budget: LlmBudget

    async def ask(
        self, run_id: str, evidence: Evidence, allow: tuple[str, ...], redactor: Redactor
    ) -> Opinion:
        """One question about one failure; whatever goes wrong is a note, never an error.

        Args:
            run_id: for the budget.
            evidence: its texts are masked.
            allow: globs of files that policy permits to change.
            redactor: takes the secrets out of Dockerfile and manifests.
        """
        if not any(source.text.strip() for source in evidence.sources):
            return Opinion()
        if why := await asyncio.to_thread(self.budget.take, run_id, datetime.now(UTC)):
            return Opinion(note=f"the language model {self.client.model} was not asked: {why}")
        project = Project(evidence)
        prompt = await asyncio.to_thread(build_prompt, project, redactor.text, permitted_kinds())
        try:
            answer = await self.client.ask(prompt.system, prompt.user, answer_schema())
        except LlmFailed as failed:
            return Opinion(note=f"{self._asked(prompt)}: {failed}")
        said = redactor.text(f"{self._asked(prompt)}, {_cost(answer)}")
        try:
            finding = await asyncio.to_thread(read_proposal, answer.text, prompt, project, allow)
        except Refused as refused:
            return Opinion(note=redactor.text(f"{said}: not followed, {refused.why}"))
        return Opinion(
            finding.model_copy(update={"consulted": (said,)}), f"{said}: its proposal can be checked"
        )

    def _asked(self, prompt: Prompt) -> str:
        return f"the language model {self.client.model} was asked (question sha256 {prompt.digest[:16]})"


def _cost(answer: LlmAnswer) -> str:
    by = "".join(c for c in answer.model if c.isprintable())[:80]
    tokens = f"{answer.prompt_tokens}+{answer.completion_tokens} tokens"
    return f"{by} answered in {answer.seconds:.1f} s with {tokens}"
