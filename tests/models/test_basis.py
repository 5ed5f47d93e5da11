"""The output bases: errors of vertices without vertices, and how much of a head's motion the packaged one holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talkcli.articulation import Style, lively_controls
from talkcli.clip import Audio, CorpusInfo, Floats
from talkcli.errors import TalkError
from talkcli.head import load_basis, load_head
from talkcli.models.basis import BASES, LinearBasis, OutputBasis
from tests.make_models import PLATE, make_info, random_phones

REGIONS = [None, "lips", "upper_face"]


@pytest.fixture(scope="module")
def rig() -> OutputBasis:
    return BASES["rig"](make_info())


@pytest.fixture
def plain() -> OutputBasis:
    return BASES["none"](make_info(PLATE))


def plate_basis() -> LinearBasis:
    rows = np.random.default_rng(0).standard_normal((4, PLATE.vertices, 3)).astype(np.float32)
    return LinearBasis(make_info(PLATE), rows)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", ["rig", "plain"])
def test_the_error_of_coefficients_is_that_of_the_vertices(
    name: str, region: str | None, request: pytest.FixtureRequest
) -> None:
    basis: OutputBasis = request.getfixturevalue(name)
    error = torch.randn(2, 3, basis.coefficients)
    vertices = basis.decode(error)  # (B, T, V, 3)
    assert vertices.shape == (2, 3, basis.vertices, 3)
    if region:
        picked = vertices[:, :, basis.indices(region)]
        assert torch.allclose(basis.decode_at(error, region), picked, atol=1e-6)
        vertices = picked
    expected = vertices.double().square().mean((-1, -2))
    assert torch.allclose(basis.squared_error(error, region).double(), expected, rtol=1e-4)


def test_the_error_keeps_its_precision_where_the_rest_is_bfloat16(rig: OutputBasis) -> None:
    error = torch.randn(2, 3, rig.coefficients)
    full = rig.squared_error(error, "lips")
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(rig.squared_error(error, "lips"), full)


def test_a_region_first_seen_in_validation_can_be_trained() -> None:
    basis = plate_basis()
    error = torch.randn(1, 2, 4, requires_grad=True)
    with torch.inference_mode():
        basis.squared_error(error, "lips")
    basis.squared_error(error, "lips").sum().backward()
    assert error.grad is not None


def test_the_mean_square_is_that_of_the_displacements() -> None:
    basis = plate_basis()
    motion = np.random.default_rng(1).standard_normal((7, 4)).astype(np.float32)
    displacements = basis.decode(torch.from_numpy(motion)).numpy()
    assert basis.mean_square(motion) == pytest.approx(np.square(displacements).mean(), rel=1e-5)


@pytest.mark.parametrize("name", ["rig", "plain"])
def test_encoding_gives_back_what_was_decoded(name: str, request: pytest.FixtureRequest) -> None:
    basis: OutputBasis = request.getfixturevalue(name)
    displacements = basis.decode(torch.randn(4, basis.coefficients)).numpy()
    again = basis.decode(torch.from_numpy(basis.encode(displacements))).numpy()
    assert np.allclose(again, displacements, atol=1e-6)  # metres


def test_encoding_finds_the_nearest_in_the_span() -> None:
    basis = plate_basis()
    displacements = np.random.default_rng(2).standard_normal((3, PLATE.vertices, 3)).astype(np.float32)
    rest = displacements - basis.decode(torch.from_numpy(basis.encode(displacements))).numpy()
    assert np.abs(rest.reshape(3, -1) @ basis.matrix.numpy().T).max() < 1e-4  # at a right angle to the span


def test_no_basis_is_the_identity(plain: OutputBasis) -> None:
    displacements = np.random.default_rng(0).standard_normal((3, PLATE.vertices, 3)).astype(np.float32)
    motion = plain.encode(displacements)
    assert motion.shape == (3, plain.coefficients)
    assert np.array_equal(plain.decode(torch.from_numpy(motion)).numpy(), displacements)


def test_the_rig_basis_belongs_to_the_packaged_head() -> None:
    with pytest.raises(TalkError, match=r"'plate'.*model\.basis=none"):
        BASES["rig"](make_info(PLATE))


def test_an_unknown_region_is_told(plain: OutputBasis) -> None:
    with pytest.raises(TalkError, match=r"no region 'ears'.*lips, upper_face"):
        plain.indices("ears")


def test_a_matrix_of_another_head_is_a_bug() -> None:
    with pytest.raises(ValueError, match="6 vertices"):
        LinearBasis(make_info(PLATE), np.zeros((2, 7, 3), np.float32))


def test_the_basis_stays_out_of_the_weights() -> None:
    assert not plate_basis().state_dict()


def test_the_packaged_basis_fits_the_packaged_head() -> None:
    packaged, head = load_basis(), load_head()
    assert packaged.topology == head.topology.name
    assert packaged.matrix.shape[1:] == head.template.shape
    assert np.isfinite(packaged.matrix).all()


def unseen_motion(seed: int) -> tuple[Floats, Floats]:
    """Displacements (T, V, 3) of random phones in a random style on a random subject, and that subject's template."""
    rng = np.random.default_rng([seed, 99])
    head = load_head()
    template = head.subject_template(str(rng.choice(head.subjects)))
    noise = Audio((0.05 * rng.standard_normal(32000)).astype(np.float32), 16000)
    track = lively_controls(random_phones(rng, 2.0), noise, 30.0, 60, Style.drawn(rng), seed)
    return head.pose(head.values(track), template) - template, template


@pytest.mark.parametrize("seed", range(3))
def test_the_rig_basis_holds_unseen_lips_to_a_tenth_of_a_millimetre(rig: OutputBasis, seed: int) -> None:
    displacements, _ = unseen_motion(seed)
    again = rig.decode(torch.from_numpy(rig.encode(displacements))).numpy()
    lips = load_head().topology.regions["lips"]
    away = np.linalg.norm(again[:, lips] - displacements[:, lips], axis=-1)  # (T, L) metres
    assert np.sqrt(np.square(away).mean()) <= 1e-4


def test_the_corpus_decides_how_many_coefficients_there_are() -> None:
    info: CorpusInfo = make_info(PLATE)
    assert BASES["none"](info).coefficients == 3 * PLATE.vertices
    assert BASES["rig"](make_info()).coefficients == len(load_basis().matrix)
