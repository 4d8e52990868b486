"""What a column's label says it holds: the words that beamlines use."""

from __future__ import annotations

import re

__all__ = ["Role", "column_role", "split_unit"]

Role = str


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UNITS = {
    "ev": "ev",
    "kev": "kev",
    "deg": "deg",
    "degree": "deg",
    "degrees": "deg",
    "rad": "rad",
    "radian": "rad",
    "radians": "rad",
    "mrad": "mrad",
    "mdeg": "mdeg",
    "mm": "mm",
    "um": "um",
    "micron": "um",
    "microns": "um",
    "cm": "cm",
    "m": "m",
    "nm": "nm",
    "angstrom": "angstrom",
    "1/angstrom": "1/angstrom",
    "s": "s",
    "sec": "s",
    "seconds": "s",
    "k": "k",
    "counts": "counts",
    "cts": "counts",
    "a.u.": "",
    "au": "",
    "arb": "",
    "v": "v",
    "na": "na",
    "volts": "v",
}
_BRACKET = re.compile(r"^(.*?)[\s_]*[(\[]\s*([^()\[\]]*?)\s*[)\]]$", re.DOTALL)
_TAIL = re.compile(r"^(.+?)(?:\s+|[_/])(kev|ev|deg|degrees?|mrad)$")

_ENERGY = {
    # Exact names first, then what a monochromator reported, then what was asked of it.
    "energy": 0,
    "omega": 0,
    "e": 0,
    "en": 0,
    "ev": 0,
    "kev": 0,
    "photon_energy": 0,
    "photonenergy": 0,
    "mono_energy": 0,
    "monoenergy": 0,
    "energie": 0,
    "incident_energy": 0,
    "bragg_energy": 0,
    "achieved_energy": 1,
    "energy_achieved": 1,
    "energy_readback": 1,
    "energy_rbv": 1,
    "energy_enc": 1,
    "enc_energy": 1,
    "encoder_energy": 1,
    "real_energy": 1,
    # ESRF and SNBL (zapline: in keV), BLISS, MAX IV Balder.
    "zapenergy": 1,
    "zap_energy": 1,
    "energyenc": 1,
    "ene_enc": 1,
    "eneenc": 1,
    "mono1_energy": 1,
    "mono1_energy_acs": 1,
    "requested_energy": 2,
    "energy_requested": 2,
    "energy_set": 2,
    "nominal_energy": 2,
}
_ANGLE = {
    **dict.fromkeys(("angle", "theta", "mono_angle", "bragg", "bragg_angle"), 0),
    **dict.fromkeys(("mono_theta", "dcm_angle", "monoangle", "angle(o)"), 0),
    # The Photon Factory's calculated angle, beside the observed one.
    "angle(c)": 2,
}
_MU = _words("""
    mu xmu mutrans mufluor mu_trans mu_fluor mut mux mu_x mu(e) mue absorption absorbance
    absorption_coefficient abs xanes xas xafs exafs xmu_trans xmu_fluor mufluo mu_fluo mu_fl mu_tr mu_t
    \u00b5 \u03bc \u00b5(e) \u03bc(e) \u00b5t \u03bct
""")
_NORM = _words("""
    norm normalized_mu normalised_mu norm(e) nor normalized normalised flat fnorm flattened mu_norm norm_mu
    normmu munorm normalized_absorption normalized_xmu
""")
_I0 = _words("""
    i0 io i_0 i_o monitor mon i0_counts ion0 ic0 i0_eh1 izero incoming_beam ionch0 i0ch incident i0_current
    i0_detector ion_i0 i0_eh2 ion_0
""")
_IT = _words("""
    itrans it i1 ion_1 itransmission i_t i_1 trans transmitted transmission ion1 ic1 i1_counts it_counts itr
    itr_counts ionch1 i_trans ion_i1
""")
_IREF = _words("""
    irefer iref ir i2 ion_2 ref reference irefchan ion2 ic2 i_ref i_2 if_ref itref murefer mu_ref muref
    mu_refer
""")
_IFLUOR = _words("""
    ifluor if iff i_f fluorescence fluor fluo fy pfy tfy fl ff ifluo ifl pips lytle sdd fluo_counts
    fluorescence_yield flu xflu
""")
_YIELD = _words("tey eyield electron_yield iey drain tey_counts cey")
_NOT_MU = _words("""
    time t dt seconds counttime count_time clock index point pt npt deadtime dead_time dtfactor icr ocr
    outputcount inputcount livetime realtime live_time real_time temperature temp current ring ring_current
    beam_current chi k k2chi k3chi r bkg pre_edge post_edge mu0 stddev epoch x y z encoder enc steps dmude
    deriv der sec reset pt_no htime chi2 nbkg fbkg nder nsec
""")

