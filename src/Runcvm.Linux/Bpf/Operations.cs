namespace Runcvm.Linux.Bpf;

/// <summary>Arithmetic on registers; the upper four bits of an instruction's code.</summary>
public enum Arithmetic : byte
{
    /// <summary>a sum</summary>
    Add = 0x00,
    /// <summary>a difference</summary>
    Subtract = 0x10,
    /// <summary>a product</summary>
    Multiply = 0x20,
    /// <summary>bits that are in one or the other</summary>
    Or = 0x40,
    /// <summary>bits that are in both</summary>
    And = 0x50,
    /// <summary>bits moved up</summary>
    ShiftLeft = 0x60,
    /// <summary>bits moved down, zeros above them</summary>
    ShiftRight = 0x70,
    /// <summary>bits that are in one of both</summary>
    Xor = 0xA0,
}

/// <summary>When a jump is made; the upper four bits of an instruction's code. Numbers have no sign.</summary>
public enum Condition : byte
{
    /// <summary>both are the same</summary>
    Equal = 0x10,
    /// <summary>the register is larger</summary>
    Greater = 0x20,
    /// <summary>the register is larger, or both are the same</summary>
    GreaterOrEqual = 0x30,
    /// <summary>they have a bit in common</summary>
    AnyBit = 0x40,
    /// <summary>they differ</summary>
    NotEqual = 0x50,
    /// <summary>the register is smaller</summary>
    Less = 0xA0,
}

/// <summary>How much is read or written; two bits of an instruction's code.</summary>
public enum Width : byte
{
    /// <summary>4 bytes</summary>
    Word = 0x00,
    /// <summary>2 bytes</summary>
    Half = 0x08,
    /// <summary>1 byte</summary>
    Byte = 0x10,
    /// <summary>8 bytes</summary>
    Double = 0x18,
}

/// <summary>Functions of the kernel that a program may call, by their numbers in linux/bpf.h.</summary>
public enum KernelFunction
{
    /// <summary>map, key → pointer to the value, or 0</summary>
    MapLookup = 1,
    /// <summary>map, key, value, flags</summary>
    MapUpdate = 2,
    /// <summary>→ nanoseconds of CLOCK_MONOTONIC</summary>
    Nanoseconds = 5,
    /// <summary>frame, offset, from, length, flags</summary>
    StoreBytes = 9,
    /// <summary>interface, flags → the verdict to end with</summary>
    Redirect = 23,
    /// <summary>frame, offset, to, length → 0 or an error</summary>
    LoadBytes = 26,
    /// <summary>from, length, to, length, seed → a checksum that is not folded yet</summary>
    ChecksumDifference = 28,
    /// <summary>frame, length, flags → 0 or an error</summary>
    ChangeTail = 38,
    /// <summary>frame, addresses and ports, their length, network namespace, flags → a socket with a reference, or
    /// 0</summary>
    LookupUdp = 85,
    /// <summary>socket → the end of a reference to it</summary>
    SocketRelease = 86,
    /// <summary>what <see cref="LookupTcp"/> found → the same, or 0 where it is only what is left of a socket, or will
    /// become one</summary>
    FullSocket = 95,
    /// <summary>as <see cref="LookupUdp"/></summary>
    LookupTcp = 99,
    /// <summary>what is looked up, socket, flags → 0 or an error</summary>
    SocketAssign = 124,
}
