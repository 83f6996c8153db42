"""What obstore's errors mean: a reason each, the bucket and the way out, and neither XML nor secrets."""

import re
from dataclasses import dataclass
from typing import Final

from obstore import exceptions

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.answers import Interrupted, changed
from serin_server.model.sources.credentials import Credentials
from serin_server.uris import scrubbed

_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_REGION: Final = re.compile(r"<Region>([\w-]+)</Region>")
_STATUS: Final = re.compile(r"status(?: code)?: (\d{3})")
_NO_BUCKET: Final = re.compile(r"NoSuchBucket|ContainerNotFound|bucket does not exist", re.IGNORECASE)
_EXPIRED: Final = re.compile(
    r"ExpiredToken|TokenRefreshRequired|RequestExpired|signature (?:not valid|fields).*time", re.IGNORECASE
)
_NO_CREDENTIALS: Final = re.compile(
    r"169\.254\.\d+\.\d+|metadata\.google\.internal|credential|SecretAccessKey|AccessKeyId|service account|SAS query",
    re.IGNORECASE,
)
_DENIED: Final = re.compile(
    r"InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|AuthenticationFailed|AuthorizationHeaderMalformed|InvalidAuthenticationInfo"
)
_OTHER_REGION: Final = re.compile(
    r"redirect without LOCATION|PermanentRedirect|AuthorizationHeaderMalformed", re.IGNORECASE
)
_UNTRUSTED: Final = re.compile(r"invalid peer certificate|certificate", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Sign:
    """Words by which an error is recognised, what they mean, and what is said: filled in like a template."""

    pattern: re.Pattern[str]
    reason: Reason
    sentence: str


_SIGNS: Final = (
    _Sign(_NO_BUCKET, Reason.SOURCE_NOT_FOUND, "{source}: there is no such bucket: check its name and the address"),
    _Sign(
        _EXPIRED,
        Reason.SOURCE_FORBIDDEN,
        "{source}: the credentials have expired: put new ones into the Secret of {field}",
    ),
    _Sign(
        _OTHER_REGION,
        Reason.SOURCE_FORBIDDEN,
        "{source}: the bucket lies in another region{found}: set AWS_REGION to that",
    ),
    _Sign(_DENIED, Reason.SOURCE_FORBIDDEN, "{source} refuses ({said}): {way_in}"),
    _Sign(
        _UNTRUSTED,
        Reason.SOURCE_FORBIDDEN,
        "{source}: its certificate is not trusted ({said}): give its CA (caConfigMap)",
    ),
    _Sign(
        _NO_CREDENTIALS,
        Reason.SOURCE_FORBIDDEN,
        "{source}: no credentials that can be used ({said}): name a Secret in {field}, or a service account "
        "with an identity of the cloud in spec.runtime.serviceAccountName",
    ),
)
"""In the order in which they count."""


def translated(error: Exception, source: str, credentials: Credentials) -> LoadFailure:
    """The failure that an error of obstore is. `source` names bucket, path and address."""
    text, said = str(error), _cut(str(error), credentials)
    way_in, field = credentials.purpose.way_in, credentials.purpose.field
    match error:
        case exceptions.PreconditionError() | exceptions.NotModifiedError():
            return changed(source)
        case exceptions.PermissionDeniedError() | exceptions.UnauthenticatedError() if not _EXPIRED.search(text):
            return LoadFailure(Reason.SOURCE_FORBIDDEN, f"{source} refuses ({said}): {way_in}")
    for sign in _SIGNS:
        if sign.pattern.search(text):
            region = _REGION.search(text)
            found = f" ({region[1]})" if region else ""
            return LoadFailure(
                sign.reason, sign.sentence.format(source=source, said=said, found=found, way_in=way_in, field=field)
            )
    if isinstance(error, FileNotFoundError):
        return LoadFailure(Reason.SOURCE_NOT_FOUND, f"{source}: it is not there any more: check bucket and path")
    if isinstance(error, exceptions.UnknownConfigurationKeyError | exceptions.InvalidPathError | ValueError):
        return LoadFailure(Reason.SOURCE_UNSUPPORTED, f"{source} cannot be used ({said}): correct it")
    status = _STATUS.search(text)
    if status and status[1].startswith("4") and status[1] not in ("408", "425", "429"):
        message = f"{source} answered {status[1]} ({said}): check bucket, path and region, or {way_in}"
        return LoadFailure(Reason.SOURCE_FORBIDDEN, message)
    return Interrupted(f"{source} cannot be reached or broke off ({said})")


def _cut(text: str, credentials: Credentials) -> str:
    """The core of an error: the code of its XML, else its first words; without addresses' queries and secrets."""
    if code := _CODE.search(text):
        return code[1]
    first = text.partition("Debug source")[0]
    first = re.sub(r"<\?xml.*|<[A-Za-z!].*", "", first, flags=re.DOTALL)
    return scrubbed(credentials.scrubbed(one_line(first, 240))).rstrip(" :")
