# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of the tests' own, by openssl: clients' certificates, their revocation, its lists."""
import datetime
import ssl
import subprocess

CONFIGURATION = """[ca]
default_ca = own
[own]
dir = {folder}
database = $dir/index
new_certs_dir = $dir
serial = $dir/serial
crlnumber = $dir/crlnumber
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 2
policy = any
unique_subject = no
x509_extensions = client
[any]
O = optional
CN = supplied
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
"""


def stamp(seconds):
    """That many seconds from now, as openssl ca reads times."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y%m%d%H%M%SZ")


class Authority:
    def __init__(self, folder, name="tests"):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "conf").write_text(CONFIGURATION.format(folder=folder))
        (folder / "index").write_text("")
        (folder / "serial").write_text("1000\n")
        (folder / "crlnumber").write_text("01\n")
        self.pem, self.list = folder / "ca.pem", folder / "crl.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                      "-keyout", str(folder / "ca.key"), "-out", str(self.pem))

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def client(self, name, organization="system:masters", begin=-60, end=86400):
        """(certificate, key) of a client; begin and end are seconds from now."""
        certificate, key, request = (self.folder / f"{name}.{ending}" for ending in ("pem", "key", "csr"))
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                      f"/O={organization}/CN={name}" if organization else f"/CN={name}",
                      "-keyout", str(key), "-out", str(request))
        self._openssl("ca", "-batch", "-notext", "-config", str(self.folder / "conf"), "-in", str(request), "-out", str(certificate),
                      "-startdate", stamp(begin), "-enddate", stamp(end))
        return certificate, key

    def below(self, folder, name):
        """An authority that this one signed; its clients show its certificate behind their own."""
        made = Authority(folder, name)
        request, extensions = folder / "ca.csr", folder / "extensions"
        extensions.write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        self._openssl("req", "-new", "-key", str(folder / "ca.key"), "-subj", f"/CN={name}", "-out", str(request))
        self._openssl("x509", "-req", "-in", str(request), "-CA", str(self.pem), "-CAkey", str(self.folder / "ca.key"), "-CAcreateserial", "-days", "2",
                      "-extfile", str(extensions), "-out", str(made.pem))
        return made

    def revoke(self, certificate):
        self._openssl("ca", "-config", str(self.folder / "conf"), "-revoke", str(certificate))

    def write_list(self, *more):
        """The list as it is now, at self.list."""
        self._openssl("ca", "-gencrl", "-config", str(self.folder / "conf"), "-out", str(self.list), *(more or ("-crldays", "2")))
        return self.list


def context(server, pair, version=None):
    """What a client with that certificate connects by."""
    made = ssl.create_default_context(cadata="".join(ssl.DER_cert_to_PEM_cert(c) for c in server.contexts["admin"].get_ca_certs(binary_form=True)))
    made.load_cert_chain(*pair)
    if version:
        made.minimum_version = made.maximum_version = version
    return made
