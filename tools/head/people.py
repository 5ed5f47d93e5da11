"""The made-up people who share the head: their shape parameters and colours, all in one table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tools.head.look import Color, Look


@dataclass(frozen=True, kw_only=True)
class Person:
    """parameters: steps of the identity's shapes."""

    parameters: dict[str, float] = field(default_factory=dict)
    look: Look = field(default_factory=Look)

    @property
    def coloring(self) -> Look:
        """The look; only short hair fades into the skin."""
        return replace(self.look, fade=max(0.0, 1 - 2 * self.parameters.get("hairLong", 0.0)))


BLACK, BROWN, CHESTNUT, AUBURN, BLOND, GREY, WHITE = (
    (0.085, 0.07, 0.065),
    (0.20, 0.135, 0.095),
    (0.30, 0.20, 0.135),
    (0.42, 0.20, 0.11),
    (0.66, 0.52, 0.33),
    (0.50, 0.49, 0.475),
    (0.80, 0.79, 0.77),
)
BLUE, GREYISH, GREEN, HAZEL, UMBER, DARK = (
    (0.33, 0.47, 0.60),
    (0.40, 0.45, 0.47),
    (0.35, 0.43, 0.29),
    (0.43, 0.33, 0.19),
    (0.30, 0.19, 0.11),
    (0.17, 0.105, 0.07),
)
PORCELAIN, FAIR, ROSY, SAND, OLIVE, TAN, BRONZE, COCOA, EBONY = (
    (0.90, 0.765, 0.695),
    (0.87, 0.715, 0.63),
    (0.87, 0.69, 0.61),
    (0.83, 0.66, 0.55),
    (0.77, 0.605, 0.485),
    (0.70, 0.52, 0.40),
    (0.60, 0.42, 0.31),
    (0.46, 0.315, 0.235),
    (0.345, 0.235, 0.18),
)
DEEP: Color = (0.90, 0.72, 0.73)  # lips on dark skin
ROSE: Color = (0.88, 0.57, 0.63)
PALE: Color = (0.91, 0.72, 0.74)


def _look(skin: Color, hair: Color, iris: Color, **more: object) -> Look:
    return Look(skin=skin, hair=hair, iris=iris, **more)  # type: ignore[arg-type]


