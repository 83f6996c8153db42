"""`serin-server inspect`: what a model is, for a person to read."""

import sys

from serin_server.config.settings import Settings
from serin_server.failures import LoadFailure
from serin_server.model.load import report
from serin_server.process.model import load_as_set
from serin_server.process.termination import failure_report
from serin_server.uris import shown


def inspect(settings: Settings) -> int:
    """Prints digest, size, opset and signature."""
    try:
        model = load_as_set(settings)
    except LoadFailure as failure:
        told = failure_report(failure)
        sys.stderr.write(f"{told['reason']}: {told['message']}\n")
        return failure.exit_code
    told = report(model)
    lines = [
        f"model      {shown(settings.model_uri)}",
        f"sha256     {told['sha256']}",
        f"size       {told['sizeBytes']:,} bytes",
        f"opset      {told['opset']}",
        f"signature  {told['signatureDigest']}",
        f"warm-up    {model.warmed.message}",
        f"batching   {model.batching.mode} ({model.batching.reason}): {model.batching.message}",
    ]
    for side, tensors in (("inputs", model.signature.inputs), ("outputs", model.signature.outputs)):
        lines.append(side)
        lines += [f"  {tensor.name:30} {tensor.datatype:7} {list(tensor.shape)}" for tensor in tensors]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
