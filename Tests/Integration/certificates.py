"""Certificates for the tests, made by the openssl command line tool."""
import pathlib
import subprocess
import tempfile


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """A certificate authority in a folder of its own; use it in a `with` block."""

    def __init__(self, name="Test CA"):
        self._folder = tempfile.TemporaryDirectory(prefix="ca-")
        self.folder = pathlib.Path(self._folder.name)
        self.certificate, self._key = self.folder / "ca.pem", self.folder / "ca.key"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30, "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", self._key, "-out", self.certificate)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def issue(self, name, *names, client=False, days=30):
        """(certificate, key) for a subject and its alternative names, such as `DNS:a.test`; a second call for a name replaces its files."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", key,
            "-out", request)
        lines = [f"extendedKeyUsage={'clientAuth' if client else 'serverAuth'}", "basicConstraints=CA:FALSE"]
        if names:
            lines.append("subjectAltName=" + ",".join(names))
        extensions.write_text("\n".join(lines) + "\n")
        openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial", "-days", days,
            "-extfile", extensions, "-out", certificate)
        return certificate, key
