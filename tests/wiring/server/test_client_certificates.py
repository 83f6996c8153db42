"""Authorities and certificates that are replaced while the server runs: who is believed from then on, and nobody lost."""

import asyncio
import shutil
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop
from cryptography import x509
from tests.support.certificates import authority
from tests.support.models import doubling
from tests.support.serving import serving, wait_for

from serin_server.http.listener import TlsListener
from serin_server.process.ports import bound
from serin_server.security.tls import Certificates
from serin_server.security.watch import FileWatch

pytestmark = pytest.mark.slow

REFUSED = (ssl.SSLError, ConnectionError, EOFError)


class Echo(asyncio.Protocol):
    """Answers every byte with itself."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Server:
    """A listener on a loop of its own, whose files a test replaces."""

    def __init__(self, folder):
        self.files = folder / "tls.crt", folder / "tls.key", folder / "ca.crt"
        self.certificates = Certificates(*self.files)
        self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.listener = TlsListener(Echo, self.certificates, self.loop)
        sockets = [each for host in ("127.0.0.1", "127.0.0.2") for each in bound("http_port", host, 0)]
        self.run(self.listener.listen(sockets))
        self.port, self.other_port = [each.getsockname()[1] for each in self.listener.sockets]

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def replace(self):
        self.certificates.reload()
        self.run(self.listener.follow())

    def stop(self):
        self.loop.call_soon_threadsafe(self.listener.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)
        self.loop.close()


@pytest.fixture
def authorities():
    return authority("old"), authority("new")


@pytest.fixture
def folder(tmp_path, authorities):
    for name in ("server", "rotated"):
        authorities[0].sign(tmp_path, name)
    for name, signing in zip(("old", "new"), authorities, strict=True):
        signing.sign(tmp_path, name)
        (tmp_path / f"{name}-ca.crt").write_bytes(signing.pem)
    use(tmp_path, server="server", clients="old")
    return tmp_path


def use(folder, *, server, clients):
    for ending in ("crt", "key"):
        shutil.copyfile(folder / f"{server}.{ending}", folder / f"tls.{ending}")
    shutil.copyfile(folder / f"{clients}-ca.crt", folder / "ca.crt")


@pytest.fixture
def server(folder):
    running = Server(folder)
    yield running
    running.stop()


def context_of(folder, name, newest=ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context(cafile=str(folder / "old-ca.crt"))
    context.maximum_version = newest
    if name:
        context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    return context


def connected(port, context, session=None, host="127.0.0.1"):
    raw = socket.create_connection((host, port), timeout=20)
    try:
        return context.wrap_socket(raw, server_hostname="localhost", session=session)
    except BaseException:
        raw.close()
        raise


def echoes(connection):
    connection.sendall(b"x")
    if connection.recv(1) != b"x":
        raise EOFError
    return True


def serial_of(connection):
    return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True)).serial_number


def is_refused(port, context, session=None):
    try:
        with connected(port, context, session) as connection:
            return not echoes(connection)
    except REFUSED:
        return True


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_clients_of_an_authority_that_was_taken_out_are_refused_and_those_of_the_new_one_come_in(
    server, folder, newest
):
    old, new, none = (context_of(folder, name, newest) for name in ("old", "new", ""))
    with connected(server.port, old) as before:
        first = serial_of(before)
        assert echoes(before)
        assert is_refused(server.port, new)
        assert is_refused(server.port, none)
        use(folder, server="rotated", clients="new")
        server.replace()
        assert is_refused(server.port, old)
        assert is_refused(server.port, none)
        with connected(server.port, new) as after:
            assert echoes(after)
            assert serial_of(after) != first
        assert echoes(before)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_a_session_that_an_old_client_kept_does_not_bring_it_back_in(server, folder, newest):
    old = context_of(folder, "old", newest)
    with connected(server.port, old) as before:
        assert echoes(before)
        session = before.session
    with connected(server.port, old, session) as again:
        assert echoes(again)
        assert again.session_reused
        session = again.session
    use(folder, server="server", clients="new")
    server.replace()
    assert is_refused(server.port, old, session)


def test_nobody_is_lost_while_certificates_are_replaced_again_and_again(server, folder):
    contexts = [context_of(folder, "old"), context_of(folder, "old", ssl.TLSVersion.TLSv1_2)]
    done, served = threading.Event(), []

    def client(number):
        while not done.is_set():
            with connected(server.port, contexts[number % 2]) as connection:
                assert echoes(connection)
            served.append(number)

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        try:
            for name in ["rotated", "server"] * 15:
                use(folder, server=name, clients="old")
                aim = len(served) + 10
                server.replace()
                wait_for(lambda aim=aim: len(served) >= aim or any(each.done() for each in clients))
        finally:
            done.set()
        for each in clients:
            each.result(20)
    assert len(server.listener.sockets) == 2


def test_connections_that_wait_to_be_accepted_during_the_change_are_served(server, folder):
    held, release = threading.Event(), threading.Event()

    def hold():
        held.set()
        release.wait(20)

    server.loop.call_soon_threadsafe(hold)
    assert held.wait(20)
    waiting = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(20)]
    use(folder, server="rotated", clients="old")
    server.certificates.reload()
    following = asyncio.run_coroutine_threadsafe(server.listener.follow(), server.loop)
    release.set()
    following.result(20)
    for raw in waiting:
        with context_of(folder, "old").wrap_socket(raw, server_hostname="localhost") as connection:
            assert echoes(connection)


def test_a_listener_that_was_closed_stays_closed(server, folder):
    server.run(closed(server.listener))
    use(folder, server="rotated", clients="new")
    server.replace()
    assert not server.listener.sockets
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_every_address_that_it_listens_on_gets_the_new_certificates(server, folder):
    use(folder, server="rotated", clients="new")
    server.replace()
    for port, host in ((server.port, "127.0.0.1"), (server.other_port, "127.0.0.2")):
        with connected(port, context_of(folder, "new"), host=host) as connection:
            assert echoes(connection)
        with pytest.raises(REFUSED), connected(port, context_of(folder, "old"), host=host) as connection:
            echoes(connection)


async def closed(listener):
    listener.close()


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_an_authority_that_is_gone_or_broken_is_told_once_and_the_old_one_stays(server, folder, content):
    watch = FileWatch(server.certificates.files, server.certificates.reload)
    context = server.certificates.context
    (folder / "ca.crt").unlink()
    if content is not None:
        (folder / "ca.crt").write_bytes(content)
    assert "the old one stays" in watch.look()
    assert watch.look() == ""
    server.run(server.listener.follow())
    assert server.certificates.context is context
    with connected(server.port, context_of(folder, "old")) as connection:
        assert echoes(connection)
    use(folder, server="rotated", clients="new")
    assert watch.look() == ""
    server.run(server.listener.follow())
    assert is_refused(server.port, context_of(folder, "old"))


def test_half_of_a_pair_waits_for_the_other_half(server, folder):
    watch = FileWatch(server.certificates.files, server.certificates.reload)
    shutil.copyfile(folder / "rotated.crt", folder / "tls.crt")
    assert "the old one stays" in watch.look()
    shutil.copyfile(folder / "rotated.key", folder / "tls.key")
    assert watch.look() == ""


@pytest.mark.slow
def test_a_whole_server_believes_the_new_authority_over_http_and_grpc_and_the_old_no_more(tmp_path, folder):
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    files = {"tls_cert_file": "tls.crt", "tls_key_file": "tls.key", "tls_client_ca_file": "ca.crt"}
    given = {name: folder / file for name, file in files.items()}
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, ready=False, **given) as running:
        port = running.port("http")

        def lives(name):
            try:
                with connected(port, context_of(folder, name)) as connection:
                    connection.sendall(b"GET /v2/health/live HTTP/1.1\r\nhost: t\r\n\r\n")
                    return connection.recv(100).startswith(b"HTTP/1.1 200")
            except REFUSED:
                return False

        def lives_over_grpc(name):
            parts = [(folder / file).read_bytes() for file in ("old-ca.crt", f"{name}.key", f"{name}.crt")]
            credentials = grpc.ssl_channel_credentials(*parts)
            with grpc.secure_channel(f"localhost:{running.port('grpc')}", credentials) as channel:
                try:
                    health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
                except grpc.RpcError:
                    return False
                return True

        assert (lives("old"), lives("new")) == (True, False)
        assert (lives_over_grpc("old"), lives_over_grpc("new")) == (True, False)
        (folder / "ca.crt").write_bytes(b"nonsense")
        wait_for(lambda: [event for event in running.events() if event["event"] == "file not reloaded"])
        assert lives("old")
        assert lives_over_grpc("old")
        use(folder, server="rotated", clients="new")
        wait_for(lambda: lives("new"))
        assert not lives("old")
        assert (lives_over_grpc("old"), lives_over_grpc("new")) == (False, True)
