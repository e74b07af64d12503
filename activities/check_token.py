"""Is a signed approval token genuine, in time, for exactly this plan, and unused? (SPEC FR-009, I2)"""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.adapters.approval_tokens import claimed_approver, verify
from activities.adapters.policy_file import PolicySource
from activities.adapters.used_tokens import UsedTokens
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.token import CheckTokenInput, TokenChecked

_NOT_THE_TOKENS_FAULT = {"policy_invalid", "policy_unreadable", "write_failed", "secret_unreadable"}


@dataclass(frozen=True)
class CheckToken:
    """Reads the policy as it is now: a key that was taken out of it does not count any more."""

    policies: PolicySource
    used: UsedTokens

    @activity.defn(name=ports.CHECK_TOKEN.name)
    async def check_token(self, job: CheckTokenInput) -> TokenChecked:
        """Who signed; a token that does not count is an answer, not an error.

        Raises:
            OrchestratorError: ``policy_invalid``, ``policy_unreadable``, ``secret_unreadable``,
                ``write_failed``: whatever the token, it cannot be checked here and now.
        """
        return await asyncio.to_thread(self._checked, job)

    def _checked(self, job: CheckTokenInput) -> TokenChecked:
        policy = self.policies.policy()
        try:
            good = verify(job, policy)
        except OrchestratorError as error:
            if error.code in _NOT_THE_TOKENS_FAULT:
                raise
            approver = claimed_approver(job.token)
            return TokenChecked(code=error.code, message=error.message, approver=approver)
        proved = TokenChecked(
            approver=good.approver,
            token_id=good.token_id,
            expires_at=good.expires_at,
            key=good.key,
            plan_digest=job.plan_digest,
        )
        try:
            self.used.use(good, job.attempt)
        except OrchestratorError as error:
            if error.code in _NOT_THE_TOKENS_FAULT:
                raise
            return proved.model_copy(update={"code": error.code, "message": error.message})
        return proved
