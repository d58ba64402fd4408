namespace Runcvm.Linux.Interop;

/// <summary>The C library: one partial file per header, names as in C.</summary>
internal static partial class Libc
{
    internal const string Name = "libc";
}
