"""The three ways in which a signature is no good, as failures with a reason and a way out."""

from serin_server.failures import LoadFailure, Reason


def not_allowed(why: str) -> LoadFailure:
    """Somebody has signed whom `spec.model.verify` does not name; `why` goes on from "the model"."""
    return LoadFailure(Reason.SIGNER_NOT_ALLOWED, f"the model {why}")


def invalid(why: str) -> LoadFailure:
    """There is a signature, and it is not of this model."""
    return LoadFailure(Reason.SIGNATURE_INVALID, f"the model's signature proves nothing: {why}")


def unusable(field: str, why: str) -> LoadFailure:
    """What `spec.model.verify` names is of no use."""
    return LoadFailure(Reason.SIGNER_NOT_ALLOWED, f"spec.model.verify.{field}: {why}")