#: The monitor as SNBL computes it at each energy, beside the one that was counted.
_SECOND_I0 = _words("monex")
#: Flattened, and so no linear function of mu: after what is only normalised.
_FLATTENED = _words("flat flattened fnorm")
#: Regions of a multichannel analyser: each its own line, not channels to be summed.
_REGION = re.compile(r"^xmap_roi\d{1,3}$")
_CORRECTED = re.compile(r"^(.+?)_?(?:c|corr|corrected|dtc|dt_corr|deadcorr)$")
_CHANNEL = re.compile(
    r"^(?:(?P<stem>.*?[^\d_.\-:])[_.\-: ]*(?P<number>\d{1,3})"
    r"|(?P<lead>mca|ge|sdd|det|ch|el|roi)[_\-]?(?P<first>\d{1,3})[_.\-](?P<rest>[^\d]+))$"
)
_FLUORESCENCE = re.compile(r"(?:^|_)([a-z]{1,2})_?(k|l)_?(?:a|b|alpha|beta)\d?(?:_|$)")


def split_unit(label: str) -> tuple[str, str]:
    """Part a label from the unit in or behind it.

    Parameters
    ----------
    label : str
        "Energy (eV)", "energy_keV", "I0".

    Returns
    -------
    name, unit : str
        In lower case: ("energy", "ev"); the unit is "" where there is none.
    """
    word = label.strip().strip("\"'$").strip().lower()[:200]
    inside = _BRACKET.match(word)
    if inside and inside.group(1) and (inside.group(2) in _UNITS or not inside.group(2)):
        return inside.group(1).strip(), _UNITS.get(inside.group(2), "")
    behind = _TAIL.match(word)
    if behind and behind.group(2) in _UNITS:
        return behind.group(1).strip(" _/"), _UNITS[behind.group(2)]
    return word, {"ev": "ev", "kev": "kev"}.get(word, "")


def _plain(name: str) -> str:
    return re.sub(r"[\s\-.]+", "_", name).strip("_")


def column_role(label: str) -> tuple[Role, str, int]:
    """What a label says its column holds.

    Parameters
    ----------
    label : str

    Returns
    -------
    role : str
        "energy", "angle", "mu", "norm", "i0", "itrans", "irefer", "ifluor",
        "yield", "other" (known, and not an absorption) or "" (unknown).
    stem : str
        What channels of one detector have in common; "" for the rest.
    rank : int
        For "energy", "angle", "norm" and "i0" the order of preference; for "ifluor" 0
        where it is corrected for dead time and 1 where not.
    """
    name = _plain(split_unit(label)[0])
    if not name:
        return "", "", 0
    if name in _ENERGY:
        return "energy", "", _ENERGY[name]
    if name in _ANGLE:
        return "angle", "", _ANGLE[name]
    if name in _SECOND_I0:
        return "i0", "", 1
    if _REGION.match(name):
        return "ifluor", name, 1
    for role, names in (
        ("mu", _MU), ("norm", _NORM), ("i0", _I0), ("itrans", _IT), ("irefer", _IREF),
        ("yield", _YIELD), ("other", _NOT_MU),
    ):  # fmt: skip
        if name in names:
            return role, "", int(name in _FLATTENED)
    corrected = _CORRECTED.match(name)
    bare, rank = (corrected.group(1).rstrip("_"), 0) if corrected else (name, 1)
    if name in _IFLUOR:
        return "ifluor", name, 1
    if bare in _IFLUOR:
        return "ifluor", bare, rank
    channel = _CHANNEL.match(name) or _CHANNEL.match(bare)
    if channel:
        stem = channel.group("stem") or channel.group("rest") or ""
        stem = stem.rstrip("_.-: ")
        core = re.sub(r"_?(?:mca|ch|chan|channel|roi|sca|det|el|element|xsp3|xmap|sdd|ge)$", "", stem)
        if core in _NOT_MU or stem in _NOT_MU:
            return "other", "", 0
        if (
            core in _IFLUOR
            or stem in _IFLUOR
            or _FLUORESCENCE.search(stem)
            or stem in ("roi", "sca", "mca", "ge", "ff")
        ):
            return "ifluor", stem, rank
    if _FLUORESCENCE.search(bare):
        return "ifluor", bare, rank
    if name.startswith("energy"):
        return "energy", "", 3
    return "", "", 0