PEOPLE = {
    "sam": Person(look=_look(FAIR, CHESTNUT, GREYISH)),
    "ada": Person(
        parameters={
            "faceWidth": -0.7,
            "jawWidth": -1.0,
            "browRidge": -1.0,
            "lipFullness": 0.8,
            "eyeSize": 0.9,
            "neckWidth": -1.1,
            "chin": -0.3,
            "noseWidth": -0.4,
            "browLift": 0.5,
            "hairLong": 1,
            "lopsided": 0.3,
        },
        look=_look(PORCELAIN, AUBURN, GREEN, lip=ROSE, blush=0.8),
    ),
    "ben": Person(
        parameters={
            "jawWidth": 1.1,
            "browRidge": 1.0,
            "neckWidth": 1.0,
            "chin": 0.7,
            "lipFullness": -0.7,
            "noseLength": 0.5,
            "hairVolume": 0.3,
            "lopsided": -0.5,
        },
        look=_look(ROSY, BROWN, BLUE, stubble=0.7, lip=PALE),
    ),
    "chika": Person(
        parameters={
            "noseWidth": 1.2,
            "lipFullness": 1.2,
            "mouthWidth": 0.5,
            "cheekbones": 0.7,
            "jawWidth": -0.3,
            "noseBridge": -0.5,
            "eyeSize": 0.6,
            "neckWidth": -0.7,
            "browRidge": -0.7,
            "hairVolume": -0.3,
        },
        look=_look(COCOA, BLACK, DARK, lip=DEEP, blush=0.3),
    ),
    "dev": Person(
        parameters={
            "skull": 0.6,
            "browRidge": 0.4,
            "cheeks": 0.3,
            "noseLength": 0.6,
            "noseBridge": 0.6,
            "lipFullness": 0.3,
            "noseWidth": 0.3,
            "hairVolume": 1.0,
            "lopsided": 0.4,
        },
        look=_look(TAN, BLACK, DARK, stubble=0.6, lip=DEEP),
    ),
    "emi": Person(
        parameters={
            "cheekbones": 0.7,
            "noseBridge": -0.9,
            "eyeSpacing": 0.6,
            "faceWidth": 0.3,
            "faceLength": -0.5,
            "jawWidth": -0.8,
            "noseLength": -0.5,
            "browRidge": -0.9,
            "neckWidth": -1.0,
            "eyeSize": 0.3,
            "hairLong": 1,
        },
        look=_look(SAND, BLACK, UMBER, lip=ROSE, blush=0.6),
    ),
    "finn": Person(
        parameters={
            "faceLength": -0.8,
            "cheeks": 0.7,
            "eyeSize": 0.9,
            "noseLength": -0.7,
            "chin": -0.7,
            "lipFullness": 0.3,
            "neckWidth": -0.7,
            "noseTip": 0.6,
            "browRidge": -0.8,
            "earSize": 0.4,
            "hairVolume": 0.8,
        },
        look=_look(PORCELAIN, BLOND, BLUE, blush=0.9),
    ),
    "gita": Person(
        parameters={
            "faceWidth": 0.2,
            "cheeks": 0.5,
            "lipFullness": 0.6,
            "eyeSize": 0.7,
            "noseBridge": 0.3,
            "browRidge": -0.7,
            "jawWidth": -0.6,
            "neckWidth": -0.8,
            "hairLong": 1,
            "hairVolume": 0.4,
            "lopsided": -0.3,
        },
        look=_look(BRONZE, BLACK, DARK, lip=DEEP, blush=0.4),
    ),
    "hugo": Person(
        parameters={
            "faceLength": 0.9,
            "cheeks": -0.8,
            "cheekbones": 0.6,
            "noseLength": 1.0,
            "noseBridge": 0.8,
            "age": 1.2,
            "earSize": 0.8,
            "lipFullness": -0.8,
            "browLift": -0.4,
            "hairVolume": -0.6,
            "lopsided": 0.7,
        },
        look=_look(ROSY, GREY, BLUE, lip=PALE, stubble=0.3, brow_strength=0.7),
    ),
    "ines": Person(
        parameters={
            "faceWidth": -0.4,
            "faceLength": 0.3,
            "noseBridge": 0.5,
            "noseWidth": -0.4,
            "mouthWidth": 0.4,
            "lipFullness": 0.7,
            "eyeSize": 0.5,
            "jawWidth": -0.5,
            "neckWidth": -0.8,
            "browRidge": -0.6,
            "hairLong": 1,
            "lopsided": 0.5,
        },
        look=_look(OLIVE, BROWN, HAZEL, lip=ROSE),
    ),
    "jun": Person(
        parameters={
            "cheekbones": 1.1,
            "noseBridge": -0.7,
            "eyeSpacing": 0.5,
            "faceWidth": 0.6,
            "faceLength": -0.2,
            "jawWidth": 0.3,
            "lipFullness": 0.1,
            "hairVolume": 1.1,
            "lopsided": -0.4,
        },
        look=_look(SAND, BLACK, UMBER),
    ),
    "kofi": Person(
        parameters={
            "noseWidth": 1.3,
            "lipFullness": 1.1,
            "mouthWidth": 0.7,
            "jawWidth": 0.8,
            "neckWidth": 1.1,
            "browRidge": 0.5,
            "cheekbones": 0.5,
            "chin": 0.3,
            "hairVolume": -0.8,
        },
        look=_look(EBONY, BLACK, DARK, lip=DEEP, blush=0.2, stubble=0.4),
    ),
    "lena": Person(
        parameters={
            "faceWidth": 0.3,
            "cheeks": 0.9,
            "noseTip": 0.7,
            "lipFullness": 0.4,
            "eyeSize": 0.6,
            "jawWidth": -0.5,
            "neckWidth": -0.7,
            "browRidge": -0.8,
            "hairLong": 0.85,
            "hairVolume": 0.5,
            "lopsided": 0.2,
        },
        look=_look(FAIR, BLOND, BLUE, lip=ROSE, blush=0.8),
    ),
    "marta": Person(
        parameters={
            "age": 1.3,
            "cheeks": 0.6,
            "faceWidth": 0.3,
            "lipFullness": -0.5,
            "noseLength": 0.5,
            "browRidge": -0.4,
            "jawWidth": -0.2,
            "neckWidth": -0.3,
            "browLift": -0.3,
            "hairLong": 0.75,
            "hairVolume": 0.7,
        },
        look=_look(FAIR, WHITE, GREYISH, blush=0.7, brow_strength=0.6, lip=PALE),
    ),
    "nilo": Person(
        parameters={
            "faceWidth": 0.8,
            "cheeks": 1.1,
            "noseWidth": 0.8,
            "faceLength": -0.6,
            "noseBridge": -0.4,
            "neckWidth": 0.8,
            "lipFullness": 0.5,
            "hairVolume": 0.5,
            "lopsided": -0.6,
        },
        look=_look(BRONZE, BLACK, DARK, lip=DEEP, stubble=0.3),
    ),
    "olga": Person(
        parameters={
            "cheekbones": 0.9,
            "chin": 0.5,
            "faceLength": 0.4,
            "noseWidth": -0.6,
            "eyeSpacing": 0.4,
            "jawWidth": 0.1,
            "neckWidth": -0.7,
            "browRidge": -0.5,
            "lipFullness": 0.2,
            "hairVolume": 0.2,
            "lopsided": -0.4,
        },
        look=_look(PORCELAIN, CHESTNUT, GREEN, lip=ROSE),
    ),
    "paul": Person(
        parameters={
            "jawWidth": 1.2,
            "chin": 1.0,
            "mouthWidth": 0.7,
            "faceWidth": 0.4,
            "browRidge": 0.6,
            "neckWidth": 1.2,
            "earSize": 0.6,
            "age": 0.6,
            "lopsided": 0.5,
        },
        look=_look(OLIVE, BROWN, HAZEL, stubble=1.0),
    ),
    "rosa": Person(
        parameters={
            "skull": 0.4,
            "cheeks": 0.3,
            "mouthWidth": 0.8,
            "lipFullness": 0.9,
            "noseWidth": 0.3,
            "eyeSize": 0.4,
            "jawWidth": -0.6,
            "neckWidth": -0.9,
            "browRidge": -0.8,
            "hairLong": 1,
            "hairVolume": 0.9,
            "lopsided": -0.2,
        },
        look=_look(TAN, BROWN, UMBER, lip=ROSE),
    ),
    "timo": Person(
        parameters={
            "faceWidth": -0.8,
            "faceLength": 0.5,
            "noseBridge": 0.9,
            "noseWidth": -0.7,
            "mouthWidth": -0.5,
            "lipFullness": -0.3,
            "chin": -0.3,
            "hairVolume": 0.9,
            "earSize": 0.5,
            "lopsided": 0.6,
        },
        look=_look(FAIR, AUBURN, GREYISH, blush=0.8),
    ),
    "vera": Person(
        parameters={
            "skull": -0.5,
            "cheeks": -0.4,
            "cheekbones": 0.8,
            "eyeSpacing": -0.4,
            "noseLength": 0.4,
            "chin": 0.3,
            "jawWidth": -0.4,
            "neckWidth": -0.6,
            "browRidge": -0.3,
            "age": 0.7,
            "lipFullness": 0.1,
            "hairVolume": 0.3,
        },
        look=_look(SAND, GREY, HAZEL, lip=ROSE, brow_strength=0.75),
    ),
}
