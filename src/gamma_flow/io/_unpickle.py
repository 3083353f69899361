"""A small interpreter for the pickles that numpy writes; nothing in a file can make it run code.

The standard library's unpicklers call what a file names. This one knows no calls at all: the few globals
that numpy's pickles name stand for inert records (`Array`, `DType`, `Scalar`) whose parts are checked by
`numbers` before numpy sees a byte of them; every other global, and every opcode outside a short list, is
refused. It differs from a restricted ``pickle.Unpickler`` in three more ways:

- the memo is a dict: the C unpickler's is an array that one opcode of five bytes can grow to 32 GB;
- dicts stay lists of names and values, and the names are text: no key can nest without end;
- bytes after the end, or an end that never comes, are errors.

Work is bounded by the length of the file: every opcode takes at least one byte, copies at most the bytes
it takes, and calls nothing that recurses. Opcodes of protocols 2 to 5 (PEP 307, 3154, 574).
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812  # as every other exception is spelt
from typing import Any, Final

from gamma_flow.errors import DamagedFileError, UnsafeFileError
from gamma_flow.io._pickled import CURE, Array, DType, Pairs, Scalar, array_of

__all__ = ["load"]


_U16: Final = Struct("<H").unpack_from
_I32: Final = Struct("<i").unpack_from
_U32: Final = Struct("<I").unpack_from
_U64: Final = Struct("<Q").unpack_from
_F64: Final = Struct(">d").unpack_from


@dataclass(frozen=True)
class _Global:
    """What a permitted name stands for: a word, not a function."""

    name: str


_RECONSTRUCT: Final = _Global("_reconstruct")
_NDARRAY: Final = _Global("ndarray")
_DTYPE: Final = _Global("dtype")
_SCALAR: Final = _Global("scalar")
_FROMBUFFER: Final = _Global("_frombuffer")
_ENCODE: Final = _Global("encode")
_NO_BYTES: Final = _Global("bytes")

_GLOBALS: Final = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _DTYPE,
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
    # protocol 5 spells arrays like this
    ("numpy.core.numeric", "_frombuffer"): _FROMBUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROMBUFFER,
    # protocol 2 has no bytes: it spells them as Latin-1 text, and text they stay here
    ("_codecs", "encode"): _ENCODE,
    ("__builtin__", "bytes"): _NO_BYTES,
}


def load(data: bytes, start: int, where: str) -> Any:
    """Interpret the pickle that fills ``data`` from ``start`` to its end.

    Returns
    -------
    object
        Made of `Pairs`, list, tuple, str, bytes, int, float, bool, None, `Array`, `DType` and `Scalar`. It
        may hold itself: who walks through it has to limit the depth.

    Raises
    ------
    UnsafeFileError
        A global or an opcode that pickles of numbers and text do not need.
    DamagedFileError
        The pickle is cut, or its parts do not fit each other.
    """
    machine = _Machine(data, start, where)
    # thousands of small containers are made and none is thrown away: looking for cycles among them meanwhile
    # costs up to a third of the time (measured) and finds nothing
    collecting = gc.isenabled()
    gc.disable()
    try:
        found = machine.run()
    except (IndexError, KeyError, StructError, ValueError, TypeError, AttributeError, OverflowError) as wrong:
        raise DamagedFileError(
            "the pickle is cut or contradicts itself",
            where=f"{where}, after byte {machine.at}",
            found=f"{len(data)} bytes",
            cure="copy or export the file again",
        ) from wrong
    finally:
        if collecting:
            gc.enable()
    if machine.at != len(data):
        raise DamagedFileError(
            "bytes follow the end of the pickle",
            where=f"{where}, byte {machine.at}",
            found=f"{len(data) - machine.at} more bytes",
            cure="save one array a file",
        )
    return found


class _Machine:
    """Stack and memo of one pickle."""

    def __init__(self, data: bytes, start: int, where: str) -> None:
        self.data = data
        self.at = start
        self.where = where
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.skipped: list[int] = []
        self.shape: tuple[int, ...] = (0,)

    def run(self) -> Any:
        """Interpret until STOP; opcodes that come with every spectrum stand here, the others in `_rare`.

        The order of the comparisons follows how often an opcode is left by `_whole_array` in the reference
        data set.
        """
        data, stack, memo = self.data, self.stack, self.memo
        push, pull, mark, marked = stack.append, stack.pop, self.marks.append, self.marks.pop
        u32, u16 = _U32, _U16
        at, last = self.at, len(data) - _ARRAY_HEAD.size
        known: list[Any] = []
        other: list[Any] = []
        while True:
            opcode = data[at]
            at += 1
            if opcode == 0x68:  # BINGET
                item = memo[data[at]]
                at += 1
                push(item)
                if item is _RECONSTRUCT and at < last:
                    at = self._whole_array(at)
            elif opcode == 0x72:  # LONG_BINPUT
                memo[u32(data, at)[0]] = stack[-1]
                at += 4
            elif opcode == 0x28:  # MARK
                mark(len(stack))
            elif opcode < 0x60:
                if opcode == 0x47:  # BINFLOAT
                    push(_F64(data, at)[0])
                    at += 8
                elif opcode == 0x5D:  # EMPTY_LIST
                    push([])
                elif opcode == 0x58:  # BINUNICODE
                    end = at + 4 + u32(data, at)[0]
                    push(self._taken(at + 4, end).decode("utf-8"))
                    at = end
                elif opcode == 0x4B:  # BININT1
                    push(data[at])
                    at += 1
                elif opcode == 0x52:  # REDUCE
                    arguments = pull()
                    made = stack[-1]
                    stack[-1] = Array() if made is _RECONSTRUCT else self._reduced(made, arguments)
                elif opcode == 0x4D:  # BININT2
                    push(u16(data, at)[0])
                    at += 2
                elif opcode == 0x42:  # BINBYTES
                    end = at + 4 + u32(data, at)[0]
                    push(self._taken(at + 4, end))
                    at = end
                elif opcode == 0x2E:  # STOP
                    self.at = at
                    return self._result()
                else:
                    at = self._rare(opcode, at)
            elif opcode == 0x94:  # MEMOIZE
                if self.skipped:
                    self._remember()
                memo[len(memo)] = stack[-1]
            elif opcode == 0x75:  # SETITEMS
                first = marked()
                names = stack[first::2]
                # dicts of one file mostly share their names: then this compares a few addresses
                if names == known:
                    names = known
                elif names == other:
                    names, known, other = other, other, known
                else:
                    self._check_names(names, at)
                    known, other = names, known
                target = stack[first - 1]
                if type(target) is not Pairs or (len(stack) - first) % 2:
                    raise TypeError
                target.append(names)
                target.append(stack[first + 1 :: 2])
                del stack[first:]
            elif opcode == 0x7D:  # EMPTY_DICT
                push(Pairs())
            elif opcode == 0x61:  # APPEND
                item = pull()
                target = stack[-1]
                if type(target) is not list:
                    raise TypeError
                target.append(item)
            elif opcode == 0x71:  # BINPUT
                memo[data[at]] = stack[-1]
                at += 1
            elif opcode == 0x65:  # APPENDS
                first = marked()
                items = stack[first:]
                del stack[first:]
                self._list().extend(items)
            elif opcode == 0x85:  # TUPLE1
                stack[-1] = (stack[-1],)
            elif opcode == 0x87:  # TUPLE3
                third = pull()
                second = pull()
                stack[-1] = (stack[-1], second, third)
            elif opcode == 0x89:  # NEWFALSE
                push(False)
            elif opcode == 0x62:  # BUILD
                state = pull()
                built = stack[-1]
                if type(built) is Array:
                    _, built.shape, built.dtype, built.fortran, built.raw = state
                    if type(built.raw) is int:
                        raise TypeError
                elif type(built) is DType:
                    built.state = state
                else:
                    raise self._refused("a state for something that is no array", at)
            elif opcode == 0x74:  # TUPLE
                first = marked()
                row = tuple(stack[first:])
                del stack[first:]
                push(row)
            elif opcode == 0x8C:  # SHORT_BINUNICODE
                end = at + 1 + data[at]
                push(self._taken(at + 1, end).decode("utf-8"))
                at = end
            else:
                self.at = at
                at = self._rare(opcode, at)

    def _whole_array(self, at: int) -> int:
        """Interpret at one stroke what follows ``_reconstruct`` for all arrays but the first of a file.

        Does what the 20 opcodes would do one by one, and nothing if other ones stand there.
        """
        data, memo = self.data, self.memo
        head: tuple[Any, ...] = _ARRAY_HEAD.unpack_from(data, at)
        if head[::2] != _ARRAY_OPCODES:
            return at
        put2, channels, dtype = head[9], head[11], head[15]
        length: int = head[17]
        start = at + _ARRAY_HEAD.size
        end = start + length
        if end + _ARRAY_TAIL.size > len(data):
            return at
        if _ARRAY_TAIL.unpack_from(data, end)[::2] != _ARRAY_END:
            return at
        if channels != self.shape[0]:
            self.shape = (channels,)
        memo[put2] = self.stack[-1] = array = Array()
        array.shape, array.dtype, array.fortran, array.raw = self.shape, memo[dtype], False, start
        array.length = length
        self.skipped.append(start)
        at = end + _ARRAY_TAIL.size
        return at

    def _remember(self) -> None:
        """Put into the memo what `_whole_array` left out, because no pickler asks for it."""
        memo = self.memo
        for start in self.skipped:
            head = _ARRAY_HEAD.unpack_from(self.data, start - _ARRAY_HEAD.size)
            _, kind, _, put0, _, code, _, put1, _, _, _, channels, _, put3, _, dtype, _, length = head
            _, put4, _, put5, _ = _ARRAY_TAIL.unpack_from(self.data, start + length)
            raw = self.data[start : start + length]
            memo.setdefault(put0, (0,))
            memo.setdefault(put1, (memo[kind], memo[put0], memo[code]))
            memo.setdefault(put3, (channels,))
            memo.setdefault(put4, raw)
            memo.setdefault(put5, (1, (channels,), memo[dtype], False, raw))
        self.skipped.clear()

    def _rare(self, opcode: int, at: int) -> int:
        """Interpret an opcode that does not come with every spectrum; return where the next one stands."""
        stack, data = self.stack, self.data
        self.at = at
        if opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in _SIZED:
            measure, width, as_text = _SIZED[opcode]
            start = at + width
            at = start + measure(data, at)[0]
            raw = self._taken(start, at)
            stack.append(raw.decode(as_text) if as_text else raw)
        elif opcode == 0x6A:  # LONG_BINGET
            place = _U32(data, at)[0]
            if place not in self.memo:
                self._remember()
            stack.append(self.memo[place])
            at += 4
        elif opcode == 0x4A:  # BININT
            stack.append(_I32(data, at)[0])
            at += 4
        elif opcode == 0x8A:  # LONG1
            start, at = at + 1, at + 1 + data[at]
            if at - start > 16:
                raise self._refused("a whole number of more than 128 bits", start)
            stack.append(int.from_bytes(self._taken(start, at), "little", signed=True))
        elif opcode == 0x86:  # TUPLE2
            second = stack.pop()
            stack[-1] = (stack[-1], second)
        elif opcode == 0x73:  # SETITEM
            value, name = stack.pop(), stack.pop()
            if type(stack[-1]) is not Pairs:
                raise TypeError
            self._check_names([name], at)
            stack[-1].extend(([name], [value]))
        elif opcode == 0x63:  # GLOBAL
            module, name, at = self._lines(at)
            stack.append(self._global(module, name))
        elif opcode == 0x93:  # STACK_GLOBAL
            name, module = stack.pop(), stack.pop()
            stack.append(self._global(module, name))
        elif opcode == 0x80:  # PROTO
            if not 2 <= data[at] <= 5:
                raise self._refused(f"pickle protocol {data[at]} (2 to 5 are known)", at)
            at += 1
        elif opcode == 0x95:  # FRAME: only its length can be wrong
            at += 8
            if at + _U64(data, at - 8)[0] > len(data):
                raise IndexError
        else:
            raise self._refused(f"opcode 0x{opcode:02x}", at - 1)
        return at

    def _taken(self, start: int, end: int) -> bytes:
        if end > len(self.data):
            self.at = start
            raise IndexError
        return self.data[start:end]

    def _lines(self, at: int) -> tuple[str, str, int]:
        # names are short: a file without line ends is not searched to its end for each of its opcodes
        first = self.data.index(b"\n", at, at + 256)
        second = self.data.index(b"\n", first + 1, first + 257)
        return self.data[at:first].decode("utf-8"), self.data[first + 1 : second].decode("utf-8"), second + 1

    def _global(self, module: Any, name: Any) -> _Global:
        if type(module) is not str or type(name) is not str:
            raise TypeError
        try:
            return _GLOBALS[module, name]
        except KeyError:
            shown = f"{module[:80]}.{name[:80]}"
            raise self._refused(f"the global {shown!r}", self.at) from None

    def _reduced(self, made: Any, arguments: Any) -> Any:
        if type(arguments) is not tuple:
            raise TypeError
        if made is _DTYPE:
            return DType(arguments[0])
        if made is _SCALAR:
            return Scalar(array_of((), arguments[0], False, arguments[1]))
        if made is _FROMBUFFER:
            raw, dtype, shape, order = arguments
            return array_of(shape, dtype, order == "F", raw)
        if made is _ENCODE:
            text, coding = arguments
            if type(text) is str and coding == "latin1":
                return text
        if made is _NO_BYTES and not arguments:
            return ""
        raise self._refused(
            f"a call of {made.name}" if type(made) is _Global else "a call of something that is no function",
            self.at,
        )

    def _check_names(self, names: list[Any], at: int) -> None:
        if not set(map(type, names)) <= {str}:
            raise self._refused("a dict with keys that are not text", at)

    def _list(self) -> list[Any]:
        target = self.stack[-1]
        if type(target) is not list:
            raise TypeError
        return target

    def _result(self) -> Any:
        if len(self.stack) != 1 or self.marks:
            raise IndexError
        return self.stack[0]

    def _refused(self, found: str, at: int) -> UnsafeFileError:
        return UnsafeFileError(
            "the pickle asks for more than numbers and text",
            where=f"{self.where}, byte {at}",
            expected="arrays, dicts, lists, text and numbers",
            found=found,
            cure=f"do not trust this file unless you know who made it; {CURE}",
        )


_ARRAY_HEAD: Final = Struct("<1sB4sI1sB2sI2sI4sH2sI1sB2sI")
_ARRAY_OPCODES: Final = (
    b"h",  # BINGET numpy.ndarray
    b"K\x00\x85r",  # BININT1 0, TUPLE1, LONG_BINPUT
    b"h",  # BINGET b"b"
    b"\x87r",  # TUPLE3, LONG_BINPUT
    b"Rr",  # REDUCE, LONG_BINPUT
    b"(K\x01M",  # MARK, BININT1 1, BININT2: the shape
    b"\x85r",  # TUPLE1, LONG_BINPUT
    b"h",  # BINGET the dtype
    b"\x89B",  # NEWFALSE, BINBYTES
)
_ARRAY_TAIL: Final = Struct("<1sI2sI1s")
_ARRAY_END: Final = (b"r", b"tr", b"b")
"""LONG_BINPUT, TUPLE and LONG_BINPUT, BUILD."""

_U8: Final = Struct("<B").unpack_from
_CONSTANTS: Final = {0x4E: None, 0x88: True, 0x29: ()}
"""Opcodes that push one thing: NONE, NEWTRUE, EMPTY_TUPLE."""
_SIZED: Final = {
    0x8D: (_U64, 8, "utf-8"),  # BINUNICODE8
    0x43: (_U8, 1, ""),  # SHORT_BINBYTES
    0x8E: (_U64, 8, ""),  # BINBYTES8
    0x96: (_U64, 8, ""),  # BYTEARRAY8
    0x54: (_U32, 4, "latin-1"),  # BINSTRING, of Python 2
    0x55: (_U8, 1, "latin-1"),  # SHORT_BINSTRING, of Python 2
}
"""Opcodes that push the bytes that follow: how their length is written, in how many bytes, which text."""
