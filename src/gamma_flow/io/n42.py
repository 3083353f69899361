"""ANSI N42.42, the XML of radiation instruments, editions 2006 and 2012 (IEC 62755)."""

from __future__ import annotations

from collections.abc import Sequence

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import DamagedFileError
from gamma_flow.io import _xml, n42_2006, n42_2012, n42_write
from gamma_flow.io._format import Format, ReadOptions, gather
from gamma_flow.io._source import Source

__all__ = ["FORMAT", "read"]

_EDITIONS = {"RadInstrumentData": n42_2012.records, "N42InstrumentData": n42_2006.records}


def _sniff(source: Source) -> bool:
    name = _xml.root_name(source)
    # some portable identifiers wrap the 2006 edition in an <Event> of their own
    return name in _EDITIONS or (name == "Event" and b"N42InstrumentData" in source.data)


def read(source: Source, options: ReadOptions) -> Sequence[SpectrumSet]:
    """Read all gamma spectra of a file, one set an axis.

    Meta columns, where the file states them: ``record`` (Foreground, Background, ...), ``title``,
    ``neutron_counts``, ``gross_counts``, ``latitude`` and ``longitude`` (degrees), ``elevation`` (m),
    ``dose_rate`` (µSv/h). What an instrument believed to have identified (``AnalysisResults``) is no label;
    labels come from the remarks that `gamma_flow.io.n42_write` leaves, and so does which times are unknown.

    Calibration polynomials give lower edges unless ``options.reference`` says otherwise. Deviation pairs are
    applied, so that such an axis has edges but no coefficients. Spectra without a calibration are in
    channels.

    Raises
    ------
    UnsafeFileError
        A document type, or more elements, depth or channels than a spectrum file needs.
    DamagedFileError
        Anything cut, contradictory, unfilled or not understood; the file is refused whole.
    """
    root = _xml.parse(source)
    if root.tag == "Event":
        root = next(root.inside("N42InstrumentData"), root)
    edition = _EDITIONS.get(root.tag)
    if edition is None:
        raise DamagedFileError(
            "not ANSI N42.42",
            where=source.name,
            expected=" or ".join(f"<{name}>" for name in _EDITIONS),
            found=f"<{root.tag}>",
        )
    return gather(edition(root, source, options), source, options)


FORMAT = Format(
    name="n42",
    title="ANSI N42.42 (XML)",
    endings=(".n42", ".xml"),
    sniff=_sniff,
    read=read,
    write=n42_write.write,
)
"""What the registry knows of this format."""
