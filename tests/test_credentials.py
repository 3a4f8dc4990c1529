"""Content credentials: who signed, whether it fits, and that nothing can be changed afterwards without a trace."""

import datetime
import io
import os
import stat
import struct
import zlib

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from PIL import Image
from samples import EDIT, EVERY, SETTINGS, clip, picture, tetrahedron, tone

from pipelines.errors import MediaError
from studio.export import convert, save
from studio.provenance import credentials, read_settings, verify
from studio.provenance.identity import identity, own_path

SIGNED = [param for param in EVERY if param.values[0].name in credentials.FORMATS]
MEDIA = {"image": picture, "video": lambda: clip(frames=3), "audio": tone, "mesh": tetrahedron}


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "home"))
    for name in ("EDDYLINE_C2PA", "EDDYLINE_C2PA_CERT", "EDDYLINE_C2PA_KEY"):
        monkeypatch.delenv(name, raising=False)


def chunks_of(png):
    place = 8
    while place < len(png):
        size = struct.unpack(">I", png[place : place + 4])[0]
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        place += 12 + size


def png_of(chunks):
    parts = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("kind", SIGNED)
def test_a_signed_file_proves_itself(tmp_path, kind):
    path = save(MEDIA[kind.medium](), tmp_path / f"it{kind.suffixes[0]}", SETTINGS, sign=True)
    claims = verify(path)
    signed = claims.credentials
    assert signed.valid and signed.trusted and not signed.changed and signed.problems == () and claims.notes == ()
    assert signed.actions == ("c2pa.created",) and signed.source_types == ("trainedAlgorithmicMedia",)
    assert signed.issuer == "Eddyline, self-signed" and signed.generator.startswith("Eddyline ")
    assert read_settings(path).settings == SETTINGS and claims.ai_mark == "trainedAlgorithmicMedia"
    assert not claims.to_dict()["changed_after_signing"] and claims.to_dict()["credentials"]["valid"]
    assert sorted(os.listdir(tmp_path)) == ["home", path.name]


@pytest.mark.parametrize("kind", SIGNED)
def test_one_changed_bit_is_seen(tmp_path, kind):
    path = save(MEDIA[kind.medium](), tmp_path / f"it{kind.suffixes[0]}", SETTINGS, sign=True)
    plain = save(MEDIA[kind.medium](), tmp_path / f"plain{kind.suffixes[0]}", SETTINGS)
    data, bare = path.read_bytes(), plain.read_bytes()
    # A stretch of the content itself, found in the file that holds nothing else; the record in it is plain letters.
    stretches = (bare[place : place + 64] for place in range(len(bare) // 2, len(bare) - 64))
    where = data.index(next(p for p in stretches if data.count(p) == 1 and not p.isascii())) + 32
    path.write_bytes(data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :])
    claims = verify(path)
    assert claims.credentials.changed and not claims.credentials.valid and claims.changed
    assert any("mismatch" in problem for problem in claims.credentials.problems)
    assert "changed after it was signed" in claims.notes[0]


def test_one_changed_pixel_is_seen(tmp_path):
    path = save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    with Image.open(path) as image:
        pixels = np.array(image)
    pixels[20, 30, 0] ^= 1
    whole = io.BytesIO()
    Image.fromarray(pixels).save(whole, "png")
    inside = b"".join(body for kind, body in chunks_of(whole.getvalue()) if kind == b"IDAT")
    parts = [(kind, inside if kind == b"IDAT" else body) for kind, body in chunks_of(path.read_bytes())]
    path.write_bytes(png_of(parts))
    with Image.open(path) as image:  # a faultless picture with the credentials of another
        assert np.array_equal(np.asarray(image), pixels)
    assert verify(path).changed and not verify(path).credentials.valid


def test_added_metadata_is_seen(tmp_path):
    path = save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    parts = list(chunks_of(path.read_bytes()))
    path.write_bytes(png_of([*parts[:-1], (b"tEXt", b"Author\x00somebody else"), parts[-1]]))
    assert verify(path).changed and read_settings(path).settings == SETTINGS
    jpeg = save(picture(), tmp_path / "it.jpg", SETTINGS, sign=True)
    data = jpeg.read_bytes()
    jpeg.write_bytes(data[:2] + b"\xff\xfe\x00\x07hello" + data[2:])
    assert verify(jpeg).changed
    mp4 = save(clip(frames=2), tmp_path / "it.mp4", SETTINGS, sign=True)
    with open(mp4, "ab") as file:
        file.write(b"\x00\x00\x00\x0cuuidhello!!!" + bytes(12))
    assert verify(mp4).changed


def test_damage_inside_the_credentials_is_seen(tmp_path):
    path = save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    whole = list(chunks_of(path.read_bytes()))
    body = next(body for kind, body in whole if kind == b"caBX")
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(body.rstrip(b"\x00")) // 2, 12):
        hurt = bytearray(body)
        hurt[place] ^= 0xFF
        path.write_bytes(png_of([(kind, bytes(hurt) if kind == b"caBX" else part) for kind, part in whole]))
        claims = verify(path)
        assert claims.credentials is None or not claims.credentials.valid


def test_saving_again_drops_the_credentials_and_says_nothing_false(tmp_path):
    path = save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    with Image.open(path) as image:
        image.save(tmp_path / "again.png")
    assert verify(tmp_path / "again.png").none


def test_an_edit_is_told(tmp_path):
    signed = verify(save(picture(), tmp_path / "it.png", EDIT, sign=True)).credentials
    assert signed.valid and signed.actions == ("c2pa.created", "c2pa.edited")
    assert set(signed.source_types) == {"compositeWithTrainedAlgorithmicMedia"}


def test_a_converted_file_says_what_it_was(tmp_path):
    source = save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    same = convert(source, tmp_path / "copy.png")
    assert same.read_bytes() == source.read_bytes() and verify(same).credentials.valid
    assert verify(convert(source, tmp_path / "bare.webp")).credentials is None
    path = convert(source, tmp_path / "it.jpg", sign=True)
    signed = verify(path).credentials
    assert signed.valid and not signed.changed and signed.actions == ("c2pa.opened", "c2pa.converted")
    assert read_settings(path).settings == SETTINGS


@pytest.mark.parametrize("value, signs", [(None, False), ("", False), ("0", False), ("1", True)])
def test_the_environment_turns_signing_on(tmp_path, monkeypatch, value, signs):
    if value is not None:
        monkeypatch.setenv("EDDYLINE_C2PA", value)
    path = save(picture(), tmp_path / "it.png", SETTINGS)
    assert (verify(path).credentials is not None) == signs and own_path().exists() == signs
    assert verify(save(picture(), tmp_path / "off.png", SETTINGS, sign=False)).credentials is None
    assert read_settings(save(tetrahedron(), tmp_path / "it.glb", SETTINGS)).settings == SETTINGS


@pytest.mark.parametrize("kind", [param for param in EVERY if param not in SIGNED])
def test_a_format_that_cannot_be_signed_says_so(tmp_path, kind):
    with pytest.raises(
        MediaError, match=f"^sign: {kind.name.upper()} files cannot carry content credentials; PNG, JPEG"
    ):
        save(MEDIA[kind.medium](), tmp_path / f"it{kind.suffixes[0]}", SETTINGS, sign=True)
    assert not os.listdir(tmp_path)


def test_without_the_package_files_are_written_and_read_all_the_same(tmp_path, monkeypatch):
    path = save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    monkeypatch.setattr(credentials, "find_spec", lambda _: None)
    claims = verify(path)
    assert claims.credentials is None and claims.settings["prompt"] == "a red apple"
    assert claims.notes == (
        "Not looked for: credentials: content credentials need an extra package: pip install 'eddyline[credentials]'",
    )
    with pytest.raises(MediaError, match="pip install"):
        save(picture(), path, EDIT, sign=True)
    monkeypatch.setenv("EDDYLINE_C2PA", "1")
    assert read_settings(save(picture(), path, EDIT)).settings == EDIT


def test_a_huge_picture_is_not_taken_into_memory(tmp_path):
    path = save(picture(), tmp_path / "it.jpg", SETTINGS, sign=True)
    with open(path, "r+b") as file:
        file.truncate(credentials.MAX_PICTURE + 1)
    claims = verify(path)
    assert claims.credentials is None and claims.settings["prompt"] == "a red apple"
    assert claims.notes == ("Not looked for: credentials: pictures of more than 256 MiB are not looked into",)


# Identity ------------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path):
    save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    path, first = own_path(), own_path().read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["signing.pem"]
    save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    assert path.read_bytes() == first and first.count(b"CERTIFICATE-----") == 4
    assert b"PRIVATE" not in identity().chain


def test_another_machine_finds_it_whole_but_does_not_vouch(tmp_path, monkeypatch):
    path = save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "elsewhere"))
    claims = verify(path)
    assert claims.credentials.valid and not claims.credentials.trusted and claims.credentials.problems == ()
    assert "nobody on this machine vouches" in claims.notes[0] and not (tmp_path / "elsewhere").exists()


