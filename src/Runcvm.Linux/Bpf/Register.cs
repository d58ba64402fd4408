namespace Runcvm.Linux.Bpf;

/// <summary>The registers of the kernel's machine. A call takes its arguments in R1 to R5, gives its result in R0 and
/// leaves R6 to R9 alone.</summary>
public enum Register : byte
{
    /// <summary>results</summary>
    R0,
    /// <summary>first argument; the frame when a program begins</summary>
    R1,
    /// <summary>second argument</summary>
    R2,
    /// <summary>third argument</summary>
    R3,
    /// <summary>fourth argument</summary>
    R4,
    /// <summary>fifth argument</summary>
    R5,
    /// <summary>kept over calls</summary>
    R6,
    /// <summary>kept over calls</summary>
    R7,
    /// <summary>kept over calls</summary>
    R8,
    /// <summary>kept over calls</summary>
    R9,
    /// <summary>end of the stack, of which 512 bytes below it are the program's; read-only</summary>
    Stack,
}