def own_certificate(folder, key, password=None):
    """A certificate as an organisation would have it, and its key, in two files."""
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    top = ec.generate_private_key(ec.SECP256R1())

    def named(text):
        return x509.Name(
            [x509.NameAttribute(kind, text) for kind in (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME)]
        )

    uses = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
         "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(named("A Studio"))
        .issuer_name(named("An Authority"))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **uses), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(top.public_key()), critical=False)
        .sign(top, hashes.SHA256())
    )
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, lock))
    return {"EDDYLINE_C2PA_CERT": str(folder / "cert.pem"), "EDDYLINE_C2PA_KEY": str(folder / "key.pem")}


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ],
    ids=["p384", "ed25519", "rsa"],
)
def test_an_own_certificate_signs(tmp_path, monkeypatch, key):
    for name, value in own_certificate(tmp_path, key).items():
        monkeypatch.setenv(name, value)
    signed = verify(save(picture(), tmp_path / "it.png", SETTINGS, sign=True)).credentials
    assert signed.valid and signed.issuer == signed.name == "A Studio" and not own_path().exists()


def test_a_certificate_that_cannot_be_used_is_refused_with_what_to_do(tmp_path, monkeypatch):
    named = own_certificate(tmp_path, ec.generate_private_key(ec.SECP256R1()), password=b"secret")
    monkeypatch.setenv("EDDYLINE_C2PA_CERT", named["EDDYLINE_C2PA_CERT"])
    with pytest.raises(MediaError, match="^sign: EDDYLINE_C2PA_CERT and EDDYLINE_C2PA_KEY must be set together$"):
        save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    monkeypatch.setenv("EDDYLINE_C2PA_KEY", named["EDDYLINE_C2PA_KEY"])
    with pytest.raises(MediaError, match="EDDYLINE_C2PA_CERT, EDDYLINE_C2PA_KEY: no usable certificate"):
        save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    monkeypatch.setenv("EDDYLINE_C2PA_KEY", str(tmp_path / "gone.pem"))
    with pytest.raises(MediaError, match="no usable certificate") as caught:
        save(picture(), tmp_path / "it.png", SETTINGS, sign=True)
    assert str(tmp_path) not in str(caught.value) and not (tmp_path / "it.png").exists()
